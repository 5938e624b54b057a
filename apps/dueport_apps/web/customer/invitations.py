"""Register from an invitation: a new login, or one more account for a login that exists."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.accept_invitation import AcceptInvitation, AcceptInvitationCommand
from dueport_apps.usecases.ask_for_link import AskForLink
from dueport_apps.usecases.link_account import LinkAccount, LinkAccountCommand
from dueport_apps.usecases.open_invitation import OpenInvitation
from dueport_apps.usecases.plan_invitations import SAMPLE_TOKEN
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.second_check import AnswerSecondCheck
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.invitation_pages import (
    closed,
    form_page,
    link_context,
    link_form,
    may_link,
    may_register,
    opened_by,
    page_of,
    question_page,
)
from dueport_apps.web.customer.pages import (
    HOME,
    AnyRequest,
    browser_of,
    open_account,
    open_session,
    refused,
    see_other,
    show,
)
from dueport_apps.web.customer.tickets import INVITATION, TOKEN_LENGTH_MAX, InvitationTicket
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_apps.wording import ended
from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyTries
from dueport_core.passwords import MAX_LENGTH
from dueport_ports import Clock


class RegistrationForm(msgspec.Struct, frozen=True, kw_only=True):
    """What may be chosen. Account and e-mail are the invitation's and no fields."""

    name: Annotated[str, msgspec.Meta(max_length=120)] = ""
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""
    password_again: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""
    accept_terms: bool = False
    link_account: bool = False


class AnswerForm(msgspec.Struct, frozen=True, kw_only=True):
    answer: Annotated[str, msgspec.Meta(max_length=120)]


class LinkForm(msgspec.Struct, frozen=True, kw_only=True):
    """A login that exists. Both fields are empty where somebody is signed in."""

    login: Annotated[str, msgspec.Meta(max_length=254)] = ""
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)] = ""
    accept_terms: bool = False
    link_account: bool = False


@get("/register/{token:str}", opt={"public": True}, sync_to_thread=False)
def take_token(
    request: AnyRequest,
    token: FromPath[str],
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Move the token from the address into a cookie; whether it is any good is told next."""
    if token == SAMPLE_TOKEN:
        return show(request, templates, "sample_invitation")
    response = see_other("/register")
    if len(token) <= TOKEN_LENGTH_MAX:
        ticket = InvitationTicket(token=token)
        response.set_cookie(INVITATION.keep(settings, ticket, clock.now()))
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
    """Show the form, the question before it, or why this link opens none. Looking consumes
    nothing."""
    ticket = INVITATION.of(request, settings, clock.now())
    opened = await opened_by(open_invitation, ticket.token if ticket else None)
    return page_of(request, templates, policies, ticket, opened)


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
    ticket = INVITATION.of(request, settings, clock.now())
    opened = await opened_by(open_invitation, ticket.token if ticket else None)
    if ticket is None or opened is None or not may_register(opened, ticket):
        return page_of(request, templates, policies, ticket, opened)
    posted = await request.form()
    try:
        form = bind(posted, RegistrationForm)
        user = await accept_invitation(
            AcceptInvitationCommand(
                token=ticket.token,
                password=form.password,
                password_again=form.password_again,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                name=form.name,
                second_check_passed=ticket.answered,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except Invalid as error:
        values = typed(posted, RegistrationForm)
        return form_page(
            request, templates, policies, ticket, opened, error.fields, values, status=422
        )
    except (Conflict, NotFound) as error:
        again = await opened_by(open_invitation, ticket.token)
        return closed(request, templates, again, why=error.message)
    async with uow() as unit:
        await open_session(request, unit, user, opened.invitation.account_no)
    session_of(request).flash(
        ended(f"Welcome. Your login is ready and linked to {opened.account_name}"), "success"
    )
    return _done(settings)


@post("/register/check", opt={"public": True})
async def answer_question(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    policies: NamedDependency[Policies],
    open_invitation: NamedDependency[OpenInvitation],
    answer_second_check: NamedDependency[AnswerSecondCheck],
) -> Response[Any]:
    """Check the answer to the question before the form; the browser's ticket remembers it."""
    ticket = INVITATION.of(request, settings, clock.now())
    opened = await opened_by(open_invitation, ticket.token if ticket else None)
    if ticket is None or opened is None or not opened.live:
        return page_of(request, templates, policies, ticket, opened)
    try:
        form = bind(await request.form(), AnswerForm)
        await answer_second_check(ticket.token, form.answer, client_ip(request))
    except Invalid as error:
        return question_page(request, templates, opened, error.fields, status=422)
    except (Conflict, NotFound) as error:
        # The fifth wrong answer ends the link that it was given with.
        again = await opened_by(open_invitation, ticket.token)
        return closed(request, templates, again, why=error.message)
    response = see_other("/register")
    answered = msgspec.structs.replace(ticket, answered=True)
    response.set_cookie(INVITATION.keep(settings, answered, clock.now()))
    return response


@get("/register/link", opt={"public": True})
async def link_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
) -> Response[Any]:
    """Ask for a login that exists already, of whatever e-mail."""
    ticket = INVITATION.of(request, settings, clock.now())
    opened = await opened_by(open_invitation, ticket.token if ticket else None)
    if ticket is None or opened is None or not may_link(opened, ticket):
        return page_of(request, templates, policies, ticket, opened)
    return link_form(request, templates, policies, opened)


@post("/register/link", opt={"public": True})
async def link(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
    link_account: NamedDependency[LinkAccount],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Add the invitation's account to the login that is signed in, or whose password this is."""
    ticket = INVITATION.of(request, settings, clock.now())
    opened = await opened_by(open_invitation, ticket.token if ticket else None)
    if ticket is None or opened is None or not may_link(opened, ticket):
        return page_of(request, templates, policies, ticket, opened)
    session = session_of(request)
    signed_in = session.principal if session.signed_in else None
    posted = await request.form()
    try:
        form = bind(posted, LinkForm)
        user = await link_account(
            LinkAccountCommand(
                token=ticket.token,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                user_id=signed_in.user_id if signed_in else "",
                login=form.login,
                password=form.password,
                second_check_passed=ticket.answered,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except (Invalid, Forbidden, TooManyTries) as error:
        context = link_context(policies, opened, typed(posted, LinkForm))
        return refused(request, templates, "link_login", error, **context)
    except (Conflict, NotFound) as error:
        again = await opened_by(open_invitation, ticket.token)
        return closed(request, templates, again, why=error.message)
    async with uow() as unit:
        if signed_in:
            await open_account(request, unit, opened.invitation.account_no)
        else:
            await open_session(request, unit, user, opened.invitation.account_no)
    session.flash(f"{opened.account_name} is now linked to your login.", "success")
    return _done(settings)


@post("/register/sign-out", opt={"public": True})
async def use_other_login(request: AnyRequest) -> Response[Any]:
    """Let somebody else than the one who is signed in here take the invitation."""
    await session_of(request).end()
    return see_other("/register")


@post("/register/ask", opt={"public": True})
async def ask_for_new_link(
    request: AnyRequest,
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    ask_for_link: NamedDependency[AskForLink],
) -> Response[Any]:
    """Tell the dealer that a new link is wanted; the answer is always the same."""
    ticket = INVITATION.of(request, settings, clock.now())
    if ticket is not None:
        await ask_for_link(ticket.token, client_ip(request))
    return see_other("/register/asked")


@get("/register/asked", opt={"public": True}, sync_to_thread=False)
def asked(request: AnyRequest, templates: NamedDependency[Templates]) -> Response[Any]:
    return show(request, templates, "link_asked")


def _done(settings: Settings) -> Response[Any]:
    response = see_other(HOME)
    response.set_cookie(INVITATION.drop(settings))
    return response
