"""Register with the account number and the code on the statement, where the dealer offers it.

First that code, then an address, then the code that is mailed there together with a password. Each step
leaves what it has found in the ticket, so no form can say whose account or whose address it is.
"""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.enrol import (
    Enrol,
    EnrolCommand,
    EnrolKnownCommand,
    HasLogin,
    OpenEnrolment,
)
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.prove_mailbox import MailEnrolmentCode
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.sign_up import CLOSED
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.enrolment_pages import (
    EMAIL,
    FORM,
    LINK,
    START,
    email_context,
    form_context,
    link_context,
    turned_down,
)
from dueport_apps.web.customer.invitations import LinkForm, RegistrationForm
from dueport_apps.web.customer.pages import (
    HOME,
    AnyRequest,
    browser_of,
    open_account,
    open_session,
    see_other,
    show,
)
from dueport_apps.web.customer.tickets import ENROLMENT, EnrolmentTicket
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyTries
from dueport_ports import Clock

REFUSALS = (Invalid, Forbidden, TooManyTries, Conflict)


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed on the statement."""

    account_no: Annotated[str, msgspec.Meta(max_length=40)]
    code: Annotated[str, msgspec.Meta(max_length=40)]


class EmailForm(msgspec.Struct, frozen=True, kw_only=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]


class EnrolForm(RegistrationForm, frozen=True, kw_only=True):
    """The registration, with the code that was mailed. The e-mail it was mailed to is no field."""

    code: Annotated[str, msgspec.Meta(max_length=40)] = ""


@get("/enrol", opt={"public": True}, sync_to_thread=False)
def enrol_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    _refuse_unless_offered(policies)
    return show(request, templates, "enrol", errors={}, warning="", values={})


@post("/enrol", opt={"public": True})
async def check_code(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    open_enrolment: NamedDependency[OpenEnrolment],
    policies: NamedDependency[Policies],
) -> Response[Any]:
    """Check the statement's code; a right one opens the next steps for half an hour."""
    _refuse_unless_offered(policies)
    posted = await request.form()
    try:
        form = bind(posted, CodeForm)
        opened = await open_enrolment(form.account_no, form.code, client_ip(request))
    except REFUSALS as error:
        return turned_down(request, templates, "enrol", error, values=typed(posted, CodeForm))
    ticket = EnrolmentTicket(
        account_no=opened.account_no,
        account_name=opened.account_name,
        generation=opened.generation,
    )
    return _onward(EMAIL, settings, clock, ticket)


@get("/enrol/email", opt={"public": True}, sync_to_thread=False)
def email_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Ask where to mail the code; somebody who is signed in needs none."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other(START)
    if session_of(request).signed_in:
        return see_other(LINK)
    context = email_context(ticket, ticket.claim.email if ticket.claim else "")
    return show(request, templates, "enrol_email", errors={}, warning="", **context)


@post("/enrol/email", opt={"public": True})
async def mail_code(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    mail_enrolment_code: NamedDependency[MailEnrolmentCode],
) -> Response[Any]:
    """Mail a code to the address, whoever it belongs to, and say the same to everybody."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other(START)
    posted = await request.form()
    try:
        form = bind(posted, EmailForm)
        claim = await mail_enrolment_code(
            ticket.account_no, ticket.generation, form.email, client_ip(request)
        )
    except REFUSALS as error:
        context = email_context(ticket, typed(posted, EmailForm).get("email", ""))
        return turned_down(request, templates, "enrol_email", error, **context)
    ticket = msgspec.structs.replace(ticket, claim=claim, has_login=False)
    return _onward(FORM, settings, clock, ticket)


@post("/enrol/code", opt={"public": True, "page": FORM})
async def mail_code_again(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    mail_enrolment_code: NamedDependency[MailEnrolmentCode],
) -> Response[Any]:
    """Mail another code to the same address, and keep what the form holds by now."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None or ticket.claim is None:
        return see_other(EMAIL if ticket else START)
    posted = await request.form()
    values = typed(posted, EnrolForm)
    try:
        bind(posted, EnrolForm)
        claim = await mail_enrolment_code(
            ticket.account_no, ticket.generation, ticket.claim.email, client_ip(request)
        )
    except REFUSALS as error:
        context = form_context(policies, ticket, ticket.claim, values)
        return turned_down(request, templates, "enrol_register", error, **context)
    session_of(request).flash(
        f"A new code is on its way to {claim.email}. The one before does not work any more.",
        "success",
    )
    values.pop("code", None)
    ticket = msgspec.structs.replace(ticket, claim=claim, has_login=False, typed=values)
    return _onward(FORM, settings, clock, ticket)


