"""The follow-up page: how far the invited got, who needs a reminder, a new link, or a telephone call."""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from dueport_apps.jobs.kinds import JOB_KINDS
from dueport_apps.usecases.invite_records import BouncedAddress, Funnel, InvitationFilter
from dueport_apps.usecases.plan_reasons import Reminder, reminder_of
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFilter
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.campaign_paths import INVITATIONS
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    chosen,
    cursor,
    may,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.words import MAIL_COLOURS, MAIL_WORDS, fix_words
from dueport_apps.web.templating import Templates
from dueport_core.accounts import email_fault
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

TABS: Mapping[str, str] = {
    "pending": "Pending",
    "asked": "Asked for a new link",
    "problems": "Delivery problems",
    "bounced": "Bounced",
    "fix": "Fix in ERP",
}
UNREACHABLE = AccountFilter(email_problem=True, not_invited=True)
"""Who cannot be invited and is not: those invited to another address need nothing."""
DAYS_MAX = 366
DAYS_WRONG = f"Type a number of days from 1 to {DAYS_MAX}."


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the funnel: how many got so far, of those invited."""

    label: str
    count: int
    share: str
    """Of the invited customers in percent; for the invited themselves, of all customers."""
    width: int
    """Of all customers, in thousandths; somebody is always to be seen."""


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
    typed = wanted(request, "days", 20)
    days = days_of(typed, policies)
    days_problem = DAYS_WRONG if typed and days_typed(typed) is None else ""
    after = cursor(request)
    now = clock.now()
    filters = lists_of(now, days)
    parts = {"tab": tab, "days": days if days != policies.invite.follow_up_after_days else ""}
    marked: Mapping[str, BouncedAddress] = {}
    reminders: Mapping[str, Reminder] = {}
    async with uow() as unit:
        if tab == "fix":
            accounts, following = await unit.accounts.rows(
                UNREACHABLE, "outstanding", True, after, PAGE_ROWS
            )
            rows: list[Any] = list(accounts)
        elif tab == "bounced":
            bounced, following = await unit.bounces.rows(after, PAGE_ROWS)
            rows = list(bounced)
        else:
            invitations, following = await unit.invitations.rows(filters[tab], after, PAGE_ROWS)
            rows = list(invitations)
            marked = await unit.bounces.of([row.invitation.email for row in invitations])
            reminders = {
                row.invitation.invitation_id: reminder_of(row, now, days) for row in invitations
            }
        context: dict[str, Any] = {
            "tab": tab,
            "rows": rows,
            "now": now,
            "may_invite": may(request, "invite"),
            "here": address(INVITATIONS, **parts),
            "more_url": address(INVITATIONS, **parts, after=following) if following else "",
            "reminders": reminders,
            "email_problem": email_problem,
            "fix_words": fix_words("email"),
            "marked": marked,
            "mail_words": MAIL_WORDS,
            "mail_colours": MAIL_COLOURS,
        }
        if wants_rows(request):
            return show_rows(request, templates, "follow_up/rows", **context)
        counts = {key: await unit.invitations.count(filters[key]) for key in filters}
        counts["bounced"] = await unit.bounces.count()
        counts["fix"] = (await unit.accounts.totals(UNREACHABLE)).accounts
        due = await unit.invitations.count(
            InvitationFilter(due_since=now - datetime.timedelta(days=days))
        )
        funnel = await unit.invitations.funnel()
    return show(
        request,
        templates,
        "follow_up/page",
        status=422 if days_problem else 200,
        days_typed=typed if days_problem else str(days),
        days_problem=days_problem,
        due=due,
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


def lists_of(now: datetime.datetime, days: int) -> dict[str, InvitationFilter]:
    """Return which invitations each list of the page shows, by its tab."""
    return {
        "pending": InvitationFilter(pending_since=now - datetime.timedelta(days=days)),
        "asked": InvitationFilter(asked=True),
        "problems": InvitationFilter(state=InvitationState.PENDING, delivery_problem=True),
    }


def days_of(text: str, policies: Policies) -> int:
    """Return the number of days that somebody typed, or the dealer's usual one."""
    return days_typed(text) or policies.invite.follow_up_after_days


def days_typed(text: str) -> int | None:
    """Return the number of days that somebody typed; None where it is none that can be meant."""
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= DAYS_MAX:
        return int(text)
    return None


def email_problem(email: str) -> str:
    """Say what is wrong with the address of a customer who cannot be mailed, shown beside it."""
    problem = email_fault(email) or "mail to this address came back"
    return f"{problem[:1].upper()}{problem[1:]}"


def _next_reminder(now: datetime.datetime) -> datetime.datetime:
    """Return when the daily reminder runs next; its schedule is in UTC."""
    every = next(kind.every for kind in JOB_KINDS if kind.name == "remind_pending")
    minute, hour = every.split()[:2]
    today = now.astimezone(datetime.UTC).replace(
        hour=int(hour), minute=int(minute), second=0, microsecond=0
    )
    return today if today > now else today + datetime.timedelta(days=1)


def _steps(funnel: Funnel) -> tuple[FunnelStep, ...]:
    steps = (
        ("Invited", funnel.invited, funnel.customers),
        ("Opened the link", funnel.opened, funnel.invited),
        ("Registered", funnel.registered, funnel.invited),
        ("First payment", funnel.paid, funnel.invited),
    )
    return tuple(
        FunnelStep(
            label=label,
            count=count,
            share=_percent(count, whole),
            width=max(round(count * 1000 / funnel.customers), 4) if count else 0,
        )
        for label, count, whole in steps
    )


def _percent(part: int, whole: int) -> str:
    """Write a share so that neither a few look like nobody nor almost all like everybody."""
    if not part or not whole:
        return "0%"
    percent = round(part * 100 / whole)
    if percent == 0:
        return "less than 1%"
    return "over 99%" if percent == 100 and part < whole else f"{percent}%"
