"""A mail server that refuses, greylists, cuts, is slow or is away: what becomes of each mail."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dependency_injector import providers

from dueport_apps.usecases.invite_records import Campaign, CampaignMail, CampaignState
from dueport_apps.usecases.mail_progress import SentMail
from dueport_apps.usecases.mail_records import MailState
from dueport_email_smtp.plugin import build
from dueport_email_smtp.settings import Encryption, SmtpSettings
from dueport_ports.testing.context import plugin_context
from tests.campaigns.mail_server import Faults, MailServer
from tests.databases import TestDatabases
from tests.world import World, account, open_world

CUSTOMERS = 300
CONNECTIONS = 8


def address(number: int) -> str:
    return f"ap{number}@customer{number}.example"


@pytest.fixture
async def world(
    test_databases: TestDatabases, tmp_path: Path, server: MailServer
) -> AsyncIterator[World]:
    """A dealer with 300 customers whose mail goes to the server."""
    async with open_world(test_databases, tmp_path) as world:
        settings = SmtpSettings(
            host="127.0.0.1", port=server.port, encryption=Encryption.NONE, connections=CONNECTIONS
        )
        sender = build(settings, plugin_context(tmp_path, world.clock))
        world.container.sender.override(providers.Object(sender))
        world.erp.put(
            *[
                account(str(10_000 + number), f"Customer {number}, Inc.", address(number))
                for number in range(CUSTOMERS)
            ]
        )
        await world.sync()
        world.queue.waiting.clear()
        yield world
        await world.container.presence().close()
        await sender.close()


async def send(world: World) -> SentMail:
    return await world.container.send_mail()()


async def mails(world: World, campaign: Campaign) -> dict[str, CampaignMail]:
    async with world.container.uow()() as uow:
        found, _ = await uow.campaigns.mails(campaign.campaign_id, None, None, 1000)
    return {one.email: one for one in found}


def expected(number: int) -> tuple[MailState, int, str]:
    """Return what the campaign says of this customer in the end: state, code and words."""
    match number % 12:
        case 1:
            return MailState.FAILED, 550, f"5.1.1 No mailbox {number} here"
        case 4:
            return MailState.UNCONFIRMED, 0, "no answer after the whole message was sent"
        case 5:
            return MailState.UNCONFIRMED, 0, "no answer after the whole message was sent"
        case _:
            return MailState.SENT, 250, "2.0.0 Queued as TEST"


async def test_every_fault_is_recorded_for_its_own_mail_in_the_servers_words(
    world: World, server: MailServer
) -> None:
    kinds: dict[int, set[str]] = {
        kind: {address(number) for number in range(kind, CUSTOMERS, 12)} for kind in range(12)
    }
    server.faults = Faults(
        refused={
            address(number): f"550 5.1.1 No mailbox {number} here"
            for number in range(1, CUSTOMERS, 12)
        },
        greylisted=set(kinds[2]),
        cut_at_recipient=set(kinds[3]),
        cut_in_content=set(kinds[4]),
        cut_after_dot=set(kinds[5]),
        slow=dict.fromkeys(sorted(kinds[6])[:8], 1.0),
    )
    campaign = await world.start_campaign()

    first = await send(world)
    assert first.failed == len(kinds[1])
    assert first.retried == len(kinds[2])
    assert first.unconfirmed == len(kinds[4]) + len(kinds[5])
    grey = [one for one in (await mails(world, campaign)).values() if one.email in kinds[2]]
    assert {(one.state, one.code, one.tries) for one in grey} == {(MailState.QUEUED, 451, 1)}
    assert {one.reason for one in grey} == {"4.7.1 Greylisted, please come back"}

    assert (await send(world)).sent == 0
    world.clock.advance(datetime.timedelta(seconds=31))
    assert (await send(world)).sent == len(kinds[2])

    told = await mails(world, campaign)
    for number in range(CUSTOMERS):
        one = told[address(number)]
        state, code, words = expected(number)
        assert (one.state, one.code) == (state, code), one
        assert one.reason.startswith(words), one
    received = server.times()
    assert set(received.values()) == {1}
    assert set(received) == {
        address(number) for number in range(CUSTOMERS) if number % 12 not in (1, 4)
    }
    async with world.container.uow()() as uow:
        ended = await uow.campaigns.get(campaign.campaign_id)
    assert ended.state is CampaignState.DONE


async def test_a_server_that_is_down_costs_no_tries_and_everything_leaves_when_it_is_back(
    world: World, server: MailServer
) -> None:
    server.stop()
    campaign = await world.start_campaign()
    for _ in range(60):
        assert (await send(world)).sent == 0
        world.clock.advance(datetime.timedelta(minutes=1))
    waiting = (await mails(world, campaign)).values()
    assert {(one.state, one.tries) for one in waiting} == {(MailState.QUEUED, 0)}
    reasons = {one.reason for one in waiting if one.reason}
    assert len(reasons) == 1
    assert "cannot be reached" in reasons.pop()

    server.start()
    world.clock.advance(datetime.timedelta(minutes=10))
    assert (await send(world)).sent == CUSTOMERS
    assert set(server.times().values()) == {1}


async def test_a_server_that_goes_down_in_the_middle_is_waited_for(
    world: World, server: MailServer
) -> None:
    server.latency_s = 0.01
    campaign = await world.start_campaign()
    sending = asyncio.create_task(send(world))
    await server.reached(80)
    server.stop()
    first = await sending
    assert first.sent <= server.count <= first.sent + first.unconfirmed
    assert first.unconfirmed <= CONNECTIONS
    left = (await mails(world, campaign)).values()
    # Only what was on its way was tried.
    assert sum(one.tries for one in left if one.state is MailState.QUEUED) <= CONNECTIONS
    server.start()
    server.latency_s = 0
    world.clock.advance(datetime.timedelta(minutes=10))
    second = await send(world)
    assert first.sent + first.unconfirmed + second.sent == CUSTOMERS
    assert set(server.times().values()) == {1}
