"""The invite dialog: one page for one customer, a selection or everybody, of a draft that is kept.

Changing a field rehearses again and sends nothing. Sending takes what was rehearsed: when a field
was changed without a rehearsal, the lists are shown anew first.
"""

from typing import Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.usecases.campaigns import (
    DraftCampaign,
    RehearseInvitations,
    StartCampaign,
    order_of,
)
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignState,
    InviteOptions,
    InviteRecipient,
    Selection,
)
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.preview_invitation import PreviewInvitation
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.http.headers import be_framed, show_own_frame
from dueport_apps.web.http.htmx import wants_fragment
from dueport_apps.web.operator.campaign_paths import campaign_path, edit_path
from dueport_apps.web.operator.invite_form import (
    CHECK_CHOICES,
    USERNAME_CHOICES,
    InviteForm,
    form_of,
)
from dueport_apps.web.operator.invite_view import (
    DETOURS,
    DialogBuilder,
    InviteDialog,
    preview_one,
    preview_parts,
)
from dueport_apps.web.operator.pages import (
    AnyRequest,
    see_other,
    show,
    show_rows,
    wanted,
    wants_rows,
)
from dueport_apps.web.operator.rehearsed_lists import (
    LIST_NAMES,
    Excerpt,
    numbers_of,
    rehearsed,
)
from dueport_apps.web.operator.spreadsheets import csv_file
from dueport_apps.web.operator.words import DELIVERY_WORDS, LANGUAGE_WORDS
from dueport_apps.web.people import operator_of, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound

NEW_LISTS = "You changed something. These are the new lists: look at them and press Send again."
ONE_ADDRESS = "All these mails go to one address. Tick that this is meant, or choose another way."
NOTHING_THERE = "Nobody of this selection needs that any more."
ADDRESS_HINT = "Type the address that gets the mail; then you see here what would be sent."


@get("/operator/campaigns/{campaign_id:str}/edit", guards=[operator_required("invite")])
async def dialog(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    dialogs: NamedDependency[DialogBuilder],
) -> Response[Any]:
    """Show a draft with its rehearsal, or further rows of one of its lists; a campaign that was
    started has a page of its own."""
    first = wanted(request, "to")
    campaign = await _campaign(uow, campaign_id)
    if campaign.state is not CampaignState.DRAFT:
        return see_other(campaign_path(campaign_id))
    excerpt = _excerpt(wanted(request, "list"), wanted(request, "skip", 8))
    if wants_rows(request) and excerpt.name is not None:
        rows = await dialogs.further(campaign, excerpt.name, excerpt.skip)
        return show_rows(request, templates, "invite/people", list=rows)
    asks = first in ("other", "additional")
    begin = {**msgspec.to_builtins(form_of(campaign.options)), "recipient": first}
    view = await dialogs.build(
        campaign,
        form=begin if asks else None,
        hint=ADDRESS_HINT if asks else "",
        excerpt=excerpt,
        preview_of=wanted(request, "preview"),
    )
    return _page(request, templates, view)


@post("/operator/campaigns/{campaign_id:str}/edit", guards=[operator_required("invite")])
async def change(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
    dialogs: NamedDependency[DialogBuilder],
) -> Response[Any]:
    """Keep what the fields say, and rehearse again; wrong fields are named and keep their text."""
    posted = await request.form()
    campaign = await _campaign(uow, campaign_id)
    errors: dict[str, str] = {}
    message = hint = ""
    try:
        campaign = await draft_campaign.change(campaign_id, _options(posted, campaign))
    except Invalid as error:
        errors = error.fields or {"": error.message}
        if list(errors) == ["address"] and not str(posted.get("address", "")).strip():
            # Nothing was typed yet, so nothing is wrong yet.
            errors, hint = {}, ADDRESS_HINT
    except Conflict as error:
        message = _conflict(error, campaign)
    except NotFound as error:
        message = error.message
    view = await dialogs.build(
        campaign,
        form=_typed(posted, campaign),
        errors=errors,
        message=message,
        hint=hint,
        excerpt=_excerpt(str(posted.get("_list", ""))),
        preview_of=str(posted.get("_preview", "")),
        one_address=str(posted.get("_one_address", "")),
    )
    status = 422 if errors else 409 if message else 200
    if wants_fragment(request):
        return show_rows(
            request,
            templates,
            "invite/rehearsal",
            **{**_context(request, view), "fragment": True},
            status=status,
        )
    return _page(request, templates, view, status=status)


