"""Units of work on a real database; each test starts with empty tables."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest_asyncio
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.tables import metadata
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from tests.storage.samples import ListedWork, ReversedSecrets


async def empty(database: Database) -> None:
    """Empty every table; only a superuser can get around the guards like this."""
    names = ", ".join(f'"{name}"' for name in metadata.tables)
    async with database.transactions.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))


@pytest_asyncio.fixture
async def units(database: Database) -> AsyncIterator[SqlUnitOfWorkFactory]:
    """Opens units of work on the module's database, emptied before this test."""
    await empty(database)
    yield SqlUnitOfWorkFactory(
        database.transactions,
        work=ListedWork,
        secrets=ReversedSecrets(),
        zone=ZoneInfo("America/New_York"),
    )
