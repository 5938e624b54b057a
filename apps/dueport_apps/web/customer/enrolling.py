"""Register with the account number and the code on the statement, where the dealer offers it."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.enrol import Enrol, EnrolCommand, OpenEnrolment
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.sign_up import CLOSED
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.customer.invitations import LinkForm, RegistrationForm
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
from dueport_apps.web.customer.tickets import ENROLMENT, EnrolmentTicket
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound, TooManyTries
from dueport_ports import Clock

FORM = "/enrol/register"
LINK = "/enrol/link"


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    account_no: Annotated[str, msgspec.Meta(max_length=40)]
    code: Annotated[str, msgspec.Meta(max_length=40)]


class EnrolForm(RegistrationForm, frozen=True, kw_only=True):
    """The registration, where the person also names their e-mail."""

    email: Annotated[str, msgspec.Meta(max_length=254)] = ""


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
    """Check the code; a right one opens the registration for half an hour."""
    _refuse_unless_offered(policies)
    posted = await request.form()
    try:
        form = bind(posted, CodeForm)
        opened = await open_enrolment(form.account_no, form.code, client_ip(request))
    except (Invalid, Forbidden, TooManyTries) as error:
        return refused(request, templates, "enrol", error, values=_typed_code(posted))
    except Conflict as error:
        return show(
            request,
            templates,
            "enrol",
            status=409,
            errors={},
            warning=error.message,
            values=_typed_code(posted),
        )
    ticket = EnrolmentTicket(
        account_no=opened.account_no,
        account_name=opened.account_name,
        generation=opened.generation,
    )
    response = see_other(FORM)
    response.set_cookie(ENROLMENT.keep(settings, ticket, clock.now()))
    return response


@get("/enrol/register", opt={"public": True}, sync_to_thread=False)
def enrolment_form(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    policies: NamedDependency[Policies],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Ask for e-mail and password, or only to confirm where somebody is signed in."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other("/enrol")
    if session_of(request).signed_in:
        return _link_page(request, templates, policies, ticket)
    return _form(request, templates, policies, ticket, {}, {})


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
    """Make the login and sign it in."""
    ticket = ENROLMENT.of(request, settings, clock.now())
    if ticket is None:
        return see_other("/enrol")
    posted = await request.form()
    try:
        form = bind(posted, EnrolForm)
        user = await enrol.register(
            EnrolCommand(
                account_no=ticket.account_no,
                generation=ticket.generation,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                email=form.email,
                name=form.name,
                password=form.password,
                password_again=form.password_again,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except Invalid as error:
        values = typed(posted, EnrolForm)
        return _form(request, templates, policies, ticket, error.fields, values, status=422)
    except (Conflict, Forbidden) as error:
        values = typed(posted, EnrolForm)
        problems = {"": error.message}
        return _form(request, templates, policies, ticket, problems, values, status=409)
    return await _enrolled(request, settings, uow, user, ticket, was_signed_in=False)


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
        return see_other("/enrol")
    return _link_page(request, templates, policies, ticket)


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
        return see_other("/enrol")
    session = session_of(request)
    signed_in = session.principal if session.signed_in else None
    posted = await request.form()
    try:
        form = bind(posted, LinkForm)
        user = await enrol.link(
            EnrolCommand(
                account_no=ticket.account_no,
                generation=ticket.generation,
                accept_terms=form.accept_terms,
                link_account=form.link_account,
                user_id=signed_in.user_id if signed_in else "",
                login=form.login,
                login_password=form.password,
                client_ip=client_ip(request),
                user_agent=browser_of(request),
            )
        )
    except (Invalid, Forbidden, TooManyTries) as error:
        context = _link_context(policies, ticket, typed(posted, LinkForm))
        return refused(request, templates, "link_login", error, **context)
    except Conflict as error:
        context = _link_context(policies, ticket, typed(posted, LinkForm))
        return show(
            request,
            templates,
            "link_login",
            status=409,
            errors={},
            warning=error.message,
            **context,
        )
    return await _enrolled(
        request, settings, uow, user, ticket, was_signed_in=signed_in is not None
    )


@post("/enrol/sign-out", opt={"public": True})
async def enrol_other_login(request: AnyRequest) -> Response[Any]:
    """Let somebody else than the one who is signed in here go on."""
    await session_of(request).end()
    return see_other(FORM)


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


def _form(
    request: AnyRequest,
    templates: Templates,
    policies: Policies,
    ticket: EnrolmentTicket,
    errors: dict[str, str],
    values: dict[str, Any],
    status: int = 200,
) -> Response[Any]:
    return show(
        request,
        templates,
        "register",
        status=status,
        action=FORM,
        link=LINK,
        account_name=ticket.account_name,
        account_no=ticket.account_no,
        email="",
        expires_at=None,
        minimum_length=policies.logins.password_min_length,
        terms=policies.terms,
        errors=errors,
        values=values,
    )


def _link_page(
    request: AnyRequest, templates: Templates, policies: Policies, ticket: EnrolmentTicket
) -> Response[Any]:
    context = _link_context(policies, ticket)
    return show(request, templates, "link_login", errors={}, warning="", **context)


def _link_context(
    policies: Policies, ticket: EnrolmentTicket, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "action": LINK,
        "other": "/enrol/sign-out",
        "back": FORM,
        "account_name": ticket.account_name,
        "account_no": ticket.account_no,
        "known_email": "",
        "terms": policies.terms,
        "values": {"login": "", **(values or {})},
    }


def _typed_code(posted: Any) -> dict[str, Any]:
    return typed(posted, CodeForm)


def _refuse_unless_offered(policies: Policies) -> None:
    if not policies.signup.enrolment_codes:
        raise NotFound(CLOSED)
