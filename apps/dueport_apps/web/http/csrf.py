"""Cross-site request forgery: two independent locks on every unsafe request.

1. `OriginCheck` reads headers only and runs before any body is read. Browsers say where a request
   comes from: `Sec-Fetch-Site` must be `same-origin` (or `none`: typed or bookmarked by the person).
   Older browsers send `Origin`, which must be one of our base URLs. `Sec-Fetch-Site` is asked first
   because under our `Referrer-Policy: no-referrer` a form post carries `Origin: null`. A request
   with neither header is no browser's; it still has to pass the second lock.
2. `CsrfCheck` wants a token that proves the session's own secret (before sign-in: the form cookie),
   in the hidden field `_csrf` or the header `x-csrf-token`. A token of another session, or of the
   same person's earlier session, is refused.

A page may be out of date: the session has ended, or another tab has signed in or opened another
account. Its forms are never carried out, but whoever pressed the button can go on: they are led to
the sign-in and from there back to the page, or to the page as it is now, and told what happened.
What the form held is not kept, but where its handler knows how (see `ways_back`). Only requests that
passed the first lock get that far, and only those of browsers; a program is refused in plain words.

A request with an API key carries nothing that a browser would add by itself, so it needs no token.
Two kinds of routes are posted to by other machines and say `opt={"csrf_exempt": True}`: webhooks,
which prove themselves by signature, and the one-click unsubscribe of a mail (RFC 8058), which mail
providers post without a session and from their own sites; the token in its address is the proof, and
all that it can do is decline that one invitation.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import Headers
from litestar.enums import MediaType, ScopeType
from litestar.response import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from dueport_apps.web.http.htmx import redirect
from dueport_apps.web.http.middleware import SharedMiddleware
from dueport_apps.web.http.redirects import sign_in_url
from dueport_apps.web.http.sessions import Session
from dueport_apps.web.http.settings import MACHINE_PATHS, HttpSettings
from dueport_apps.web.http.tokens import proves
from dueport_apps.web.http.ways_back import page_behind
from dueport_apps.wording import ended
from dueport_core.errors import Forbidden

FIELD = "_csrf"
HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
OUT_OF_DATE = "This page was out of date; it is fresh now. Please do it once more."


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

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Check the token; runs after the session was opened."""
        if is_unsafe(scope):
            session = scope["auth"]
            assert isinstance(session, Session), "SessionMiddleware must come before CsrfCheck"
            if not session.by_key and not await self._has_token(scope, receive, session):
                request: Request[Any, Any, Any] = Request(scope, receive, send)
                response = await self._turned_back(request, session)
                await response.to_asgi_response(None, request)(scope, receive, send)
                return
        await next_app(scope, receive, send)

    async def _turned_back(
        self, request: Request[Any, Any, Any], session: Session
    ) -> Response[Any]:
        """Lead a person on from a page that is out of date; nothing was carried out."""
        if not _by_browser(request):
            raise Forbidden(
                "This page was open for too long or in another session; "
                "go back, reload it and try again."
            )
        by_form = request.content_type[0] in FORM_TYPES
        posted = await request.form() if by_form else None
        page = page_behind(request, self._settings, posted)
        target = self._tell(request, session, page)
        if request.headers.get("hx-request") == "true":
            return redirect(target)
        if not by_form:
            # A script of ours asked; it leads the person on.
            return Response({"next": target}, status_code=403, media_type=MediaType.JSON)
        return Response(None, status_code=303, headers={"location": target})

    def _tell(self, request: Request[Any, Any, Any], session: Session, page: str) -> str:
        """Leave a message for the page that comes next, and return which it is."""
        opt = request.route_handler.opt
        is_public, signs_out = opt.get("public") is True, "signed_out_words" in opt
        if session.principal is None and signs_out:
            session.flash(opt["signed_out_words"], "info")
        elif session.principal is None and not is_public:
            session.say_farewell()
            return sign_in_url(self._settings.sign_in_path(session.portal), page)
        elif session.signed_in and session.principal and is_public and not signs_out:
            # Another tab has signed in, or registered, since this page was shown.
            session.flash(ended(f"You are signed in already, as {session.principal.name}"), "info")
        else:
            session.flash(OUT_OF_DATE, "info")
        return page

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


def _by_browser(request: Request[Any, Any, Any]) -> bool:
    """Whether a page of ours sent this: every browser says where a post comes from."""
    said = ("sec-fetch-site", "origin", "hx-request")
    return not request.url.path.startswith(MACHINE_PATHS) and any(
        name in request.headers for name in said
    )
