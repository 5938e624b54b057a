"""Who may call a route. Every route says so, or the application does not start."""

from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Guard

from dueport_apps.web.http.sessions import AuthLevel, Session
from dueport_apps.web.http.settings import Portal
from dueport_core.errors import Forbidden, Misconfigured

Connection = ASGIConnection[Any, Any, Any, Any]


async def customer_required(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only signed-in portal users."""
    _signed_in(connection, Portal.CUSTOMER)


def customer_permitted(permission: str) -> Guard:
    """Only portal users whose role has the permission (for example `pay`)."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        _permitted(_signed_in(connection, Portal.CUSTOMER), permission)

    return guard


def operator_required(permission: str | None = None) -> Guard:
    """Only signed-in operators, with the named permission where there is one."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        _permitted(_signed_in(connection, Portal.OPERATOR), permission)

    return guard


def level_required(portal: Portal, level: AuthLevel) -> Guard:
    """Only an unfinished sign-in: the pages for the second factor and the forced new password."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        session = _session(connection)
        if session.portal is not portal or session.principal is None:
            raise NotAuthorizedException("Sign in first.")
        if session.level is not level:
            raise Forbidden("This step of signing in is not yours to take now.")

    return guard


async def step_up_required(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only where the person proved who they are within the last minutes; add to another guard."""
    if not _session(connection).stepped_up():
        raise StepUpNeeded("Confirm who you are to continue.")


class StepUpNeeded(Forbidden):
    """The person may do this, after proving again who they are."""


def _session(connection: Connection) -> Session:
    session = connection.scope.get("auth")
    if not isinstance(session, Session):
        raise NotAuthorizedException("Sign in first.")
    return session


def _signed_in(connection: Connection, portal: Portal) -> Session:
    session = _session(connection)
    if session.portal is not portal or not session.signed_in:
        raise NotAuthorizedException("Sign in first.")
    return session


def _permitted(session: Session, permission: str | None) -> None:
    assert session.principal is not None
    if permission is not None and permission not in session.principal.permissions:
        raise Forbidden(f"Your role does not include {permission!r}; ask an administrator for it.")


def check_every_route_is_guarded(app: Litestar) -> None:
    """Refuse to start where a route has neither a guard nor `opt={"public": True}`.

    All such routes are named at once. A route with both is refused too: one of them is a mistake.
    """
    open_routes, contradictory = [], []
    for path, handler in routes(app):
        guarded, public = bool(handler.resolve_guards()), handler.opt.get("public") is True
        label = f"{path} ({handler})"
        if guarded and public:
            contradictory.append(label)
        elif not guarded and not public:
            open_routes.append(label)
    problems = []
    if open_routes:
        problems.append("Neither guarded nor marked public: " + ", ".join(open_routes))
    if contradictory:
        problems.append("Guarded and marked public at once: " + ", ".join(contradictory))
    if problems:
        raise Misconfigured("; ".join(problems))


def routes(app: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    """Yield every route of the application but the framework's own answers to OPTIONS."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            yield route.path, route.route_handler
            continue
        for handler in route.route_handlers:
            if not (isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}):
                yield route.path, handler
