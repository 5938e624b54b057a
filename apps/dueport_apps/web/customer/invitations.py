"""Register from an invitation, or decline it."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.accept_invitation import AcceptInvitation, AcceptInvitationCommand
from dueport_apps.usecases.decline_invitation import DeclineInvitation
from dueport_apps.usecases.open_invitation import OpenedInvitation, OpenInvitation
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.invitation_cookie import (
    TOKEN_LENGTH_MAX,
    no_ticket,
    ticket_cookie,
    token_of,
)
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.customer.signing_in import HOME, open_session
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Clock


class RegistrationForm(msgspec.Struct, frozen=True, kw_only=True):
    """What may be chosen. Account and e-mail are the invitation's and no fields."""

    name: Annotated[str, msgspec.Meta(max_length=120)] = ""
    password: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    password_again: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    accept_terms: bool = False
    link_account: bool = False


@get("/register/{token:str}", opt={"public": True}, sync_to_thread=False)
def take_token(
    token: FromPath[str],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Move the token from the address into a cookie; whether it is any good is told next."""
    response = see_other("/register")
    if len(token) <= TOKEN_LENGTH_MAX:
        response.set_cookie(ticket_cookie(settings, token, clock.now()))
    return response


@get("/register", opt={"public": True})
async def registration_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
) -> Response[Any]:
    """Show the form, or why this link opens none. Looking consumes nothing."""
    token = token_of(request, settings, clock.now())
    opened = await _opened(open_invitation, token)
    if opened is None or not opened.live or opened.has_login:
        return _closed(request, templates, opened, asked=token is not None)
    return _form(request, templates, policies, opened, {}, {})


@post("/register", opt={"public": True})
async def register(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
    accept_invitation: NamedDependency[AcceptInvitation],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Make the login, link it to the company and sign it in."""
    token = token_of(request, settings, clock.now())
    opened = await _opened(open_invitation, token)
    if token is None or opened is None or not opened.live or opened.has_login:
        return _closed(request, templates, opened, asked=token is not None)
    posted = await request.form()
    try:
        form = bind(posted, RegistrationForm)
        user = await accept_invitation(
            AcceptInvitationCommand(
                token=token,
                password=form.password,
                password_again=form.password_again,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                name=form.name,
                client_ip=client_ip(request),
                user_agent=request.headers.get("user-agent", "")[:400],
            )
        )
    except Invalid as error:
        values = typed(posted, RegistrationForm)
        return _form(request, templates, policies, opened, error.fields, values, status=422)
    except Conflict as error:
        return _closed(request, templates, await _opened(open_invitation, token), why=error.message)
    async with uow() as unit:
        await open_session(request, unit, user, opened.invitation.account_no)
    session_of(request).flash(
        f"Welcome. Your login is ready and linked to {opened.account_name}.", "success"
    )
    response = see_other(HOME)
    response.set_cookie(no_ticket(settings))
    return response


@get("/invitation/{token:str}/decline", opt={"public": True})
async def decline_page(
    request: AnyRequest,
    token: FromPath[str],
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
) -> Response[Any]:
    """Ask first: programs that scan mails follow links too."""
    opened = await _opened(open_invitation, token)
    if opened is None or not opened.live:
        return _closed(request, templates, opened)
    response = show(request, templates, "decline", account_name=opened.account_name)
    response.set_cookie(ticket_cookie(settings, token, clock.now()))
    return response


@post("/invitation/{token:str}/decline", opt={"public": True})
async def decline(
    request: AnyRequest,
    token: FromPath[str],
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    open_invitation: NamedDependency[OpenInvitation],
    decline_invitation: NamedDependency[DeclineInvitation],
) -> Response[Any]:
    try:
        await decline_invitation(token, client_ip(request))
    except (Conflict, NotFound):
        opened = await _opened(open_invitation, token)
        if opened is None or opened.invitation.state is not InvitationState.DECLINED:
            return _closed(request, templates, opened)
    response = show(request, templates, "declined")
    response.set_cookie(no_ticket(settings))
    return response


async def _opened(open_invitation: OpenInvitation, token: str | None) -> OpenedInvitation | None:
    if not token or len(token) > TOKEN_LENGTH_MAX:
        return None
    try:
        return await open_invitation(token)
    except NotFound:
        return None


def _form(
    request: AnyRequest,
    templates: Templates,
    policies: Policies,
    opened: OpenedInvitation,
    errors: dict[str, str],
    values: dict[str, Any],
    status: int = 200,
) -> Response[Any]:
    return show(
        request,
        templates,
        "register",
        status=status,
        account_name=opened.account_name,
        account_no=opened.invitation.account_no,
        email=opened.invitation.email,
        expires_at=opened.invitation.expires_at,
        minimum_length=policies.logins.password_min_length,
        terms=policies.terms,
        errors=errors,
        values=values,
    )


def _closed(
    request: AnyRequest,
    templates: Templates,
    opened: OpenedInvitation | None,
    *,
    asked: bool = True,
    why: str = "",
) -> Response[Any]:
    """Explain a link that opens no form: 404 where nothing is known of it, 410 where it is over."""
    if opened is None:
        reason = "unknown" if asked else "lost"
    elif opened.live:
        reason = "has_login" if opened.has_login else "refused"
    elif opened.invitation.state is InvitationState.PENDING:
        reason = "expired"
    else:
        reason = opened.invitation.state.value
    status = {"unknown": 404, "lost": 404, "has_login": 200, "refused": 409}.get(reason, 410)
    return show(
        request,
        templates,
        "invitation_closed",
        status=status,
        reason=reason,
        why=why,
        account_name=opened.account_name if opened else "",
        email=opened.invitation.email if opened else "",
        expires_at=opened.invitation.expires_at if opened else None,
    )
