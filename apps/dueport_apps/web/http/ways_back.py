"""Where a person goes on from a request that shows no page of its own.

A form may post to an address that answers nothing else. Whoever lands there with the address bar, has
to sign in or confirm first, or posts from a page that is out of date, is led to the page that the form
stands on: the one that the handler names in ``opt={"page": ...}``, else the nearest address above that
answers a look. All of it comes from our own routes, so nobody from outside can choose the page; under
our ``Referrer-Policy: no-referrer`` browsers would not name it anyway. Only htmx says which page it
runs in; its word counts where it is one of ours.

A named page may hold parameters of the path (``/operator/campaigns/{campaign_id}/edit``), or be a
function of what was posted, so that the page comes back as it was filled.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Litestar, Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from dueport_apps.web.http.navigation import HOME
from dueport_apps.web.http.redirects import safe_next
from dueport_apps.web.http.settings import HttpSettings, portal_of

PageOf = Callable[[FormMultiDict], str]


def page_behind(
    request: Request[Any, Any, Any], settings: HttpSettings, posted: FormMultiDict | None = None
) -> str:
    """Return the page on which the form or the link of this request stands: a path of ours that
    answers a look. `posted` is what the form held, where there is one."""
    in_htmx = current_page(request, settings)
    if in_htmx:
        return in_htmx
    path = request.scope["path"]
    handler = _handler(request.app, path, "POST")
    named: str | PageOf | None = handler.opt.get("page") if handler is not None else None
    if callable(named):
        nothing = FormMultiDict([])
        return safe_next(named(posted or nothing), "") or named(nothing)
    if named is not None:
        return _filled(named, request)
    while path.strip("/"):
        if _handler(request.app, path, "GET") is not None:
            return quote(path)
        path = path.rstrip("/").rpartition("/")[0]
    return HOME[portal_of(request.scope["path"])]


def current_page(request: Request[Any, Any, Any], settings: HttpSettings) -> str:
    """Return the page in which htmx runs, where it is one of this portal's; else nothing."""
    if request.headers.get("hx-request") != "true":
        return ""
    parts = urlsplit(request.headers.get("hx-current-url", ""))
    if f"{parts.scheme}://{parts.netloc}" not in settings.origins:
        return ""
    if portal_of(parts.path) is not portal_of(request.scope["path"]):
        return ""
    return safe_next(f"{parts.path}?{parts.query}" if parts.query else parts.path, "")


def wanted_page(request: Request[Any, Any, Any]) -> str:
    """Return the address of a look with its query, so that a deep link survives a sign-in."""
    query = request.url.query
    return safe_next(f"{request.url.path}?{query}" if query else request.url.path, "")


def _filled(page: str, request: Request[Any, Any, Any]) -> str:
    """Put the parameters of the path into the named page."""
    given: Mapping[str, Any] = request.scope.get("path_params") or {}
    return page.format_map({name: quote(str(value), safe="") for name, value in given.items()})


def _handler(app: Litestar, path: str, method: str) -> BaseRouteHandler | None:
    """Return what answers a path with a method, or None."""
    try:
        _, handler, *_ = app.asgi_router.handle_routing(path=path, method=method)
    except HTTPException:
        return None
    return handler if isinstance(handler, BaseRouteHandler) else None
