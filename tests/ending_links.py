"""Every way in which an invitation's link comes to its end, taken as people take it."""

import datetime

from dueport_apps.usecases.invite_records import CampaignKind, InvitationToken, LinkEnd
from dueport_core.credentials import SECOND_CHECK_TRIES
from dueport_core.errors import Conflict, Invalid
from dueport_ports import UsernameSource
from tests.inviting import invitation_row
from tests.world import World, account, token_in

ZIP = "03801"


async def invite_to_end(world: World, end: LinkEnd) -> str:
    """Invite account 1001, so that its link can come to this end; return the link's token."""
    if end is LinkEnd.REPLACED:
        # Nobody can say that this mail arrived, so another may follow at once.
        world.mail.lose_answer("ap@harbor.example")
    if end is not LinkEnd.LOCKED:
        return await world.invite("1001")
    harbor = account("1001", "Harbor Builders, LLC", "ap@harbor.example", ship_to_zip=ZIP)
    world.erp.put(harbor)
    await world.sync()
    return await world.invite("1001", second_check=UsernameSource.SHIP_TO_ZIP)


async def end_link(world: World, token: str, end: LinkEnd) -> None:
    """Let the link of account 1001's invitation come to this end."""
    match end:
        case LinkEnd.USED:
            await world.register(token)
        case LinkEnd.DECLINED:
            await world.container.decline_invitation()(token)
        case LinkEnd.REPLACED:
            await resend(world)
        case LinkEnd.REVOKED:
            invitation_id = (await invitation_row(world)).invitation.invitation_id
            await world.container.revoke_invitation()(invitation_id, world.staff)
        case LinkEnd.LOCKED:
            for _ in range(SECOND_CHECK_TRIES):
                try:
                    await world.container.answer_second_check()(token, "99999")
                except (Invalid, Conflict):
                    continue
        case LinkEnd.MOVED:
            world.erp.put(account("1001", "Harbor Builders, LLC", "new@harbor.example"))
            await world.sync()
            await world.run_jobs()
        case LinkEnd.SWITCHED_OFF:
            await world.container.disable_access()("1001", world.staff)
        case LinkEnd.TAKEN_BACK:
            await say_not_asked(world, token)


async def say_not_asked(world: World, token: str) -> None:
    """Answer the mail that brought this link as somebody does who did not sign up."""
    tokens = world.container.tokens()
    not_asked = tokens.new()
    async with world.container.uow()() as uow:
        found = await uow.invitations.by_token(tokens.hash(token))
        assert found is not None
        takes_back = InvitationToken(
            token_hash=tokens.hash(not_asked),
            invitation_id=found.invitation_id,
            kind="decline",
            created_at=world.clock.now(),
            link_hash=tokens.hash(token),
        )
        await uow.invitations.add_tokens([takes_back])
        await uow.commit()
    await world.container.decline_invitation()(not_asked)


async def send_newer(world: World) -> str:
    """Let the invitation expire, and send it again; return the newer link's token."""
    await expire(world)
    return await resend(world)


async def resend(world: World) -> str:
    """Send the invitation again; return the newer link's token."""
    await world.start_campaign("1001", kind=CampaignKind.RESEND)
    await world.run_jobs()
    return token_in(world.mail.sent[-1].text)


async def expire(world: World) -> None:
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()
