"""A server that receives webhooks and keeps them as they came."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import stripe
import uvicorn

from tests.patience import PATIENCE_S


@dataclass
class Receiver:
    """What arrived, and what is answered to it."""

    url: str = ""
    status: int = 200
    arrived: list[tuple[bytes, str]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        async with self.news:
            self.arrived.append((body, headers["stripe-signature"]))
            self.news.notify_all()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def events(self, client: stripe.StripeClient, secret: str) -> list[stripe.Event]:
        """Return what arrived, verified by the SDK with its default tolerance."""
        return [client.construct_event(body, header, secret) for body, header in self.arrived]

    async def wait_for(self, count: int) -> None:
        """Wait until that many have arrived."""
        async with asyncio.timeout(PATIENCE_S):
            async with self.news:
                await self.news.wait_for(lambda: len(self.arrived) >= count)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver while the block runs."""
    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/stripe"
        config = uvicorn.Config(receiver, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving
