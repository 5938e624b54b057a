"""A version that does not know mailed codes is left without any, and with every other token."""

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.migrate import _config, migrate
from tests.databases import TestDatabases

CODE = "INSERT INTO one_time_token VALUES ('\\x01', 'enrolment_email', '1001', now(), NULL)"
RESET = "INSERT INTO one_time_token VALUES ('\\x02', 'password_reset', 'ana', now(), NULL)"


def test_mailed_codes_go_with_the_version_that_knows_them(test_databases: TestDatabases) -> None:
    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(text(f"{CODE}; {RESET}"))
            connection.commit()
            command.downgrade(_config(connection), "0008_link_ends")
            connection.commit()
            kept = connection.execute(text("SELECT purpose FROM one_time_token")).scalars().all()
            assert kept == ["password_reset"]
            with pytest.raises(IntegrityError, match="ck_one_time_token_purpose"):
                connection.execute(text(CODE))
            connection.rollback()
            command.upgrade(_config(connection), "head")
            connection.execute(text(CODE))
            connection.commit()
        engine.dispose()
