"""The first visit of an operator: a one-time link, a password, an authenticator, recovery codes.

The link's token leaves the address at once. Together with the authenticator's secret it waits in a
sealed cookie of half an hour, so that neither is ever part of a page's address or of a form.
"""

import io
from typing import Annotated, Any

import msgspec
import segno
from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response
from markupsafe import Markup

from dueport_apps.settings import Settings
from dueport_apps.usecases.records import Operator
from dueport_apps.usecases.services import SecondFactor
from dueport_apps.usecases.set_up_operator import SetUpOperator, SetUpOperatorCommand
from dueport_apps.web.http.cookies import dropped, kept
from dueport_apps.web.http.forms import bind
from dueport_apps.web.operator.pages import AnyRequest, see_other, show
from dueport_apps.web.people import client_ip, session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import Invalid, NotFound, PortError
from dueport_ports import Clock, SecretBox

LIFETIME_S = 30 * 60
TOKEN_LENGTH_MAX = 200


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """The sealed cookie's content."""

    token: str
    totp_secret: str
    at: int


class SetUpForm(msgspec.Struct, frozen=True, kw_only=True):
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    password_again: Annotated[str, msgspec.Meta(max_length=1024)]
    code: Annotated[str, msgspec.Meta(max_length=20)]


@get("/operator/setup/{token:str}", opt={"public": True}, sync_to_thread=False)
def take_token(
    token: FromPath[str],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    box: NamedDependency[SkipValidation[SecretBox]],
    factor: NamedDependency[SkipValidation[SecondFactor]],
) -> Response[Any]:
    """Move the token from the address into a cookie; whether it is any good is told next."""
    response = see_other("/operator/setup")
    if len(token) <= TOKEN_LENGTH_MAX:
        ticket = Ticket(token, factor.new_secret(), int(clock.now().timestamp()))
        response.set_cookie(_ticket_cookie(settings, box, ticket))
    return response


@get("/operator/setup", opt={"public": True})
async def setup_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    box: NamedDependency[SkipValidation[SecretBox]],
    factor: NamedDependency[SkipValidation[SecondFactor]],
    set_up_operator: NamedDependency[SetUpOperator],
) -> Response[Any]:
    """Show the form, or say that the link opens none. Looking consumes nothing."""
    ticket = _ticket(request, settings, box, clock)
    operator = await set_up_operator.find(ticket.token) if ticket else None
    if ticket is None or operator is None:
        return show(request, templates, "setup_closed", status=404)
    return _form(request, templates, settings, factor, ticket, operator, {})


@post("/operator/setup", opt={"public": True})
async def set_up(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    box: NamedDependency[SkipValidation[SecretBox]],
    factor: NamedDependency[SkipValidation[SecondFactor]],
    set_up_operator: NamedDependency[SetUpOperator],
) -> Response[Any]:
    """Finish the set-up, sign the operator in and show the recovery codes.

    They are shown by this answer and stored nowhere, so there is no page to lead on to; loading
    it again finds a used link.
    """
    ticket = _ticket(request, settings, box, clock)
    operator = await set_up_operator.find(ticket.token) if ticket else None
    if ticket is None or operator is None:
        return show(request, templates, "setup_closed", status=404)
    try:
        form = bind(await request.form(), SetUpForm)
        ready = await set_up_operator(
            SetUpOperatorCommand(
                token=ticket.token,
                password=form.password,
                password_again=form.password_again,
                totp_secret=ticket.totp_secret,
                code=form.code,
                client_ip=client_ip(request),
            )
        )
    except Invalid as error:
        return _form(request, templates, settings, factor, ticket, operator, error.fields)
    except NotFound:
        return show(request, templates, "setup_closed", status=404)
    await session_of(request).start(ready.operator.operator_id)
    response = show(
        request,
        templates,
        "recovery_codes",
        codes=ready.recovery_codes,
        operator=ready.operator,
    )
    response.set_cookie(dropped(_name(settings), secure=settings.config.web.secure))
    return response


def _form(
    request: AnyRequest,
    templates: Templates,
    settings: Settings,
    factor: SecondFactor,
    ticket: Ticket,
    operator: Operator,
    errors: dict[str, str],
) -> Response[Any]:
    secret = ticket.totp_secret
    return show(
        request,
        templates,
        "setup",
        status=422 if errors else 200,
        operator=operator,
        errors=errors,
        qr_code=_qr_code(factor.provisioning_uri(secret, operator.email)),
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        password_min_length=settings.config.policies.logins.operator_password_min_length,
    )


def _qr_code(content: str) -> Markup:
    """Draw a code as SVG inside the page; dark on white in both themes, as scanners want it."""
    drawn = io.BytesIO()
    segno.make(content, error="m").save(
        drawn,
        kind="svg",
        scale=5,
        border=3,
        light="#ffffff",
        xmldecl=False,
        svgns=False,
        nl=False,
        title="QR code for the authenticator app",
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 (our own drawing; the content is only dots)


def _ticket_cookie(settings: Settings, box: SecretBox, ticket: Ticket) -> Cookie:
    sealed = box.seal(msgspec.json.encode(ticket).decode())
    return kept(_name(settings), sealed, secure=settings.config.web.secure)


def _ticket(request: AnyRequest, settings: Settings, box: SecretBox, clock: Clock) -> Ticket | None:
    """Return what the browser carries; None without it, after half an hour, or when not ours."""
    sealed = request.cookies.get(_name(settings), "")
    if not sealed:
        return None
    try:
        ticket = msgspec.json.decode(box.open(sealed), type=Ticket)
    except (PortError, ValueError):
        return None
    return ticket if clock.now().timestamp() - ticket.at <= LIFETIME_S else None


def _name(settings: Settings) -> str:
    return f"{'__Host-' if settings.config.web.secure else ''}dueport-operator-setup"
