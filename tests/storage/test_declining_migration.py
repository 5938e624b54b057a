"""Passwords end their invitations after the upgrade; what only declines goes with a downgrade."""

from alembic import command
from sqlalchemy import Connection, create_engine, text

from dueport_apps.storage.migrate import _config, migrate
from tests.databases import TestDatabases

ACCOUNT = (
    "INSERT INTO account (account_no, name, kind, status, posting_model, billing_level, contacts,"
    " ship_to_zip, terms_text, address_lines, billing_state, branch, search_name, email,"
    " email_problem, content_hash) VALUES ('1000', 'Acme', 'charge', 'active', 'open_item',"
    " 'master', '[]', '', '', '[]', '', '', 'acme', '', '', '')"
)
INVITATIONS = (
    "INSERT INTO invitation (invitation_id, account_no, email, email_key, recipient, delivery,"
    " language, second_check_failures, username, credential_login, state, created_at, invited_at,"
    " expires_at, created_by, campaign_id, sends, reason)"
    " SELECT id, '1000', id, id, 'primary', delivery, 'en', 0, '', '', 'pending', '2026-03-01',"
    " '2026-03-01', '2026-03-15', 'o', '', 1, '' FROM (VALUES ('link', 'invite_link'),"
    " ('sent', 'invite_credentials'), ('queued', 'invite_credentials')) AS of (id, delivery)"
)
TOKENS = (
    "INSERT INTO invitation_token (token_hash, invitation_id, kind, created_at) VALUES"
    " ('\\x01', 'link', 'link', '2026-03-01'), ('\\x02', 'sent', 'credential', '2026-03-02'),"
    " ('\\x03', 'sent', 'credential', '2026-03-04')"
)
NEWER = (
    "INSERT INTO invitation_token (token_hash, invitation_id, kind, created_at, link_hash, ended_at,"
    " end_reason) VALUES ('\\x04', 'link', 'decline', '2026-03-01', '\\x01', NULL, NULL),"
    " ('\\x05', 'link', 'link', '2026-03-01', NULL, '2026-03-02', 'taken_back');"
    "INSERT INTO invitation_event (account_no, invitation_id, at, kind, actor, detail)"
    " VALUES ('1000', 'link', '2026-03-02', 'not_asked', '', '')"
)


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def test_a_version_that_cannot_only_decline_is_left_without_such_tokens(
    test_databases: TestDatabases,
) -> None:
    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            command.downgrade(_config(connection), "0010_left_out_kinds")
            connection.execute(text("SET TIME ZONE 'UTC'"))
            connection.execute(text(f"{ACCOUNT}; {INVITATIONS}; {TOKENS}"))
            connection.commit()
            command.upgrade(_config(connection), "head")
            connection.commit()
            query = "SELECT invitation_id, expires_at::date::text FROM invitation ORDER BY number"
            assert rows(connection, query) == [
                ("link", "2026-03-15"),
                ("sent", "2026-03-07"),
                ("queued", "2026-03-04"),
            ]
            connection.execute(text(NEWER))
            connection.commit()
            command.downgrade(_config(connection), "0010_left_out_kinds")
            connection.commit()
            assert rows(
                connection,
                "SELECT token_hash, kind, end_reason FROM invitation_token"
                " WHERE invitation_id = 'link' ORDER BY token_hash",
            ) == [(b"\x01", "link", None), (b"\x05", "link", "declined")]
            assert rows(connection, "SELECT kind FROM invitation_event") == [("declined",)]
            command.upgrade(_config(connection), "head")
            connection.commit()
        engine.dispose()
