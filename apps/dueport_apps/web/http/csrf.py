"""Cross-site request forgery: two independent locks on every unsafe request.

1. `OriginCheck` reads headers only and runs before any body is read. Browsers say where a request
   comes from: `Sec-Fetch-Site` must be `same-origin` (or `none`: typed or bookmarked by the person).
   Older browsers send `Origin`, which must be one of our base URLs. `Sec-Fetch-Site` is asked first
   because under our `Referrer-Policy: no-referrer` a form post carries `Origin: null`. A request
   with neither header is no browser's; it still has to pass the second lock.
2. `CsrfCheck` wants a token that proves the session's own secret (before sign-in: the form cookie),
   in the hidden field `_csrf` or the header `x-csrf-token`. A token of another session, or of the
   same person's earlier session, is refused.

A request with an API key carries nothing that a browser would add by itself, so it needs no token.
Two kinds of routes are posted to by other machines and say `opt={"csrf_exempt": True}`: webhooks,
which prove themselves by signature, and the one-click unsubscribe of a mail (RFC 8058), which mail
providers post without a session and from their own sites; the token in its address is the proof, and
all that it can do is decline that one invitation.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from dueport_apps.web.http.middleware import SharedMiddleware
from dueport_apps.web.http.sessions import Session
from dueport_apps.web.http.settings import HttpSettings
from dueport_apps.web.http.tokens import proves
from dueport_core.errors import Forbidden

FIELD = "_csrf"
HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class OriginCheck(SharedMiddleware):
    """Refuses unsafe requests that a browser sends from another site."""

    exclude_opt_key = "csrf_exempt"

    def __init__(self, settings: HttpSettings) -> None:
        self._origins = settings.origins

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let safe and same-origin requests pass."""
        if is_unsafe(scope):
            headers = Headers.from_scope(scope)
            if not self._same_origin(headers):
                raise Forbidden("This request came from another site and was not carried out.")
        await next_app(scope, receive, send)

    def _same_origin(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        return origin is None or origin in self._origins


class CsrfCheck(SharedMiddleware):
    """Wants the session's token on every unsafe request that rests on a cookie."""

    exclude_opt_key = "csrf_exempt"

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Check the token; runs after the session was opened."""
        if is_unsafe(scope):
            session = scope["auth"]
            assert isinstance(session, Session), "SessionMiddleware must come before CsrfCheck"
            if not session.by_key and not await self._has_token(scope, receive, session):
                raise Forbidden(
                    "This page was open for too long or in another session; "
                    "go back, reload it and try again."
                )
        await next_app(scope, receive, send)

    async def _has_token(self, scope: Scope, receive: Receive, session: Session) -> bool:
        key = session.csrf_key()
        if key is None:
            return False
        request: Request[Any, Any, Any] = Request(scope, receive)
        token = request.headers.get(HEADER)
        if token is None and request.content_type[0] in FORM_TYPES:
            posted = (await request.form()).get(FIELD)
            token = posted if isinstance(posted, str) else None
        return token is not None and proves(key, token)


def is_unsafe(scope: Scope) -> bool:
    """Whether a request may change something."""
    return scope["type"] == ScopeType.HTTP and scope["method"] not in SAFE_METHODS
