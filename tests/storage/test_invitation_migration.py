"""Invitations and mail of an older version live on after it, and on the way back."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.migrate import _config
from tests.databases import TestDatabases

_ACCOUNT = """
INSERT INTO account (account_no, name, kind, status, posting_model, billing_level, contacts,
    ship_to_zip, terms_text, address_lines, billing_state, branch, search_name, email,
    email_problem, content_hash)
VALUES (:number, 'Acme', 'charge', 'active', 'open_item', 'master', '[]', '', '', '[]', '', '',
    'acme', '', '', '')
"""
_INVITATION = """
INSERT INTO invitation (invitation_id, account_no, email, delivery, state, token_hash, created_at,
    expires_at, created_by, opened_at, decided_at, credential_username, credential_hash,
    credential_login)
SELECT id, :number, :email, 'invite_link', state, CAST(id AS bytea),
    CAST('2026-03-01T12:00Z' AS timestamptz) + :day * interval '1 day',
    CAST('2026-03-08T12:00Z' AS timestamptz) + :day * interval '1 day', 'operator-1',
    CASE WHEN state = 'accepted' THEN CAST('2026-03-02T12:00Z' AS timestamptz) END,
    CASE WHEN state = 'accepted' THEN CAST('2026-03-03T12:00Z' AS timestamptz) END,
    username, CASE WHEN username = '' THEN '' ELSE '$argon2id$' END, lower(username)
FROM (
    SELECT CAST(:id AS text) AS id, CAST(:state AS text) AS state,
           CAST(:username AS text) AS username
) AS given
"""
_MAIL = """
INSERT INTO mail_delivery (delivery_id, kind, subject_ref, to_address, subject, content_sealed,
    state, due_at, created_at, tries, claim_token, claimed_at, code, reason, sent_at)
SELECT :id, :kind, :about, 'ann@acme.example', 'Hello', :content, state,
    CAST('2026-03-01T12:00Z' AS timestamptz), CAST('2026-03-01T12:00Z' AS timestamptz), 1, :token,
    CASE WHEN state <> 'queued' THEN CAST('2026-03-01T12:01Z' AS timestamptz) END, 0, '',
    CASE WHEN state = 'sent' THEN CAST('2026-03-01T12:02Z' AS timestamptz) END
