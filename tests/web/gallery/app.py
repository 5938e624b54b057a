"""Every layout and macro with sample data, to be looked at and measured in a real browser.

Run it with `python -m tests.web.gallery.app` and open the address that it prints.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import uvicorn
from litestar import Litestar, Request, Router, get, post
from litestar.enums import MediaType
from litestar.response import Redirect, Response
from litestar.types import ASGIApp

from dueport_apps.web.assets import create_static_router
from dueport_apps.web.http.errors import exception_handlers
from dueport_apps.web.http.forms import FormErrors
from dueport_apps.web.http.guards import check_every_route_is_guarded
from dueport_apps.web.http.navigation import NavItem
from dueport_apps.web.http.sessions import AuthLevel
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.stack import HttpBase, compression
from dueport_apps.web.templating import TEMPLATES_FOLDER, Brand, Freshness, Templates
from dueport_core.errors import Conflict
from tests.web.http.memory import (
    ANNA,
    NOON,
    OMAR,
    MemoryIdempotency,
    MemoryPrincipals,
    MemorySessionStore,
    built_in_assets,
)

BRAND = Brand(name="Cedar & Stone Supply", email="ar@cedarstone.example", phone="(512) 555-0142")
MENU = (
    NavItem(key="statements", label="Statements", url="/gallery/customer", icon="file-text"),
    NavItem(key="methods", label="Payment methods", url="/gallery/customer", icon="wallet"),
    NavItem(key="autopay", label="Auto-pay", url="/gallery/customer", icon="repeat"),
    NavItem(key="profile", label="Sign-in and security", url="/gallery/customer", icon="lock"),
)
LABELS = ("Current", "1–30", "31–60", "61–90", "91+")


class Item(msgspec.Struct, frozen=True):
    """A sample open item."""

    ref: str
    kind: str
    due_on: date
    open_cents: int
    late_days: int


class SampleJob(msgspec.Struct, frozen=True):
    """A sample job with its items."""

    number: str
    name: str
    amounts: tuple[int, ...]
    balance_cents: int
    credits_cents: int
    counts: str
    items: tuple[Item, ...]


class Row(msgspec.Struct, frozen=True):
    """A sample row of the Customers Dashboard."""

    name: str
    number: str
    priority: int
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    invitation: str | None
    has_login: bool
    amounts: tuple[int, ...]


TODAY = NOON.date()
JOBS = (
    SampleJob(
        "0",
        "Master job",
        (184_250, 0, 96_120, 0, 0),
        280_370,
        -12_500,
        "3 invoices · 1 credit",
        (
            Item("INV-204418", "Invoice", TODAY + timedelta(days=12), 184_250, 0),
            Item("INV-203977", "Invoice", TODAY - timedelta(days=41), 96_120, 41),
            Item("CM-20115", "Credit adjustment", TODAY - timedelta(days=3), -12_500, 0),
        ),
    ),
    SampleJob(
        "1182",
        "Barton Creek residence, phase 2",
        (1_204_733, 318_090, 0, 45_000, 7_719),
        1_575_542,
        0,
        "6 invoices · 1 debit",
        (
            Item("INV-204501", "Invoice", TODAY + timedelta(days=18), 1_204_733, 0),
            Item("INV-204102", "Invoice", TODAY - timedelta(days=9), 318_090, 9),
            Item("DM-00871", "Debit adjustment", TODAY - timedelta(days=72), 45_000, 72),
            Item("INV-199310", "Invoice", TODAY - timedelta(days=118), 7_719, 118),
        ),
    ),
)
NAMES = (
    ("Ridgeline Custom Homes LLC", "100482", 9, None),
    ("Barton & Sons Framing", "100117", 8, "pending"),
    ("Hill Country Remodeling", "100903", 7, "accepted"),
    ("Lone Oak Builders, Inc.", "100255", 5, "declined"),
    ("Pecan Street Carpentry", "100640", 3, "expired"),
    ("Westlake Kitchen & Bath Interiors of Greater Austin", "100311", 0, None),
)
ROWS = tuple(
    Row(
        name,
        number,
        priority,
        2_381_455 * (priority + 1) // 4,
        800_000,
        2_381_455 * (priority + 1) // 4 - 800_000 if priority else 0,
        invitation,
        invitation == "accepted",
        (800_000, 210_000 * priority, 90_000 * priority, 40_000 * priority, 12_345 * priority),
    )
    for name, number, priority, invitation in NAMES
)


def gallery(base_url: str) -> tuple[Litestar, ASGIApp]:
    """Return the gallery's application, bare and as a server runs it."""
    settings = HttpSettings(
        customer_url=base_url, operator_url=f"{base_url}/operator", secret=b"g" * 32
    )
    base = HttpBase(
        settings=settings,
        sessions=MemorySessionStore(),
        principals=MemoryPrincipals(ANNA, OMAR),
        idempotency=MemoryIdempotency(),
        now=lambda: NOON,
    )
    templates = Templates(
        brand=BRAND,
        time_zone=ZoneInfo("America/Chicago"),
        assets=built_in_assets(),
        now=lambda: NOON,
        folders=(TEMPLATES_FOLDER, Path(__file__).parent / "templates"),
        menus={Portal.CUSTOMER: MENU, Portal.OPERATOR: MENU[3:]},
    )
    app = Litestar(
        route_handlers=[
            create_static_router(built_in_assets()),
            *(_router(portal, base, templates) for portal in Portal),
            _waiting,
        ],
        exception_handlers=exception_handlers(settings, templates),
        compression_config=compression(),
        openapi_config=None,
        logging_config=None,
    )
    check_every_route_is_guarded(app)
    return app, base.wrap(app)


