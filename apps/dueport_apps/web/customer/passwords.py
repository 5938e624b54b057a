"""A forgotten password: ask for a link, and choose another with it."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.reset_password import (
    RequestPasswordReset,
    ResetPassword,
    ResetPasswordCommand,
)
from dueport_apps.web.customer.pages import AnyRequest, browser_of, refused, see_other, show
from dueport_apps.web.customer.tickets import (
    RESET,
    TOKEN_LENGTH_MAX,
    ResetTicket,
    going_on,
    renewed,
)
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.redirects import sign_in_url
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Invalid, NotFound, TooManyTries
from dueport_core.passwords import MAX_LENGTH
from dueport_ports import Clock


class ForgotForm(msgspec.Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(max_length=254)]


class NewPasswordForm(msgspec.Struct, frozen=True, kw_only=True):
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""
    password_again: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""


@get("/forgot-password", opt={"public": True}, sync_to_thread=False)
def forgot_page(request: AnyRequest, templates: NamedDependency[Templates]) -> Response[Any]:
    return show(request, templates, "forgot_password", errors={}, warning="", login="")


@post("/forgot-password", opt={"public": True})
async def forgot(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    request_password_reset: NamedDependency[RequestPasswordReset],
) -> Response[Any]:
    """Leave a job behind, whoever it is about, and say the same to everybody. Somebody who was
    linking an account goes on with that afterwards."""
    posted = await request.form()
    try:
        form = bind(posted, ForgotForm)
        await request_password_reset(form.login, client_ip(request))
    except (Invalid, TooManyTries) as error:
        login = typed(posted, ForgotForm).get("login", "")
        return refused(request, templates, "forgot_password", error, login=login)
    response = see_other("/forgot-password/sent")
    for cookie in renewed(request, settings, clock.now()):
        response.set_cookie(cookie)
    return response


@get("/forgot-password/sent", opt={"public": True}, sync_to_thread=False)
def forgot_sent(request: AnyRequest, templates: NamedDependency[Templates]) -> Response[Any]:
    return show(request, templates, "mail_on_its_way", about="password")


@get("/reset/{token:str}", opt={"public": True}, sync_to_thread=False)
def take_reset_token(
    token: FromPath[str],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Move the token from the address into a cookie; whether it is any good is told next."""
    response = see_other("/reset")
    if len(token) <= TOKEN_LENGTH_MAX:
        response.set_cookie(RESET.keep(settings, ResetTicket(token=token), clock.now()))
    return response


@get("/reset", opt={"public": True})
async def reset_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    reset_password: NamedDependency[ResetPassword],
) -> Response[Any]:
    """Ask for the new password. Looking consumes nothing."""
    ticket = RESET.of(request, settings, clock.now())
    user = await reset_password.find(ticket.token) if ticket else None
    if user is None:
        return _closed(request, templates, ticket)
    context = _context(policies, user)
    return show(request, templates, "reset_password", errors={}, warning="", **context)


@post("/reset", opt={"public": True})
async def reset(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    reset_password: NamedDependency[ResetPassword],
) -> Response[Any]:
    """Set the password; everybody who was signed in with the old one is signed out."""
    ticket = RESET.of(request, settings, clock.now())
    user = await reset_password.find(ticket.token) if ticket else None
    if ticket is None or user is None:
        return _closed(request, templates, ticket)
    try:
        form = bind(await request.form(), NewPasswordForm)
        await reset_password(
            ResetPasswordCommand(
                token=ticket.token,
                password=form.password,
                password_again=form.password_again,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except Invalid as error:
        return refused(request, templates, "reset_password", error, **_context(policies, user))
    except NotFound:
        return _closed(request, templates, ticket)
    session = session_of(request)
    await session.end()
    session.flash("Your password is changed. Sign in with the new one.", "success")
    now = clock.now()
    response = see_other(sign_in_url("/sign-in", going_on(request, settings, now)))
    for cookie in (RESET.drop(settings), *renewed(request, settings, now)):
        response.set_cookie(cookie)
    return response


def _context(policies: Policies, user: PortalUser) -> dict[str, Any]:
    return {"login": user.email, "minimum_length": policies.logins.password_min_length}


def _closed(request: AnyRequest, templates: Templates, ticket: ResetTicket | None) -> Response[Any]:
    """Explain a link that sets no password any more, or a browser that has not opened one."""
    lost = ticket is None
    return show(request, templates, "reset_closed", status=404 if lost else 410, lost=lost)
