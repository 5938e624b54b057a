"""Column types of our own: instants that know their zone, and structured values.

Both refuse what they cannot keep truthfully instead of storing something near it.
"""

import datetime
from typing import Any, Generic, TypeVar, cast

import msgspec
from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import Dialect

T = TypeVar("T")


class Instant(types.TypeDecorator[datetime.datetime]):
    """A point in time. A naive datetime is refused, and what is read is in UTC."""

    impl = types.TIMESTAMP(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime.datetime]:
        """What a value is, for those who read one from a text."""
        return datetime.datetime

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """Check that the instant says which zone it means."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; instants are aware, in UTC")
        return value

    def process_result_value(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """Return the same zone whatever the connection's own is."""
        return None if value is None else value.astimezone(datetime.UTC)


class Structured(types.TypeDecorator[T], Generic[T]):
    """A value of one type kept as JSON: structs, and tuples and mappings of them.

    What is read is checked against the type, so that data written by an older version fails here
    and not somewhere in a page.
    """

    impl = postgresql.JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: T | None, dialect: Dialect) -> Any:
        """Reduce the value to what JSON has."""
        return None if value is None else msgspec.to_builtins(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> T | None:
        """Build the value again."""
        return None if value is None else cast(T, msgspec.convert(value, self.kind))
