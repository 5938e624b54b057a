"""Many rows in one statement: they travel as one JSON document, which the database spreads out.

Ten thousand rows cost one parameter instead of two hundred thousand, and the statement is the
same however many rows there are, so it is planned once.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import FromClause, LargeBinary, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.types import Instant

_BATCH = 5_000
_ROWS = "rows"


def insert_of(table: Table, names: Sequence[str]) -> Insert:
    """Build an INSERT of these columns whose rows `execute_many` brings."""
    given = spread({name: table.c[name].type for name in names})
    return insert(table).from_select(list(names), select(*(given.c[name] for name in names)))


def spread(types: Mapping[str, Any]) -> FromClause:
    """Return the rows of the parameter that `rows_text` fills, as a table of these columns."""
    document = cast(bindparam(_ROWS, type_=Text), JSONB)
    return (
        func.jsonb_to_recordset(document)
        .table_valued(*(column(name, kind) for name, kind in types.items()))
        .render_derived(name="given", with_types=True)
    )


async def execute_many(
    connection: AsyncConnection,
    statement: Any,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """Execute a statement over all rows, some thousand at a time; return how many it touched."""
    touched = 0
    for batch in _batches(rows):
        result = await connection.execute(
            statement,
            {_ROWS: rows_text(table, batch)},
            execution_options={"preserve_rowcount": True},
        )
        touched += result.rowcount
    return touched


def rows_text(table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as the JSON that `spread` reads; refuses instants that do not say their zone."""
    if not rows:
        return "[]"
    kinds = {name: table.c[name].type for name in rows[0] if name in table.c}
    instants = [name for name, kind in kinds.items() if isinstance(kind, Instant)]
    binary = [name for name, kind in kinds.items() if isinstance(kind, LargeBinary)]
    written = []
    for row in rows:
        for name in instants:
            if row[name] is not None and row[name].tzinfo is None:
                raise ValueError(f"{row[name]!r} has no time zone; instants are aware, in UTC")
        given = [name for name in binary if row[name] is not None]
        written.append({**row, **{name: f"\\x{row[name].hex()}" for name in given}})
    return msgspec.json.encode(written).decode()


def _batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch
