"""When the demonstration's clock is moved, everything that belongs to inviting gets older at once."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dueport_apps.demo.ageing import age
from dueport_apps.usecases.invite_records import LinkEnd
from dueport_apps.usecases.records import OneTimeToken
from dueport_apps.usecases.sign_in import MustRegister, SignInCommand
from tests.databases import TestDatabases
from tests.inviting import secret_in
from tests.world import World, account, open_world

WEEK = datetime.timedelta(days=8)


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
        )
        await world.sync()
        yield world


async def pass_by(world: World, time: datetime.timedelta = WEEK) -> bool:
    return await age(world.container.database().transactions, time)


async def times(world: World) -> dict[str, list[datetime.datetime]]:
    """Return every time of inviting, by its column."""
    columns = (
        "invitation.invited_at",
        "invitation.expires_at",
        "invitation.decided_at",
        "invitation_token.created_at",
        "invitation_token.ended_at",
        "invitation_event.at",
        "mail_delivery.created_at",
        "mail_delivery.sent_at",
        "campaign.started_at",
    )
    found: dict[str, list[datetime.datetime]] = {}
    async with world.container.database().transactions.connect() as connection:
        for column in columns:
            table, _, name = column.partition(".")
            rows = await connection.execute(
                text(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL ORDER BY 1")
            )
            found[column] = list(rows.scalars())
    return found


async def test_all_times_of_inviting_move_by_the_same_and_agree(world: World) -> None:
    await world.container.decline_invitation()(await world.invite("1001"))
    await world.invite("1002")
    before = await times(world)

    assert await pass_by(world)

    after = await times(world)
    assert all(before.values())
    assert after == {name: [one - WEEK for one in found] for name, found in before.items()}
    async with world.container.uow()() as uow:
        (event,) = await uow.invitations.events("1002")
        (mail,) = await uow.mail.of_account("1002")
        (row,) = await uow.invitations.of_account("1002")
    assert event.at == mail.created_at == row.invitation.invited_at == world.clock.now() - WEEK


async def test_a_one_time_password_dies_when_the_clock_moves_past_its_72_hours(
    world: World,
) -> None:
    await world.start_campaign("1001", "1002", delivery="credentials")
    await world.run_jobs()
    first, second = (secret_in(mail.text) for mail in world.mail.sent)

    async def admits(login: str, password: str) -> bool:
        command = SignInCommand(login=login, password=password, client_ip="203.0.113.9")
        found = await world.container.sign_in_customer()(command)
        return isinstance(found, MustRegister)

    assert await pass_by(world, datetime.timedelta(hours=71))
    assert await admits("ap@harbor.example", first)
    assert await pass_by(world, datetime.timedelta(hours=2))
    assert not await admits("pay@mueller.example", second)


async def test_a_mailed_code_runs_out_and_an_operators_link_does_not(world: World) -> None:
    now = world.clock.now()
    async with world.container.uow()() as uow:
        for number, purpose in enumerate(("password_reset", "operator_setup")):
            await uow.tokens.add(
                OneTimeToken(
                    token_hash=bytes([number] * 32),
                    purpose=purpose,
                    subject_id="one",
                    expires_at=now + datetime.timedelta(hours=1),
                )
            )
        await uow.commit()

    assert await pass_by(world)

    async with world.container.uow()() as uow:
        reset = await uow.tokens.find(bytes([0] * 32), "password_reset")
        setup = await uow.tokens.find(bytes([1] * 32), "operator_setup")
    assert reset is not None
    assert setup is not None
    assert reset.expires_at < now < setup.expires_at


async def test_the_timeline_stays_append_only(world: World) -> None:
    await world.invite("1001")
    assert await pass_by(world)
    with pytest.raises(DBAPIError, match="append-only"):
        async with world.container.database().transactions.begin() as connection:
            await connection.execute(text("UPDATE invitation_event SET actor = 'Nobody'"))


async def test_it_gives_way_to_whoever_is_writing_and_then_moves_everything(world: World) -> None:
    await world.invite("1001")
    before = await times(world)
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
        await uow.invitations.void_tokens(
            [row.invitation.invitation_id], LinkEnd.REPLACED, world.clock.now()
        )
        assert await asyncio.wait_for(pass_by(world), 20) is False
    assert await times(world) == before
    assert await pass_by(world)
