"""Campaigns: the list of them, and one with its live progress, its recipients and its refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response, Stream

from dueport_apps.usecases.campaigns import DraftCampaign, again_order
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignKind,
    CampaignMail,
    CampaignProgress,
    CampaignState,
)
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
from dueport_apps.web.operator.live_progress import Picture, ProgressBoard, look_at
from dueport_apps.web.operator.pages import (
    PAGE_ROWS,
    AnyRequest,
    address,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.spreadsheets import csv_file
from dueport_apps.web.operator.words import (
    CAMPAIGN_COLOURS,
    CAMPAIGN_TITLES,
    MAIL_COLOURS,
    MAIL_WORDS,
)
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.accounts import Account
from dueport_core.errors import Conflict, Invalid, NotFound

FILE_ROWS = 1_000
LOST = (MailState.FAILED, MailState.UNCONFIRMED, MailState.BOUNCED)
"""What may be sent again: it did not arrive, or nobody can say that it did."""
REFUSALS = "refusals"

Steer = Callable[[str, Principal], Awaitable[Campaign]]


class StateTab(msgspec.Struct, frozen=True, kw_only=True):
    """One of the lists of a campaign."""

    key: str
    label: str
    count: int
    url: str


@get("/operator/campaigns", guards=[operator_required("view")])
async def campaigns(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """List what was started, newest first."""
    after = wanted(request, "after", 400) or None
    async with uow() as unit:
        rows, following = await unit.campaigns.rows(after, PAGE_ROWS)
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
) -> Response[Any]:
    """Show one campaign: how far it is, who got the mail, and who could not be mailed."""
    principal = session_of(request).principal
    may_invite = principal is not None and "invite" in principal.permissions
    after = wanted(request, "after", 400) or None
    chosen = wanted(request, "state")
    path = campaign_path(campaign_id)
    async with uow() as unit:
        campaign = await unit.campaigns.get(campaign_id)
        if campaign.state is CampaignState.DRAFT and may_invite:
            return see_other(edit_path(campaign_id))
        progress = await unit.campaigns.progress(campaign_id)
        listed: list[Any]
        if chosen == REFUSALS:
            listed, following = await unit.campaigns.refusals(campaign_id, after, PAGE_ROWS)
        else:
            state = _state(chosen)
            chosen = state.value if state else ""
            listed, following = await unit.campaigns.mails(campaign_id, state, after, PAGE_ROWS)
        only = campaign.selection.account_nos
        account = await unit.accounts.find(only[0]) if len(only) == 1 else None
    context: dict[str, Any] = {
        "lost_count": progress.failed + progress.unconfirmed + progress.bounced,
        "campaign": campaign,
        "path": path,
        "rows": listed,
        "chosen": chosen,
        "may_invite": may_invite,
        "lost": LOST,
        "more_url": address(path, state=chosen, after=following) if following else "",
        **_words(),
    }
    if wants_rows(request):
        part = "refusal_rows" if chosen == REFUSALS else "mail_rows"
        return show_rows(request, templates, f"campaigns/{part}", **context)
    context |= {
        "picture": Picture(campaign=campaign, progress=progress),
        "tabs": _tabs(campaign, progress, path),
        "account": account,
        "account_url": account_path(only[0]) if account else "",
        "title": _title(campaign, account),
        "first_url": address(path, state=chosen) if after else "",
    }
    if wanted(request, "part") == "body":
        return show_rows(request, templates, "campaigns/body", **context)
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
    progress_board: NamedDependency[SkipValidation[ProgressBoard]],
) -> Stream:
    """Send the progress as it changes. `turned` tells the page that the state is not the one that
    it shows, `done` that nothing more will come."""
    look = look_at(reads)
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
        "Paused. What is already under way still leaves.",
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
    campaign_id: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> Response[bytes]:
    """Send who could not be mailed and what to fix, as a file."""
    rows = []
    after: str | None = None
    async with uow() as unit:
        await unit.campaigns.get(campaign_id)
        while True:
            page, after = await unit.campaigns.refusals(campaign_id, after, FILE_ROWS)
            rows += page
            if after is None:
                break
    return csv_file(
        f"not-mailed-{campaign_id}.csv",
        ("account", "name", "e-mail", "fix in ERP", "reason"),
        ((one.account_no, one.account_name, one.email, one.field, one.reason) for one in rows),
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


def _state(text: str) -> MailState | None:
    return MailState(text) if text in {state.value for state in MailState} else None


def _title(campaign: Campaign, account: Account | None) -> str:
    number = campaign.recipients
    whom = account.name if account else f"{number:,} recipient{'' if number == 1 else 's'}"
    return f"{CAMPAIGN_TITLES[campaign.kind]} to {whom}"


def _tabs(campaign: Campaign, progress: CampaignProgress, path: str) -> tuple[StateTab, ...]:
    """Return the lists that hold something, in the order in which an operator asks for them."""
    counts = [(state, getattr(progress, state.value)) for state in MailState]
    some = [
        StateTab(
            key=state.value,
            label=MAIL_WORDS[state],
            count=count,
            url=address(path, state=state.value),
        )
        for state, count in counts
        if count
    ]
    everybody = StateTab(key="", label="All recipients", count=progress.total, url=path)
    refused = StateTab(
        key=REFUSALS,
        label="Could not be mailed",
        count=campaign.cannot,
        url=address(path, state=REFUSALS),
    )
    several = some if len(some) > 1 else []
    return (everybody, *several, *([refused] if campaign.cannot else []))


def _words() -> dict[str, Any]:
    return {
        "mail_words": MAIL_WORDS,
        "mail_colours": MAIL_COLOURS,
        "campaign_colours": CAMPAIGN_COLOURS,
        "campaign_titles": CAMPAIGN_TITLES,
    }


def _event(data: str, name: str = "") -> bytes:
    """Write one server-sent event; without a name the browser puts it into the page."""
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in data.splitlines() if line.strip()]
    return ("\n".join(lines) + "\n\n").encode()