FROM (SELECT CAST(:state AS text) AS state) AS given
"""


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def column(connection: Connection, query: str) -> list[Any]:
    return [row[0] for row in rows(connection, query)]


@pytest.fixture
def older(test_databases: TestDatabases) -> Iterator[Connection]:
    """A database of the older version, with what it would hold after some weeks."""
    with test_databases.copy() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            command.upgrade(_config(connection), "0006_guards")
            connection.commit()
            _fill(connection)
            connection.commit()
            yield connection
        engine.dispose()


def _fill(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO operator VALUES ('operator-1', 'o@x.example', 'Olga', 'ar', '', '', 0,"
            " true, now())"
        )
    )
    connection.execute(text(_ACCOUNT), [{"number": f"{1000 + n}"} for n in range(5)])
    invitations = [
        ("pending", "1000", "Ann@Acme.example ", "pending", 9, "Ann1000"),
        # The same address twice, after the first expired.
        ("expired", "1000", "ann@acme.example", "expired", 0, ""),
        ("accepted", "1001", "bob@acme.example", "accepted", 0, ""),
        ("declined", "1002", "cat@acme.example", "declined", 0, "cat"),
        ("link", "1003", "dan@acme.example", "pending", 0, ""),
    ]
    # The newest of the two has the higher number, as in life.
    for place in (1, 0, 2, 3, 4):
        names = ("id", "number", "email", "state", "day", "username")
        connection.execute(text(_INVITATION), dict(zip(names, invitations[place], strict=True)))
    connection.execute(
        text(_MAIL),
        [
            dict(zip(("id", "kind", "about", "state", "content", "token"), one, strict=True))
            for one in [
                ("queued", "invite", "invitation:pending", "queued", "sealed", ""),
                ("sending", "invite", "invitation:link", "sending", "sealed", "token"),
                ("sent", "invite", "invitation:expired", "sent", "", "token"),
                ("receipt", "receipt", "payment:1", "queued", "sealed", ""),
            ]
        ],
    )
    connection.execute(
        text(
            "INSERT INTO portal_user VALUES ('user-1', 'bob@acme.example', 'bob', 'Bob', '', true,"
            " now()); INSERT INTO account_link VALUES ('user-1', '1001', 'admin', '', now()),"
            " ('user-1', '1004', 'admin', '', now())"
        )
    )


def upgraded(connection: Connection) -> None:
    command.upgrade(_config(connection), "0007_invitations")
    connection.commit()


def downgraded(connection: Connection) -> None:
    command.downgrade(_config(connection), "0006_guards")
    connection.commit()


def test_each_address_keeps_its_newest_invitation(older: Connection) -> None:
    upgraded(older)
    assert rows(
        older,
        "SELECT invitation_id, account_no, email_key, state, username, credential_login"
        " FROM invitation ORDER BY account_no",
    ) == [
        ("pending", "1000", "ann@acme.example", "pending", "Ann1000", "ann1000"),
        ("accepted", "1001", "bob@acme.example", "accepted", "", ""),
        ("declined", "1002", "cat@acme.example", "declined", "cat", "cat"),
        ("link", "1003", "dan@acme.example", "pending", "", ""),
    ]
    assert rows(
        older,
        "SELECT DISTINCT invited_at = created_at, sends, recipient, language, second_check,"
        " second_check_failures, campaign_id, reason, asked_at FROM invitation",
    ) == [(True, 1, "primary", "en", None, 0, "", "", None)]
    assert column(older, "SELECT DISTINCT language FROM portal_user") == ["en"]
    assert column(older, "SELECT count(disabled_at) FROM account_link") == [0]


def test_links_that_were_good_stay_good_and_passwords_do_not(older: Connection) -> None:
    upgraded(older)
    assert rows(
        older,
        "SELECT invitation_id, kind, token_hash = CAST(invitation_id AS bytea)"
        " FROM invitation_token ORDER BY invitation_id",
    ) == [("link", "link", True), ("pending", "link", True)]


def test_what_happened_before_becomes_the_timeline(older: Connection) -> None:
    upgraded(older)
    timeline = (
        "SELECT invitation_id, kind, actor, date(at)::text FROM invitation_event"
        " WHERE account_no = '{}' ORDER BY number"
    )
    assert rows(older, timeline.format("1000")) == [
        ("pending", "invited", "Olga", "2026-03-01"),
        ("pending", "expired", "", "2026-03-08"),
        ("pending", "invited", "Olga", "2026-03-10"),
    ]
    assert rows(older, timeline.format("1001")) == [
        ("accepted", "invited", "Olga", "2026-03-01"),
        ("accepted", "opened", "", "2026-03-02"),
        ("accepted", "accepted", "", "2026-03-03"),
    ]
    with pytest.raises(IntegrityError, match="is append-only"):
        older.execute(text("DELETE FROM invitation_event"))
    older.rollback()


def test_mails_keep_their_state_and_find_their_invitation(older: Connection) -> None:
    upgraded(older)
    assert rows(
        older,
        "SELECT delivery_id, invitation_id, campaign_id, state, content_sealed, claim_owner,"
        " handed_at IS NOT NULL, extract(minute FROM changed_at) FROM mail_delivery ORDER BY number",
    ) == [
        ("queued", "pending", "", "queued", "sealed", None, False, 0),
        ("sending", "link", "", "unconfirmed", "sealed", None, True, 1),
        ("sent", "pending", "", "sent", "", None, False, 2),
        ("receipt", "", "", "queued", "sealed", None, False, 0),
    ]
    (reason,) = column(older, "SELECT reason FROM mail_delivery WHERE state = 'unconfirmed'")
    assert reason == "Interrupted while it was handed over; it may have arrived."


def test_there_and_back_again_keeps_what_both_versions_know(older: Connection) -> None:
    kept = (
        "SELECT invitation_id, account_no, email, delivery, state, created_at, expires_at,"
        " opened_at, decided_at, credential_username, credential_login"
        " FROM invitation WHERE invitation_id <> 'expired' ORDER BY invitation_id"
    )
    mails = (
        "SELECT delivery_id, kind, subject_ref, state, content_sealed, sent_at FROM mail_delivery"
    )
    before, mails_before = (
        rows(older, kept),
        rows(older, f"{mails} WHERE state <> 'sending' ORDER BY 1"),
    )
    upgraded(older)
    downgraded(older)
    assert rows(older, kept) == before
    assert rows(older, f"{mails} WHERE delivery_id <> 'sending' ORDER BY 1") == mails_before
    assert rows(
        older,
        "SELECT invitation_id, token_hash = CAST(invitation_id AS bytea), octet_length(token_hash),"
        " credential_hash FROM invitation WHERE state IN ('pending', 'accepted') ORDER BY 1",
    ) == [
        ("accepted", False, 32, ""),
        ("link", True, 4, ""),
        ("pending", True, 7, ""),
    ]
    upgraded(older)
    assert column(older, "SELECT count(*) FROM invitation_token") == [2]


def test_on_the_way_back_nobody_gets_in_who_was_shut_out(older: Connection) -> None:
    upgraded(older)
    older.execute(
        text(
            "UPDATE account_link SET disabled_at = now() WHERE account_no = '1001';"
            "INSERT INTO invitation (invitation_id, account_no, email, email_key, recipient,"
            " delivery, language, second_check_failures, username, credential_login, state,"
            " created_at, invited_at, expires_at, created_by, campaign_id, sends, reason)"
            " SELECT 'second', account_no, 'b@x', 'b@x', 'other', delivery, 'es', 0, '', '',"
            " 'pending', created_at, invited_at + interval '1 day', expires_at, created_by, '', 1,"
            " '' FROM invitation WHERE invitation_id IN ('accepted');"
            "INSERT INTO invitation (invitation_id, account_no, email, email_key, recipient,"
            " delivery, language, second_check_failures, username, credential_login, state,"
            " created_at, invited_at, expires_at, created_by, campaign_id, sends, reason)"
            " SELECT 'newer', account_no, 'b@x', 'b@x', 'other', delivery, 'es', 0, '', '',"
            " 'pending', created_at, invited_at + interval '1 day', expires_at, created_by, '', 1,"
            " '' FROM invitation WHERE invitation_id = 'link';"
            "INSERT INTO mail_delivery (delivery_id, kind, subject_ref, to_address, subject,"
            " content_sealed, invitation_id, campaign_id, state, due_at, created_at, tries,"
            " claim_owner, handed_at, changed_at, code, reason) VALUES"
            " ('unwritten', 'invite', 'a', 'x', '', '', 'newer', 'c', 'queued', now(), now(), 0,"
            "  NULL, NULL, now(), 0, ''),"
            " ('held', 'invite', 'b', 'x', '', '', 'newer', 'c', 'sending', now(), now(), 0, 7,"
            "  NULL, now(), 0, ''),"
            " ('back', 'invite', 'c', 'x', '', '', 'newer', 'c', 'bounced', now(), now(), 1, NULL,"
            "  now(), now(), 250, 'no such user'),"
            " ('taken', 'invite', 'd', 'x', '', '', 'newer', 'c', 'cancelled', now(), now(), 0,"
            "  NULL, NULL, now(), 0, '')"
        )
    )
    older.commit()
    downgraded(older)
    assert column(older, "SELECT account_no FROM account_link") == ["1004"]
    assert rows(
        older,
        "SELECT invitation_id, state FROM invitation WHERE account_no IN ('1001', '1003')"
        " ORDER BY 1",
    ) == [
        ("accepted", "accepted"),
        ("link", "revoked"),
        ("newer", "pending"),
        ("second", "revoked"),
    ]
    assert rows(
        older,
        "SELECT delivery_id, state, reason FROM mail_delivery WHERE to_address = 'x' ORDER BY 1",
    ) == [
        ("back", "failed", "no such user"),
        ("held", "unconfirmed", "Interrupted while it was handed over; it may have arrived."),
        ("taken", "failed", "Taken back before it was sent."),
        (
            "unwritten",
            "failed",
            "Not sent: this version cannot write it. Invite the customer again.",
        ),
    ]


def test_the_way_back_leaves_the_older_schema(older: Connection) -> None:
    def schema() -> list[list[tuple[Any, ...]]]:
        # The order of columns is nobody's business.
        return [
            rows(
                older,
                "SELECT table_name, column_name, data_type, is_nullable, column_default"
                " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
            ),
            rows(
                older,
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            ),
            rows(
                older,
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            ),
        ]

    before = schema()
    upgraded(older)
    assert schema() != before
    downgraded(older)
    assert schema() == before


def test_an_empty_database_goes_there_and_back(test_databases: TestDatabases) -> None:
    with test_databases.copy() as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            upgraded(connection)
            downgraded(connection)
            upgraded(connection)
            assert column(connection, "SELECT count(*) FROM invitation") == [0]
        engine.dispose()
