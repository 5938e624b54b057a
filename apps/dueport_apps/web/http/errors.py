"""From errors to answers: one table, problem details for programs, a page for people.

`/api/` and `/webhooks/` answer RFC 9457 problem details whose `type` is a stable URN; everything
else answers an HTML page, with the portal's header and menu for whoever is signed in. A visitor who is
not signed in is led to the sign-in page; htmx, which would follow that redirect itself and swap a
whole page into a table, gets 204 and `HX-Redirect`. Whoever opens an address that only takes forms,
as the address bar shows it after a refusal, is led to the page of that form.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    SerializationException,
    ValidationException,
)
from litestar.response import Response
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, ExceptionHandlersMap, Receive, Scope, Send

from dueport_apps.web.http.guards import StepUpNeeded
from dueport_apps.web.http.htmx import redirect, retarget
from dueport_apps.web.http.redirects import sign_in_url
from dueport_apps.web.http.request_log import request_id
from dueport_apps.web.http.session_middleware import SessionMiddleware
from dueport_apps.web.http.sessions import Session
from dueport_apps.web.http.settings import MACHINE_PATHS, HttpSettings, Portal, portal_of
from dueport_apps.web.http.ways_back import current_page, page_behind, wanted_page
from dueport_apps.web.http.wrong_values import in_a_sentence, wrong_values
from dueport_apps.web.templating import Templates
from dueport_core.errors import (
    Conflict,
    Declined,
    DueportError,
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    PortError,
    Rejected,
    TooManyTries,
    Unavailable,
    Unsupported,
)

PROBLEM_TYPE = "application/problem+json"


class Kind(msgspec.Struct, frozen=True):
    """One kind of problem: its stable name, its status and its title."""

    name: str
    status: int
    title: str


# Looked up along the class's bases, so a new error is answered like its parent.
KINDS: Mapping[type[Exception], Kind] = {
    NotFound: Kind("not-found", 404, "Not found"),
    Conflict: Kind("conflict", 409, "Not possible any more"),
    Invalid: Kind("invalid", 422, "Something needs to be corrected"),
    StepUpNeeded: Kind("step-up-needed", 403, "Confirm who you are"),
    Forbidden: Kind("forbidden", 403, "Not allowed"),
    TooManyTries: Kind("too-many-tries", 429, "Too many tries"),
    Declined: Kind("declined", 402, "The payment was declined"),
    Rejected: Kind("rejected", 502, "The other side refused our request"),
    Unavailable: Kind("unavailable", 503, "A connected service does not answer"),
    Misconfigured: Kind("misconfigured", 500, "The portal is not set up correctly"),
    Unsupported: Kind("unsupported", 501, "Not supported by the connected service"),
    PortError: Kind("port-error", 502, "A connected service failed"),
    RecursionError: Kind("bad-request", 400, "The request cannot be read"),
}
HTTP_KINDS: Mapping[int, Kind] = {
    400: Kind("bad-request", 400, "The request cannot be read"),
    401: Kind("unauthenticated", 401, "Sign in first"),
    403: Kind("forbidden", 403, "Not allowed"),
    404: Kind("not-found", 404, "Not found"),
    405: Kind("method-not-allowed", 405, "This address does not take that method"),
    413: Kind("too-large", 413, "Too large"),
    415: Kind("unsupported-media-type", 415, "This kind of content is not accepted"),
    429: Kind("too-many-tries", 429, "Too many tries"),
}
INTERNAL = Kind("internal", 500, "Something went wrong on our side")

_SENTENCES: Mapping[int, str] = {
    400: "The request could not be understood.",
    404: "There is no such page, or it is not yours to see.",
    405: "This address takes no requests of that kind.",
    413: "What was sent is larger than this page accepts.",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, with the wrong fields of a form or body under `errors`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: dict[str, str] = {}
    code: str | None = None


def exception_handlers(
    settings: HttpSettings,
    templates: Templates,
    sessions: Mapping[Portal, SessionMiddleware] | None = None,
) -> ExceptionHandlersMap:
    """Return the handlers for the application; one function answers every error.

    `sessions` opens the session of a portal for addresses that no route answers.
    """
    log = structlog.get_logger("dueport.errors")

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        kind = kind_of(error)
        if kind.status >= 500:
            # Outages are the other side's news; everything else here is ours to repair.
            expected = isinstance(error, PortError)
            log.log(
                logging.WARNING if expected else logging.ERROR,
                "request failed",
                kind=kind.name,
                exc_info=None if expected else error,
                message=str(error) if expected else None,
            )
        response = _answer(request, settings, templates, sessions, kind, error)
        for name, value in _headers(kind, error).items():
            response.headers[name] = value
        return response

    return {HTTPException: handle, DueportError: handle, Exception: handle}


def kind_of(error: Exception) -> Kind:
    """Return the kind of problem that an exception is answered as."""
    for base in type(error).__mro__:
        if base in KINDS:
            return KINDS[base]
    if isinstance(error, HTTPException):
        return HTTP_KINDS.get(error.status_code, INTERNAL)
    return INTERNAL


def _answer(
    request: Request[Any, Any, Any],
    settings: HttpSettings,
    templates: Templates,
    sessions: Mapping[Portal, SessionMiddleware] | None,
    kind: Kind,
    error: Exception,
) -> Response[Any]:
    if request.url.path.startswith(MACHINE_PATHS):
        fields = _fields(request, error)
        problem = Problem(
            type=f"urn:dueport:problem:{kind.name}",
            title=kind.title,
            status=kind.status,
            detail=_detail_for_programs(kind, error, fields),
            instance=f"urn:dueport:request:{request_id(request.scope)}",
            errors=fields,
            code=getattr(error, "code", None),
        )
        return Response(
            msgspec.json.encode(problem), status_code=kind.status, media_type=PROBLEM_TYPE
        )
    if kind.status == 401:
        return _to_sign_in(request, settings)
    if kind.status == 405 and request.method in ("GET", "HEAD"):
        page = page_behind(request, settings)
        return Response(None, status_code=303, headers={"location": page})
    by_htmx = request.headers.get("hx-request") == "true"

    def page_of(request: Request[Any, Any, Any]) -> Response[Any]:
        return templates.error_page(
            request,
            portal=portal_of(request.url.path),
            status=kind.status,
            title=kind.title,
            detail=_detail(kind, error),
            fragment=by_htmx,
        )

    # An error belongs above the page, not into the table row that was asked for.
    if by_htmx:
        return retarget(page_of(request), "#notices", "innerHTML")
    if sessions is None or request.scope.get("auth") is not None:
        return page_of(request)
    return _WithSession(page_of, sessions[portal_of(request.url.path)], kind.status)


def _to_sign_in(request: Request[Any, Any, Any], settings: HttpSettings) -> Response[Any]:
    """Lead to the sign-in and from there to the page that was wanted."""
    session = request.scope.get("auth")
    if isinstance(session, Session) and session.lapsed:
        session.say_farewell()
    path = settings.sign_in_path(portal_of(request.url.path))
    if request.headers.get("hx-request") == "true":
        return redirect(sign_in_url(path, current_page(request, settings)))
    looks = request.method in ("GET", "HEAD")
    wanted = wanted_page(request) if looks else page_behind(request, settings)
    return Response(None, status_code=303, headers={"location": sign_in_url(path, wanted)})


class _WithSession(Response[None]):
    """An error page for an address that no route answers: the framework runs no middleware for it,
    so the session is opened here, to show the portal's menu to whoever is signed in."""

    def __init__(
        self,
        page_of: Callable[[Request[Any, Any, Any]], Response[Any]],
        sessions: SessionMiddleware,
        status: int,
    ) -> None:
        super().__init__(None, status_code=status)
        self._page_of = page_of
        self._sessions = sessions

    def to_asgi_response(
        self, app: Litestar | None, request: Request[Any, Any, Any], **_: Any
    ) -> ASGIResponse:
        """Return what opens the session and answers the page."""
        return _SessionFirst(self._sessions, functools.partial(self._send, app))

    async def _send(self, app: Litestar | None, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request[Any, Any, Any](scope, receive, send)
        response = self._page_of(request)
        response.headers.update(self.headers)
        await response.to_asgi_response(app, request)(scope, receive, send)


class _SessionFirst(ASGIResponse):
    def __init__(self, sessions: SessionMiddleware, page: ASGIApp) -> None:
        super().__init__()
        self._sessions = sessions
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._sessions.handle(scope, receive, send, self._page)
        except (DueportError, HTTPException):
            # The other portal's host, or a key that is none: nobody is known here.
            await self._page(scope, receive, send)


def _detail(kind: Kind, error: Exception) -> str:
    if isinstance(error, Misconfigured) or kind is INTERNAL:
        return "The error was recorded. Please try again, or tell us the reference below."
    if isinstance(error, DueportError):
        return error.message
    if isinstance(error, ValidationException) or kind.status not in _SENTENCES:
        return str(getattr(error, "detail", "")) or _SENTENCES[400]
    return _SENTENCES[kind.status]


def _detail_for_programs(kind: Kind, error: Exception, fields: Mapping[str, str]) -> str:
    if isinstance(error, ValidationException) and fields:
        return in_a_sentence(fields)
    if isinstance(error.__cause__, SerializationException):
        return f"The body cannot be read: {error.__cause__}."
    return _detail(kind, error)


def _fields(request: Request[Any, Any, Any], error: Exception) -> dict[str, str]:
    if isinstance(error, Invalid):
        return error.fields
    return wrong_values(request, error) if isinstance(error, ValidationException) else {}


def _headers(kind: Kind, error: Exception) -> dict[str, str]:
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    if isinstance(error, NotAuthorizedException) and kind.status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, HTTPException):
        headers.update(error.headers or {})
    return headers
