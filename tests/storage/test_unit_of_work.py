"""One transaction: all of it or nothing, and errors that people can act on."""

import asyncio
import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import StatementError

from dueport_apps.storage.engine import Database, database_url, plain_url
from dueport_apps.storage.tables.people import throttle_failure
from dueport_apps.storage.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, Misconfigured, Unavailable
from tests.storage.samples import NOW, ListedWork, ReversedSecrets, account, store, user

Units = SqlUnitOfWorkFactory


def test_it_is_what_use_cases_ask_for(units: Units) -> None:
    # Checked by the type checker: these assignments are the test.
    factory: UnitOfWorkFactory = units
    kind: type[UnitOfWork] = SqlUnitOfWork
    assert callable(factory)
    assert kind is SqlUnitOfWork


async def test_nothing_is_seen_before_commit_and_nothing_stays_without_it(units: Units) -> None:
    async with units() as writing, units() as reading:
        await writing.users.add(user(1))
        assert await reading.users.by_login("user1@acme.example") is None
        await writing.commit()
        assert await reading.users.by_login("user1@acme.example") == user(1)
    async with units() as uow:
        await uow.users.add(user(2))

    async def fail_halfway() -> None:
        async with units() as uow:
            await uow.users.add(user(3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_halfway()
    async with units() as uow:
        assert await uow.users.by_login("user2@acme.example") is None
        assert await uow.users.by_login("user3@acme.example") is None


async def test_work_is_enqueued_on_the_same_connection(units: Units) -> None:
    async with units() as uow:
        await uow.work.enqueue("send_mail", {"mail_id": "1"}, key="mail:1")
        assert isinstance(uow.work, ListedWork)
        assert uow.work.asked == [("send_mail", {"mail_id": "1"}, "mail:1")]


async def test_two_who_wait_for_each_other_are_parted_with_a_conflict(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    both_hold_one = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> str:
        try:
            async with units() as uow:
                await uow.accounts.lock(first)
                await both_hold_one.wait()
                await uow.accounts.lock(second)
                return "done"
        except Conflict as refusal:
            return refusal.message

    outcomes = await asyncio.gather(lock("1000", "1001"), lock("1001", "1000"))
    assert sorted(outcomes) == [
        "Somebody else changed the same thing at the same moment; try again.",
        "done",
    ]


async def test_a_database_that_is_away_is_unavailable(database_url: str) -> None:
    away = Database("postgresql://dueport@/dueport?host=/nowhere")
    units = SqlUnitOfWorkFactory(
        away.transactions, work=ListedWork, secrets=ReversedSecrets(), zone=ZoneInfo("UTC")
    )
    with pytest.raises(Unavailable, match="does not answer"):
        async with units() as uow:
            await uow.users.by_login("ann")
    with pytest.raises(Unavailable, match="does not answer"):
        await away.ping()
    await away.close()
    here = Database(database_url)
    await here.ping()
    await here.close()


async def test_a_naive_instant_is_refused_and_every_instant_comes_back_in_utc(
    database: Database, units: Units
) -> None:
    in_new_york = NOW.astimezone(ZoneInfo("America/New_York"))
    async with database.transactions.connect() as connection:
        await connection.execute(insert(throttle_failure).values(key="k", at=in_new_york))
        await connection.execute(text("SET LOCAL timezone = 'Asia/Tokyo'"))
        found = (await connection.execute(select(throttle_failure.c.at))).scalar_one()
        assert (found, found.tzinfo) == (NOW, datetime.UTC)
        with pytest.raises(StatementError, match="has no time zone"):
            await connection.execute(
                insert(throttle_failure).values(key="k", at=NOW.replace(tzinfo=None))
            )


async def test_single_statements_commit_by_themselves(database: Database, units: Units) -> None:
    async with database.statements.connect() as connection:
        await connection.execute(insert(throttle_failure).values(key="k", at=NOW))
    async with units() as uow:
        assert await uow.throttle.failures("k", NOW) == (1, NOW)


def test_every_spelling_of_the_address_is_understood() -> None:
    for spelling in (
        "postgresql://u:p@h:1/d",
        "postgres://u:p@h:1/d",
        "postgresql+psycopg://u:p@h:1/d",
        "postgresql+asyncpg://u:p@h:1/d",
    ):
        assert database_url(spelling).drivername == "postgresql+psycopg"
        assert plain_url(spelling) == "postgresql://u:p@h:1/d"
    for wrong in ("", "mysql://u@h/d", "not a url"):
        with pytest.raises(Misconfigured, match=r"database\.url"):
            database_url(wrong)