@get(
    "/operator/invitations/waiting",
    opt={"public": True},
    media_type=MediaType.HTML,
    sync_to_thread=False,
)
def _waiting() -> str:
    """Answer the number that the operators' navigation asks for once a page is there."""
    return "3"


def _router(portal: Portal, base: HttpBase, templates: Templates) -> Router:
    who = {Portal.CUSTOMER: ANNA, Portal.OPERATOR: OMAR}[portal]

    def page(request: Request[Any, Any, Any], name: str, **more: Any) -> Response[str]:
        return templates.page(
            request,
            f"gallery/{name}.html",
            portal=portal,
            freshness=Freshness(NOON - timedelta(minutes=6)),
            account_label="Ridgeline Custom Homes" if portal is Portal.CUSTOMER else "",
            jobs=JOBS,
            rows=ROWS,
            labels=LABELS,
            now=NOON,
            **more,
        )

    @get("/enter", opt={"public": True})
    async def enter(request: Request[Any, Any, Any]) -> Redirect:
        await request.auth.start(who.user_id, AuthLevel.FULL)
        request.auth.flash("You are signed in.", "success")
        return Redirect(f"/gallery/{portal}/home", status_code=303)

    @get("/home", opt={"public": True})
    async def home(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, portal.value)

    @get("/sign-in", opt={"public": True})
    async def sign_in(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "sign_in", errors={}, email="")

    @post("/sign-in", opt={"public": True}, status_code=200)
    async def try_sign_in(request: Request[Any, Any, Any]) -> Response[str]:
        form = await request.form()
        error = FormErrors(
            {"email": "Write an e-mail address such as name@company.com."}, dict(form)
        )
        return page(request, "sign_in", errors=error.fields, email=form.get("email", ""))

    @get("/macros", opt={"public": True})
    async def macros(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "macros", layout=f"layouts/{portal}.html")

    @get("/conflict", opt={"public": True})
    async def conflict() -> None:
        raise Conflict("Invoice INV-204418 is already being paid by Ben Ortiz.")

    @get("/failure", opt={"public": True})
    async def failure() -> None:
        raise RuntimeError("an error that nobody expected")

    return Router(
        path=f"/gallery/{portal}",
        route_handlers=[enter, home, sign_in, try_sign_in, macros, conflict, failure],
        middleware=base.middleware(portal),
    )


def main() -> None:
    """Serve the gallery on this machine."""
    port = 8799
    uvicorn.run(gallery(f"http://127.0.0.1:{port}")[1], host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
