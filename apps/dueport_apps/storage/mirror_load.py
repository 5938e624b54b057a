"""Bulk upsert of the ERP's records: only what is new or changed is written.

A hundred thousand documents of which ten changed must cost ten writes. Every mirrored row carries
a hash of the ERP's own values, so a record with the same hash is only counted. New rows are copied
straight into the table, changed ones by way of a temporary table. Everything runs in the caller's
transaction, so rows, cursor and marks become visible together.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
import psycopg
import psycopg.errors
from psycopg import sql
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import search_key
from dueport_apps.storage.tables import mirror
from dueport_apps.storage.types import Structured
from dueport_apps.usecases.records import StoreCounts
from dueport_core.accounts import Account, Job, check_email
from dueport_core.errors import Invalid
from dueport_core.open_items import OpenItem
from dueport_core.statements import Statement
from dueport_ports import Deleted, Entity, Record, natural_key

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
        self.gone = gone
        self.present = present
        fields = kind.__struct_fields__
        own = [column.name for column in table.columns]
        self.columns = [*fields, *(name for name in own if name not in fields)]
        self.columns.remove("gone")
        self._derived = derived
        self._derived_columns = self.columns[len(fields) : -1]
        self._structured = [
            place for place, name in enumerate(fields) if isinstance(table.c[name].type, Structured)
        ]

    @property
    def belongs_to_account(self) -> bool:
        """Whether its rows refer to an account."""
        return self.name != "account"

    def natural_key(self, row: str) -> str:
        """The SQL of the key by which the ERP names a row of this name."""
        return " || '/' || ".join(f"{row}.{key}" for key in self.keys)

    def row(self, record: msgspec.Struct) -> list[Any]:
        """The record's values in the order of `columns`, as COPY takes them; the last is the hash
        of the record."""
        values: list[Any] = list(msgspec.structs.astuple(record))
        for place in self._structured:
            values[place] = msgspec.json.encode(values[place]).decode()
        if self._derived is not None:
            computed = self._derived(record)
            values += [computed[name] for name in self._derived_columns]
        values.append(content_hash(record))
        return values


def content_hash(record: msgspec.Struct) -> bytes:
    """Return what tells one content of a record from another."""
    return hashlib.blake2b(msgspec.msgpack.encode(record), digest_size=16).digest()


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
    kept, deleted = _sorted_out(shape, entity, records)
    counts = StoreCounts()
    touched: set[str] = set()
    if kept:
        if shape.belongs_to_account:
            await _refuse_unknown_accounts(connection, shape, kept)
        if run_id:
            await remember(connection, entity, run_id, kept)
        counts, touched = await _store(connection, shape, kept)
    if deleted:
        condition = f"{shape.natural_key('here')} = ANY(:keys)"
        gone = await take_away(connection, shape, condition, {"keys": deleted})
        touched |= set(gone)
        counts = msgspec.structs.replace(counts, deleted=len(gone))
    await mark_stale(connection, touched)
    return counts


async def remember(
    connection: AsyncConnection, entity: Entity, run_id: str, keys: Iterable[str]
) -> None:
    """Note that a run has met these rows, for the end of its snapshot."""
    await connection.execute(
        text(
            "INSERT INTO sync_seen (run_id, entity, key)"
            " SELECT :run_id, :entity, unnest(CAST(:keys AS text[]))"
        ),
        {"run_id": run_id, "entity": entity.value, "keys": list(keys)},
    )


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


def _sorted_out(
    shape: Shape, entity: Entity, records: Sequence[Record]
) -> tuple[dict[str, Any], list[str]]:
    """Return what to store by its key, in order of key, and the keys of what is deleted."""
    latest: dict[str, Any] = {}
    for record in records:
        if isinstance(record, shape.kind):
            latest[natural_key(record)] = record
        elif isinstance(record, Deleted) and record.entity is entity:
            latest[record.key] = None
        else:
            raise Invalid(f"A page of {entity} holds a {type(record).__name__}; fix the connector.")
    deleted = [key for key, record in latest.items() if record is None]
    # In order of key, so that two writers never wait for each other in a circle.
    return {key: latest[key] for key in sorted(latest) if latest[key] is not None}, deleted


async def _refuse_unknown_accounts(
    connection: AsyncConnection, shape: Shape, kept: Mapping[str, Any]
) -> None:
    rows = await connection.execute(
        text(
            "SELECT account_no FROM unnest(CAST(:numbers AS text[])) AS incoming (account_no)"
            " WHERE NOT EXISTS (SELECT FROM account"
            " WHERE account.account_no = incoming.account_no AND NOT account.gone)"
            " ORDER BY account_no LIMIT :limit"
        ),
        {
            "numbers": list({record.account_no for record in kept.values()}),
            "limit": _NAMED_MAX + 1,
        },
    )
    unknown = list(rows.scalars())
    if unknown:
        named = ", ".join(unknown[:_NAMED_MAX]) + (" and more" if unknown[_NAMED_MAX:] else "")
        raise Invalid(
            f"There are {shape.name}s of accounts that the ERP did not send: {named}. Send the "
            "accounts first, or leave these rows out."
        )


async def _store(
    connection: AsyncConnection, shape: Shape, kept: Mapping[str, Any]
) -> tuple[StoreCounts, set[str]]:
    """Write what is new or changed; return the counts and the accounts that this concerns."""
    known = await _known(connection, shape, kept)
    new: list[Any] = []
    changed: list[Any] = []
    touched: set[str] = set()
    for key, record in kept.items():
        if key not in known:
            new.append(record)
            touched.add(record.account_no)
            continue
        known_hash, known_account_no = known[key]
        if known_hash != content_hash(record):
            changed.append(record)
            # A row may move, and then both accounts owe something else than before.
            touched |= {record.account_no, known_account_no}
    if new and not await _insert(connection, shape, new):
        await _upsert(connection, shape, new)
    if changed:
        await _upsert(connection, shape, changed)
    unchanged = len(kept) - len(new) - len(changed)
    return StoreCounts(inserted=len(new), updated=len(changed), unchanged=unchanged), touched


async def _known(
    connection: AsyncConnection, shape: Shape, kept: Mapping[str, Any]
) -> dict[str, tuple[bytes, str]]:
    """Return hash and account of those rows that are stored already, by key.

    What was taken out of sight has no hash, so it is different from whatever comes.
    """
    keys = [[getattr(record, name) for record in kept.values()] for name in shape.keys]
    names = ", ".join(shape.keys)
    query = (
        f"SELECT {shape.natural_key('here')}, content_hash, account_no"  # noqa: S608 - only names of ours.
        f" FROM {shape.name} AS here JOIN unnest({', '.join(['%s::text[]'] * len(keys))})"
        f" AS incoming ({names}) USING ({names})"
    )
    driver = await _driver(connection)
    async with driver.cursor(binary=True) as cursor:
        await cursor.execute(query, keys)
        return {key: (digest, account_no) for key, digest, account_no in await cursor.fetchall()}


async def _insert(connection: AsyncConnection, shape: Shape, records: Sequence[Any]) -> bool:
    """Write new records the quick way; False when somebody else wrote one of them meanwhile."""
    try:
        async with connection.begin_nested():
            await _copy(connection, shape, shape.name, records)
    except psycopg.errors.UniqueViolation:
        return False
    return True


async def _upsert(connection: AsyncConnection, shape: Shape, records: Sequence[Any]) -> None:
    """Write records over those that are there, by way of a temporary table."""
    staging = f"incoming_{shape.name}"
    columns, keys = ", ".join(shape.columns), ", ".join(shape.keys)
    changes = ", ".join(
        f"{name} = EXCLUDED.{name}" for name in shape.columns if name not in shape.keys
    )
    await connection.execute(
        text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging} ON COMMIT DROP"  # noqa: S608 - only names of ours.
            f" AS SELECT {columns} FROM {shape.name} WITH NO DATA"
        )
    )
    await connection.execute(text(f"TRUNCATE {staging}"))
    await _copy(connection, shape, staging, records)
    await connection.execute(
        text(
            f"INSERT INTO {shape.name} ({columns})"  # noqa: S608 - only names of ours.
            f" SELECT {columns} FROM {staging} ORDER BY {keys}"
            f" ON CONFLICT ({keys}) DO UPDATE SET {changes}, gone = false"
        )
    )


async def _copy(
    connection: AsyncConnection, shape: Shape, table: str, records: Iterable[Any]
) -> None:
    driver = await _driver(connection)
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, shape.columns))
    )
    async with driver.cursor() as cursor, cursor.copy(command) as copy:
        for record in records:
            await copy.write_row(shape.row(record))


async def _driver(connection: AsyncConnection) -> "psycopg.AsyncConnection[Any]":
    """Return the connection as psycopg has it, for what SQLAlchemy has no or no quick way to do."""
    if not connection.in_transaction():
        # A commit ends only a transaction that SQLAlchemy knows of.
        await connection.begin()
    raw = await connection.get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", raw.driver_connection)
