"""Stripe's half of the sandbox as Litestar routes."""

from typing import Any

from litestar import Request, Response, Router, route
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.params import FromPath

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.sandbox.stripe import (
    account,
    charges,
    checkout,
    confirmation_tokens,
    customers,
    disputes,
    errors,
    events,
    ledger,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
)
from dueport_apps.sandbox.stripe.api import Contract, Route, StripeApi
from dueport_apps.sandbox.stripe.browser import BROWSER_PAGES
from dueport_apps.sandbox.stripe.control import StripeControls
from dueport_apps.sandbox.stripe.world import StripeWorld


def all_routes() -> list[Route]:
    """Return every operation of Stripe's API that the sandbox answers."""
    resources = (
        account,
        charges,
        checkout,
        confirmation_tokens,
        customers,
        disputes,
        events,
        ledger,
        payment_intents,
        payment_methods,
        payouts,
        refunds,
        setup_intents,
    )
    return [made for resource in resources for made in resource.ROUTES]


def create_stripe_world(frame: SandboxFrame) -> StripeWorld:
    """Return the Stripe state on a frame, with what it does later wired to the clock."""
    world = StripeWorld(frame)
    world.jobs = {**charges.JOBS, **checkout.JOBS, **payouts.JOBS, **refunds.JOBS}
    world.announce = lambda event: events.announce(world, event)
    frame.faults.shapes["stripe"] = _refusal

    def start() -> None:
        world.resume()
        payouts.schedule_daily(world)
        events.announce_again(world)

    frame.on_start.append(start)
    return world


def _refusal(kind: FaultKind) -> tuple[int, dict[str, str], bytes]:
    error = errors.refusal(kind)
    return error.status, {"content-type": "application/json"}, error.encoded()


def create_stripe_routers(frame: SandboxFrame, contract: Contract | None = None) -> list[Any]:
    """Return everything below `/stripe` and `/_control/stripe`."""
    world = create_stripe_world(frame)
    api = StripeApi(world, all_routes(), contract)

    @route(
        "/v1/{path:path}",
        http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE],
        status_code=200,
    )
    async def call(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        """Answer one API call."""
        answer = await api.answer(
            request.method,
            f"/v1{path}",
            request.scope["query_string"].decode(),
            dict(request.headers),
            await request.body(),
        )
        headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
        return Response(
            answer.body,
            status_code=answer.status,
            headers=headers,
            media_type=answer.headers["content-type"],
        )

    provide_world = Provide(lambda: world, sync_to_thread=False)
    return [
        Router(
            "/stripe",
            route_handlers=[call, *BROWSER_PAGES],
            dependencies={"stripe": provide_world},
        ),
        Router("/", route_handlers=[StripeControls], dependencies={"stripe": provide_world}),
    ]
