"""Both portals as browsers see them: the real application on a world of fakes.

`portal(world)` wraps the application; `Browser` is one person's browser, with cookies of its own,
which takes the form token from the page that it saw last, as a person's browser does.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from dueport_apps.web.app import create_app
from tests.world import PASSWORD, World

ORIGIN = "http://127.0.0.1:8400"
_TOKEN = re.compile(r'name="(?:_csrf|csrf)" (?:value|content)="([^"]+)"')
_KEY = re.compile(r'name="_idempotency_key" value="([^"]+)"')
_NOTICES = re.compile(r'class="dp-notice[^>]*>.*?<div>(.*?)</div>', re.DOTALL)

FormData = Mapping[str, str | Sequence[str]]


class Browser:
    """One person's browser."""

    def __init__(self, app: Any, origin: str = ORIGIN) -> None:
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=origin)
        self.page = ""
        """The HTML that is on the screen."""
        self.token = ""
        """The form token of the newest page that had one; an error page has none."""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open an address; redirects are left to the test."""
        return self._seen(await self.client.get(path, headers=headers))

    async def open(self, path: str) -> httpx.Response:
        """Open an address and follow where it leads."""
        return self._seen(await self.client.get(path, follow_redirects=True))

    async def post(
        self, path: str, data: FormData | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """Post a form of the page on the screen, with its token and its once-only key."""
        fields: dict[str, str | Sequence[str]] = {"_csrf": self.token if token is None else token}
        key = _KEY.search(self.page)
        if key:
            fields["_idempotency_key"] = key[1]
        fields.update(data or {})
        return self._seen(await self.client.post(path, data=fields))

    async def submit(self, path: str, data: FormData | None = None) -> httpx.Response:
        """Post a form and follow where it leads."""
        response = await self.post(path, data)
        while response.is_redirect:
            response = await self.get(response.headers["location"])
        return response

    async def post_json(self, path: str, content: bytes) -> httpx.Response:
        """Post what a script of the page would."""
        headers = {"x-csrf-token": self.token, "content-type": "application/json"}
        return await self.client.post(path, content=content, headers=headers)

    @property
    def text(self) -> str:
        """The page's words without its markup."""
        body = re.sub(r"<(script|style|svg|template).*?</\1>", " ", self.page, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def notices(self) -> list[str]:
        """What the page tells above its content."""
        shown = re.sub(r"<template.*?</template>", " ", self.page, flags=re.DOTALL)
        return [
            " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split())
            for found in _NOTICES.findall(shown)
        ]

    def _seen(self, response: httpx.Response) -> httpx.Response:
        if response.headers.get("content-type", "").startswith("text/html") and response.content:
            self.page = response.text
            found = _TOKEN.search(self.page)
            self.token = html.unescape(found[1]) if found else self.token
        return response

    async def close(self) -> None:
        await self.client.aclose()


class PortalApp:
    """The application of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = create_app(world.container)

    def browser(self) -> Browser:
        """Return a browser that has never been here."""
        return Browser(self.app)

    async def customer(self, account_no: str = "1001", email: str = "ap@harbor.example") -> Browser:
        """Return the browser of a customer who has a login and is signed in."""
        await self.world.customer(account_no, email)
        return await self.signed_in(email)

    async def signed_in(self, login: str, password: str = PASSWORD) -> Browser:
        """Sign an existing customer in."""
        browser = self.browser()
        await browser.get("/sign-in")
        response = await browser.post("/sign-in", {"login": login, "password": password})
        assert response.status_code == 303, browser.text
        await browser.open("/outstanding")
        return browser


def portal(world: World) -> PortalApp:
    """Return the application of a world; the world's container and its fakes stay reachable."""
    return PortalApp(world)