@post("/operator/campaigns/{campaign_id:str}/start", guards=[operator_required("invite")])
async def send(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
    start_campaign: NamedDependency[StartCampaign],
    dialogs: NamedDependency[DialogBuilder],
) -> Response[Any]:
    """Start the draft; a second press finds it started and shows the same page."""
    posted = await request.form()
    campaign = await _campaign(uow, campaign_id)
    if campaign.state is not CampaignState.DRAFT:
        return see_other(campaign_path(campaign_id))
    errors: dict[str, str] = {}
    try:
        if await _change(posted, campaign, draft_campaign):
            session_of(request).flash(NEW_LISTS, "info")
            return see_other(edit_path(campaign_id))
        if _to_one_address(campaign) and posted.get("_one_address") != campaign.options.address:
            view = await dialogs.build(campaign)
            if view.rehearsal is not None and view.rehearsal.shared:
                asked = msgspec.structs.replace(view, message=ONE_ADDRESS)
                return _page(request, templates, asked, status=422)
        await start_campaign(campaign_id, operator_of(request))
        return see_other(campaign_path(campaign_id))
    except Invalid as error:
        errors, message = error.fields, error.message
    except (Conflict, NotFound) as error:
        message = error.message
    campaign = await _campaign(uow, campaign_id)
    if campaign.state is not CampaignState.DRAFT:
        # Somebody else was faster by the blink of an eye.
        return see_other(campaign_path(campaign_id))
    view = await dialogs.build(
        campaign,
        form=_typed(posted, campaign),
        errors=errors,
        message="" if errors else message,
    )
    return _page(request, templates, view, status=422 if errors else 409)


@post("/operator/campaigns/{campaign_id:str}/instead", guards=[operator_required("invite")])
async def instead(
    request: AnyRequest,
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    rehearse_invitations: NamedDependency[RehearseInvitations],
    draft_campaign: NamedDependency[DraftCampaign],
) -> Response[Any]:
    """Make a draft of another kind for those whom this one leaves out, and open its dialog."""
    posted = await request.form()
    campaign = await _campaign(uow, campaign_id)
    session = session_of(request)
    wanted_kinds = {kind.value: kind for kind in DETOURS[campaign.kind]}
    kind = wanted_kinds.get(str(posted.get("_instead", "")))
    try:
        if kind is None:
            raise Invalid(NOTHING_THERE)
        reasons = DETOURS[campaign.kind][kind]
        numbers = await numbers_of(rehearse_invitations, campaign, reasons)
        if not numbers:
            raise Invalid(NOTHING_THERE)
        order = InviteOrder(
            kind=kind,
            selection=Selection(account_nos=numbers),
            options=_options_anew(campaign),
        )
        draft = await draft_campaign(order, operator_of(request))
    except (Invalid, NotFound) as error:
        session.flash(error.message, "warning")
        return see_other(edit_path(campaign_id))
    return see_other(edit_path(draft.campaign_id))


@post("/operator/campaigns/{campaign_id:str}/test", guards=[operator_required("invite")])
async def send_test(
    request: AnyRequest,
    campaign_id: FromPath[str],
    templates: NamedDependency[Templates],
    uow: NamedDependency[UnitOfWorkFactory],
    draft_campaign: NamedDependency[DraftCampaign],
    preview_invitation: NamedDependency[PreviewInvitation],
    dialogs: NamedDependency[DialogBuilder],
) -> Response[Any]:
    """Mail the preview to the operator who asks; no invitation and no record comes of it."""
    posted = await request.form()
    session = session_of(request)
    own = session.principal.email if session.principal else ""
    campaign = await _campaign(uow, campaign_id)
    try:
        changed = await _change(posted, campaign, draft_campaign)
        campaign = await _campaign(uow, campaign_id)
        number, email = preview_parts(str(posted.get("_preview", "")))
        await preview_invitation.send_test(
            order_of(campaign), own, operator_of(request), number, "" if changed else email
        )
    except (Invalid, Conflict, NotFound) as error:
        fields = error.fields if isinstance(error, Invalid) else {}
        view = await dialogs.build(
            campaign,
            form=_typed(posted, campaign),
            errors={name: text for name, text in fields.items() if name != "to_address"},
            message=f"The test was not sent. {error.message}",
        )
        return _page(request, templates, view, status=422 if fields else 409)
    session.flash(f"A test is on its way to {own}. Nobody was invited by it.", "success")
    return see_other(edit_path(campaign_id))


