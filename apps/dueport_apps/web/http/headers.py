"""Security headers on every answer, including the 404s and errors that no middleware sees.

The content security policy allows nothing but our own files: scripts by a nonce that is new for
every request, no inline script, no `eval`. A payment page needs its processor's script and frames;
it names them with `allow_sources` (or `opt={"csp": {...}}`), and only that page gets them. A page that
shows a mail as its recipient would see it says `show_own_frame`; the mail's own address says
`be_framed` and gets a policy under which nothing but its inline styles and our pictures work. What
other sites may show too, such as the logo in a web mail, says `opt={"shown_anywhere": True}`.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from dueport_apps.web.http.settings import HttpSettings
from dueport_core.errors import Misconfigured

HSTS_MAX_AGE_S = 2 * 365 * 24 * 3600

EXTENSIBLE = frozenset(
    {"script-src", "frame-src", "connect-src", "img-src", "style-src-attr", "form-action"}
)
_HOST_SOURCE = re.compile(r"https://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?")
_LOOPBACK_SOURCE = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?")


class PageSources:
    """What one page may load besides our own files."""

    def __init__(self) -> None:
        self.csp: dict[str, tuple[str, ...]] = {}
        self.popups = False
        self.payment: tuple[str, ...] = ()
        self.frames_ours = False
        self.framed = False

    def allow(self, sources: Mapping[str, Sequence[str]]) -> None:
        """Add sources per directive; anything but https hosts and a few directives is refused."""
        for directive, values in sources.items():
            if directive not in EXTENSIBLE:
                raise Misconfigured(f"A page may not extend the policy's {directive!r}.")
            for value in values:
                check_source(directive, value)
            known = self.csp.get(directive, ())
            self.csp[directive] = (*known, *(value for value in values if value not in known))


def allow_sources(
    connection: ASGIConnection[Any, Any, Any, Any],
    sources: Mapping[str, Sequence[str]],
    *,
    popups: bool = False,
    payment: Iterable[str] = (),
) -> None:
    """Let the page being answered load from these sources as well.

    `popups` lets it keep contact with a window that it opens (a bank's sign-in); `payment` names the
    origins that may use the browser's payment request in a frame.
    """
    page = page_sources(connection.scope)
    page.allow(sources)
    page.popups = page.popups or popups
    for origin in payment:
        check_source("frame-src", origin)
    page.payment = (*page.payment, *payment)


def show_own_frame(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Let the page being answered show a document of ours in a frame."""
    page_sources(connection.scope).frames_ours = True


def be_framed(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Let the document being answered stand in a frame of our own pages; it may do nothing else."""
    page_sources(connection.scope).framed = True


def check_source(directive: str, value: str) -> None:
    """Refuse a source that would open the policy; plain http is for the sandbox on loopback."""
    if directive == "style-src-attr" and value == "'unsafe-inline'":
        return
    if not (_HOST_SOURCE.fullmatch(value) or _LOOPBACK_SOURCE.fullmatch(value)):
        raise Misconfigured(f"{value!r} cannot be allowed in {directive}: name an https host.")


def page_sources(scope: Scope) -> PageSources:
    """Return the request's own collection of sources."""
    state = scope.setdefault("state", {})
    sources: PageSources = state.setdefault("page_sources", PageSources())
    return sources


def csp_nonce(scope: Scope) -> str:
    """Return the nonce that this answer's scripts and styles must carry."""
    nonce: str = scope.setdefault("state", {}).setdefault("csp_nonce", secrets.token_urlsafe(18))
    return nonce


class SecurityHeaders:
    """The outer wrapper that adds the headers to whatever the application answers."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application and complete its headers."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        csp_nonce(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                for name, value in self._headers(scope).items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, scope: Scope) -> dict[str, str]:
        page = page_sources(scope)
        handler = scope.get("route_handler")
        if handler is not None:
            page.allow(handler.opt.get("csp", {}))
        anywhere = handler is not None and handler.opt.get("shown_anywhere", False)
        payment = " ".join(f'"{origin}"' for origin in page.payment)
        headers = {
            "content-security-policy": (
                framed_policy(self._settings)
                if page.framed
                else policy(csp_nonce(scope), page.csp, frames_ours=page.frames_ours)
            ),
            "x-content-type-options": "nosniff",
            "x-frame-options": "SAMEORIGIN" if page.framed else "DENY",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": (
                "same-origin-allow-popups" if page.popups else "same-origin"
            ),
            "cross-origin-resource-policy": "cross-origin" if anywhere else "same-origin",
            "permissions-policy": (
                "camera=(), geolocation=(), microphone=(), usb=(), "
                f"payment=({f'self {payment}' if payment else ''})"
            ),
        }
        if self._settings.secure:
            headers["strict-transport-security"] = f"max-age={HSTS_MAX_AGE_S}; includeSubDomains"
        return headers


def framed_policy(settings: HttpSettings) -> str:
    """Write the policy of a mail: its inline styles apply and its logo is shown.

    Nothing else is loaded, and nothing run or posted. The logo's host is named because the frame
    has no origin of its own that 'self' could mean.
    """
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src {settings.customer_url}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def policy(nonce: str, extra: Mapping[str, Sequence[str]], *, frames_ours: bool = False) -> str:
    """Write the content security policy of one answer."""
    directives: dict[str, tuple[str, ...]] = {
        "default-src": ("'none'",),
        "script-src": (f"'nonce-{nonce}'", "'strict-dynamic'"),
        "style-src": ("'self'", f"'nonce-{nonce}'"),
        "img-src": ("'self'", "data:"),
        "font-src": ("'self'",),
        "connect-src": ("'self'",),
        "form-action": ("'self'",),
        "base-uri": ("'none'",),
        "object-src": ("'none'",),
        "frame-ancestors": ("'none'",),
        "frame-src": ("'self'",) if frames_ours else ("'none'",),
    }
    for directive, sources in extra.items():
        ours = tuple(one for one in directives.get(directive, ()) if one != "'none'")
        directives[directive] = (*ours, *sources)
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
