"""A PostgreSQL of our own for the time of a run, set up as a dealer's is: durable, on a socket."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.measuring import family_cpu_s
from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from dueport_apps.storage.engine import Database
from dueport_apps.storage.migrate import migrate

_TEMPLATE = "bench_template"


class Databases:
    """The server, and a fresh migrated database for each bench."""

    def __init__(self, server: EmbeddedPostgres, folder: Path) -> None:
        self._server = server
        self._number = 0
        note = (folder / "cluster" / "postmaster.pid").read_text()
        self._process_id = int(note.splitlines()[0])
        migrate(server.create_database(_TEMPLATE))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Lend the URL of a migrated database without rows."""
        self._number += 1
        name = f"bench_{self._number}"
        url = self._server.create_database(name, _TEMPLATE)
        try:
            yield url
        finally:
            self._server.drop_database(name)

    @asynccontextmanager
    async def copy_of(self, database: Database) -> AsyncIterator[str]:
        """Lend the URL of a copy of a database as it is now; its connections are closed for it."""
        await database.close()
        self._number += 1
        name = f"bench_{self._number}"
        source = str(make_url(database.url).database)
        url = self._server.create_database(name, source)
        try:
            yield url
        finally:
            self._server.drop_database(name)

    def cpu_s(self) -> float:
        """Return the processor time that the whole server has used."""
        return family_cpu_s(self._process_id)


@contextmanager
def databases() -> Iterator[Databases]:
    """Start a server in a temporary folder and remove both afterwards."""
    # The account that runs the server when the bench runs as root must reach the folder.
    parent = Path(tempfile.mkdtemp(prefix="dueport-bench-"))
    parent.chmod(0o711)
    folder = parent / "data"
    try:
        with EmbeddedPostgres(folder) as server:
            yield Databases(server, folder)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