@get("/operator/campaigns/{campaign_id:str}/edit/mail", guards=[operator_required("invite")])
async def mail(
    request: AnyRequest,
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    preview_invitation: NamedDependency[PreviewInvitation],
) -> Response[str]:
    """Show one customer's mail as its recipient would see it, for the frame of the dialog."""
    campaign = await _campaign(uow, campaign_id)
    found = await preview_one(
        preview_invitation, campaign, wanted(request, "account"), wanted(request, "to", 320)
    )
    if found is None:
        raise NotFound("There is no mail to show.")
    be_framed(request)
    # Its links open beside the dialog instead of inside of the frame.
    html = found.mail.html.replace("<head>", '<head><base target="_blank">', 1)
    return Response(html, media_type="text/html")


@get("/operator/campaigns/{campaign_id:str}/rehearsal.csv", guards=[operator_required("invite")])
async def rehearsal_csv(
    request: AnyRequest,
    campaign_id: FromPath[str],
    uow: NamedDependency[UnitOfWorkFactory],
    rehearse_invitations: NamedDependency[RehearseInvitations],
) -> Response[bytes]:
    """Send one of the three lists, or all, as a file."""
    campaign = await _campaign(uow, campaign_id)
    plan = await rehearse_invitations(order_of(campaign))
    only = wanted(request, "list")
    lists = rehearsed(plan, campaign)
    return csv_file(
        f"rehearsal-{only or 'all'}.csv",
        ("list", "account", "name", "e-mail", "state", "fix in ERP", "reason"),
        (
            (title, row.account_no, row.account_name, row.email, row.state, row.field, row.reason)
            for name, title, rows in lists
            if only in ("", name)
            for row in rows
        ),
    )


async def _campaign(uow: UnitOfWorkFactory, campaign_id: str) -> Campaign:
    async with uow() as unit:
        return await unit.campaigns.get(campaign_id)


async def _change(posted: FormMultiDict, campaign: Campaign, draft: DraftCampaign) -> bool:
    """Keep the posted fields; True when they say something else than what was rehearsed."""
    if not _has_fields(posted):
        return False
    options = _options(posted, campaign)
    if options == campaign.options:
        return False
    await draft.change(campaign.campaign_id, options)
    return True


def _excerpt(name: str, skip: str = "") -> Excerpt:
    """Return which rows a query asks for; what makes no sense asks for the first ones."""
    rows = int(skip) if skip.isascii() and skip.isdigit() else 0
    return Excerpt(name=LIST_NAMES.get(name), skip=rows)


def _has_fields(posted: FormMultiDict) -> bool:
    return any(not name.startswith("_") for name in posted)


def _options(posted: FormMultiDict, campaign: Campaign) -> InviteOptions:
    return bind(posted, InviteForm).options(campaign)


def _typed(posted: FormMultiDict, campaign: Campaign) -> dict[str, object]:
    """Return what the fields held, so that nothing typed is lost."""
    present: dict[str, object] = msgspec.to_builtins(form_of(campaign.options))
    if not _has_fields(posted):
        return present
    cleared = {"confirm_declined": False, "second_check": None}
    return {**present, **cleared, **typed(posted, InviteForm)}


def _to_one_address(campaign: Campaign) -> bool:
    """Whether several customers' mails may go to an address that was typed."""
    selection = campaign.selection
    several = selection.matching is not None or len(selection.account_nos) > 1
    return several and campaign.options.recipient is InviteRecipient.OTHER


def _options_anew(campaign: Campaign) -> InviteOptions:
    """Return the options for a draft of another kind: it begins with the addresses on file."""
    return msgspec.structs.replace(
        campaign.options,
        recipient=InviteRecipient.PRIMARY,
        address="",
        additional_login=False,
        confirm_declined=False,
        pending_days=0,
    )


def _conflict(error: Conflict, campaign: Campaign) -> str:
    if campaign.state is CampaignState.DRAFT:
        return "This was sent meanwhile. Reload the page to follow it."
    return f"This campaign is {campaign.state.value}; it cannot be changed any more."


def _page(
    request: AnyRequest, templates: Templates, view: InviteDialog, status: int = 200
) -> Response[Any]:
    show_own_frame(request)
    return show(request, templates, "invite/dialog", status=status, **_context(request, view))


def _context(request: AnyRequest, view: InviteDialog) -> dict[str, Any]:
    principal = session_of(request).principal
    return {
        "view": view,
        "fragment": False,
        "own_address": principal.email if principal else "",
        "delivery_words": DELIVERY_WORDS,
        "language_words": LANGUAGE_WORDS,
        "username_choices": USERNAME_CHOICES,
        "check_choices": CHECK_CHOICES,
    }
