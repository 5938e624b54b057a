"""What an invitation's link shows: it depends on the invitation, and on who looks.

``page_of`` decides, for the first look as for every form that comes too late.
"""

from typing import Any

from litestar.response import Response

from dueport_apps.usecases.open_invitation import OpenedInvitation, OpenInvitation
from dueport_apps.usecases.policies import Policies
from dueport_apps.web.customer.pages import HOME, AnyRequest, see_other, show
from dueport_apps.web.customer.tickets import TOKEN_LENGTH_MAX, InvitationTicket
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Templates
from dueport_core.credentials import UsernameSource
from dueport_core.errors import NotFound
from dueport_ports import field_words

LINK = "/register/link"
_NUMERIC = (UsernameSource.PHONE, UsernameSource.SHIP_TO_ZIP)
_HINTS = {
    UsernameSource.SHIP_TO_ZIP: "Five digits.",
    UsernameSource.PHONE: "Ten digits, with or without dashes.",
    UsernameSource.ACCOUNT_NO: "It is on every statement.",
}


async def opened_by(
    open_invitation: OpenInvitation, token: str | None, *, to_register: bool = True
) -> OpenedInvitation | None:
    """Return the invitation of a token, ended or not, or None where nothing is known of it."""
    if not token or len(token) > TOKEN_LENGTH_MAX:
        return None
    try:
        return await open_invitation(token, to_register=to_register)
    except NotFound:
        return None


def closed(
    request: AnyRequest,
    templates: Templates,
    opened: OpenedInvitation | None,
    *,
    has_ticket: bool = True,
    why: str = "",
) -> Response[Any]:
    """Explain a link that opens no form: 410 where it is over, 404 where nothing is known of it or
    the browser has none."""
    reason = _why_closed(opened, has_ticket)
    status = {"unknown": 404, "lost": 404, "taken": 409, "refused": 409}.get(reason, 410)
    return show(
        request,
        templates,
        "invitation_closed",
        status=status,
        reason=reason,
        why=why,
        opened=opened,
        over=opened.over if opened else None,
        asked_at=opened.invitation.asked_at if opened and opened.may_ask else None,
    )


def _why_closed(opened: OpenedInvitation | None, has_ticket: bool) -> str:
    if opened is None:
        return "unknown" if has_ticket else "lost"
    if opened.over is not None:
        return opened.over.end.value
    if not opened.live:
        return "expired"
    return "taken" if opened.is_taken else "refused"


def link_form(
    request: AnyRequest, templates: Templates, policies: Policies, opened: OpenedInvitation
) -> Response[Any]:
    context = link_context(policies, opened)
    return show(request, templates, "link_login", errors={}, warning="", **context)


def link_context(
    policies: Policies, opened: OpenedInvitation, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the page needs that links an account to a login."""
    email = opened.invitation.email
    return {
        "action": LINK,
        "other": "/register/sign-out",
        "back": "" if opened.has_login else "/register",
        "account_name": opened.account_name,
        "account_no": opened.invitation.account_no,
        "known_email": email if opened.has_login else "",
        "terms": policies.terms,
        "values": {"login": email if opened.has_login else "", **(values or {})},
    }


def may_link(opened: OpenedInvitation, ticket: InvitationTicket) -> bool:
    asks = opened.invitation.second_check is not None and not ticket.answered
    return opened.live and not opened.is_taken and not asks


def may_register(opened: OpenedInvitation, ticket: InvitationTicket) -> bool:
    return may_link(opened, ticket) and not opened.has_login


def page_of(
    request: AnyRequest,
    templates: Templates,
    policies: Policies,
    ticket: InvitationTicket | None,
    opened: OpenedInvitation | None,
) -> Response[Any]:
    """Show what this link opens at this moment for this person."""
    if ticket is None and session_of(request).signed_in:
        # Back to the form after registering, or in the tab beside it.
        return see_other(HOME)
    if ticket is None or opened is None or not opened.live or opened.is_taken:
        return closed(request, templates, opened, has_ticket=ticket is not None)
    if not may_link(opened, ticket):
        return question_page(request, templates, opened, {})
    if session_of(request).signed_in or opened.has_login:
        return link_form(request, templates, policies, opened)
    return form_page(request, templates, policies, ticket, opened)


def question_page(
    request: AnyRequest,
    templates: Templates,
    opened: OpenedInvitation,
    errors: dict[str, str],
    status: int = 200,
) -> Response[Any]:
    source = opened.invitation.second_check
    assert source is not None
    return show(
        request,
        templates,
        "second_check",
        status=status,
        account_name=opened.account_name,
        question=field_words(source),
        hint=_HINTS.get(source, ""),
        numeric=source in _NUMERIC,
        errors=errors,
    )


def form_page(
    request: AnyRequest,
    templates: Templates,
    policies: Policies,
    ticket: InvitationTicket,
    opened: OpenedInvitation,
    errors: dict[str, str] | None = None,
    values: dict[str, Any] | None = None,
    status: int = 200,
) -> Response[Any]:
    """Show the form. The mailed user name goes on as the login; the one-time password is left
    behind here, so nothing is said of how long the invitation is good."""
    invitation = opened.invitation
    return show(
        request,
        templates,
        "register",
        status=status,
        action="/register",
        link=LINK,
        account_name=opened.account_name,
        account_no=invitation.account_no,
        email=invitation.email,
        username=invitation.username,
        by_password=ticket.by_password,
        expires_at=None if ticket.by_password else invitation.expires_at,
        minimum_length=policies.logins.password_min_length,
        terms=policies.terms,
        errors=errors or {},
        values={"name": opened.person} if values is None else values,
    )
