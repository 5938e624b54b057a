"""Fixtures that every area of the tests may use.

The database is a real one: each pytest process starts one embedded PostgreSQL when the first test
asks for it. Under xdist every worker is such a process, so workers share nothing.
"""

import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from playwright.async_api import expect

from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from dueport_apps.storage.engine import Database
from dueport_apps.storage.migrate import migrate
from tests.databases import TestDatabases
from tests.patience import PATIENCE_S

LONGEST = (
    "tests/journeys/",
    "tests/simulation/",
    "tests/campaigns/",
    "tests/security/",
    "tests/web/test_route_matrix.py",
)


def pytest_configure() -> None:
    """Let browsers take their time, and keep the tests' own HTTP client from logging the addresses
    it asks: some hold secrets, and tests that look for those mean the portals' logs."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left alone with one at the end."""

    def place(item: pytest.Item) -> int:
        path = item.nodeid
        return next((n for n, start in enumerate(LONGEST) if path.startswith(start)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _logging_stays_as_it_was() -> Iterator[None]:
    """What a test makes of logging ends with it, so that nobody depends on who came before."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    if structlog.get_config() != configuration:
        structlog.configure(**configuration)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded PostgreSQL for this test process, started with its safety nets off."""
    # Not below pytest's own temporary folder: that one is closed to the account which runs the
    # server when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="dueport-tests-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "data", durable=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def test_databases(postgres: EmbeddedPostgres) -> TestDatabases:
    """Templates and their copies on the session's server."""
    return TestDatabases(postgres)


@pytest.fixture(scope="session")
def migrated_template(test_databases: TestDatabases) -> str:
    """The name of a template with every table and no rows."""
    return test_databases.template("migrated", migrate)


@pytest.fixture(scope="module")
def database_url(test_databases: TestDatabases, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated database that this module has for itself."""
    with test_databases.copy(migrated_template) as url:
        yield url


@pytest.fixture
def fresh_database_url(test_databases: TestDatabases, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated database that this test has for itself."""
    with test_databases.copy(migrated_template) as url:
        yield url


@pytest_asyncio.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The module's database, with its pools open."""
    pools = Database(database_url)
    yield pools
    await pools.close()


@pytest_asyncio.fixture
async def fresh_database(fresh_database_url: str) -> AsyncIterator[Database]:
    """The test's own database, with its pools open."""
    pools = Database(fresh_database_url)
    yield pools
    await pools.close()
