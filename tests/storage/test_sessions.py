"""Sessions and kept answers: an ended session stays ended, a repeated call gets one answer."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.sessions import SqlIdempotencyStore, SqlSessionStore
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.web.http.idempotency import IdempotencyStore, KeptAnswer
from dueport_apps.web.http.sessions import AuthLevel, SessionRecord, SessionStore
from dueport_apps.web.http.settings import Portal
from tests.storage.conftest import empty
from tests.storage.samples import NOW, later


def record(number: int = 1, **changes: Any) -> SessionRecord:
    values: dict[str, Any] = {
        "token_hash": bytes([number]) * 32,
        "portal": Portal.OPERATOR,
        "user_id": "operator-1",
        "auth_level": AuthLevel.PASSWORD,
        "csrf_secret": b"secret",
        "created_at": NOW,
        "last_seen_at": NOW,
        "data": {"account_no": "1042"},
    }
    return SessionRecord(**(values | changes))


@pytest.fixture
async def sessions(database: Database) -> SqlSessionStore:
    await empty(database)
    store = SqlSessionStore(database)
    as_the_web_asks: SessionStore = store
    assert as_the_web_asks is store
    return store


@pytest.fixture
async def answers(database: Database) -> SqlIdempotencyStore:
    await empty(database)
    store = SqlIdempotencyStore(database)
    as_the_web_asks: IdempotencyStore = store
    assert as_the_web_asks is store
    return store


async def test_a_session_comes_back_by_its_hash(sessions: SqlSessionStore) -> None:
    one = record(step_up_at=later(minutes=1))
    await sessions.create(one)
    found = await sessions.find(one.token_hash)
    assert found == one
    assert found is not None
    assert found.portal is Portal.OPERATOR
    assert await sessions.find(bytes(32)) is None


async def test_an_ended_session_cannot_be_brought_back(sessions: SqlSessionStore) -> None:
    one = record()
    await sessions.create(one)
    await sessions.delete(one.token_hash)
    await sessions.delete(one.token_hash)
    await sessions.touch(one.token_hash, later(minutes=1))
    await sessions.save(one.token_hash, {"a": 1})
    assert not await sessions.rotate(one.token_hash, record(2))
    assert await sessions.find(one.token_hash) is None
    assert await sessions.find(record(2).token_hash) is None


async def test_a_living_session_is_touched_saved_and_rotated(sessions: SqlSessionStore) -> None:
    one, two = record(1), record(2, auth_level=AuthLevel.FULL)
    await sessions.create(one)
    await sessions.touch(one.token_hash, later(minutes=1))
    await sessions.save(one.token_hash, {"list": [1, None, "x"]})
    assert await sessions.find(one.token_hash) == msgspec.structs.replace(
        one, last_seen_at=later(minutes=1), data={"list": [1, None, "x"]}
    )
    assert await sessions.rotate(one.token_hash, two)
    assert await sessions.find(one.token_hash) is None
    assert await sessions.find(two.token_hash) == two


async def test_of_two_rotations_at_once_one_succeeds(sessions: SqlSessionStore) -> None:
    await sessions.create(record(1))
    outcomes = await asyncio.gather(
        *(sessions.rotate(record(1).token_hash, record(number)) for number in (2, 3, 4))
    )
    assert sorted(outcomes) == [False, False, True]


async def test_sessions_end_with_the_decision_that_ends_them(
    units: SqlUnitOfWorkFactory, sessions: SqlSessionStore
) -> None:
    for one in (
        record(1),
        record(2),
        record(3, portal=Portal.CUSTOMER),
        record(4, user_id="operator-2"),
    ):
        await sessions.create(one)
    async with units() as uow:
        assert await uow.sessions.end("operator", "operator-1") == 2
        await uow.rollback()
        assert await uow.sessions.end("operator", "operator-1", but=record(2).token_hash) == 1
        await uow.commit()
    left = [number for number in (1, 2, 3, 4) if await sessions.find(record(number).token_hash)]
    assert left == [2, 3, 4]


async def test_a_users_other_sessions_end_and_nobody_elses(sessions: SqlSessionStore) -> None:
    for one in (
        record(1),
        record(2),
        record(3),
        record(4, user_id="operator-2"),
        record(5, portal=Portal.CUSTOMER),
    ):
        await sessions.create(one)
    assert await sessions.delete_for_user(Portal.OPERATOR, "operator-1", record(1).token_hash) == 2
    assert await sessions.delete_for_user(Portal.OPERATOR, "operator-1") == 1
    assert await sessions.find(record(4).token_hash) is not None
    assert await sessions.find(record(5).token_hash) is not None
    assert await sessions.delete_idle(NOW) == 0
    assert await sessions.delete_idle(later(seconds=1)) == 2


def answer(**changes: Any) -> KeptAnswer:
    values: dict[str, Any] = {"body_hash": b"body", "claimed_at": NOW}
    return KeptAnswer(**(values | changes))


async def test_the_first_call_claims_and_repeats_get_its_answer(
    answers: SqlIdempotencyStore,
) -> None:
    assert await answers.claim(b"k", answer()) is None
    assert await answers.claim(b"k", answer()) == answer()
    done = answer(status=201, headers=((b"location", b"/x"),), body=b"\x00body")
    await answers.keep(b"k", done)
    assert await answers.claim(b"k", answer(claimed_at=later(days=1))) == done
    await answers.release(b"k")
    assert await answers.claim(b"k", answer()) == done
    assert await answers.claim(b"other", answer()) is None
    assert await answers.delete_old(NOW) == 0
    assert await answers.delete_old(later(seconds=1)) == 2


async def test_a_call_that_failed_or_died_can_be_made_again(answers: SqlIdempotencyStore) -> None:
    assert await answers.claim(b"k", answer()) is None
    await answers.release(b"k")
    assert await answers.claim(b"k", answer()) is None
    assert await answers.claim(b"k", answer(claimed_at=later(minutes=9))) == answer()
    assert await answers.claim(b"k", answer(claimed_at=later(minutes=10))) is None


async def test_of_many_claims_at_once_one_wins(
    answers: SqlIdempotencyStore, database: Database
) -> None:
    outcomes = await asyncio.gather(*(answers.claim(b"k", answer()) for _ in range(8)))
    assert outcomes.count(None) == 1
    async with database.statements.connect() as connection:
        rows = await connection.execute(text("SELECT count(*) FROM kept_answer"))
        assert rows.scalar_one() == 1
