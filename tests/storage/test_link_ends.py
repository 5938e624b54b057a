"""Links that have ended are kept to explain themselves, and let nobody in in any version."""

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.engine import Database
from dueport_apps.storage.migrate import _config, migrate
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import EndedLink, LinkEnd
from tests.databases import TestDatabases
from tests.storage.samples import NOW, account, invitation, later, store, token

Units = SqlUnitOfWorkFactory


@pytest.mark.parametrize("end", LinkEnd)
async def test_a_link_that_has_ended_is_known_with_its_reason(units: Units, end: LinkEnd) -> None:
    await store(units, accounts=[account()])
    password = token(2, invitation_id="invitation-1", kind="credential")
    async with units() as uow:
        await uow.invitations.put([invitation(1)])
        await uow.invitations.add_tokens([token(1), password])
        assert await uow.invitations.ended(token(1).token_hash) is None, "it is good"
        await uow.invitations.void_tokens(["invitation-1"], end, later(days=1))
        assert await uow.invitations.ended(token(1).token_hash) == EndedLink(
            invitation=invitation(1), end=end, ended_at=later(days=1)
        )
        assert await uow.invitations.ended(password.token_hash) is None, "a password is no link"
        assert await uow.invitations.ended(bytes(32)) is None


async def test_the_last_word_counts_and_newer_links_are_not_touched_by_older_ones(
    units: Units,
) -> None:
    await store(units, accounts=[account()])
    second = token(2, invitation_id="invitation-1")
    async with units() as uow:
        await uow.invitations.put([invitation(1)])
        await uow.invitations.add_tokens([token(1)])
        await uow.invitations.void_tokens(["invitation-1"], LinkEnd.REPLACED, NOW)
        await uow.invitations.add_tokens([second])
        assert await uow.invitations.by_token(second.token_hash) == invitation(1)
        assert await uow.invitations.by_token(token(1).token_hash) is None
        await uow.invitations.void_tokens(["invitation-1"], LinkEnd.USED, later(days=2))
        for one in (token(1), second):
            ended = await uow.invitations.ended(one.token_hash)
            assert ended is not None
            assert (ended.end, ended.ended_at) == (LinkEnd.USED, later(days=2))


async def test_only_what_ended_before_is_forgotten(units: Units) -> None:
    await store(units, accounts=[account()])
    async with units() as uow:
        await uow.invitations.put([invitation(n, email=f"{n}@x.example") for n in (1, 2, 3)])
        await uow.invitations.add_tokens([token(1), token(2), token(3)])
        await uow.invitations.void_tokens(["invitation-1"], LinkEnd.USED, NOW)
        await uow.invitations.void_tokens(["invitation-2"], LinkEnd.USED, later(seconds=1))
        assert await uow.invitations.delete_ended(NOW) == 0
        assert await uow.invitations.delete_ended(later(seconds=1)) == 1
        assert await uow.invitations.ended(token(1).token_hash) is None
        assert await uow.invitations.ended(token(2).token_hash) is not None
        assert await uow.invitations.by_token(token(3).token_hash) is not None
        assert await uow.invitations.delete_ended(later(days=9)) == 1


async def test_the_links_of_a_whole_book_end_in_one_statement(
    units: Units, database: Database
) -> None:
    """Neither ending them nor finding a good one reads the others."""
    count = 10_000
    await store(units, accounts=[account()])
    invitations = [invitation(n, email=f"{n}@x.example") for n in range(count)]
    async with units() as uow:
        await uow.invitations.put(invitations)
        await uow.invitations.add_tokens([token(n) for n in range(count)])
        half = [one.invitation_id for one in invitations[: count // 2]]
        await uow.invitations.void_tokens(half, LinkEnd.REPLACED, NOW)
        await uow.commit()
    async with database.statements.connect() as connection:
        await connection.execute(text("ANALYZE invitation_token"))
        (ended,) = await connection.scalars(
            text("SELECT count(*) FROM invitation_token WHERE ended_at IS NOT NULL")
        )
        assert ended == count // 2
        plan = await connection.scalars(
            text(
                "EXPLAIN SELECT invitation_id FROM invitation_token"
                " WHERE token_hash = '\\x00' AND kind = 'link' AND ended_at IS NULL"
            )
        )
        assert "Index Scan using pk_invitation_token" in "".join(plan.all())
    async with units() as uow:
        for number in (0, count - 1):
            found = await uow.invitations.by_token(token(number).token_hash)
            assert (found is None) == (number < count // 2)


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def test_an_older_version_lets_nobody_in_with_a_link_that_has_ended(
    test_databases: TestDatabases,
) -> None:
    with test_databases.copy() as url:
        migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            connection.execute(
                text(
                    "INSERT INTO account (account_no, name, kind, status, posting_model,"
                    " billing_level, contacts, ship_to_zip, terms_text, address_lines,"
                    " billing_state, branch, search_name, email, email_problem, content_hash)"
                    " VALUES ('1000', 'Acme', 'charge', 'active', 'open_item', 'master', '[]', '',"
                    " '', '[]', '', '', 'acme', '', '', '');"
                    "INSERT INTO invitation (invitation_id, account_no, email, email_key,"
                    " recipient, delivery, language, second_check_failures, username,"
                    " credential_login, state, created_at, invited_at, expires_at, created_by,"
                    " campaign_id, sends, reason) VALUES ('one', '1000', 'a@x', 'a@x', 'primary',"
                    " 'invite_link', 'en', 0, '', '', 'pending', now(), now(), now(), 'o', '', 1,"
                    " '');"
                    "INSERT INTO invitation_token VALUES"
                    " ('\\x01', 'one', 'link', now(), now(), 'replaced'),"
                    " ('\\x02', 'one', 'link', now(), NULL, NULL)"
                )
            )
            connection.commit()
            for half in ("ended_at = now(), end_reason = NULL", "end_reason = 'used'"):
                with pytest.raises(IntegrityError, match="ck_invitation_token_ended_at"):
                    connection.execute(
                        text(f"UPDATE invitation_token SET {half} WHERE token_hash = '\\x02'")
                    )
                connection.rollback()
            command.downgrade(_config(connection), "0007_invitations")
            connection.commit()
            assert rows(connection, "SELECT token_hash, kind FROM invitation_token") == [
                (b"\x02", "link")
            ]
            command.upgrade(_config(connection), "head")
            connection.commit()
            assert rows(
                connection, "SELECT token_hash, ended_at, end_reason FROM invitation_token"
            ) == [(b"\x02", None, None)]
        engine.dispose()
