"""Opens the session of a request by cookie or API key, and sends the cookies it leaves behind."""

from collections.abc import Callable
from datetime import UTC, datetime

from litestar.datastructures import Headers
from litestar.exceptions import NotAuthorizedException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from dueport_apps.web.http.middleware import SharedMiddleware
from dueport_apps.web.http.sessions import (
    ApiKeyFinder,
    Principal,
    PrincipalFinder,
    Session,
    SessionStore,
)
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.tokens import hash_token
from dueport_core.errors import NotFound


class SessionMiddleware(SharedMiddleware):
    """Opens the session of one portal and writes its cookies; put it on that portal's routers."""

    def __init__(
        self,
        *,
        portal: Portal,
        settings: HttpSettings,
        store: SessionStore,
        principals: PrincipalFinder,
        api_keys: ApiKeyFinder | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._portal = portal
        self._settings = settings
        self._store = store
        self._principals = principals
        self._api_keys = api_keys
        self._now = now

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Open the session, run the request, and send the cookies with the response."""
        headers = Headers.from_scope(scope)
        if self._settings.foreign_host(self._portal, headers.get("host", "")):
            raise NotFound("There is no such page on this address.")
        session = Session(
            portal=self._portal,
            settings=self._settings,
            store=self._store,
            now=self._now,
            cookies=_cookies(headers),
        )
        key = _bearer(headers)
        if key is not None:
            session.use_key(await self._principal_of(key))
        else:
            await session.open(self._principals)
        scope["auth"], scope["user"] = session, session.principal

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookies = session.outgoing_cookies()
                message["headers"] = [
                    *message["headers"],
                    *(cookie.to_encoded_header() for cookie in cookies),
                ]
            await send(message)

        await next_app(scope, receive, send_with_cookies)

    async def _principal_of(self, key: str) -> Principal:
        found = None
        if self._api_keys is not None:
            found = await self._api_keys.find_key(self._portal, hash_token(key))
        if found is None or found.portal is not self._portal:
            raise NotAuthorizedException("This API key is unknown, revoked or for another portal.")
        return found


def _bearer(headers: Headers) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _cookies(headers: Headers) -> dict[str, str]:
    """Read the cookies; the first of several with one name wins, as browsers order them."""
    found: dict[str, str] = {}
    for line in headers.getall("cookie", []):
        for part in line.split(";"):
            name, separator, value = part.strip().partition("=")
            if separator:
                found.setdefault(name, value.strip('"'))
    return found
