"""Programs that talk to the operators' API with a key."""

from typing import Any

import httpx
from sqlalchemy import text

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

    async def post_raw(self, path: str, content: bytes, kind: str) -> httpx.Response:
        headers = {"content-type": kind}
        return await self.client.post(f"/api/v1/{path}", content=content, headers=headers)

    async def post(self, path: str, body: object = None, key: str = "") -> httpx.Response:
        headers = {"idempotency-key": key} if key else {}
        return await self.client.post(f"/api/v1/{path}", json=body, headers=headers)


async def issue(world: World, *permissions: Permission) -> str:
    """Issue a key with these permissions and return its text."""
    issued = await world.container.issue_api_key()(
        IssueApiKeyCommand(name="Export", permissions=frozenset(permissions), by=world.staff)
    )
    return issued.text


def problem(response: httpx.Response) -> str:
    """Return the stable name of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    kind: str = response.json()["type"]
    return kind.removeprefix("urn:dueport:problem:")


async def everything(world: World) -> dict[str, Any]:
    """Return a fingerprint of every table, to see that nothing was written."""
    async with world.container.database().statements.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        )
        return {
            table: (
                await connection.execute(
                    text(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
                )
            ).one()
            for table in tables
        }
