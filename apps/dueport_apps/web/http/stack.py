"""How the pieces go together: what every portal's routers carry, and what wraps the application.

From the outside in: request identifier and log, security headers, HEAD as GET, the router, origin
check, session, CSRF token, card-number filter, idempotency, guards, handler. The first three are
plain wrappers because the framework runs no middleware for addresses that it does not know.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from litestar.config.compression import CompressionConfig
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp

from dueport_apps.web.http.card_numbers import CardNumberFilter
from dueport_apps.web.http.csrf import CsrfCheck, OriginCheck
from dueport_apps.web.http.head_requests import HeadRequests
from dueport_apps.web.http.headers import SecurityHeaders
from dueport_apps.web.http.idempotency import Idempotency, IdempotencyStore
from dueport_apps.web.http.request_log import RequestLog
from dueport_apps.web.http.session_middleware import SessionMiddleware
from dueport_apps.web.http.sessions import (
    ApiKeyFinder,
    PrincipalFinder,
    SessionStore,
)
from dueport_apps.web.http.settings import HttpSettings, Portal


class HttpBase(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the web base is given from outside."""

    settings: HttpSettings
    sessions: SessionStore
    principals: PrincipalFinder
    idempotency: IdempotencyStore
    api_keys: ApiKeyFinder | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def middleware(self, portal: Portal) -> list[ASGIMiddleware]:
        """Return the middleware for a router of one portal, pages and API alike."""
        return [
            OriginCheck(self.settings),
            self.opener(portal),
            CsrfCheck(self.settings),
            CardNumberFilter(),
            Idempotency(self.idempotency, self.now),
        ]

    def opener(self, portal: Portal) -> SessionMiddleware:
        """Return what opens the sessions of a portal."""
        return SessionMiddleware(
            portal=portal,
            settings=self.settings,
            store=self.sessions,
            principals=self.principals,
            api_keys=self.api_keys,
            now=self.now,
        )

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return the application as the server runs it."""
        return RequestLog(SecurityHeaders(HeadRequests(app), self.settings))


def compression() -> CompressionConfig:
    """Return the compression of pages: the level at which it costs less than it saves."""
    return CompressionConfig(
        backend="brotli",
        brotli_quality=4,
        gzip_compress_level=4,
        brotli_gzip_fallback=True,
        exclude_opt_key="uncompressed",
    )
