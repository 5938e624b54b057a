"""A sandbox on a real socket, the real SDK in front of it, and somebody who hears its webhooks."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from dueport_apps.sandbox.frame import SandboxSettings
from dueport_apps.sandbox.serve import RunningSandbox, serve_sandbox
from dueport_apps.sandbox.webhooks import WebhookTarget
from tests.patience import PATIENCE_S
from tests.sandbox.plaid.client import PlaidClient, business_debit


class Receiver:
    """An HTTP server that keeps every webhook; `statuses` is what the next ones are answered."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""
        self._came = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.heard.append((headers, body))
        self._came.set()
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def wait_for(self, count: int) -> None:
        """Wait until so many webhooks have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self._came.clear()
                await self._came.wait()


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag and no event.
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[Receiver]:
    """Who hears the webhooks of a module's tests."""
    heard = Receiver()
    async with served(heard) as url:
        heard.url = f"{url}/webhooks/pay_ach_plaid"
        yield heard


@pytest.fixture(scope="module")
async def running(listening: Receiver) -> AsyncIterator[RunningSandbox]:
    """The sandbox of a module's tests."""
    settings = SandboxSettings(plaid_webhooks=(WebhookTarget(listening.url, ""),))
    async with serve_sandbox(settings) as served_sandbox:
        yield served_sandbox


@pytest.fixture
async def sandbox(running: RunningSandbox) -> AsyncIterator[RunningSandbox]:
    """A sandbox whose clock stands still on Tuesday, September 1st 2026, 9:00 in New York."""
    yield running
    # What is under way arrives before everything is forgotten.
    await running.frame.clock.run_due()
    running.frame.reset()


@pytest.fixture
def receiver(listening: Receiver, sandbox: RunningSandbox) -> Receiver:
    """Who hears the webhooks, with nothing heard yet."""
    listening.heard.clear()
    listening.statuses.clear()
    return listening


@pytest.fixture
async def plaid_api(sandbox: RunningSandbox) -> AsyncIterator[PlaidClient]:
    """The real SDK."""
    settings = sandbox.frame.settings
    client = PlaidClient(sandbox.plaid_url, settings.plaid_client_id, settings.plaid_secret)
    yield client
    client.close()


class Linked:
    """A linked Item and its first account, with the calls that most tests make."""

    def __init__(self, api: PlaidClient, access_token: str, item_id: str, account: Any) -> None:
        self.api = api
        self.access_token = access_token
        self.item_id = item_id
        self.account = account

    @property
    def account_id(self) -> str:
        """The account that is debited."""
        return str(self.account["account_id"])

    async def authorize(self, amount: str, **more: Any) -> Any:
        """Ask for a decision."""
        fields = business_debit(self.access_token, self.account_id, amount, **more)
        answer = await self.api("transfer_authorization_create", **fields)
        return answer["authorization"]

    async def pay(self, amount: str, **more: Any) -> Any:
        """Authorize and create a transfer."""
        authorization = await self.authorize(amount, **more)
        assert authorization["decision"] == "approved"
        answer = await self.api(
            "transfer_create",
            access_token=self.access_token,
            account_id=self.account_id,
            authorization_id=authorization["id"],
            description="INVOICE",
        )
        return answer["transfer"]

    async def transfer(self, transfer_id: str) -> Any:
        """Read a transfer."""
        return (await self.api("transfer_get", transfer_id=transfer_id))["transfer"]

    async def events(self, after_id: int = 0) -> list[Any]:
        """Read the feed."""
        answer = await self.api("transfer_event_sync", after_id=after_id, count=500)
        return list(answer["transfer_events"])


async def link(
    api: PlaidClient, username: str = "user_business", webhook: str | None = None
) -> Linked:
    """Link an Item without a browser."""
    options = {"override_username": username, "override_password": "pass_good"}
    if webhook is not None:
        options["webhook"] = webhook
    shared = await api(
        "sandbox_public_token_create",
        institution_id="ins_109508",
        initial_products=["auth", "transfer"],
        options=options,
    )
    opened = await api("item_public_token_exchange", public_token=shared["public_token"])
    accounts = await api("accounts_get", access_token=opened["access_token"])
    return Linked(api, opened["access_token"], opened["item_id"], accounts["accounts"][0])


@pytest.fixture
async def linked(plaid_api: PlaidClient) -> Linked:
    """A business checking account."""
    return await link(plaid_api)
