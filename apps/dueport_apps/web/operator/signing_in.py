"""Operators sign in with a password and then a code; sensitive steps ask for a code once more."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.sign_in import ConfirmSecondFactor, SignInCommand, SignInOperator
from dueport_apps.web.http.forms import bind, typed
from dueport_apps.web.http.guards import StepUpNeeded, level_required, operator_required
from dueport_apps.web.http.redirects import safe_next, sign_in_url
from dueport_apps.web.http.sessions import AuthLevel
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.operator.list_memory import forget_lists
from dueport_apps.web.operator.pages import AnyRequest, address, see_other, show
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Forbidden, Invalid, TooManyTries

HOME = "/operator/customers"
SIGN_IN = "/operator/sign-in"
SECOND_FACTOR = "/operator/second-factor"
CONFIRM = "/operator/confirm"


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What a fresh code is asked for."""

    path: str
    """How the addresses of the pages begin that ask for it."""
    why: str
    then: str


PURPOSES = (
    Purpose(
        path="/operator/settlements",
        why="Posting and resolving write to the books",
        then="post and resolve settlements",
    ),
    Purpose(
        path="/operator/api-keys",
        why="A program that has an API key acts without you, as far as the key allows",
        then="issue and revoke API keys",
    ),
    Purpose(
        path="/operator/enrolment-",
        why="Whoever has a customer's enrollment code can register for that account",
        then="download the codes and the letters",
    ),
    Purpose(path="", why="The next step is a sensitive one", then="go on without another code"),
)


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    next: str = ""


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    code: Annotated[str, msgspec.Meta(max_length=40)]
    next: str = ""


@get("/operator", opt={"public": True}, sync_to_thread=False)
def start() -> Response[Any]:
    """Lead to the Customers Dashboard, which leads to signing in."""
    return see_other(HOME)


@get("/operator/sign-in", opt={"public": True}, sync_to_thread=False)
def sign_in_page(
    request: AnyRequest, templates: NamedDependency[Templates], next: FromQuery[str] = ""
) -> Response[Any]:
    if session_of(request).signed_in:
        return see_other(ours(next))
    return show(
        request,
        templates,
        "sign_in",
        errors={},
        email="",
        next=ours(next) if next else "",
        warning="",
    )


def _form_again(posted: FormMultiDict) -> str:
    """Return the sign-in page, which leads on to where this form would have led."""
    return sign_in_url(SIGN_IN, safe_next(str(posted.get("next", "")), ""))


@post("/operator/sign-in", opt={"public": True, "page": _form_again})
async def sign_in(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    sign_in_operator: NamedDependency[SignInOperator],
) -> Response[Any]:
    """Check the password; the session that opens reaches the page for the code and nothing else."""
    posted = await request.form()
    try:
        form = bind(posted, SignInForm)
        operator = await sign_in_operator(
            SignInCommand(
                login=form.email,
                password=form.password,
                client_ip=client_ip(request),
                user_agent=request.headers.get("user-agent", "")[:400],
            )
        )
    except (Invalid, Forbidden, TooManyTries) as error:
        known = typed(posted, SignInForm)
        return _again(
            request,
            templates,
            "sign_in",
            error,
            email=known.get("email", ""),
            next=ours(known["next"]) if known.get("next") else "",
        )
    await session_of(request).start(
        operator.operator_id, AuthLevel.PASSWORD, data={"next": ours(form.next)}
    )
    return see_other(SECOND_FACTOR)


_PASSWORD_GIVEN = level_required(Portal.OPERATOR, AuthLevel.PASSWORD)


@get("/operator/second-factor", guards=[_PASSWORD_GIVEN], sync_to_thread=False)
def second_factor_page(request: AnyRequest, templates: NamedDependency[Templates]) -> Response[Any]:
    return show(request, templates, "second_factor", errors={}, warning="")


@post("/operator/second-factor", guards=[_PASSWORD_GIVEN])
async def second_factor(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    confirm_second_factor: NamedDependency[ConfirmSecondFactor],
) -> Response[Any]:
    """Check the code and open the portal under a new session token."""
    session = session_of(request)
    assert session.principal is not None
    try:
        form = bind(await request.form(), CodeForm)
        await confirm_second_factor(session.principal.user_id, form.code, client_ip(request))
    except (Invalid, Forbidden, TooManyTries) as error:
        return _again(request, templates, "second_factor", error)
    wanted = ours(str(session.data.get("next", "")))
    await session.rotate(level=AuthLevel.FULL, stepped_up=True)
    await session.save({})
    return see_other(wanted)


@post(
    "/operator/sign-out",
    opt={"public": True, "page": SIGN_IN, "signed_out_words": "You are signed out."},
)
async def sign_out(
    request: AnyRequest, settings: NamedDependency[SkipValidation[Settings]]
) -> Response[Any]:
    """End the session; signing out twice is no error."""
    session = session_of(request)
    await session.end()
    session.flash("You are signed out.", "success")
    response = see_other(SIGN_IN)
    for cookie in forget_lists(settings):
        response.set_cookie(cookie)
    return response


@get("/operator/confirm", guards=[operator_required()], sync_to_thread=False)
def confirm_page(
    request: AnyRequest, templates: NamedDependency[Templates], next: FromQuery[str] = ""
) -> Response[Any]:
    """Ask for a code before something sensitive."""
    target = ours(next)
    return show(
        request,
        templates,
        "confirm",
        errors={},
        warning="",
        next=target,
        purpose=purpose_of(target),
    )


@post("/operator/confirm", guards=[operator_required()])
async def confirm(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    confirm_second_factor: NamedDependency[ConfirmSecondFactor],
) -> Response[Any]:
    """Check the code, note the time under a new session token, and go back to the page."""
    session = session_of(request)
    if session.record is None or session.principal is None:
        raise Forbidden("An API key cannot be asked for a code, and needs none.")
    posted = await request.form()
    wanted = ours(str(posted.get("next", "")))
    try:
        form = bind(posted, CodeForm)
        await confirm_second_factor(
            session.principal.user_id,
            form.code,
            client_ip(request),
            action="second_factor.confirmed",
        )
    except (Invalid, Forbidden, TooManyTries) as error:
        return _again(request, templates, "confirm", error, next=wanted, purpose=purpose_of(wanted))
    await session.rotate(stepped_up=True)
    then = purpose_of(wanted).then
    session.flash(f"Confirmed. For the next five minutes you can {then}.", "success")
    return see_other(wanted)


def ask_for_code(request: AnyRequest, error: StepUpNeeded) -> Response[Any]:
    """Answer a step that needs a fresh code: nothing was done; after the code the page is back."""
    path = request.url.path
    above = path.rsplit("/", 1)[0] if request.method == "POST" else path
    page = request.route_handler.opt.get("page", above)
    return see_other(address(CONFIRM, next=page))


def purpose_of(page: str) -> Purpose:
    """Return what a code is asked for before something on this page."""
    return next(one for one in PURPOSES if page.startswith(one.path))


def ours(wanted: str) -> str:
    """Return a page of this portal: the wanted one, or the dashboard."""
    target = safe_next(wanted, HOME)
    return target if target.startswith("/operator/") else HOME


def _again(
    request: AnyRequest,
    templates: Templates,
    template: str,
    error: Invalid | Forbidden | TooManyTries,
    **context: Any,
) -> Response[Any]:
    """Show a form once more, with what was wrong."""
    response = show(
        request,
        templates,
        template,
        status=429 if isinstance(error, TooManyTries) else 422,
        errors=error.fields if isinstance(error, Invalid) else {},
        warning="" if isinstance(error, Invalid) else error.message,
        **context,
    )
    if isinstance(error, TooManyTries):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response
