"""The sandbox application: the vendors' APIs, their browser scripts and the controls in one app."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, Final

import httpx
from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.types import Scope

from dueport_apps.sandbox.control import create_control_router
from dueport_apps.sandbox.faults import FaultMiddleware
from dueport_apps.sandbox.frame import SandboxFrame, SandboxSettings
from dueport_apps.sandbox.stripe.api import Contract
from dueport_apps.sandbox.stripe.routes import create_stripe_routers

__all__ = ["SandboxFrame", "SandboxSettings", "create_sandbox"]

logger = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 2.0
MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def create_sandbox(
    settings: SandboxSettings,
    *,
    frame: SandboxFrame | None = None,
    webhook_client: httpx.AsyncClient | None = None,
    stripe_contract: Contract | None = None,
) -> Litestar:
    """Return the sandbox as one application; its frame is `app.state.frame`.

    `webhook_client` replaces the client that delivers webhooks, for a receiver in the same
    process; the application closes only a client of its own. `stripe_contract` checks every
    call and every answer against a published specification.
    """
    parts = frame or SandboxFrame.build(settings)
    routers: list[Any] = [
        create_control_router(),
        browser_file,
        *create_stripe_routers(parts, stripe_contract),
    ]
    routers += _plaid_routers(parts)

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with _running(parts, webhook_client):
            yield

    app = Litestar(
        route_handlers=routers,
        dependencies={"frame": Provide(lambda: parts, sync_to_thread=False)},
        middleware=[FaultMiddleware(parts.faults)],
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
        after_exception=[_log_unexpected],
        request_max_body_size=1_000_000,
    )
    app.state.frame = parts
    return app


def _log_unexpected(error: Exception, scope: Scope) -> None:
    if not isinstance(error, HTTPException):
        logger.error("the sandbox failed on %s", scope["path"], exc_info=error)


def _plaid_routers(frame: SandboxFrame) -> Sequence[Any]:
    """Return Plaid's routes, or none where that half is not installed."""
    if find_spec("dueport_apps.sandbox.plaid") is None:
        return []
    if find_spec("dueport_apps.sandbox.plaid.routes") is None:
        return []
    made = import_module("dueport_apps.sandbox.plaid.routes").create_plaid_router(frame)
    return [made] if isinstance(made, Router) else list(made)


@contextlib.asynccontextmanager
async def _running(
    frame: SandboxFrame, webhook_client: httpx.AsyncClient | None
) -> AsyncIterator[None]:
    own_client = httpx.AsyncClient() if webhook_client is None else None
    frame.webhooks.client = webhook_client or own_client
    frame.start()
    tasks = []
    if frame.settings.runs_by_itself:
        tasks.append(asyncio.create_task(frame.clock.pump(), name="sandbox clock"))
    if frame.settings.data_folder is not None:
        tasks.append(asyncio.create_task(_keep_saving(frame), name="sandbox saving"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        frame.save()
        if own_client is not None:
            await own_client.aclose()


async def _keep_saving(frame: SandboxFrame) -> None:
    saved = frame.world.changes
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        if frame.world.changes != saved:
            saved = frame.world.changes
            frame.save()


@get("/js/{name:str}")
async def browser_file(name: FromPath[str]) -> Response[bytes]:
    """Serve a script or style sheet of the browser doubles from the `static` folder."""
    media_type = MEDIA_TYPES.get(PurePath(name).suffix)
    file = resources.files("dueport_apps.sandbox") / "static" / PurePath(name).name
    if media_type is None or not file.is_file():
        raise NotFoundException(f"there is no {name} here")
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return Response(file.read_bytes(), media_type=media_type, headers=headers)
