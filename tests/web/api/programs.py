"""Programs that talk to the operators' API with a key."""

import httpx

from dueport_apps.usecases.api_keys import IssueApiKeyCommand
from dueport_apps.usecases.records import Permission
from tests.web.portal import PortalApp
from tests.world import World


class Program:
    """A program that talks to the operators' API with a key."""

    def __init__(self, app: PortalApp, key: str) -> None:
        self.client = app.browser().client
        self.client.headers["authorization"] = f"Bearer {key}"

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/api/v1/{path}")

    async def post(self, path: str, body: object = None, key: str = "") -> httpx.Response:
        headers = {"idempotency-key": key} if key else {}
        return await self.client.post(f"/api/v1/{path}", json=body, headers=headers)


async def issue(world: World, *permissions: Permission) -> str:
    """Issue a key with these permissions and return its text."""
    issued = await world.container.issue_api_key()(
        IssueApiKeyCommand(name="Export", permissions=frozenset(permissions), by=world.staff)
    )
    return issued.text
