"""Pause a campaign, go on with it, or take back what was not sent."""

from collections.abc import Sequence

import msgspec

from dueport_apps.usecases.campaigns import subject_of
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignState,
    InvitationEvent,
    LinkEnd,
)
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock, Conflict


class SteerCampaign:
    """Pause, go on, or take back what was not sent yet."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def pause(self, campaign_id: str, by: Principal) -> Campaign:
        """Hold what is not under way; raises Conflict for a campaign that is not being sent."""
        return await self._move(
            campaign_id, CampaignState.SENDING, CampaignState.PAUSED, by, "campaign.paused"
        )

    async def resume(self, campaign_id: str, by: Principal) -> Campaign:
        return await self._move(
            campaign_id, CampaignState.PAUSED, CampaignState.SENDING, by, "campaign.resumed"
        )

    async def cancel(self, campaign_id: str, by: Principal) -> Campaign:
        """Take back the unsent mails. Customers who were not invited before count as never invited;
        what has left cannot be taken back. Cancelling again is harmless."""
        now = self._clock.now()
        async with self._uow() as uow:
            await uow.invitations.lock()
            campaign = await uow.campaigns.get(campaign_id, for_update=True)
            if campaign.state is CampaignState.CANCELLED:
                return campaign
            if campaign.state not in (CampaignState.SENDING, CampaignState.PAUSED):
                raise Conflict(
                    f"This campaign is {campaign.state.value}; nothing waits to be sent."
                )
            unsent = await uow.campaigns.cancel_unsent(campaign_id)
            if campaign.kind is not CampaignKind.NUDGE:
                await self._take_back(uow, campaign, unsent, by)
            ended = msgspec.structs.replace(campaign, state=CampaignState.CANCELLED, ended_at=now)
            await uow.campaigns.save(ended, campaign.state)
            await uow.audit.append(
                audit(
                    by,
                    now,
                    "campaign.cancelled",
                    subject_of(campaign),
                    campaign=campaign_id,
                    taken_back=str(len(unsent)),
                )
            )
            await uow.commit()
        return ended

    async def _take_back(
        self, uow: UnitOfWork, campaign: Campaign, unsent: Sequence[str], by: Principal
    ) -> None:
        now = self._clock.now()
        found = await uow.invitations.by_ids(unsent, for_update=True)
        pending = [
            one
            for one in found.values()
            if one.state is InvitationState.PENDING and one.campaign_id == campaign.campaign_id
        ]
        await uow.invitations.void_tokens(
            [one.invitation_id for one in pending], LinkEnd.REVOKED, now
        )
        await uow.invitations.put(
            [
                msgspec.structs.replace(
                    one,
                    state=transition(one.state, InvitationState.REVOKED, Actor.OPERATOR),
                    decided_at=now,
                    reason="The campaign was cancelled before this mail was sent.",
                )
                for one in pending
            ]
        )
        await uow.invitations.add_events(
            [
                InvitationEvent(
                    account_no=one.account_no,
                    invitation_id=one.invitation_id,
                    at=now,
                    kind="revoked",
                    actor=by.name,
                    detail="campaign cancelled before the mail was sent",
                )
                for one in pending
            ]
        )

    async def _move(
        self,
        campaign_id: str,
        expected: CampaignState,
        to: CampaignState,
        by: Principal,
        action: str,
    ) -> Campaign:
        async with self._uow() as uow:
            campaign = await uow.campaigns.get(campaign_id, for_update=True)
            if campaign.state is to:
                return campaign
            if campaign.state is not expected:
                raise Conflict(f"This campaign is {campaign.state.value}.")
            moved = msgspec.structs.replace(campaign, state=to)
            await uow.campaigns.save(moved, expected)
            await uow.audit.append(
                audit(by, self._clock.now(), action, subject_of(campaign), campaign=campaign_id)
            )
            if to is CampaignState.SENDING:
                await uow.work.enqueue("send_mail", key="send_mail")
            await uow.commit()
        return moved
