"""Between rows and structs: columns carry the names of the struct's fields.

A `Rows` reads and writes one struct type on one table. Columns that the struct does not have
(sequence numbers, hashes, derived values) are simply not its business.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_core.errors import Conflict

S = TypeVar("S", bound=msgspec.Struct)


class Rows(Generic[S]):
    """Reads and writes one struct type on one table."""

    def __init__(self, table: Table, kind: type[S]) -> None:
        self.table = table
        self._kind = kind
        self.names = kind.__struct_fields__
        self.columns: list[Column[Any]] = [table.c[name] for name in self.names]
        # Putting it together takes about half as long as sending it, so it is done once.
        self._select: Select[Any] = select(*self.columns)

    def select(self) -> Select[Any]:
        """Select the struct's columns, in the order that `build` expects."""
        return self._select

    def build(self, row: Sequence[Any], start: int = 0) -> S:
        """Build the struct from a row whose columns from `start` on are `columns`."""
        return self._kind(**dict(zip(self.names, row[start:], strict=False)))

    def values(self, value: S) -> dict[str, Any]:
        """Return the struct's fields by column."""
        return {name: getattr(value, name) for name in self.names}


async def insert_new(
    connection: AsyncConnection, table: Table, values: Mapping[str, Any], message: str
) -> None:
    """Insert a row; raises Conflict with this message when a unique rule forbids it.

    Unlike an error of the database, the refusal leaves the transaction usable.
    """
    if not await insert_once(connection, table, values):
        raise Conflict(message)


async def insert_once(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row; False when a unique rule forbids it."""
    stored = await connection.execute(
        insert(table).values(dict(values)).on_conflict_do_nothing().returning(literal(True))
    )
    return stored.scalar_one_or_none() is not None


def any_of(texts: Sequence[str]) -> ColumnElement[Any]:
    """Return what equals each of these texts: one parameter, however many they are."""
    return any_(bindparam(None, list(texts), type_=ARRAY(Text)))


def search_key(text: str) -> str:
    """Return a text without case and accents, as names are searched and sorted by.

    Doing it here and not in SQL makes it independent of the database's locale.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).strip()


def login_key(text: str) -> str:
    """Return a login name as it is compared: without case and surrounding blanks."""
    return unicodedata.normalize("NFC", text.strip().casefold())
