"""Invite, send again or remind: one customer, a selection, or the whole book, as one campaign.

Starting one is a single transaction under the right to invite, so two operators who press at the
same second, or one who presses twice, mail nobody twice. The mails themselves leave from workers.
"""

import datetime
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal

import msgspec

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignState,
    InvitationEvent,
    InvitationFilter,
    InviteOptions,
    LinkEnd,
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.plan_invitations import (
    InviteOrder,
    InvitePlanner,
    Plan,
    PlannedMail,
    options_of,
)
from dueport_apps.usecases.plan_reasons import LeftOut, kept
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Ids
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock, Conflict

_MAIL_KINDS = {
    CampaignKind.INVITE: "invite",
    CampaignKind.RESEND: "invite",
    CampaignKind.NUDGE: "invite_reminder",
}
_EVENT_KINDS: dict[CampaignKind, Literal["invited", "resent", "nudged"]] = {
    CampaignKind.INVITE: "invited",
    CampaignKind.RESEND: "resent",
    CampaignKind.NUDGE: "nudged",
}
DRAFT_LIFETIME = datetime.timedelta(days=2)


class RehearseInvitations:
    """Show what sending would do, and do nothing."""

    def __init__(self, uow: UnitOfWorkFactory, planner: InvitePlanner) -> None:
        self._uow = uow
        self._planner = planner

    async def __call__(self, order: InviteOrder) -> Plan:
        """Return the three lists; raises Invalid or NotFound for an order that makes no sense."""
        async with self._uow() as uow:
            await self._planner.check(uow, order)
            return await self._planner.whole(uow, order)

    async def pages(self, order: InviteOrder) -> AsyncGenerator[Plan, None]:
        """Yield the same lists bit by bit, always in the same order, so that a part of a long one
        needs little memory. Close it when you stop early; raises as above."""
        async with self._uow() as uow:
            await self._planner.check(uow, order)
            async for page in self._planner.pages(uow, order):
                yield page


class DraftCampaign:
    """Keep an order while somebody looks at its rehearsal; nothing is sent by it."""

    def __init__(
        self, uow: UnitOfWorkFactory, planner: InvitePlanner, ids: Ids, clock: Clock
    ) -> None:
        self._uow = uow
        self._planner = planner
        self._ids = ids
        self._clock = clock

    async def __call__(self, order: InviteOrder, by: Principal) -> Campaign:
        """Store the draft; raises Invalid or NotFound for an order that makes no sense."""
        campaign = _draft(order, by, self._ids, self._clock)
        async with self._uow() as uow:
            await self._planner.check(uow, order)
            await uow.campaigns.add(campaign)
            await uow.commit()
        return campaign

    async def change(self, campaign_id: str, options: InviteOptions) -> Campaign:
        """Replace the options of a draft; raises Conflict once it was started."""
        async with self._uow() as uow:
            campaign = await uow.campaigns.get(campaign_id, for_update=True)
            campaign = msgspec.structs.replace(campaign, options=options)
            await self._planner.check(uow, order_of(campaign))
            await uow.campaigns.save(campaign, CampaignState.DRAFT)
            await uow.commit()
        return campaign


