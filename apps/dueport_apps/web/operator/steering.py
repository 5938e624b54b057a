"""What an operator does to invitations from wherever they are listed: remind, send again, hand over
a link, revoke, and let mail go to an address again that sent it back."""

from collections.abc import Sequence
from typing import Any

from litestar import post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.usecases.campaigns import (
    DraftCampaign,
    StartCampaign,
    again_order,
    every_invitation,
)
from dueport_apps.usecases.invite_records import Campaign, CampaignKind, StoredInvitation
from dueport_apps.usecases.plan_invitations import options_of
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.steer_invitation import (
    ClearBounce,
    CopyInvitationLink,
    RevokeInvitation,
)
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.http.htmx import wants_fragment
from dueport_apps.web.operator.campaign_paths import (
    INVITATIONS,
    account_path,
    back_or,
    campaign_path,
    edit_path,
)
from dueport_apps.web.operator.customers import usual_options
from dueport_apps.web.operator.follow_up import days_of, lists_of
from dueport_apps.web.operator.pages import AnyRequest, address, see_other, show, show_rows
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_ports import Clock


@post("/operator/invitations/remind", guards=[operator_required("invite")])
async def remind(
    request: AnyRequest,
    uow: NamedDependency[UnitOfWorkFactory],
    start_campaign: NamedDependency[StartCampaign],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Send reminders at once to those who are ticked, or to everybody on the list."""
    form = await request.form()
    session = session_of(request)
    back = back_or(form, INVITATIONS)
    # Everybody on the list are those who were not reminded lately either, so that a second press
    # reminds nobody twice; who ticks one by one has seen when the last reminder went.
    days = days_of(str(form.get("days", "")), policies) if form.get("which") == "all" else 0
    async with uow() as unit:
        if days:
            found = await every_invitation(unit, lists_of(clock.now(), days)["pending"])
        else:
            found = await _ticked(unit, form)
    try:
        if not found:
            raise _nobody(form)
        campaign = await start_campaign.at_once(
            again_order(CampaignKind.NUDGE, found, pending_days=days), operator_of(request)
        )
    except (Invalid, Conflict, NotFound) as error:
        session.flash(error.message, "danger")
        return see_other(back)
    number = campaign.recipients
    session.flash(
        f"{number:,} reminder{' is' if number == 1 else 's are'} on the way." + _left_out(campaign),
        "success",
    )
    return see_other(back if len(found) == 1 else campaign_path(campaign.campaign_id))


@post("/operator/invitations/resend", guards=[operator_required("invite")])
async def resend(
    request: AnyRequest,
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Make a draft that sends new links to those who are ticked, and open its dialog."""
    return await _resend(request, await request.form(), uow, draft_campaign, policies)


@post("/operator/invitations/{invitation_id:str}/link", guards=[operator_required("invite")])
async def copy_link(
    request: AnyRequest,
    invitation_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    copy_invitation_link: NamedDependency[CopyInvitationLink],
) -> Response[Any]:
    """Make a link and show it with this very answer, because it is stored nowhere."""
    form = await request.form()
    link = problem = ""
    try:
        link = await copy_invitation_link(invitation_id, operator_of(request))
    except Conflict as error:
        problem = error.message
    async with uow() as unit:
        invitation = await unit.invitations.get(invitation_id)
        account = await unit.accounts.get(invitation.account_no)
    context: dict[str, Any] = {
        "link": link,
        "problem": problem,
        "invitation": invitation,
        "account": account,
    }
    status = 409 if problem else 200
    if wants_fragment(request):
        return show_rows(request, templates, "follow_up/link", status=status, **context)
    return show(
        request,
        templates,
        "follow_up/link_page",
        status=status,
        back=back_or(form, account_path(invitation.account_no)),
        **context,
    )


@post("/operator/invitations/{invitation_id:str}/revoke", guards=[operator_required("invite")])
async def revoke(
    request: AnyRequest,
    invitation_id: FromPath[str],
    revoke_invitation: NamedDependency[RevokeInvitation],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Take an invitation back; every link to it is dead at once."""
    form = await request.form()
    async with uow() as unit:
        invitation = await unit.invitations.get(invitation_id)
    session = session_of(request)
    try:
        await revoke_invitation(invitation_id, operator_of(request))
    except Conflict as error:
        session.flash(error.message, "danger")
    else:
        session.flash(
            f"The invitation to {invitation.email} is revoked; its links do not work any more.",
            "success",
        )
    return see_other(back_or(form, account_path(invitation.account_no)))


@post("/operator/invitations/clear-bounce", guards=[operator_required("invite")])
async def clear_mark(
    request: AnyRequest,
    clear_bounce: NamedDependency[ClearBounce],
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Let mail go to an address again that sent mail back; on request open the dialog for it."""
    form = await request.form()
    session = session_of(request)
    marked = str(form.get("address", ""))[:320]
    try:
        await clear_bounce(marked, operator_of(request))
    except NotFound as error:
        session.flash(error.message, "warning")
    else:
        session.flash(f"Mail can go to {marked} again.", "success")
        if form.get("then") == "resend":
            return await _resend(request, form, uow, draft_campaign, policies)
    return see_other(back_or(form, INVITATIONS))


async def _resend(
    request: AnyRequest,
    form: FormMultiDict,
    uow: UnitOfWorkFactory,
    draft_campaign: DraftCampaign,
    policies: Policies,
) -> Response[Any]:
    async with uow() as unit:
        found = await _ticked(unit, form)
    try:
        if not found:
            raise _nobody(form)
        order = again_order(CampaignKind.RESEND, found, **_as_before(found, policies))
        draft = await draft_campaign(order, operator_of(request))
    except (Invalid, NotFound) as error:
        session_of(request).flash(error.message, "danger")
        return see_other(back_or(form, INVITATIONS))
    # Where a mail was refused, the dialog of a single customer begins with another address.
    elsewhere = "other" if len(found) == 1 and form.get("to") == "other" else ""
    return see_other(address(edit_path(draft.campaign_id), to=elsewhere))


async def _ticked(uow: UnitOfWork, form: FormMultiDict) -> list[StoredInvitation]:
    ids = list(dict.fromkeys(str(one) for one in form.getall("invitation_id", [])))
    found = await uow.invitations.by_ids(ids)
    return [found[one] for one in ids if one in found]


def _as_before(found: Sequence[StoredInvitation], policies: Policies) -> dict[str, Any]:
    """Return how they were invited before; where that differs, how the dealer usually invites."""
    usual = usual_options(policies)
    options = options_of(found[0], usual)
    if any(options_of(one, usual) != options for one in found):
        options = usual
    return {
        "delivery": options.delivery,
        "username": options.username,
        "second_check": options.second_check,
        "language": options.language,
    }


def _nobody(form: FormMultiDict) -> Invalid | NotFound:
    """Say why none of the invitations that a form names is there."""
    named = len(set(form.getall("invitation_id", [])))
    if form.get("which") == "all":
        return NotFound("Nobody waits that long any more. Nothing was sent.")
    if not named:
        return Invalid("Nobody is selected. Tick at least one customer.")
    what = "This invitation does" if named == 1 else "These invitations do"
    return NotFound(f"{what} not exist any more. Nothing was sent.")


def _left_out(campaign: Campaign) -> str:
    """Say that somebody got no reminder, and where to see why."""
    number = campaign.cannot + campaign.already
    if not number:
        return ""
    who = "1 customer was" if number == 1 else f"{number:,} customers were"
    return f" {who} left out; the lists below say why."
