"""A small application on the whole stack, for the tests of the web base."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
from litestar import Litestar, Request, Router, get, post
from litestar.params import FromPath

from dueport_apps.web.assets import create_static_router
from dueport_apps.web.http.errors import exception_handlers
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import (
    check_every_route_is_guarded,
    customer_permitted,
    customer_required,
    operator_required,
    step_up_required,
)
from dueport_apps.web.http.headers import allow_sources
from dueport_apps.web.http.sessions import AuthLevel
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.stack import HttpBase, compression
from dueport_apps.web.templating import Brand, Templates
from dueport_core.errors import TooManyTries, Unavailable
from tests.web.http.memory import (
    ANNA,
    OMAR,
    MemoryIdempotency,
    MemoryPrincipals,
    MemorySessionStore,
    MovableClock,
    built_in_assets,
    settings,
)

AnyRequest = Request[Any, Any, Any]
ORIGIN = "https://pay.cedarstone.example"


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of the example."""

    memo: Annotated[str, msgspec.Meta(max_length=200)]
    document_refs: list[str] = []


class Web:
    """The example application with everything that a test wants to look into."""

    def __init__(self, web_settings: HttpSettings | None = None) -> None:
        self.settings = web_settings or settings()
        self.clock = MovableClock()
        self.sessions = MemorySessionStore()
        self.principals = MemoryPrincipals(ANNA, OMAR)
        self.idempotency = MemoryIdempotency()
        self.notes: list[str] = []
        base = HttpBase(
            settings=self.settings,
            sessions=self.sessions,
            principals=self.principals,
            api_keys=self.principals,
            idempotency=self.idempotency,
            now=self.clock,
        )
        self.templates = Templates(
            brand=Brand(name="Cedar & Stone Supply", email="ar@cedarstone.example"),
            time_zone=ZoneInfo("America/Chicago"),
            assets=built_in_assets(),
            now=self.clock,
        )
        self.app = Litestar(
            route_handlers=[
                create_static_router(built_in_assets()),
                self._webhooks(),
                self._customer(base),
                self._operator(base),
            ],
            exception_handlers=exception_handlers(
                self.settings,
                self.templates,
                {portal: base.opener(portal) for portal in Portal},
            ),
            compression_config=compression(),
            openapi_config=None,
            logging_config=None,
            request_max_body_size=20_000,
        )
        check_every_route_is_guarded(self.app)
        self.wrapped = base.wrap(self.app)

    def browser(self, base_url: str = ORIGIN) -> httpx.AsyncClient:
        """Return a client with its own cookies."""
        transport = httpx.ASGITransport(app=self.wrapped)  # type: ignore[arg-type]  # Same protocol, other names.
        return httpx.AsyncClient(transport=transport, base_url=base_url)

    def _webhooks(self) -> Router:
        @post("/webhooks/example", opt={"public": True}, status_code=200)
        async def receive(request: AnyRequest) -> dict[str, int]:
            return {"bytes": len(await request.body())}

        return Router(path="/", route_handlers=[receive])

    def _customer(self, base: HttpBase) -> Router:
        @get("/form", opt={"public": True})
        async def form(request: AnyRequest) -> str:
            return str(request.auth.csrf_token())

        @get("/page", opt={"public": True})
        async def page(request: AnyRequest) -> str:
            return " ".join(flash.message for flash in request.auth.pop_flashes())

        @post("/sign-in", opt={"public": True}, status_code=200)
        async def sign_in(request: AnyRequest) -> str:
            posted = await request.form()
            await request.auth.start("user-anna", AuthLevel(posted.get("level", "full")))
            request.auth.flash("Welcome back.")
            return str(request.auth.csrf_token())

        @post("/second-factor", opt={"public": True}, status_code=200)
        async def second_factor(request: AnyRequest) -> str:
            await request.auth.rotate(level=AuthLevel.FULL, stepped_up=True)
            return str(request.auth.csrf_token())

        @post("/sign-out", guards=[customer_required], status_code=200)
        async def sign_out(request: AnyRequest) -> str:
            await request.auth.end()
            request.auth.flash("You are signed out.")
            return "out"

        @get("/outstanding", guards=[customer_required])
        async def outstanding(request: AnyRequest) -> str:
            return f"owed by {request.user.name}"

        @post("/notes", guards=[customer_permitted("pay")], opt={"idempotency": "optional"})
        async def note(request: AnyRequest) -> dict[str, int]:
            self.notes.append(bind(await request.form(), Note).memo)
            return {"count": len(self.notes)}

        @get("/pay", guards=[customer_required], opt={"csp": {"img-src": ["https://q.stripe.com"]}})
        async def pay(request: AnyRequest) -> str:
            allow_sources(
                request,
                {"script-src": ["https://js.stripe.com"], "frame-src": ["https://js.stripe.com"]},
                popups=True,
                payment=["https://js.stripe.com"],
            )
            return "pay"

        @post("/api/v1/notes", guards=[customer_required], opt={"idempotency": "required"})
        async def api_note(request: AnyRequest) -> dict[str, int]:
            self.notes.append((await request.json())["memo"])
            return {"count": len(self.notes)}

        @get("/api/v1/broken", opt={"public": True})
        async def broken() -> None:
            raise RuntimeError("secret detail 0xBEEF")

        @get("/api/v1/busy/{kind:str}", opt={"public": True})
        async def busy(kind: FromPath[str]) -> None:
            if kind == "tries":
                raise TooManyTries("Wait a little.", 30)
            raise Unavailable("The ERP does not answer.", 120)

        return Router(
            path="/",
            route_handlers=[
                form,
                page,
                sign_in,
                second_factor,
                sign_out,
                outstanding,
                note,
                pay,
                api_note,
                broken,
                busy,
            ],
            middleware=base.middleware(Portal.CUSTOMER),
        )

    def _operator(self, base: HttpBase) -> Router:
        @get("/operator/enter", opt={"public": True})
        async def enter(request: AnyRequest) -> str:
            await request.auth.start("operator-omar")
            return str(request.auth.csrf_token())

        @get("/operator/payments", guards=[operator_required("payments.read")])
        async def payments(request: AnyRequest) -> str:
            return "payments"

        @get("/operator/refunds", guards=[operator_required("payments.refund")])
        async def refunds(request: AnyRequest) -> str:
            return "refunds"

        @get("/operator/settings", guards=[operator_required(), step_up_required])
        async def settings_page(request: AnyRequest) -> str:
            return "settings"

        return Router(
            path="/",
            route_handlers=[enter, payments, refunds, settings_page],
            middleware=base.middleware(Portal.OPERATOR),
        )


async def signed_in(web: Web, base_url: str = ORIGIN) -> tuple[httpx.AsyncClient, str]:
    """Return a browser in which Anna is signed in, and a token for her next form."""
    browser = web.browser(base_url)
    token = (await browser.get("/form")).text
    answer = await browser.post("/sign-in", data={"_csrf": token})
    assert answer.status_code == 200, answer.text
    return browser, answer.text
