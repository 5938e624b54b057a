"""What nobody can come back to is dropped every day, and nothing else."""

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.jobs.handlers import job_handlers
from dueport_apps.jobs.kinds import JOB_KINDS
from dueport_apps.usecases.invite_records import Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.web.http.idempotency import KeptAnswer
from dueport_apps.web.http.sessions import AuthLevel, SessionRecord
from dueport_apps.web.http.settings import Portal
from dueport_core.errors import NotFound
from tests.databases import TestDatabases
from tests.world import World, account, open_world


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        yield world


async def leave_traces(world: World, name: bytes) -> str:
    """Open a session, remember an answer, draft a campaign; return the draft's id."""
    now = world.clock.now()
    await world.container.sessions().create(
        SessionRecord(
            token_hash=name.ljust(32),
            portal=Portal.OPERATOR,
            user_id="operator-1",
            auth_level=AuthLevel.FULL,
            csrf_secret=b"s" * 32,
            created_at=now,
            last_seen_at=now,
        )
    )
    await world.container.kept_answers().claim(
        name.ljust(32), KeptAnswer(body_hash=b"b" * 32, claimed_at=now)
    )
    order = InviteOrder(selection=Selection(account_nos=("1001",)))
    return (await world.container.draft_campaign()(order, world.staff)).campaign_id


async def test_old_sessions_answers_and_drafts_go_and_young_ones_stay(world: World) -> None:
    old = await leave_traces(world, b"old")
    world.clock.advance(datetime.timedelta(days=3))
    young = await leave_traces(world, b"young")

    done = await world.container.clean_up()()
    again = await world.container.clean_up()()

    assert (done.sessions, done.answers, done.drafts) == (1, 1, 1)
    assert (again.sessions, again.answers, again.drafts) == (0, 0, 0)
    assert await world.container.sessions().find(b"young".ljust(32)) is not None
    async with world.container.uow()() as uow:
        assert (await uow.campaigns.get(young)).campaign_id == young
        with pytest.raises(NotFound):
            await uow.campaigns.get(old)


async def test_what_was_sent_is_no_draft_and_stays(world: World) -> None:
    campaign = await world.start_campaign("1001")
    world.clock.advance(datetime.timedelta(days=30))
    assert (await world.container.clean_up()()).drafts == 0
    async with world.container.uow()() as uow:
        assert (await uow.campaigns.get(campaign.campaign_id)).recipients == 1


def test_every_kind_of_work_has_somebody_who_does_it(world: World) -> None:
    assert set(job_handlers(world.container)) == {kind.name for kind in JOB_KINDS}
    assert {"clean_up", "read_bounces"} <= {kind.name for kind in JOB_KINDS if kind.every}
