"""Bulk upsert of the ERP's records: COPY into a staging table, then one statement.

A hundred thousand documents of which ten changed must cost ten writes. Every mirrored row carries
a hash of the ERP's own values; what is staged with the same hash is only counted. Everything runs
in the caller's transaction, so rows, cursor and marks become visible together.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import search_key
from dueport_apps.storage.tables import mirror
from dueport_apps.usecases.records import StoreCounts
from dueport_core.accounts import Account, Job, check_email
from dueport_core.errors import Invalid
from dueport_core.open_items import OpenItem
from dueport_core.statements import Statement
from dueport_ports import Deleted, Entity, Record

_NAMED_MAX = 5


class Shape:
    """How one entity's records lie in their table.

    `derived` computes columns that the record itself does not have. `gone` is the assignment that
    takes a row out of sight: documents are closed, everything else is marked.
    """

    def __init__(
        self,
        kind: type[msgspec.Struct],
        table: Table,
        keys: tuple[str, ...],
        *,
        derived: Callable[[Any], dict[str, Any]] | None = None,
        gone: str = "gone = true",
        present: str = "NOT here.gone",
    ) -> None:
        self.kind = kind
        self.name = table.name
        self.keys = keys
        self.derived = derived
        self.gone = gone
        self.present = present
        self.fields = kind.__struct_fields__
        own = [column.name for column in table.columns]
        self.columns = [*self.fields, *(name for name in own if name not in self.fields)]
        self.columns.remove("gone")

    @property
    def belongs_to_account(self) -> bool:
        """Whether its rows refer to an account."""
        return self.name != "account"

    def natural_key(self, row: str) -> str:
        """The SQL of the key by which the ERP names a row of this name."""
        return " || '/' || ".join(f"{row}.{key}" for key in self.keys)

    def key_of(self, record: msgspec.Struct) -> str:
        """The natural key of a record, as `natural_key` computes it."""
        return "/".join(getattr(record, key) for key in self.keys)

    def row(self, record: msgspec.Struct) -> list[Any]:
        """The record's values in the order of `columns`."""
        values = [_plain(getattr(record, field)) for field in self.fields]
        if self.derived is not None:
            computed = self.derived(record)
            values += [computed[name] for name in self.columns[len(self.fields) : -1]]
        values.append(hashlib.blake2b(msgspec.msgpack.encode(record), digest_size=16).digest())
        return values


def _derived_of_account(account: Account) -> dict[str, Any]:
    email = account.primary_email
    return {
        "search_name": search_key(account.name),
        "email": email or "",
        "email_problem": check_email(email) or "",
    }


SHAPES = {
    Entity.ACCOUNTS: Shape(Account, mirror.account, ("account_no",), derived=_derived_of_account),
    Entity.JOBS: Shape(Job, mirror.job, ("account_no", "job_no")),
    Entity.DOCUMENTS: Shape(
        OpenItem,
        mirror.document,
        ("document_ref",),
        gone="open_amount_cents = 0",
        present="here.open_amount_cents <> 0",
    ),
    Entity.STATEMENTS: Shape(Statement, mirror.statement, ("statement_ref",)),
}


async def load(
    connection: AsyncConnection, entity: Entity, records: Sequence[Record], *, run_id: str = ""
) -> StoreCounts:
    """Upsert records of one entity and take deleted ones out of sight.

    Of a record that comes twice the last one counts. With a run, its keys are remembered for the
    end of a snapshot. Raises Invalid for records of another entity, and for rows of accounts that
    are not mirrored; nothing is stored then.
    """
    shape = SHAPES[entity]
    latest: dict[str, Any] = {}
    for record in records:
        if isinstance(record, Deleted) and record.entity is entity:
            latest[record.key] = None
        elif isinstance(record, shape.kind):
            latest[shape.key_of(record)] = record
        else:
            raise Invalid(f"A page of {entity} holds a {type(record).__name__}; fix the connector.")
    kept = [record for record in latest.values() if record is not None]
    deleted = [key for key, record in latest.items() if record is None]

    counts = StoreCounts()
    touched: set[str] = set()
    if kept:
        await _stage(connection, shape, kept)
        if shape.belongs_to_account:
            await _refuse_unknown_accounts(connection, shape)
        if run_id:
            await _remember(connection, shape, entity, run_id)
        unchanged = await _drop_unchanged(connection, shape)
        counts = StoreCounts(unchanged=unchanged)
        if unchanged < len(kept):
            if shape.belongs_to_account:
                touched |= await _moved_from(connection, shape)
            inserted, updated, accounts = await _upsert(connection, shape)
            touched |= accounts
            counts = StoreCounts(inserted=inserted, updated=updated, unchanged=unchanged)
    if deleted:
        condition = f"{shape.natural_key('here')} = ANY(:keys)"
        gone = await take_away(connection, shape, condition, {"keys": deleted})
        touched |= set(gone)
        counts = msgspec.structs.replace(counts, deleted=len(gone))
    await mark_stale(connection, touched)
    return counts


async def take_away(
    connection: AsyncConnection, shape: Shape, condition: str, parameters: dict[str, Any]
) -> list[str]:
    """Take the rows (named `here`) that match out of sight; return the account of each.

    Forgetting the hash makes a row that comes back count as updated.
    """
    rows = await connection.execute(
        text(
            f"UPDATE {shape.name} AS here SET {shape.gone}, content_hash = ''"  # noqa: S608 - only names of ours.
            f" WHERE {shape.present} AND {condition} RETURNING here.account_no"
        ),
        parameters,
    )
    return list(rows.scalars())


