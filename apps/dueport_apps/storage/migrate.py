"""Brings a database to the schema that this version needs; running it again changes nothing.

Two schemas share the database: ours, which alembic migrates, and the work queue's, which its own
library describes. The library ships numbered SQL files for databases of its older versions; which
of them a database has seen is written into a table of ours, as the library keeps no record.

Migrating needs the right to create tables; the application itself does not.
"""

from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from dueport_apps.storage.engine import database_url
from dueport_core.errors import Misconfigured, Unavailable

# Any constant that nothing else locks: one migration at a time, however many processes start.
_LOCK = 0x4455_4550_0002
_QUEUE_RECORD = "procrastinate_schema_record"


class SchemaState(msgspec.Struct, frozen=True, kw_only=True):
    """What a database has and what this version needs; `present` is empty for a new database."""

    present: str
    needed: str
    queue_is_current: bool

    @property
    def is_current(self) -> bool:
        """Whether the application can run on it."""
        return self.present == self.needed and self.queue_is_current


def migrate(url: str) -> SchemaState:
    """Migrate the database to this version and return the state after it.

    Raises Unavailable when the database does not answer, and Misconfigured when it was migrated by
    a newer version of Dueport.
    """
    engine = create_engine(database_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            _refuse_newer(connection)
            command.upgrade(_config(connection), "head")
            connection.commit()
            _migrate_queue(connection)
            return _state(connection)
    except OperationalError as error:
        raise Unavailable(f"The database does not answer: {error.orig}") from error
    finally:
        engine.dispose()


def schema_state(url: str) -> SchemaState:
    """Say how a database stands, changing nothing; raises Unavailable when it does not answer."""
    engine = create_engine(database_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _state(connection)
    except OperationalError as error:
        raise Unavailable(f"The database does not answer: {error.orig}") from error
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "dueport_apps.storage:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _state(connection: Connection) -> SchemaState:
    needed = ScriptDirectory.from_config(_config(connection)).get_current_head()
    present = MigrationContext.configure(connection).get_current_revision()
    return SchemaState(
        present=present or "",
        needed=needed or "",
        queue_is_current=_queue_files() <= _queue_record(connection),
    )


def _refuse_newer(connection: Connection) -> None:
    state = _state(connection)
    known = {
        script.revision
        for script in ScriptDirectory.from_config(_config(connection)).walk_revisions()
    }
    if state.present and state.present not in known:
        raise Misconfigured(
            f"The database is at revision {state.present}, which this version of Dueport does not "
            "know: it was migrated by a newer one. Install that version or restore a backup."
        )


# The work queue's schema.


def _queue_files() -> set[str]:
    folder = Path(SchemaManager.get_migrations_path())
    return {file.name for file in folder.glob("*.sql")}


def _queue_record(connection: Connection) -> set[str]:
    if not inspect(connection).has_table(_QUEUE_RECORD):
        return set()
    return set(connection.execute(text(f"SELECT file FROM {_QUEUE_RECORD}")).scalars())  # noqa: S608 - only names of ours.


def _migrate_queue(connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {_QUEUE_RECORD} (file text PRIMARY KEY)"))
    missing = _queue_files() - _queue_record(connection)
    if not inspect(connection).has_table("procrastinate_jobs"):
        # The whole schema includes what every file would do.
        _run_script(connection, SchemaManager.get_schema())
        _record(connection, missing)
        missing = set()
    connection.commit()
    for file in sorted(missing):
        _run_script(connection, (Path(SchemaManager.get_migrations_path()) / file).read_text())
        _record(connection, {file})
        connection.commit()


def _record(connection: Connection, files: set[str]) -> None:
    for file in sorted(files):
        connection.execute(
            text(f"INSERT INTO {_QUEUE_RECORD} VALUES (:file)"),  # noqa: S608 - only names of ours.
            {"file": file},
        )


def _run_script(connection: Connection, script: str) -> None:
    """Run several statements at once, which only the driver itself can."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(script)
