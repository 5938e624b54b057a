"""One deployment running: its database started, its schema up to date, its container built."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from dueport_apps.container import Container, build_container, check_wiring, running
from dueport_apps.settings import Settings
from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from dueport_apps.storage.migrate import migrate, schema_state
from dueport_ports import Misconfigured

log = structlog.get_logger(__name__)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Yield the database's URL, with the embedded server running where that is configured."""
    if settings.database_url != "embedded":
        yield settings.database_url.reveal()
        return
    server = EmbeddedPostgres(settings.data_folder / "database")
    url = server.start()
    try:
        yield url
    finally:
        server.stop()


def ensure_schema(settings: Settings, url: str) -> None:
    """Bring an embedded database up to date; refuse to run on an outdated server database.

    A dealer's own server is changed by ``dueport migrate`` alone, so that an upgrade is a step
    that somebody takes on purpose.
    """
    if settings.database_url == "embedded":
        migrate(url)
    elif not schema_state(url).is_current:
        raise Misconfigured("the database is older than this version; run `dueport migrate` first")


@asynccontextmanager
async def deployment(settings: Settings, url: str) -> AsyncIterator[Container]:
    """Yield the deployment's container with every plugin built, and close everything after."""
    container = build_container(settings, url)
    check_wiring(container)
    async with running(container) as open_container:
        yield open_container