class StartCampaign:
    """Record everything that the campaign does, and let workers send it."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        planner: InvitePlanner,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._planner = planner
        self._ids = ids
        self._clock = clock
        self._policies = policies

    async def __call__(self, campaign_id: str, by: Principal) -> Campaign:
        """Start a draft. One that was started before is returned as it is: a second press sends
        nothing. Raises Conflict when everybody is in already, Invalid when nobody can be mailed; the
        draft stays."""
        async with self._uow() as uow:
            await uow.invitations.lock()
            campaign = await uow.campaigns.get(campaign_id, for_update=True)
            if campaign.state is not CampaignState.DRAFT:
                return campaign
            await self._planner.check(uow, order_of(campaign))
            started = await self._start(uow, campaign, by)
            await uow.campaigns.save(started, CampaignState.DRAFT)
            await uow.commit()
        return started

    async def at_once(self, order: InviteOrder, by: Principal) -> Campaign:
        """Draft and start in one transaction, for programs; refuses as above and keeps nothing."""
        async with self._uow() as uow:
            await uow.invitations.lock()
            await self._planner.check(uow, order)
            campaign = _draft(order, by, self._ids, self._clock)
            await uow.campaigns.add(campaign)
            started = await self._start(uow, campaign, by)
            await uow.campaigns.save(started, CampaignState.DRAFT)
            await uow.commit()
        return started

    async def _start(self, uow: UnitOfWork, campaign: Campaign, by: Principal) -> Campaign:
        mails = 0
        left_out = LeftOut(campaign.kind, campaign.options.pending_days)
        async for page in self._planner.pages(uow, order_of(campaign)):
            mails += len(page.will)
            left_out.take(page.cannot, page.already)
            await self._record(uow, campaign, page.will, by)
            await uow.campaigns.add_refusals(
                [
                    *(kept(one, campaign.campaign_id) for one in page.cannot),
                    *(kept(one, campaign.campaign_id) for one in page.already),
                ]
            )
        if not mails:
            raise left_out.error()
        now = self._clock.now()
        await uow.audit.append(
            audit(
                by,
                now,
                f"campaign.{campaign.kind.value}",
                subject_of(campaign),
                campaign=campaign.campaign_id,
                mails=str(mails),
                cannot=str(left_out.cannot),
                already=str(left_out.already),
                delivery=campaign.options.delivery,
            )
        )
        await uow.work.enqueue("send_mail", key="send_mail")
        return msgspec.structs.replace(
            campaign,
            state=CampaignState.SENDING,
            started_at=now,
            recipients=mails,
            cannot=left_out.cannot,
            already=left_out.already,
        )

    async def _record(
        self, uow: UnitOfWork, campaign: Campaign, planned: Sequence[PlannedMail], by: Principal
    ) -> None:
        """Write the invitations, their mails and their timeline."""
        now = self._clock.now()
        await _hold(uow, planned)
        invitations = [self._invitation(campaign, mail, by, now) for mail in planned]
        if campaign.kind is not CampaignKind.NUDGE:
            await uow.invitations.void_tokens(
                [one.invitation_id for one in invitations], LinkEnd.REPLACED, now
            )
        await uow.invitations.put(invitations)
        await uow.mail.queue_all(
            [
                MailDelivery(
                    delivery_id=self._ids.new(),
                    kind=_MAIL_KINDS[campaign.kind],
                    subject_ref=f"invitation:{one.invitation_id}:{one.sends}",
                    to_address=one.email,
                    invitation_id=one.invitation_id,
                    campaign_id=campaign.campaign_id,
                    due_at=now,
                    created_at=now,
                )
                for one in invitations
            ]
        )
        await uow.invitations.add_events(
            [
                InvitationEvent(
                    account_no=one.account_no,
                    invitation_id=one.invitation_id,
                    at=now,
                    kind=_EVENT_KINDS[campaign.kind],
                    actor=by.name,
                    detail=one.email,
                )
                for one in invitations
            ]
        )

    def _invitation(
        self, campaign: Campaign, mail: PlannedMail, by: Principal, now: datetime.datetime
    ) -> StoredInvitation:
        present = mail.present
        if campaign.kind is CampaignKind.NUDGE:
            assert present is not None
            expires_at = present.expires_at
            if present.delivery == "invite_credentials":
                # The reminder brings a password of its own, which gets its full time.
                expires_at = max(expires_at, now + self._policies.lifetime_of("credentials"))
            return msgspec.structs.replace(
                present,
                sends=present.sends + 1,
                nudged_at=now,
                asked_at=None,
                expires_at=expires_at,
            )
        actor = Actor.CUSTOMER if by.kind == "customer" else Actor.OPERATOR
        state = transition(
            present.state if present else None,
            InvitationState.PENDING,
            actor,
            confirmed=campaign.options.confirm_declined,
        )
        options = campaign.options
        if campaign.kind is CampaignKind.RESEND and present is not None:
            options = options_of(present, options)
        fresh = StoredInvitation(
            invitation_id=present.invitation_id if present else self._ids.new(),
            account_no=mail.account.account_no,
            email=mail.email,
            recipient=options.recipient,
            delivery=f"invite_{options.delivery}",
            language=options.language,
            second_check=options.second_check,
            username=mail.username,
            state=state,
            created_at=present.created_at if present else now,
            invited_at=now,
            expires_at=now + self._policies.lifetime_of(options.delivery),
            created_by=by.principal_id,
            campaign_id=campaign.campaign_id,
            sends=present.sends + 1 if present else 1,
        )
        if campaign.kind is CampaignKind.RESEND and present is not None:
            return msgspec.structs.replace(fresh, recipient=present.recipient)
        return fresh


def order_of(campaign: Campaign) -> InviteOrder:
    return InviteOrder(kind=campaign.kind, selection=campaign.selection, options=campaign.options)


def again_order(
    kind: CampaignKind, invitations: Sequence[StoredInvitation], **options: Any
) -> InviteOrder:
    """Return the order that sends these invitations again, or reminds of them."""
    return InviteOrder(
        kind=kind,
        selection=Selection(
            account_nos=tuple(dict.fromkeys(one.account_no for one in invitations)),
            invitation_ids=frozenset(one.invitation_id for one in invitations),
        ),
        options=InviteOptions(**options),
    )


async def _hold(uow: UnitOfWork, planned: Sequence[PlannedMail]) -> None:
    """Hold the invitations that there are until commit; raises Conflict where one has changed
    since it was looked at: what a customer has answered is never overwritten."""
    seen = {mail.present.invitation_id: mail.present for mail in planned if mail.present}
    if not seen:
        return
    held = await uow.invitations.by_ids(list(seen), for_update=True)
    if any(held[one].state is not seen[one].state for one in seen):
        raise Conflict("One of these invitations has changed meanwhile; look again.")


def _draft(order: InviteOrder, by: Principal, ids: Ids, clock: Clock) -> Campaign:
    return Campaign(
        campaign_id=ids.new(),
        kind=order.kind,
        selection=order.selection,
        options=order.options,
        created_by=by.principal_id,
        created_by_name=by.name,
        created_at=clock.now(),
    )


def subject_of(campaign: Campaign) -> str:
    """A campaign of one is the account's story; a larger one has its own."""
    accounts = campaign.selection.account_nos
    return f"account:{accounts[0]}" if len(accounts) == 1 else f"campaign:{campaign.campaign_id}"


async def every_invitation(uow: UnitOfWork, filter: InvitationFilter) -> list[StoredInvitation]:
    """Return all invitations that the filter shows, oldest first."""
    found: list[StoredInvitation] = []
    after: str | None = None
    while True:
        rows, after = await uow.invitations.rows(filter, after, 500)
        found += [row.invitation for row in rows]
        if after is None:
            return found
