"""The schema in the code and the schema that migrations make are the same one."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.migrate import migrate, schema_state
from dueport_apps.storage.tables import metadata
from dueport_core.errors import Misconfigured, Unavailable
from tests.databases import TestDatabases

CATALOG = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
               column_default, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


def catalog(connection: Connection, query: str) -> set[tuple[Any, ...]]:
    rows = connection.execute(text(query))
    foreign = ("procrastinate_", "alembic_version")
    return {tuple(row) for row in rows if not str(row[0]).startswith(foreign)}


def test_a_migrated_database_has_what_the_code_describes(test_databases: TestDatabases) -> None:
    with test_databases.copy() as migrated, test_databases.copy() as described:
        migrate(migrated)
        old, new = create_engine(migrated), create_engine(described)
        metadata.create_all(new)
        with old.connect() as by_migration, new.connect() as by_code:
            for what, query in CATALOG.items():
                assert catalog(by_migration, query) == catalog(by_code, query), what
            context = MigrationContext.configure(
                by_migration,
                opts={
                    "include_object": lambda _item, name, kind, reflected, _other: (
                        not (kind == "table" and reflected and name.startswith("procrastinate_"))
                    ),
                    "compare_type": True,
                    "compare_server_default": True,
                },
            )
            assert compare_metadata(context, metadata) == []
        old.dispose()
        new.dispose()


def test_migrating_again_changes_nothing(test_databases: TestDatabases) -> None:
    with test_databases.copy() as url:
        before = schema_state(url)
        assert before.present == ""
        assert not before.is_current
        assert migrate(url).is_current
        assert migrate(url) == schema_state(url)


def test_the_work_queues_tables_are_there_and_its_newer_files_are_applied(
    test_databases: TestDatabases,
) -> None:
    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        newest = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
        with engine.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0
            # As after installing a newer version of the library, whose files can be repeated.
            connection.execute(
                text("DELETE FROM procrastinate_schema_record WHERE file = :file"),
                {"file": newest},
            )
        assert not schema_state(url).queue_is_current
        assert migrate(url).is_current
        engine.dispose()
        assert SchemaManager.get_migrations_path()


def test_a_database_of_a_newer_version_is_refused(test_databases: TestDatabases) -> None:
    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
        with pytest.raises(Misconfigured, match="9999_future"):
            migrate(url)
        engine.dispose()


def test_a_database_that_does_not_answer_is_named_so() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        migrate("postgresql://nobody@/nothing?host=/nowhere")


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(Misconfigured, match="PostgreSQL is the only database"):
        migrate("sqlite:///somewhere.db")


def test_down_and_up_again_gives_the_same_schema(test_databases: TestDatabases) -> None:
    from alembic import command

    from dueport_apps.storage.migrate import _config

    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            before = catalog(connection, CATALOG["columns"])
            command.downgrade(_config(connection), "base")
            connection.commit()
            left = catalog(connection, CATALOG["columns"])
            assert {row[0] for row in left} == set()
        engine.dispose()
        migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            assert catalog(connection, CATALOG["columns"]) == before
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET action = 'nothing'",
        "DELETE FROM journal_entry",
        "UPDATE journal_line SET amount_cents = 1",
        "TRUNCATE journal_line",
        "DELETE FROM payment_event",
        "UPDATE mandate SET text = ''",
        "DELETE FROM invitation_event",
    ],
)
def test_history_cannot_be_changed(database_url: str, statement: str) -> None:
    engine = create_engine(database_url)
    with (
        engine.connect() as connection,
        pytest.raises(IntegrityError, match="is append-only"),
    ):
        connection.execute(text(statement))
    engine.dispose()


def test_an_entry_that_does_not_balance_is_refused_at_commit(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        number = connection.scalar(
            text(
                "INSERT INTO journal_entry (source, kind, occurred_on, reason)"
                " VALUES ('test', 'payout', '2026-01-01', '') RETURNING number"
            )
        )
        connection.execute(
            text("INSERT INTO journal_line VALUES (:number, 0, 'cash', 100)"), {"number": number}
        )
        with pytest.raises(IntegrityError, match="off balance by 100 cents"):
            connection.commit()
    engine.dispose()
