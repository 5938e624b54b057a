"""Send one invitation again, remind of it, or remind of all that are pending for too long."""

import datetime

from dueport_apps.usecases.campaigns import StartCampaign, again_order, every_invitation
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    InvitationFilter,
    StoredInvitation,
)
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock, Conflict, Invalid

DAYS_MAX = 366


class SendAgain:
    """Each is a campaign of its own, decided by the same rehearsal as every other."""

    def __init__(self, uow: UnitOfWorkFactory, start: StartCampaign, clock: Clock) -> None:
        self._uow = uow
        self._start = start
        self._clock = clock

    async def resend(
        self, invitation_id: str, by: Principal, *, confirm_declined: bool = False
    ) -> Campaign:
        """Send a new link with a new expiry; the old links are dead. Raises Conflict, which names
        the state, for one that is registered, revoked, or pending with a mail that arrived."""
        invitation = await self._get(invitation_id)
        order = again_order(
            CampaignKind.RESEND,
            [invitation],
            delivery=_delivery(invitation),
            language=invitation.language,
            second_check=invitation.second_check,
            confirm_declined=confirm_declined,
        )
        return await self._start.at_once(order, by)

    async def remind(self, invitation_id: str, by: Principal) -> Campaign:
        """Remind of a pending invitation; its link and its expiry stay. Raises Conflict, which
        names the state, for any other."""
        invitation = await self._get(invitation_id)
        order = again_order(CampaignKind.NUDGE, [invitation])
        return await self._start.at_once(order, by)

    async def remind_pending(self, over_days: int, by: Principal) -> Campaign:
        """Remind of everything that is pending for longer than so many days and was not reminded
        of since. Raises Conflict where there is nothing of that kind."""
        if not 1 <= over_days <= DAYS_MAX:
            sentence = f"Choose a number of days between 1 and {DAYS_MAX}."
            raise Invalid(sentence, {"pending_over_days": sentence})
        due = await self._pending(self._clock.now() - datetime.timedelta(days=over_days))
        if not due:
            raise Conflict(
                f"No invitation is pending for more than {over_days} days. Nothing was sent."
            )
        order = again_order(CampaignKind.NUDGE, due, pending_days=over_days)
        return await self._start.at_once(order, by)

    async def _get(self, invitation_id: str) -> StoredInvitation:
        async with self._uow() as uow:
            return await uow.invitations.get(invitation_id)

    async def _pending(self, since: datetime.datetime) -> list[StoredInvitation]:
        async with self._uow() as uow:
            return await every_invitation(uow, InvitationFilter(pending_since=since))


def _delivery(invitation: StoredInvitation) -> str:
    return invitation.delivery.removeprefix("invite_")