async def mark_stale(connection: AsyncConnection, account_nos: Iterable[str]) -> None:
    """Ask for new figures of these accounts, and give new accounts their row.

    In order of number, so that two writers never wait for each other in a circle.
    """
    numbers = sorted(set(account_nos))
    if numbers:
        await connection.execute(
            text(
                "INSERT INTO account_figures (account_no)"
                " SELECT unnest(CAST(:numbers AS text[]))"
                " ON CONFLICT (account_no) DO UPDATE SET stale = true"
                " WHERE NOT account_figures.stale"
            ),
            {"numbers": numbers},
        )


def _staging(shape: Shape) -> str:
    return f"incoming_{shape.name}"


def _same_key(shape: Shape, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{key} = {other}.{key}" for key in shape.keys)


async def _stage(
    connection: AsyncConnection, shape: Shape, records: Sequence[msgspec.Struct]
) -> None:
    staging = _staging(shape)
    columns = ", ".join(shape.columns)
    # The statements also begin the transaction that the COPY below takes part in.
    await connection.execute(
        text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging} ON COMMIT DROP"  # noqa: S608 - only names of ours.
            f" AS SELECT {columns} FROM {shape.name} WITH NO DATA"
        )
    )
    await connection.execute(text(f"TRUNCATE {staging}"))
    raw = await connection.get_raw_connection()
    driver = cast("psycopg.AsyncConnection[Any]", raw.driver_connection)
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(staging), sql.SQL(", ").join(map(sql.Identifier, shape.columns))
    )
    async with driver.cursor() as cursor, cursor.copy(command) as copy:
        for record in records:
            await copy.write_row(shape.row(record))
    # Without it the planner takes the staging table for a large one and reads the other whole.
    await connection.execute(text(f"ANALYZE {staging} ({', '.join(shape.keys)})"))


async def _refuse_unknown_accounts(connection: AsyncConnection, shape: Shape) -> None:
    rows = await connection.execute(
        text(
            f"SELECT DISTINCT account_no FROM {_staging(shape)} AS incoming"  # noqa: S608 - only names of ours.
            " WHERE NOT EXISTS (SELECT FROM account"
            " WHERE account.account_no = incoming.account_no AND NOT account.gone)"
            " ORDER BY account_no LIMIT :limit"
        ),
        {"limit": _NAMED_MAX + 1},
    )
    unknown = list(rows.scalars())
    if unknown:
        named = ", ".join(unknown[:_NAMED_MAX]) + (" and more" if unknown[_NAMED_MAX:] else "")
        raise Invalid(
            f"There are {shape.name}s of accounts that the ERP did not send: {named}. Send the "
            "accounts first, or leave these rows out."
        )


async def _moved_from(connection: AsyncConnection, shape: Shape) -> set[str]:
    """Return the accounts that are about to lose a row to another account."""
    rows = await connection.execute(
        text(
            f"SELECT DISTINCT here.account_no FROM {shape.name} AS here"  # noqa: S608 - only names of ours.
            f" JOIN {_staging(shape)} AS incoming ON {_same_key(shape, 'here', 'incoming')}"
            " WHERE here.account_no <> incoming.account_no"
        )
    )
    return set(rows.scalars())


async def _remember(connection: AsyncConnection, shape: Shape, entity: Entity, run_id: str) -> None:
    await connection.execute(
        text(
            "INSERT INTO sync_seen (run_id, entity, key)"  # noqa: S608 - only names of ours.
            f" SELECT :run_id, :entity, {shape.natural_key('incoming')}"
            f" FROM {_staging(shape)} AS incoming"
        ),
        {"run_id": run_id, "entity": entity.value},
    )


async def _drop_unchanged(connection: AsyncConnection, shape: Shape) -> int:
    """Forget what is stored already just as it came; return how many rows that are."""
    result = await connection.execute(
        text(
            f"DELETE FROM {_staging(shape)} AS incoming USING {shape.name} AS known"  # noqa: S608 - only names of ours.
            f" WHERE {_same_key(shape, 'known', 'incoming')}"
            " AND known.content_hash = incoming.content_hash AND NOT known.gone"
        )
    )
    return result.rowcount


async def _upsert(connection: AsyncConnection, shape: Shape) -> tuple[int, int, set[str]]:
    """Move what is staged into the table; return how many are new, how many were there, and
    whose they are."""
    columns = ", ".join(shape.columns)
    changes = ", ".join(
        f"{name} = EXCLUDED.{name}" for name in shape.columns if name not in shape.keys
    )
    row = (
        await connection.execute(
            text(
                f"WITH stored AS (INSERT INTO {shape.name} AS here ({columns})"  # noqa: S608 - only names of ours.
                f" SELECT {columns} FROM {_staging(shape)} ORDER BY {', '.join(shape.keys)}"
                f" ON CONFLICT ({', '.join(shape.keys)}) DO UPDATE SET {changes}, gone = false"
                # A row version without a locker is one that this statement inserted.
                " RETURNING here.xmax = 0 AS is_new, here.account_no)"
                " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new),"
                " array_agg(DISTINCT account_no) FROM stored"
            )
        )
    ).one()
    return row[0], row[1], set(row[2] or ())


def _plain(value: Any) -> Any:
    """Return what COPY understands of a field's value."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return value
