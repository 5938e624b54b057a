"""Sign in and out, and how to reach the dealer."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.sign_in import (
    WRONG,
    MustRegister,
    PasswordExpired,
    SignInCommand,
    SignInCustomer,
)
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.customer import expired_password
from dueport_apps.web.customer.pages import (
    HOME,
    AnyRequest,
    browser_of,
    open_session,
    refused,
    see_other,
    show,
)
from dueport_apps.web.customer.tickets import INVITATION, InvitationTicket
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.redirects import safe_next, sign_in_url
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Forbidden, Invalid, TooManyTries
from dueport_core.passwords import MAX_LENGTH
from dueport_ports import Clock


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    login: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)]
    next: str = ""


@get("/", opt={"public": True}, sync_to_thread=False)
def start(request: AnyRequest) -> Response[Any]:
    """Lead to what is owed, or to signing in."""
    return see_other(HOME if session_of(request).signed_in else "/sign-in")


@get("/sign-in", opt={"public": True}, sync_to_thread=False)
def sign_in_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
    next: FromQuery[str] = "",
) -> Response[Any]:
    if session_of(request).signed_in:
        return see_other(safe_next(next, HOME))
    return show(
        request,
        templates,
        "sign_in",
        errors={},
        login="",
        next=safe_next(next, ""),
        warning="",
        signup=policies.signup,
    )


def _form_again(posted: FormMultiDict) -> str:
    """Return the sign-in page, which leads on to where this form would have led."""
    return sign_in_url("/sign-in", safe_next(str(posted.get("next", "")), ""))


@post("/sign-in", opt={"public": True, "page": _form_again})
async def sign_in(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    sign_in_customer: NamedDependency[SignInCustomer],
    uow: NamedDependency[UnitOfWorkFactory],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
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
                user_agent=browser_of(request),
            )
        )
        if isinstance(user, MustRegister):
            answer = see_other("/register")
            ticket = InvitationTicket(token=user.token, by_password=True)
            answer.set_cookie(INVITATION.keep(settings, ticket, clock.now()))
            return answer
        if isinstance(user, PasswordExpired):
            return expired_password.lead_on(user, settings, clock)
        async with uow() as unit:
            account_no = await _first_account(unit, user)
            await open_session(request, unit, user, account_no)
    except (Invalid, Forbidden, TooManyTries) as error:
        known = typed(posted, SignInForm)
        return refused(
            request,
            templates,
            "sign_in",
            error,
            login=known.get("login", ""),
            next=safe_next(known.get("next", ""), ""),
            signup=policies.signup,
        )
    return see_other(safe_next(form.next, HOME))


@post(
    "/sign-out",
    opt={"public": True, "page": "/sign-in", "signed_out_words": "You are signed out."},
)
async def sign_out(request: AnyRequest) -> Response[Any]:
    """End the session; signing out twice is no error."""
    session = session_of(request)
    await session.end()
    session.flash("You are signed out.", "success")
    return see_other("/sign-in")


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


async def _first_account(unit: UnitOfWork, user: PortalUser) -> str:
    links = await unit.users.links(user.user_id)
    if not links:
        raise Forbidden(WRONG)
    return links[0].account_no
