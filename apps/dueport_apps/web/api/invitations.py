"""Invitations by the API: rehearse, send, send again, remind, look at the mail."""

import datetime
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from dueport_apps.usecases.campaigns import RehearseInvitations, StartCampaign
from dueport_apps.usecases.declined_customers import was_declined
from dueport_apps.usecases.invite_records import InvitationFilter, InvitationRow
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.preview_invitation import PreviewInvitation
from dueport_apps.usecases.send_again import SendAgain
from dueport_apps.usecases.steer_invitation import CopyInvitationLink, RevokeInvitation
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.api.invite_bodies import (
    campaign_answer,
    funnel_body,
    invitation_body,
    preview_body,
    rehearsal_body,
)
from dueport_apps.web.api.invite_orders import CONFIRM_DECLINED, as_sent, order_of
from dueport_apps.web.api.invite_shapes import (
    CampaignBody,
    FunnelBody,
    InvitationBody,
    InvitationPageBody,
    InviteBody,
    LinkBody,
    MailTestBody,
    NudgeBody,
    PreviewBody,
    PreviewOrderBody,
    RehearsalBody,
    ResendBody,
)
from dueport_apps.web.api.shapes import After, Limit
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.people import operator_of
from dueport_core.errors import Conflict
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

AnyRequest = Request[Any, Any, Any]
NUMBERS = frozenset({"excluded", "show_account_no"})
"""Fields of a body that hold account numbers beside those that always do."""
StateChoice = Literal["", "pending", "accepted", "declined", "expired", "revoked"]
# The framework keeps the name ``state`` for itself.
InState = Annotated[StateChoice, QueryParameter(name="state")]
Text = Annotated[str, QueryParameter(max_length=200)]
DaysOver = Annotated[
    int | None,
    QueryParameter(ge=1, le=366, description="Pending for longer than so many days."),
]
DaysDue = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=366,
        description=(
            "Due for a reminder: pending, neither invited nor reminded within so many days, and the "
            "last mail has left and is not known to be lost."
        ),
    ),
]


@post(
    "/invitations/rehearsal",
    guards=[operator_required("invite")],
    opt={"document_fields": NUMBERS},
    status_code=200,
    summary="Rehearse invitations",
)
async def rehearse(
    data: JSONBody[InviteBody],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    policies: NamedDependency[Policies],
) -> RehearsalBody:
    """Say who would get a mail, who cannot and why, and who is in already. Nothing is stored and
    nothing is sent; `POST invitations` with the same body carries out what this shows."""
    order = order_of(data, policies)
    async with as_sent(order, rehearse_invitations):
        return rehearsal_body(await rehearse_invitations(order))


@post(
    "/invitations",
    guards=[operator_required("invite")],
    opt={"idempotency": "required", "document_fields": NUMBERS},
    summary="Invite customers",
)
async def invite(
    request: AnyRequest,
    data: JSONBody[InviteBody],
    start_campaign: NamedDependency[StartCampaign],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    policies: NamedDependency[Policies],
    uow: NamedDependency[UnitOfWorkFactory],
) -> CampaignBody:
    """Record a campaign and let workers send it. The same key sends nothing twice, and neither does
    another key: whoever is invited already is refused. Where nobody would get a mail the answer is
    a conflict or names what to mend, and nothing is recorded."""
    order = order_of(data, policies)
    async with as_sent(order, rehearse_invitations):
        campaign = await start_campaign.at_once(order, operator_of(request))
    async with uow() as unit:
        return await campaign_answer(unit, campaign.campaign_id)


@get("/invitations", guards=[operator_required("view")], summary="List invitations")
async def invitations(
    uow: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[Clock],
    in_state: InState = "",
    pending_over_days: DaysOver = None,
    due_after_days: DaysDue = None,
    asked: FromQuery[bool] = False,
    delivery_problem: FromQuery[bool] = False,
    q: Text = "",
    account_no: Text = "",
    after: After = None,
    limit: Limit = 50,
) -> InvitationPageBody:
    """Invitations, oldest first, each with what became of its last mail. `asked`: the customer asked
    for a new link; `delivery_problem`: the last mail failed, came back or may not have arrived."""
    now = clock.now()
    wanted = InvitationFilter(
        state=InvitationState(in_state) if in_state else None,
        pending_since=_before(now, pending_over_days),
        due_since=_before(now, due_after_days),
        asked=asked,
        delivery_problem=delivery_problem,
        text=q,
        account_no=account_no,
    )
    async with uow() as unit:
        rows, following = await unit.invitations.rows(wanted, after, limit)
    return InvitationPageBody(items=[invitation_body(row) for row in rows], next=following)


@get("/invitations/funnel", guards=[operator_required("view")], summary="The funnel")
async def funnel(uow: NamedDependency[UnitOfWorkFactory]) -> FunnelBody:
    """How far the customers got: invited, opened, registered, first payment."""
    async with uow() as unit:
        return funnel_body(await unit.invitations.funnel())


