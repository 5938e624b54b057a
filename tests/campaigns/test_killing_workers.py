"""A campaign's workers are killed again and again; nobody is mailed twice and nobody is lost."""

import asyncio
import random
from collections.abc import Mapping

import psycopg

from dueport_apps.jobs.queue import Worker
from dueport_apps.storage.engine import plain_url
from dueport_apps.usecases.invite_records import CampaignKind
from dueport_apps.usecases.mail_records import MailState
from tests.campaigns.deployment import CONNECTIONS, Deployment
from tests.campaigns.mail_server import MailServer
from tests.patience import until

CUSTOMERS = 2_000
KILLS = 10
# Eight connections then take some twenty seconds for all.
LATENCY_S = 0.08


async def test_a_campaign_whose_workers_are_killed_ten_times_mails_everybody_once(
    deployment: Deployment, server: MailServer
) -> None:
    chance = random.Random(20_261_122)
    server.latency_s = LATENCY_S
    addresses = await deployment.fill(CUSTOMERS)
    campaign = await deployment.start()
    assert campaign.recipients == CUSTOMERS

    for _ in range(KILLS):
        worker = deployment.worker()
        # In the middle of a batch, of a message and of a transaction, as it comes.
        await server.reached(server.count + chance.randint(1, 2 * CUSTOMERS // KILLS // 3))
        await asyncio.sleep(chance.uniform(0, LATENCY_S))
        worker.kill()
    last = deployment.worker()
    await deployment.sent_through(campaign)
    assert last.stop() == 0

    mails = await deployment.mails(campaign)
    by_state = {state: {one.email for one in mails if one.state is state} for state in MailState}
    sent, unconfirmed = by_state[MailState.SENT], by_state[MailState.UNCONFIRMED]
    assert sent | unconfirmed == set(addresses)
    received = server.times()
    assert max(received.values()) == 1
    assert sent <= set(received)
    assert 1 <= len(unconfirmed) <= CONNECTIONS * KILLS
    assert {one.reason for one in mails if one.state is MailState.UNCONFIRMED} == {
        "Interrupted while it was handed over; it may have arrived."
    }

    again = await deployment.start(CampaignKind.RESEND)
    assert again.recipients == len(unconfirmed)
    server.latency_s = 0
    worker = deployment.worker()
    await deployment.sent_through(again)
    assert worker.stop() == 0
    resent = await deployment.mails(again)
    assert {one.email for one in resent if one.state is MailState.SENT} == unconfirmed
    newest = {one.to_address: one.token for one in server.taken}
    assert await deployment.admitted(list(newest.values())) == set(addresses)


async def test_a_new_worker_goes_on_at_once_where_a_killed_one_stopped(
    deployment: Deployment, server: MailServer
) -> None:
    server.latency_s = 0.05
    addresses = await deployment.fill(300)
    campaign = await deployment.start()
    worker = deployment.worker()
    await server.reached(50)
    worker.kill()
    assert deployment.running_jobs() == 1
    worker = deployment.worker()
    await deployment.sent_through(campaign)
    # Nobody has noticed by then that the killed worker's job is not under way any more.
    assert deployment.running_jobs() >= 1
    assert worker.stop() == 0
    received = server.times()
    assert max(received.values()) == 1
    states = {one.email: one.state for one in await deployment.mails(campaign)}
    assert set(states) == set(addresses)
    assert set(states.values()) <= {MailState.SENT, MailState.UNCONFIRMED}


async def test_a_worker_that_is_asked_to_stop_leaves_nothing_uncertain(
    deployment: Deployment, server: MailServer
) -> None:
    server.latency_s = 0.05
    await deployment.fill(300)
    campaign = await deployment.start()
    worker = deployment.worker()
    await server.reached(60)
    assert worker.stop() == 0
    states = [one.state for one in await deployment.mails(campaign)]
    assert states.count(MailState.SENT) == server.count
    assert states.count(MailState.SENT) + states.count(MailState.QUEUED) == 300


async def test_a_lost_job_whose_like_waits_already_is_dropped(deployment: Deployment) -> None:
    url = plain_url(deployment.container.database().url)

    async def ask() -> None:
        async with deployment.container.uow()() as uow:
            await uow.work.enqueue("send_mail", key="send_mail")
            await uow.commit()

    await ask()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    await ask()
    runs = 0

    async def handler(ids: Mapping[str, str]) -> None:
        nonlocal runs
        runs += 1

    working = asyncio.create_task(Worker(url, {"send_mail": handler}, periodic=False).run())

    def all_jobs_are_gone() -> bool:
        with psycopg.connect(url) as connection:
            left = connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()
        return left == (0,)

    await until(all_jobs_are_gone, "no job is left")
    working.cancel()
    await asyncio.wait({working})
    # The one that waited and the one of every start; the lost one too if it was looked at last.
    assert 2 <= runs <= 3
