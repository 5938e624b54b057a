"""A link that has ended can explain itself, and do nothing else."""

import asyncio
import datetime
from collections.abc import Coroutine
from typing import Any

import pytest
from sqlalchemy import text

from dueport_apps.usecases.clean_up import ENDED_LINK_LIFETIME
from dueport_apps.usecases.invite_records import CampaignKind, LinkEnd
from dueport_apps.usecases.open_invitation import LinkOver, NewerMail
from dueport_apps.usecases.records import PortalUser
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState
from tests.ending_links import end_link, expire, invite_to_end, send_newer
from tests.inviting import invitation_row, linked_accounts, timeline
from tests.patience import until
from tests.world import World, token_in

DEALER = "ar@cedaryard.example"


async def over(world: World, token: str) -> LinkOver:
    opened = await world.container.open_invitation()(token)
    assert not opened.live
    assert opened.over is not None
    return opened.over


async def asked(world: World, token: str) -> int:
    """Ask for a new link; return how many such wishes have reached the dealer."""
    await world.container.ask_for_link()(token, "10.0.0.1")
    await world.run_jobs()
    return len(world.mail.to(DEALER))


@pytest.mark.parametrize("end", [end for end in LinkEnd if end is not LinkEnd.REPLACED])
async def test_a_link_that_has_ended_says_why_and_when(world: World, end: LinkEnd) -> None:
    token = await invite_to_end(world, end)
    world.clock.advance(datetime.timedelta(days=1))
    await end_link(world, token, end)
    ended_at = world.clock.now()
    world.clock.advance(datetime.timedelta(days=30))
    assert await over(world, token) == LinkOver(end=end, at=ended_at)


@pytest.mark.parametrize("end", LinkEnd)
async def test_a_link_that_has_ended_does_nothing(world: World, end: LinkEnd) -> None:
    token = await invite_to_end(world, end)
    await end_link(world, token, end)
    before = (await invitation_row(world), await timeline(world), len(world.mail.sent))
    logins = await linked_accounts(world, "ap@harbor.example")
    for use in (
        world.register(token, "another password altogether"),
        world.container.decline_invitation()(token),
        world.container.answer_second_check()(token, "03801"),
    ):
        with pytest.raises(NotFound):
            await use
    assert await asked(world, token) == 0
    await world.container.open_invitation()(token)
    assert (await invitation_row(world), await timeline(world), len(world.mail.sent)) == before
    assert await linked_accounts(world, "ap@harbor.example") == logins


async def test_every_link_of_an_invitation_ends_with_it(world: World) -> None:
    mailed = await world.invite("1001")
    invitation_id = (await invitation_row(world)).invitation.invitation_id
    copied = await world.container.copy_invitation_link()(invitation_id, world.staff)
    await world.start_campaign("1001", kind=CampaignKind.NUDGE)
    await world.run_jobs()
    reminder = token_in(world.mail.sent[-1].text)
    links = [mailed, copied.rsplit("/", 1)[1], reminder]
    for link in links:
        assert (await world.container.open_invitation()(link)).live
    await world.register(links[1])
    for link in links:
        assert (await over(world, link)).end is LinkEnd.USED


async def test_the_newer_link_says_what_became_of_the_older_one_too(world: World) -> None:
    older = await world.invite("1001")
    newer = await send_newer(world)
    assert (await over(world, older)).end is LinkEnd.REPLACED
    await world.register(newer)
    for link in (older, newer):
        assert (await over(world, link)).end is LinkEnd.USED
    await world.container.disable_access()("1001", world.staff)
    for link in (older, newer):
        assert (await over(world, link)).end is LinkEnd.SWITCHED_OFF


async def test_who_is_invited_again_is_led_to_the_newer_mail(world: World) -> None:
    declined = await world.invite("1001")
    await world.container.decline_invitation()(declined)
    world.clock.advance(datetime.timedelta(days=3))
    again = await world.invite("1001", confirm_declined=True)
    assert await over(world, declined) == LinkOver(
        end=LinkEnd.REPLACED, at=world.clock.now(), newer=NewerMail.SENT
    )
    assert (await world.container.open_invitation()(again)).live


async def test_a_replaced_link_knows_how_it_stands_with_the_newer_mail(world: World) -> None:
    token = await world.invite("1001")
    await expire(world)
    await world.start_campaign("1001", kind=CampaignKind.RESEND)
    assert (await over(world, token)).newer is NewerMail.COMING
    await world.run_jobs()
    assert (await over(world, token)).newer is NewerMail.SENT
    sent = (await invitation_row(world)).invitation
    world.clock.advance(datetime.timedelta(days=7))
    expired = LinkOver(end=LinkEnd.REPLACED, at=sent.expires_at, newer=NewerMail.EXPIRED)
    assert await over(world, token) == expired
    await world.container.expire_invitations()()
    assert await over(world, token) == expired


