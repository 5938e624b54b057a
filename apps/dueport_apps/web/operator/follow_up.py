"""The follow-up page: how far the invited got, who needs a reminder, a new link, or a telephone call.

Also what an operator does to one invitation, from wherever it is listed.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.jobs.kinds import JOB_KINDS
from dueport_apps.usecases.campaigns import (
    DraftCampaign,
    StartCampaign,
    again_order,
    every_invitation,
)
from dueport_apps.usecases.invite_records import (
    BouncedAddress,
    CampaignKind,
    Funnel,
    InvitationFilter,
    StoredInvitation,
)
from dueport_apps.usecases.plan_invitations import LOST_MAIL, options_of
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFilter
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
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    chosen,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.words import MAIL_COLOURS, MAIL_WORDS
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

TABS: Mapping[str, str] = {
    "pending": "Pending",
    "asked": "Asked for a new link",
    "problems": "Delivery problems",
    "fix": "Fix in ERP",
}
DAYS_MAX = 365
NOBODY = "Nobody is selected. Tick at least one customer."


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the funnel: how many got so far, of those invited."""

    label: str
    count: int
    percent: int
    """Of the invited customers; for the invited themselves, of all customers."""


@get("/operator/invitations", guards=[operator_required("view")])
async def follow_up(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Show the funnel and the lists of those who wait for something."""
    tab = chosen(request, "tab", TABS) or "pending"
    days = _days(wanted(request, "days", 4), policies)
    after = wanted(request, "after", 400) or None
    now = clock.now()
    filters = _filters(now, days)
    parts = {"tab": tab, "days": days if days != policies.invite.follow_up_after_days else ""}
    marked: Mapping[str, BouncedAddress] = {}
    async with uow() as unit:
        if tab == "fix":
            accounts, following = await unit.accounts.rows(
                AccountFilter(email_problem=True), "outstanding", True, after, PAGE_ROWS
            )
            rows: list[Any] = list(accounts)
        else:
            invitations, following = await unit.invitations.rows(filters[tab], after, PAGE_ROWS)
            rows = list(invitations)
            marked = await unit.bounces.of([row.invitation.email for row in invitations])
        context: dict[str, Any] = {
            "tab": tab,
            "rows": rows,
            "now": now,
            "may_invite": _may_invite(request),
            "here": address(INVITATIONS, **parts),
            "more_url": address(INVITATIONS, **parts, after=following) if following else "",
            "lost": LOST_MAIL,
            "marked": marked,
            "mail_words": MAIL_WORDS,
            "mail_colours": MAIL_COLOURS,
        }
        if wants_rows(request):
            return show_rows(request, templates, "follow_up/rows", **context)
        counts = {key: await unit.invitations.count(filters[key]) for key in filters}
        counts["fix"] = (await unit.accounts.totals(AccountFilter(email_problem=True))).accounts
        funnel = await unit.invitations.funnel()
    return show(
        request,
        templates,
        "follow_up/page",
        tabs=TABS,
        tab_urls={
            key: address(INVITATIONS, tab="" if key == "pending" else key, days=parts["days"])
            for key in TABS
        },
        counts=counts,
        days=days,
        funnel=_steps(funnel),
        customers=funnel.customers,
        reminds_after=policies.invite.remind_after_days,
        next_reminder=_next_reminder(now),
        first_url=address(INVITATIONS, **parts) if after else "",
        **context,
    )


@get("/operator/invitations/waiting", guards=[operator_required("view")])
async def waiting(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    reads: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Return the number beside the entry of the navigation: who waits for a new link."""
    async with reads() as unit:
        count = await unit.invitations.count(InvitationFilter(asked=True))
    return show_rows(request, templates, "follow_up/waiting", count=count)


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
    days = _days(str(form.get("days", "")), policies) if form.get("which") == "all" else 0
    async with uow() as unit:
        if days:
            found = await every_invitation(unit, _filters(clock.now(), days)["pending"])
        else:
            found = await _ticked(unit, form)
    try:
        if not found:
            raise Invalid(NOBODY)
        campaign = await start_campaign.at_once(
            again_order(CampaignKind.NUDGE, found, pending_days=days), operator_of(request)
        )
    except (Invalid, Conflict, NotFound) as error:
        session.flash(error.message, "danger")
        return see_other(back)
    number = campaign.recipients
    session.flash(
        f"{number:,} reminder{' is' if number == 1 else 's are'} on the way."
        + _left_out(campaign.cannot + campaign.already),
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
            raise Invalid(NOBODY)
        order = again_order(CampaignKind.RESEND, found, **_as_before(found, policies))
        draft = await draft_campaign(order, operator_of(request))
    except (Invalid, NotFound) as error:
        session_of(request).flash(error.message, "danger")
        return see_other(back_or(form, INVITATIONS))
    return see_other(edit_path(draft.campaign_id))


def _filters(now: datetime.datetime, days: int) -> dict[str, InvitationFilter]:
    return {
        "pending": InvitationFilter(pending_since=now - datetime.timedelta(days=days)),
        "asked": InvitationFilter(asked=True),
        "problems": InvitationFilter(state=InvitationState.PENDING, delivery_problem=True),
    }


def _days(text: str, policies: Policies) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= DAYS_MAX:
        return int(text)
    return policies.invite.follow_up_after_days


def _next_reminder(now: datetime.datetime) -> datetime.datetime:
    """Return when the daily reminder runs next; its schedule is in UTC."""
    every = next(kind.every for kind in JOB_KINDS if kind.name == "remind_pending")
    minute, hour = every.split()[:2]
    today = now.astimezone(datetime.UTC).replace(
        hour=int(hour), minute=int(minute), second=0, microsecond=0
    )
    return today if today > now else today + datetime.timedelta(days=1)


def _may_invite(request: AnyRequest) -> bool:
    principal = session_of(request).principal
    return principal is not None and "invite" in principal.permissions


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


def _left_out(number: int) -> str:
    if not number:
        return ""
    return f" {number:,} could not be reminded; see the campaign for the reasons."


def _steps(funnel: Funnel) -> tuple[FunnelStep, ...]:
    def share(part: int, whole: int) -> int:
        return round(part * 100 / whole) if whole else 0

    return (
        FunnelStep(
            label="Invited",
            count=funnel.invited,
            percent=share(funnel.invited, funnel.customers),
        ),
        *(
            FunnelStep(label=label, count=count, percent=share(count, funnel.invited))
            for label, count in (
                ("Opened the link", funnel.opened),
                ("Registered", funnel.registered),
                ("First payment", funnel.paid),
            )
        ),
    )
