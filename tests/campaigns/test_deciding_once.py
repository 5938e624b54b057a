"""Whoever starts, pauses or cancels at whatever moment: each customer is mailed at most once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dependency_injector import providers

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignProgress,
    CampaignState,
    Selection,
)
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import AccountFilter
from dueport_core.errors import Conflict
from dueport_email_smtp.plugin import build
from dueport_email_smtp.settings import Encryption, SmtpSettings
from dueport_ports.testing.context import plugin_context
from tests.campaigns.mail_server import MailServer
from tests.databases import TestDatabases
from tests.world import World, account, open_world

ROUNDS = 50
BOOK = 20
CONNECTIONS = 8


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer with a small book."""
    async with open_world(test_databases, tmp_path) as world:
        yield world
        await world.container.presence().close()


@pytest.fixture
async def slow_world(world: World, tmp_path: Path, server: MailServer) -> AsyncIterator[World]:
    """The dealer with 200 customers, whose mail server takes its time."""
    server.latency_s = 0.05
    settings = SmtpSettings(
        host="127.0.0.1", port=server.port, encryption=Encryption.NONE, connections=CONNECTIONS
    )
    sender = build(settings, plugin_context(tmp_path, world.clock))
    world.container.sender.override(providers.Object(sender))
    await add_customers(world, "Slow", 200)
    yield world
    await sender.close()


def put_customers(world: World, name: str, count: int) -> None:
    world.erp.put(
        *[
            account(f"{name}-{number}", f"{name} {number}", f"{name.lower()}-{number}@example.com")
            for number in range(count)
        ]
    )


async def add_customers(world: World, name: str, count: int) -> None:
    put_customers(world, name, count)
    await world.sync()
    world.queue.waiting.clear()


async def progress(world: World, campaign: Campaign) -> CampaignProgress:
    async with world.container.uow()() as uow:
        return await uow.campaigns.progress(campaign.campaign_id)


async def test_two_operators_who_invite_all_at_the_same_second_mail_everybody_once(
    world: World,
) -> None:
    books = [f"Book{number:02}" for number in range(ROUNDS)]
    for book in books:
        put_customers(world, book, BOOK)
    await world.sync()
    refused = 0
    for book in books:
        order = InviteOrder(selection=Selection(matching=AccountFilter(text=book)))
        both = await asyncio.gather(
            *(world.container.start_campaign().at_once(order, world.staff) for _ in range(2)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Campaign) for one in both) == 1, both
        refused += sum(isinstance(one, Conflict) for one in both)
    assert refused == ROUNDS
    await asyncio.gather(*(world.container.send_mail()() for _ in range(3)))
    received = Counter(mail.to_address for mail in world.mail.sent)
    assert received == Counter(
        f"{book.lower()}-{one}@example.com" for book in books for one in range(BOOK)
    )


async def test_inviting_all_twice_at_once_reaches_each_customer_once(world: World) -> None:
    await add_customers(world, "All", BOOK)
    order = InviteOrder(selection=Selection(matching=AccountFilter()))
    both = await asyncio.gather(
        *(world.container.start_campaign().at_once(order, world.staff) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["Campaign", "Conflict"]
    await world.run_jobs()
    assert Counter(mail.to_address for mail in world.mail.sent) == Counter(
        f"all-{one}@example.com" for one in range(BOOK)
    )


async def test_a_draft_that_is_started_twice_sends_once(world: World) -> None:
    await add_customers(world, "Draft", BOOK)
    order = InviteOrder(selection=Selection(matching=AccountFilter()))
    draft = await world.container.draft_campaign()(order, world.staff)
    both = await asyncio.gather(
        *(world.container.start_campaign()(draft.campaign_id, world.staff) for _ in range(2))
    )
    assert {one.state for one in both} == {CampaignState.SENDING}
    await world.run_jobs()
    late = await world.container.start_campaign()(draft.campaign_id, world.staff)
    assert late.state is CampaignState.DONE
    await world.run_jobs()
    assert Counter(mail.to_address for mail in world.mail.sent) == Counter(
        f"draft-{one}@example.com" for one in range(BOOK)
    )


async def test_nothing_leaves_a_paused_campaign_but_what_is_on_its_way(
    slow_world: World, server: MailServer
) -> None:
    campaign = await slow_world.start_campaign()
    steer = slow_world.container.steer_campaign()
    sending = asyncio.create_task(slow_world.container.send_mail()())
    await server.reached(40)
    await steer.pause(campaign.campaign_id, slow_world.staff)
    at_pause = server.count
    await sending
    # A connection may hold one message, and the next that was begun before the pause.
    assert server.count <= at_pause + 2 * CONNECTIONS
    held = await progress(slow_world, campaign)
    assert held == CampaignProgress(sent=server.count, queued=200 - server.count)

    await slow_world.run_jobs()
    assert await progress(slow_world, campaign) == held
    await steer.resume(campaign.campaign_id, slow_world.staff)
    await slow_world.run_jobs()
    assert await progress(slow_world, campaign) == CampaignProgress(sent=200)
    assert set(server.times().values()) == {1}


async def test_who_was_not_mailed_before_a_cancel_was_never_invited(
    slow_world: World, server: MailServer
) -> None:
    campaign = await slow_world.start_campaign()
    sending = asyncio.create_task(slow_world.container.send_mail()())
    await server.reached(40)
    ended = await slow_world.container.steer_campaign().cancel(
        campaign.campaign_id, slow_world.staff
    )
    await sending
    assert ended.state is CampaignState.CANCELLED
    done = await progress(slow_world, campaign)
    assert done == CampaignProgress(sent=server.count, cancelled=200 - server.count)
    assert done.cancelled > 100

    mailed = set(server.times())
    async with slow_world.container.uow()() as uow:
        rows, _ = await uow.accounts.rows(AccountFilter(), "account_no", False, None, 500)
    for row in rows:
        assert (row.invitation is None) == (row.email not in mailed), row
    again = await slow_world.start_campaign()
    assert again.recipients == done.cancelled
    await slow_world.run_jobs()
    assert len(server.times()) == 200
    assert set(server.times().values()) == {1}