async def test_a_newer_mail_that_comes_back_is_not_waited_for(world: World) -> None:
    token = await world.invite("1001")
    await expire(world)
    world.mail.refuse("ap@harbor.example", 550, "no such user")
    await world.start_campaign("1001", kind=CampaignKind.RESEND)
    await world.run_jobs()
    assert (await over(world, token)).newer is NewerMail.LOST


async def test_a_replaced_link_asks_for_another_once_the_newer_one_has_expired(
    world: World,
) -> None:
    oldest = await world.invite("1001")
    newer = await send_newer(world)
    assert await asked(world, oldest) == 0, "the newer one works"
    await expire(world)
    assert (await world.container.open_invitation()(oldest)).may_ask
    assert await asked(world, oldest) == 1
    assert await asked(world, newer) == 1, "one wish a day is enough"
    assert (await invitation_row(world)).invitation.state is InvitationState.EXPIRED


async def test_what_has_ended_is_forgotten_after_three_months(world: World) -> None:
    token = await world.invite("1001")
    other = await world.invite("1002")
    await world.container.decline_invitation()(token)
    world.clock.advance(ENDED_LINK_LIFETIME)
    assert (await world.container.clean_up()()).links == 0
    assert (await over(world, token)).end is LinkEnd.DECLINED
    world.clock.advance(datetime.timedelta(seconds=1))
    assert (await world.container.clean_up()()).links == 2, "the link and the right to decline"
    with pytest.raises(NotFound, match="does not work"):
        await world.container.open_invitation()(token)
    assert (await world.container.open_invitation()(other)).may_ask, "an expired one has not ended"


async def test_a_link_whose_mail_was_written_while_the_invitation_was_decided_is_over(
    world: World,
) -> None:
    token = await world.invite("1001")
    row = (await invitation_row(world)).invitation
    await world.container.revoke_invitation()(row.invitation_id, world.staff)
    async with world.container.uow()() as uow:
        # As the worker stores it that had read the invitation before it was revoked.
        connection = uow.connection  # type: ignore[attr-defined]  # As it is stored.
        await connection.exec_driver_sql(
            "UPDATE invitation_token SET ended_at = NULL, end_reason = NULL"
        )
        await uow.commit()
    assert await over(world, token) == LinkOver(end=LinkEnd.REVOKED, at=world.clock.now())
    with pytest.raises(Conflict, match="revoked"):
        await world.register(token)


@pytest.mark.parametrize("first", ["register", "resend"])
async def test_registering_while_a_newer_mail_is_sent_is_decided_by_who_is_first(
    world: World, first: str
) -> None:
    world.mail.lose_answer("ap@harbor.example")
    token = await world.invite("1001")
    async with world.container.uow()() as uow:
        invitation_id = (await invitation_row(world)).invitation.invitation_id
        # Both have looked at the invitation before either may touch it.
        await uow.invitations.get(invitation_id, for_update=True)
        tasks: dict[str, asyncio.Task[Any]] = {}
        for step in sorted(("register", "resend"), key=lambda step: step != first):
            take: Coroutine[Any, Any, Any] = (
                world.register(token)
                if step == "register"
                else world.start_campaign("1001", kind=CampaignKind.RESEND)
            )
            tasks[step] = asyncio.create_task(take)
            await waiting(world, len(tasks))
    answers = dict(
        zip(tasks, await asyncio.gather(*tasks.values(), return_exceptions=True), strict=True)
    )
    await world.run_jobs()
    row = (await invitation_row(world)).invitation
    if first == "register":
        assert isinstance(answers["register"], PortalUser)
        assert isinstance(answers["resend"], Conflict), answers
        assert "changed meanwhile" in answers["resend"].message
        assert row.state is InvitationState.ACCEPTED
        assert len(world.mail.sent) == 1
        assert (await over(world, token)).end is LinkEnd.USED
    else:
        assert isinstance(answers["register"], NotFound), answers
        assert row.state is InvitationState.PENDING
        assert (await over(world, token)).newer is NewerMail.SENT
        assert await linked_accounts(world, "ap@harbor.example") == []
        await world.register(token_in(world.mail.sent[-1].text))


async def waiting(world: World, count: int) -> None:
    """Wait until so many transactions wait for a row."""

    async def wait_for_rows() -> bool:
        async with world.container.database().statements.connect() as connection:
            found = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')"
                )
            )
        return bool(found == count)

    await until(wait_for_rows, f"{count} that wait for the invitation")