@post(
    "/invitations/preview",
    guards=[operator_required("invite")],
    opt={"document_fields": NUMBERS},
    status_code=200,
    summary="Look at the mail",
)
async def preview(
    data: JSONBody[PreviewOrderBody],
    preview_invitation: NamedDependency[PreviewInvitation],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    policies: NamedDependency[Policies],
) -> PreviewBody:
    """The exact mail that a selected customer would get. Its links lead to a page that says that it
    was a sample."""
    order = order_of(data, policies)
    async with as_sent(order, rehearse_invitations):
        return preview_body(await preview_invitation(order, data.show_account_no))


@post(
    "/invitations/test",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional", "document_fields": NUMBERS},
    status_code=202,
    summary="Send a test",
)
async def send_test(
    request: AnyRequest,
    data: JSONBody[MailTestBody],
    preview_invitation: NamedDependency[PreviewInvitation],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    policies: NamedDependency[Policies],
) -> PreviewBody:
    """Mail the preview to an address of yours, marked as a test. No invitation is made and no record
    of the customer changes."""
    order = order_of(data, policies)
    to_address = data.to_address.strip()
    async with as_sent(order, rehearse_invitations):
        sent = await preview_invitation.send_test(
            order, to_address, operator_of(request), data.show_account_no
        )
    return preview_body(sent)


@post(
    "/invitations/nudge",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    summary="Remind all that are pending",
)
async def nudge_pending(
    request: AnyRequest,
    data: JSONBody[NudgeBody],
    send_again: NamedDependency[SendAgain],
    uow: NamedDependency[UnitOfWorkFactory],
) -> CampaignBody:
    """Remind of every invitation that is pending for longer than so many days and was not reminded
    of since. The links and the expiry stay as they are; calling again reminds nobody twice."""
    campaign = await send_again.remind_pending(data.pending_over_days, operator_of(request))
    async with uow() as unit:
        return await campaign_answer(unit, campaign.campaign_id)


@get(
    "/invitations/{invitation_id:str}", guards=[operator_required("view")], summary="One invitation"
)
async def invitation(
    invitation_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> InvitationBody:
    """One invitation with what became of its last mail."""
    async with uow() as unit:
        return invitation_body(await _row(unit, invitation_id))


@post(
    "/invitations/{invitation_id:str}/resend",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Send a new link",
)
async def resend(
    request: AnyRequest,
    invitation_id: FromPath[str],
    send_again: NamedDependency[SendAgain],
    uow: NamedDependency[UnitOfWorkFactory],
    data: JSONBody[ResendBody | None] = None,
) -> InvitationBody:
    """Send a new link with a new expiry; the old ones are dead. For an invitation that has expired
    or whose mail did not arrive for certain, and with `confirm_declined` for a declined one;
    everything else is a conflict that names the state."""
    confirmed = data is not None and data.confirm_declined
    try:
        await send_again.resend(invitation_id, operator_of(request), confirm_declined=confirmed)
    except Conflict as error:
        async with uow() as unit:
            if confirmed or not await was_declined(unit, invitation_id):
                raise
        raise Conflict(f"{error.message} {CONFIRM_DECLINED}") from error
    async with uow() as unit:
        return invitation_body(await _row(unit, invitation_id))


@post(
    "/invitations/{invitation_id:str}/nudge",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Remind of one invitation",
)
async def nudge(
    request: AnyRequest,
    invitation_id: FromPath[str],
    send_again: NamedDependency[SendAgain],
    uow: NamedDependency[UnitOfWorkFactory],
) -> InvitationBody:
    """Remind of a pending invitation; its link and its expiry stay."""
    await send_again.remind(invitation_id, operator_of(request))
    async with uow() as unit:
        return invitation_body(await _row(unit, invitation_id))


@post(
    "/invitations/{invitation_id:str}/revoke",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Revoke an invitation",
)
async def revoke(
    request: AnyRequest,
    invitation_id: FromPath[str],
    revoke_invitation: NamedDependency[RevokeInvitation],
    uow: NamedDependency[UnitOfWorkFactory],
) -> InvitationBody:
    """Take a pending invitation back: every link to it is dead at once."""
    await revoke_invitation(invitation_id, operator_of(request))
    async with uow() as unit:
        return invitation_body(await _row(unit, invitation_id))


@post(
    "/invitations/{invitation_id:str}/link",
    guards=[operator_required("invite")],
    summary="Make a link to hand over",
)
async def link(
    request: AnyRequest,
    invitation_id: FromPath[str],
    copy_invitation_link: NamedDependency[CopyInvitationLink],
) -> LinkBody:
    """A registration link of its own, to hand over by other means than mail. Mailed links stay good.
    Each call makes another link and is recorded."""
    return LinkBody(url=await copy_invitation_link(invitation_id, operator_of(request)))


def _before(now: datetime.datetime, days: int | None) -> datetime.datetime | None:
    return None if days is None else now - datetime.timedelta(days=days)


async def _row(uow: UnitOfWork, invitation_id: str) -> InvitationRow:
    found = await uow.invitations.get(invitation_id)
    rows = await uow.invitations.of_account(found.account_no)
    return next(row for row in rows if row.invitation.invitation_id == invitation_id)
