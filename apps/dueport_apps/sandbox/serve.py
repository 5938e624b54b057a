"""Run a sandbox on a real socket inside the current event loop.

For the demonstration, the `dueport sandbox` command and every test that lets a vendor's SDK talk
to it.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgspec
import uvicorn
from litestar import Litestar

from dueport_apps.sandbox.app import create_sandbox
from dueport_apps.sandbox.frame import SandboxFrame, SandboxSettings
from dueport_apps.sandbox.stripe.api import Contract


class RunningSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox that answers on `base_url`."""

    base_url: str
    app: Litestar
    frame: SandboxFrame

    @property
    def stripe_url(self) -> str:
        """What Stripe's SDK takes as its API address."""
        return f"{self.base_url}/stripe"

    @property
    def plaid_url(self) -> str:
        """What Plaid's SDK takes as its host."""
        return f"{self.base_url}/plaid"


@contextlib.asynccontextmanager
async def serve_sandbox(
    settings: SandboxSettings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    stripe_contract: Contract | None = None,
) -> AsyncIterator[RunningSandbox]:
    """Serve a sandbox while the block runs; port 0 takes a free one.

    The settings' `base_url` is replaced by the address that was taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        settings = msgspec.structs.replace(settings, base_url=base_url)
        app = create_sandbox(settings, stripe_contract=stripe_contract)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=settings.log_requests,
            lifespan="on",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="sandbox server")
        try:
            while not server.started:
                if serving.done():
                    serving.result()
                    raise RuntimeError(f"the sandbox did not start on {base_url}")
                await asyncio.sleep(0.005)
            yield RunningSandbox(base_url=base_url, app=app, frame=app.state.frame)
        finally:
            server.should_exit = True
            await serving
