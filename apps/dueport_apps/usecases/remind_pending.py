"""Remind of pending invitations by itself, where the dealer asks for it; each one once."""

import datetime

from dueport_apps.usecases.campaigns import StartCampaign, again_order, every_invitation
from dueport_apps.usecases.invite_records import (
    CampaignKind,
    InvitationFilter,
    StoredInvitation,
)
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock, Conflict, Invalid


class RemindPending:
    """The daily reminder of pending invitations, where the dealer asks for it; each one once."""

    def __init__(
        self, uow: UnitOfWorkFactory, start: StartCampaign, policies: Policies, clock: Clock
    ) -> None:
        self._uow = uow
        self._start = start
        self._policies = policies
        self._clock = clock

    async def __call__(self, by: Principal) -> int:
        """Remind everybody who is due; return how many mails were recorded."""
        days = self._policies.invite.remind_after_days
        if not days:
            return 0
        due = await self._due(self._clock.now() - datetime.timedelta(days=days))
        if not due:
            return 0
        order = again_order(CampaignKind.NUDGE, due, pending_days=days)
        try:
            return (await self._start.at_once(order, by)).recipients
        except (Conflict, Invalid):
            # Those that are due cannot be mailed; the follow-up list shows them with the reason.
            return 0

    async def _due(self, since: datetime.datetime) -> list[StoredInvitation]:
        async with self._uow() as uow:
            pending = await every_invitation(uow, InvitationFilter(pending_since=since))
        return [one for one in pending if one.nudged_at is None]
