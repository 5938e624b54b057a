"""Campaigns: the list of them, and one with its live progress, its recipients and its refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response, Stream

from dueport_apps.usecases.campaigns import DraftCampaign, again_order
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignMail,
    CampaignState,
)
from dueport_apps.usecases.mail_progress import TRIES_MAX
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.steer_campaign import SteerCampaign
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.operator.campaign_paths import (
    CAMPAIGNS,
    account_path,
    campaign_path,
    edit_path,
)
from dueport_apps.web.operator.campaign_view import (
    CANNOT_WORDS,
    REFUSALS,
    UNNEEDED,
    UNNEEDED_WORDS,
    list_name,
    listed,
    named,
    only_account,
    tabs_of,
    title_of,
)
from dueport_apps.web.operator.live_progress import ProgressBoard, look_at, picture_of
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    cursor,
    may,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.spreadsheets import csv_file
from dueport_apps.web.operator.words import (
    CAMPAIGN_COLOURS,
    FIELD_WORDS,
    MAIL_COLOURS,
    MAIL_WORDS,
    left_out_badge,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_ports import Clock

FILE_ROWS = 1_000
LOST = (MailState.FAILED, MailState.UNCONFIRMED, MailState.BOUNCED)
"""What may be sent again: it did not arrive, or nobody can say that it did."""
PARTS = frozenset({"body", "recipients", "tabs"})
"""What a page that is open asks for again while the campaign goes on."""

Steer = Callable[[str, Principal], Awaitable[Campaign]]


@get("/operator/campaigns", guards=[operator_required("view")])
async def campaigns(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """List what was started, newest first."""
    after = cursor(request)
    async with uow() as unit:
        found, following = await unit.campaigns.rows(after, PAGE_ROWS)
        rows = await named(unit, found)
    context: dict[str, Any] = {
        "rows": rows,
        "more_url": address(CAMPAIGNS, after=following) if following else "",
        **_words(),
    }
    if wants_rows(request):
        return show_rows(request, templates, "campaigns/list_rows", **context)
    return show(
        request, templates, "campaigns/list", first_url=CAMPAIGNS if after else "", **context
    )


@get("/operator/campaigns/{campaign_id:str}", guards=[operator_required("view")])
async def campaign_page(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[SkipValidation[Clock]],
) -> Response[Any]:
    """Show one campaign: how far it is, who got the mail, and who could not be mailed."""
    may_invite = may(request, "invite")
    after = cursor(request)
    chosen = list_name(wanted(request, "state"))
    now = clock.now()
    path = campaign_path(campaign_id)
    async with uow() as unit:
        campaign = await unit.campaigns.get(campaign_id)
        if campaign.state is CampaignState.DRAFT and may_invite:
            return see_other(edit_path(campaign_id))
        picture = await picture_of(unit, campaign, now)
        rows, following = await listed(unit, campaign_id, chosen, after)
        only = only_account(campaign)
        account = await unit.accounts.find(only) if only else None
    progress = picture.progress
    context: dict[str, Any] = {
        "lost_count": progress.failed + progress.unconfirmed + progress.bounced,
        "campaign": campaign,
        "path": path,
        "rows": rows,
        "chosen": chosen,
        "left_out": chosen in (REFUSALS, UNNEEDED),
        "may_invite": may_invite,
        "lost": LOST,
        "now": now,
        "tries_max": TRIES_MAX,
        "more_url": address(path, state=chosen, after=following) if following else "",
        **_words(),
    }
    if wants_rows(request):
        part = "left_out_rows" if context["left_out"] else "mail_rows"
        return show_rows(request, templates, f"campaigns/{part}", **context)
    context |= {
        "picture": picture,
        "tabs": tabs_of(campaign, progress, chosen),
        "cannot_words": CANNOT_WORDS[campaign.kind],
        "unneeded_words": UNNEEDED_WORDS[campaign.kind],
        "account": account,
        "account_url": account_path(only) if account else "",
        "title": title_of(campaign, account),
        "here": address(path, state=chosen, after=after),
        "first_url": address(path, state=chosen) if after else "",
    }
    if (part := wanted(request, "part")) in PARTS:
        return show_rows(request, templates, f"campaigns/{part}", **context)
    return show(request, templates, "campaigns/detail", **context)


@get(
    "/operator/campaigns/{campaign_id:str}/progress",
    guards=[operator_required("view")],
    opt={"uncompressed": True},
)
async def progress(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    reads: NamedDependency[UnitOfWorkFactory],
    clock: NamedDependency[SkipValidation[Clock]],
    progress_board: NamedDependency[SkipValidation[ProgressBoard]],
) -> Stream:
    """Send the progress as it changes. `turned` tells the page that the state is not the one that
    it shows, `done` that nothing more will come."""
    look = look_at(reads, clock)
    await look(campaign_id)
    shown = wanted(request, "shown")

    async def events() -> AsyncIterator[bytes]:
        state = shown
        async for picture in progress_board.watch(campaign_id, look):
            if picture is None:
                yield b": still here\n\n"
                continue
            html = templates.text("operator/campaigns/progress.html", {"picture": picture})
            yield _event(html)
            if picture.campaign.state.value != state:
                state = picture.campaign.state.value
                yield _event(state, "turned")
            if picture.is_over:
                yield _event(state, "done")

    return Stream(
        events(),
        media_type="text/event-stream",
        # A proxy in front must not collect what is meant to be seen at once.
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@post("/operator/campaigns/{campaign_id:str}/pause", guards=[operator_required("invite")])
async def pause(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
) -> Response[Any]:
    """Hold what is not under way yet."""
    return await _steered(
        request,
        campaign_id,
        steer_campaign.pause,
        "Paused. Nothing more is sent until you resume; what has left cannot be held back.",
    )


@post("/operator/campaigns/{campaign_id:str}/resume", guards=[operator_required("invite")])
async def resume(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
) -> Response[Any]:
    """Go on sending."""
    return await _steered(request, campaign_id, steer_campaign.resume, "Sending goes on.")


@post("/operator/campaigns/{campaign_id:str}/cancel", guards=[operator_required("invite")])
async def cancel(
    request: AnyRequest,
    campaign_id: FromPath[str],
    steer_campaign: NamedDependency[SteerCampaign],
) -> Response[Any]:
    """Take back what was not sent yet."""
    return await _steered(
        request,
        campaign_id,
        steer_campaign.cancel,
        "Cancelled. What was not sent yet will not be sent.",
    )


@post("/operator/campaigns/{campaign_id:str}/resend", guards=[operator_required("invite")])
async def resend(
    request: AnyRequest,
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
) -> Response[Any]:
    """Make a draft that sends new links to those who are ticked, or to all whose mail was lost."""
    form = await request.form()
    async with uow() as unit:
        campaign = await unit.campaigns.get(campaign_id)
        ids = [str(one) for one in form.getall("invitation_id", [])]
        if form.get("which") == "lost":
            ids = [mail.invitation_id for mail in await _all_mails(unit, campaign_id, LOST)]
        found = await unit.invitations.by_ids(ids)
    try:
        if not found:
            raise Invalid("Nobody is selected. Tick at least one recipient.")
        order = again_order(CampaignKind.RESEND, list(found.values()), **_usual(campaign))
        draft = await draft_campaign(order, operator_of(request))
    except (Invalid, NotFound) as error:
        session_of(request).flash(error.message, "danger")
        return see_other(campaign_path(campaign_id))
    return see_other(edit_path(draft.campaign_id))


@get("/operator/campaigns/{campaign_id:str}/recipients.csv", guards=[operator_required("view")])
async def recipients_csv(
    campaign_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> Response[bytes]:
    """Send what became of every mail, as a file."""
    async with uow() as unit:
        await unit.campaigns.get(campaign_id)
        mails = await _all_mails(unit, campaign_id, (None,))
    return csv_file(
        f"recipients-{campaign_id}.csv",
        ("account", "name", "e-mail", "state", "sent at", "tries", "code", "server's words"),
        (
            (
                mail.account_no,
                mail.account_name,
                mail.email,
                MAIL_WORDS[mail.state],
                mail.sent_at.isoformat() if mail.sent_at else "",
                mail.tries,
                mail.code or "",
                mail.reason,
            )
            for mail in mails
        ),
    )


@get("/operator/campaigns/{campaign_id:str}/refusals.csv", guards=[operator_required("view")])
async def refusals_csv(
    request: AnyRequest, campaign_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> Response[bytes]:
    """Send who could not be mailed and what to fix, or who needed no mail, as a file."""
    rows = []
    needs_none = list_name(wanted(request, "state")) == UNNEEDED
    after: str | None = None
    async with uow() as unit:
        await unit.campaigns.get(campaign_id)
        while True:
            page, after = await unit.campaigns.refusals(
                campaign_id, after, FILE_ROWS, needs_none=needs_none
            )
            rows += page
            if after is None:
                break
    return csv_file(
        f"left-out-{campaign_id}.csv" if needs_none else f"not-mailed-{campaign_id}.csv",
        ("account", "name", "e-mail", "fix in ERP", "reason"),
        (
            (
                one.account_no,
                one.account_name,
                one.email,
                FIELD_WORDS.get(one.field, one.field),
                one.reason,
            )
            for one in rows
        ),
    )


async def _steered(
    request: AnyRequest, campaign_id: str, steer: Steer, words: str
) -> Response[Any]:
    """Carry out a step and go back to the page; a state that forbids it is named there."""
    session = session_of(request)
    try:
        await steer(campaign_id, operator_of(request))
    except Conflict as error:
        session.flash(error.message, "warning")
    else:
        session.flash(words, "success")
    return see_other(campaign_path(campaign_id))


async def _all_mails(
    uow: UnitOfWork, campaign_id: str, states: tuple[MailState | None, ...]
) -> list[CampaignMail]:
    found: list[CampaignMail] = []
    for state in states:
        after: str | None = None
        while True:
            page, after = await uow.campaigns.mails(campaign_id, state, after, FILE_ROWS)
            found += page
            if after is None:
                break
    return found


def _usual(campaign: Campaign) -> dict[str, Any]:
    """Return what sending again keeps of how the campaign sent."""
    kept = campaign.options
    return {
        "delivery": kept.delivery,
        "username": kept.username,
        "second_check": kept.second_check,
        "language": kept.language,
    }


def _words() -> dict[str, Any]:
    return {
        "mail_words": MAIL_WORDS,
        "mail_colours": MAIL_COLOURS,
        "campaign_colours": CAMPAIGN_COLOURS,
        "left_out_badge": left_out_badge,
    }


def _event(data: str, name: str = "") -> bytes:
    """Write one server-sent event; without a name the browser puts it into the page."""
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in data.splitlines() if line.strip()]
    return ("\n".join(lines) + "\n\n").encode()
