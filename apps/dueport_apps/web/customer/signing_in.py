"""Sign in and out, choose the account that is open, and how to reach the dealer."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.sign_in import MustRegister, SignInCommand, SignInCustomer
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.customer.invitation_cookie import ticket_cookie
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.guards import customer_required
from dueport_apps.web.http.redirects import safe_next
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Forbidden, Invalid, NotFound, TooManyTries
from dueport_ports import Clock

HOME = "/outstanding"
NO_ACCOUNT = "Your login is not linked to an account any more. Contact us to have it linked again."


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    next: str = ""


class AccountForm(msgspec.Struct, frozen=True, kw_only=True):
    account_no: str


@get("/", opt={"public": True}, sync_to_thread=False)
def start(request: AnyRequest) -> Response[Any]:
    """Lead to what is owed, or to signing in."""
    return see_other(HOME if session_of(request).signed_in else "/sign-in")


@get("/sign-in", opt={"public": True}, sync_to_thread=False)
def sign_in_page(
    request: AnyRequest, templates: NamedDependency[Templates], next: FromQuery[str] = ""
) -> Response[Any]:
    if session_of(request).signed_in:
        return see_other(safe_next(next, HOME))
    return show(
        request, templates, "sign_in", errors={}, login="", next=safe_next(next, ""), warning=""
    )


@post("/sign-in", opt={"public": True})
async def sign_in(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    sign_in_customer: NamedDependency[SignInCustomer],
    uow: NamedDependency[UnitOfWorkFactory],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Open a session for the person's first account; every refusal shows the form again.

    A mailed one-time credential leads to the registration and nowhere else.
    """
    posted = await request.form()
    try:
        form = bind(posted, SignInForm)
        user = await sign_in_customer(
            SignInCommand(
                login=form.login,
                password=form.password,
                client_ip=client_ip(request),
                user_agent=request.headers.get("user-agent", "")[:400],
            )
        )
        if isinstance(user, MustRegister):
            answer = see_other("/register")
            answer.set_cookie(ticket_cookie(settings, user.token, clock.now()))
            return answer
        async with uow() as unit:
            account_no = await _first_account(unit, user)
            await open_session(request, unit, user, account_no)
    except (Invalid, Forbidden, TooManyTries) as error:
        known = typed(posted, SignInForm)
        response = show(
            request,
            templates,
            "sign_in",
            status=_status(error),
            errors=error.fields if isinstance(error, Invalid) else {},
            login=known.get("login", ""),
            next=safe_next(known.get("next", ""), ""),
            warning="" if isinstance(error, Invalid) else error.message,
        )
        if isinstance(error, TooManyTries):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response
    return see_other(safe_next(form.next, HOME))


@post("/sign-out", opt={"public": True})
async def sign_out(request: AnyRequest) -> Response[Any]:
    """End the session; signing out twice is no error."""
    session = session_of(request)
    await session.end()
    session.flash("You are signed out.", "success")
    return see_other("/sign-in")


@post("/account", guards=[customer_required])
async def switch_account(
    request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory]
) -> Response[Any]:
    """Open another account of the same login, under a new session token."""
    form = bind(await request.form(), AccountForm)
    session = session_of(request)
    assert session.principal is not None
    async with uow() as unit:
        links = await unit.users.links(session.principal.user_id)
        if form.account_no not in {link.account_no for link in links}:
            raise NotFound("There is no such account.")
        account = await unit.accounts.get(form.account_no)
    await session.rotate()
    await session.save({"account_no": account.account_no, "account_name": account.name})
    session.flash(f"You are now looking at {account.name} ({account.account_no}).")
    return see_other(HOME)


@get("/contact", opt={"public": True}, sync_to_thread=False)
def contact(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
) -> Response[Any]:
    """Say how the dealer is reached."""
    dealer = settings.config.dealer
    lines = [line.strip() for line in dealer.address.splitlines() if line.strip()]
    return show(
        request,
        templates,
        "contact",
        dealer_name=dealer.name,
        phone=dealer.phone,
        email=dealer.reply_to,
        address=lines,
    )


async def open_session(
    request: AnyRequest, unit: UnitOfWork, user: PortalUser, account_no: str
) -> None:
    """Sign a person in with one of their accounts open."""
    account = await unit.accounts.get(account_no)
    await session_of(request).start(
        user.user_id, data={"account_no": account.account_no, "account_name": account.name}
    )


async def _first_account(unit: UnitOfWork, user: PortalUser) -> str:
    links = await unit.users.links(user.user_id)
    if not links:
        raise Forbidden(NO_ACCOUNT)
    return links[0].account_no


def _status(error: Exception) -> int:
    match error:
        case TooManyTries():
            return 429
        case Forbidden():
            return 403
        case _:
            return 422
