"""The demonstration's own pages on the sandbox's port: the way in, the clock, the authenticator."""

import datetime
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import pyotp
import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect
from markupsafe import Markup

from dueport_apps.demo.cast import GUEST_ACCOUNT, GUEST_EMAIL
from dueport_apps.demo.config import DEALER_NAME, TIME_ZONE, Ports
from dueport_apps.demo.people import CUSTOMER_PASSWORD, OPERATOR_EMAIL, OPERATOR_PASSWORD
from dueport_apps.sandbox.frame import SandboxFrame
from dueport_core.calendar import add_banking_days

EASTERN: Final = ZoneInfo(TIME_ZONE)
STEP_S: Final = 30
PENDING_SHOWN: Final = 5
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who can sign in where."""

    what: str
    url: str
    login: str
    password: str
    note: str


class Guide(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses and logins of a running demonstration."""

    home: str
    mailbox: str
    erp: str
    authenticator: str
    otpauth: str
    folder: str
    logins: tuple[Login, ...]


class Move(msgspec.Struct, frozen=True):
    """What a button of the clock asks for."""

    step: Literal["hour", "day", "week"]


def guide(ports: Ports, totp_secret: str, folder: str) -> Guide:
    """Return where everything is and who can sign in."""
    home = ports.sandbox_url
    return Guide(
        home=f"{home}/",
        mailbox=f"{home}/mailbox",
        erp=f"{home}/erp",
        authenticator=f"{home}/authenticator",
        otpauth=pyotp.TOTP(totp_secret).provisioning_uri(
            name=OPERATOR_EMAIL, issuer_name=DEALER_NAME
        ),
        folder=folder,
        logins=(
            Login(
                what="Operator portal",
                url=f"{ports.portal_url}/operator",
                login=OPERATOR_EMAIL,
                password=OPERATOR_PASSWORD,
                note=f"then a code from {home}/authenticator",
            ),
            Login(
                what="Customer portal",
                url=f"{ports.portal_url}/",
                login=GUEST_EMAIL,
                password=CUSTOMER_PASSWORD,
                note=f"account {GUEST_ACCOUNT}",
            ),
        ),
    )


def create_front_router(
    shown: Guide,
    totp_secret: str,
    frame: SandboxFrame,
    after_move: Callable[[], Awaitable[None]],
) -> Router:
    """Return the pages; `after_move` is awaited after the clock was moved."""
    templates = Environment(
        loader=PackageLoader("dueport_apps.demo", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    totp = pyotp.TOTP(totp_secret)

    def page(name: str, **values: Any) -> Response[str]:
        content = templates.get_template(name).render(guide=shown, dealer=DEALER_NAME, **values)
        headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    @get("/")
    async def landing() -> Response[str]:
        """Show the ways in and the clock."""
        now = frame.clock.now()
        pending = frame.clock.pending()
        return page(
            "landing.html",
            now=_spoken(now),
            ahead=_ahead(now - datetime.datetime.now(datetime.UTC)),
            pending=[(_spoken(at), name.replace("_", " ")) for at, name in pending[:PENDING_SHOWN]],
            more=max(0, len(pending) - PENDING_SHOWN),
        )

    @post("/clock")
    async def move(
        data: Annotated[Move, Body(media_type=RequestEncodingType.URL_ENCODED)],
    ) -> Redirect:
        """Move the sandbox's clock and let the platform look at what happened."""
        await frame.clock.advance(to=_target(data.step, frame.clock.now()))
        await after_move()
        return Redirect("/#clock", status_code=303)

    @get("/authenticator")
    async def authenticator() -> Response[str]:
        """Show the operator's current code, for whoever has no phone at hand."""
        code, seconds_left = _code(totp)
        picture = segno.make(shown.otpauth, error="m").svg_inline(scale=4, border=2)
        return page(
            "authenticator.html",
            code=code,
            seconds_left=seconds_left,
            picture=Markup(picture),  # noqa: S704 - drawn by us from our own address.
        )

    @get("/authenticator.json")
    async def authenticator_json() -> dict[str, Any]:
        """Return the operator's current code."""
        code, seconds_left = _code(totp)
        return {"login": OPERATOR_EMAIL, "code": code, "seconds_left": seconds_left}

    @get("/demo.css")
    async def styles() -> Response[bytes]:
        """Serve the style sheet."""
        file = resources.files("dueport_apps.demo") / "pages" / "demo.css"
        return Response(file.read_bytes(), media_type="text/css; charset=utf-8")

    return Router("/", route_handlers=[landing, move, authenticator, authenticator_json, styles])


def _target(step: str, now: datetime.datetime) -> datetime.datetime:
    """Return where the clock goes; a banking week is five days on which the banks are open."""
    if step == "hour":
        return now + datetime.timedelta(hours=1)
    if step == "day":
        return now + datetime.timedelta(days=1)
    local = now.astimezone(EASTERN)
    day = add_banking_days(local.date(), 5)
    return datetime.datetime.combine(day, local.time(), EASTERN).astimezone(datetime.UTC)


def _code(totp: pyotp.TOTP) -> tuple[str, int]:
    now = int(time.time())
    return totp.at(now), STEP_S - now % STEP_S


def _spoken(at: datetime.datetime) -> str:
    local = at.astimezone(EASTERN)
    return f"{local:%a, %b} {local.day}, {local.year}, {local.hour % 12 or 12}:{local:%M %p}"


def _ahead(difference: datetime.timedelta) -> str:
    """Say how far the sandbox's clock is ahead of the real one; nothing below a minute."""
    minutes = max(0, round(difference.total_seconds())) // 60
    parts = [(minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return ", ".join(said[:2])