@get("/enrol/register", opt={"public": True}, sync_to_thread=False)
def enrolment_form(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Ask for the mailed code and a password; somebody who has a login only confirms."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other(START)
    if session_of(request).signed_in or ticket.has_login:
        return see_other(LINK)
    if ticket.claim is None:
        return see_other(EMAIL)
    context = form_context(policies, ticket, ticket.claim, ticket.typed)
    return show(request, templates, "enrol_register", errors={}, warning="", **context)


@post("/enrol/register", opt={"public": True})
async def enrol_new_login(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    enrol: NamedDependency[Enrol],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Make the login and sign it in, or ask for the password of the login that the address has."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None or ticket.claim is None:
        return see_other(EMAIL if ticket else START)
    posted = await request.form()
    values = typed(posted, EnrolForm)
    try:
        form = bind(posted, EnrolForm)
        made = await enrol.register(
            EnrolCommand(
                claim=ticket.claim,
                mailed_code=form.code,
                password=form.password,
                password_again=form.password_again,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                name=form.name,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except REFUSALS as error:
        context = form_context(policies, ticket, ticket.claim, values)
        return turned_down(request, templates, "enrol_register", error, **context)
    if isinstance(made, HasLogin):
        known = msgspec.structs.replace(ticket, has_login=True)
        context = link_context(policies, known, values)
        response = show(
            request, templates, "link_login", status=409, errors={}, warning="", **context
        )
        response.set_cookie(ENROLMENT.keep(settings, known, clock.now()))
        return response
    return await _enrolled(request, settings, uow, made, ticket, was_signed_in=False)


@get("/enrol/link", opt={"public": True}, sync_to_thread=False)
def enrol_link_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Ask for a login that exists already."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other(START)
    context = link_context(policies, ticket)
    return show(request, templates, "link_login", errors={}, warning="", **context)


@post("/enrol/link", opt={"public": True})
async def enrol_known_login(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
    enrol: NamedDependency[Enrol],
    uow: NamedDependency[UnitOfWorkFactory],
) -> Response[Any]:
    """Add the account to the login that is signed in, or whose password this is."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other(START)
    session = session_of(request)
    signed_in = session.principal if session.signed_in else None
    posted = await request.form()
    try:
        form = bind(posted, LinkForm)
        user = await enrol.link(
            EnrolKnownCommand(
                account_no=ticket.account_no,
                generation=ticket.generation,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                user_id=signed_in.user_id if signed_in else "",
                login=form.login,
                password=form.password,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except REFUSALS as error:
        context = link_context(policies, ticket, typed(posted, LinkForm))
        return turned_down(request, templates, "link_login", error, **context)
    return await _enrolled(
        request, settings, uow, user, ticket, was_signed_in=signed_in is not None
    )


@post("/enrol/sign-out", opt={"public": True, "page": LINK})
async def enrol_other_login(request: AnyRequest) -> Response[Any]:
    """Let somebody else than the one who is signed in here go on."""
    await session_of(request).end()
    return see_other(FORM)


def _onward(path: str, settings: Settings, clock: Clock, ticket: EnrolmentTicket) -> Response[Any]:
    response = see_other(path)
    response.set_cookie(ENROLMENT.keep(settings, ticket, clock.now()))
    return response


async def _enrolled(
    request: AnyRequest,
    settings: Settings,
    uow: UnitOfWorkFactory,
    user: PortalUser,
    ticket: EnrolmentTicket,
    *,
    was_signed_in: bool,
) -> Response[Any]:
    async with uow() as unit:
        if was_signed_in:
            await open_account(request, unit, ticket.account_no)
        else:
            await open_session(request, unit, user, ticket.account_no)
    session_of(request).flash(
        f"Welcome. {ticket.account_name} is now linked to your login.", "success"
    )
    response = see_other(HOME)
    response.set_cookie(ENROLMENT.drop(settings))
    return response


def _refuse_unless_offered(policies: Policies) -> None:
    if not policies.signup.enrolment_codes:
        raise NotFound(CLOSED)
