"""The connections to PostgreSQL: one pool for transactions, one for single statements.

`transactions` serves units of work. `statements` commits every statement by itself, which saves
two round trips where a request needs one row and nothing else, such as its session.
"""

from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dueport_core.errors import Misconfigured, Unavailable

_DRIVER = "postgresql+psycopg"

_SETTINGS = {
    "timezone": "UTC",
    # Solid state disks, and pages that are mostly in memory: an index is nearly always right.
    "random_page_cost": "1.1",
    # A limit on everything: nobody waits for a lock, a statement or a forgotten transaction for
    # ever.
    "lock_timeout": "15s",
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "120s",
}


class Database:
    """Both pools of one database; make one per process and event loop, and close it."""

    def __init__(self, url: str, *, pool_size: int = 10, name: str = "dueport") -> None:
        address = database_url(url)
        options = " ".join(f"-c {key}={value}" for key, value in _SETTINGS.items())
        shared: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": pool_size,
            "pool_timeout": 15,
            "pool_pre_ping": True,
            "pool_use_lifo": True,
            "json_serializer": _json_text,
            "json_deserializer": msgspec.json.decode,
            "connect_args": {"application_name": name, "options": options, "connect_timeout": 10},
        }
        self.url = address.render_as_string(hide_password=False)
        self.transactions: AsyncEngine = create_async_engine(address, **shared)
        self.statements: AsyncEngine = create_async_engine(
            address, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True, **shared
        )

    async def ping(self) -> None:
        """Raise Unavailable, with the reason, when the database does not answer."""
        try:
            async with self.statements.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            raise Unavailable(f"The database does not answer: {error.orig}") from error

    async def close(self) -> None:
        """Close every connection."""
        await self.transactions.dispose()
        await self.statements.dispose()


def database_url(text_of_url: str) -> URL:
    """Read a PostgreSQL URL in any of its spellings; raises Misconfigured for anything else."""
    try:
        address = make_url(text_of_url)
    except ArgumentError:
        raise Misconfigured(
            "database.url is not a database address; write postgresql://user@host/database."
        ) from None
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise Misconfigured(
            f"database.url names {address.get_backend_name()}; PostgreSQL is the only database "
            "that Dueport runs on. Write postgresql://user@host/database."
        )
    return address.set(drivername=_DRIVER)


def plain_url(text_of_url: str) -> str:
    """Return the URL as libpq and its tools read it, without the name of our driver."""
    address = database_url(text_of_url).set(drivername="postgresql")
    return address.render_as_string(hide_password=False)


def _json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
