"""From errors to answers: one table, problem details for programs, a page for people.

`/api/` and `/webhooks/` answer RFC 9457 problem details whose `type` is a stable URN; everything
else answers an HTML page. A visitor who is not signed in is led to the sign-in page; htmx, which
would follow that redirect itself and swap a whole page into a table, gets 204 and `HX-Redirect`.
"""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.response import Response
from litestar.types import ExceptionHandlersMap

from dueport_apps.web.http.guards import StepUpNeeded
from dueport_apps.web.http.htmx import redirect, retarget
from dueport_apps.web.http.redirects import sign_in_url
from dueport_apps.web.http.request_log import request_id
from dueport_apps.web.http.settings import HttpSettings, portal_of
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
MACHINE_PATHS = ("/api/", "/webhooks/")


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
    405: "This address cannot be used in that way.",
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


def exception_handlers(settings: HttpSettings, templates: Templates) -> ExceptionHandlersMap:
    """Return the handlers for the application; one function answers every error."""
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
        response = _answer(request, settings, templates, kind, error)
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
    kind: Kind,
    error: Exception,
) -> Response[Any]:
    if request.url.path.startswith(MACHINE_PATHS):
        problem = Problem(
            type=f"urn:dueport:problem:{kind.name}",
            title=kind.title,
            status=kind.status,
            detail=_detail(kind, error),
            instance=f"urn:dueport:request:{request_id(request.scope)}",
            errors=_fields(error),
            code=getattr(error, "code", None),
        )
        return Response(
            msgspec.json.encode(problem), status_code=kind.status, media_type=PROBLEM_TYPE
        )
    by_htmx = request.headers.get("hx-request") == "true"
    if kind.status == 401:
        path = settings.sign_in_path(portal_of(request.url.path))
        wanted = request.url.path if request.method == "GET" and not by_htmx else ""
        if by_htmx:
            return redirect(sign_in_url(path, wanted))
        return Response(None, status_code=303, headers={"location": sign_in_url(path, wanted)})
    response = templates.error_page(
        request,
        portal=portal_of(request.url.path),
        status=kind.status,
        title=kind.title,
        detail=_detail(kind, error),
        fragment=by_htmx,
    )
    # An error belongs above the page, not into the table row that was asked for.
    return retarget(response, "#notices", "innerHTML") if by_htmx else response


def _detail(kind: Kind, error: Exception) -> str:
    if isinstance(error, Misconfigured) or kind is INTERNAL:
        return "The error was recorded. Please try again, or tell us the reference below."
    if isinstance(error, DueportError):
        return error.message
    if isinstance(error, ValidationException) or kind.status not in _SENTENCES:
        return str(getattr(error, "detail", "")) or _SENTENCES[400]
    return _SENTENCES[kind.status]


def _fields(error: Exception) -> dict[str, str]:
    if isinstance(error, Invalid):
        return error.fields
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        return {str(one.get("key", "body")): str(one.get("message", "")) for one in error.extra}
    return {}


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
