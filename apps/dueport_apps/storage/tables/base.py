"""The metadata, its naming convention, and how columns of a few recurring kinds are written."""

import enum
from typing import Any, get_args

from sqlalchemy import BigInteger, Boolean, Column, Date, Enum, MetaData, Text, text

from dueport_apps.storage.types import Instant, Structured

# Names decide whether a migration finds a constraint again, so none is left to the database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def words(name: str, **options: Any) -> Column[str]:
    """Text that is never null; nothing said is the empty text."""
    return Column(name, Text, nullable=False, **options)


def cents(name: str, *, nullable: bool = False) -> Column[int]:
    """An amount of money in whole cents."""
    return Column(name, BigInteger, nullable=nullable)


def count(name: str) -> Column[int]:
    """A whole number."""
    return Column(name, BigInteger, nullable=False)


def flag(name: str, *, default: bool | None = None) -> Column[bool]:
    """Yes or no."""
    server_default = None if default is None else text("true" if default else "false")
    return Column(name, Boolean, nullable=False, server_default=server_default)


def day(name: str, *, nullable: bool = False) -> Column[Any]:
    """A day on the dealer's calendar."""
    return Column(name, Date, nullable=nullable)


def instant(name: str, *, nullable: bool = False) -> Column[Any]:
    """A point in time."""
    return Column(name, Instant, nullable=nullable)


def structured(name: str, kind: Any, **options: Any) -> Column[Any]:
    """A value of this type, kept as JSON."""
    return Column(name, Structured(kind), nullable=False, **options)


def choice(name: str, kind: Any, *, nullable: bool = False, **options: Any) -> Column[Any]:
    """One of an enumeration's values, or of a Literal's; a CHECK refuses everything else."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        values = Enum(
            kind,
            values_callable=lambda members: [member.value for member in members],
            native_enum=False,
            create_constraint=True,
            name=name,
            length=40,
        )
    else:
        values = Enum(
            *get_args(kind), native_enum=False, create_constraint=True, name=name, length=40
        )
    return Column(name, values, nullable=nullable, **options)
