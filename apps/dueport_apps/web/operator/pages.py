"""What every page of the operator portal has in common."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Request
from litestar.response import Response

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.sync_erp import freshness
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Freshness, Templates
from dueport_ports import Clock

AnyRequest = Request[Any, Any, Any]

PAGE_ROWS = 50
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def show(
    request: AnyRequest,
    templates: Templates,
    template: str,
    *,
    status: int = 200,
    freshness: Freshness | None = None,
    **context: Any,
) -> Response[Any]:
    """Render a page of the operator portal."""
    return templates.page(
        request,
        f"operator/{template}.html",
        portal=Portal.OPERATOR,
        status=status,
        freshness=freshness,
        **context,
    )


def show_rows(
    request: AnyRequest, templates: Templates, template: str, **context: Any
) -> Response[Any]:
    """Render further rows of a list, which htmx puts in the place of "Show more"."""
    return templates.fragment(request, f"operator/{template}.html", **context)


def wants_rows(request: AnyRequest) -> bool:
    """Whether only further rows of the list are asked for."""
    return request.query_params.get("part") == "rows"


def see_other(path: str) -> Response[Any]:
    """Lead the browser on after a form; `path` is one of our own."""
    return Response(None, status_code=303, headers={"location": path})


def address(path: str, **parts: object) -> str:
    """Return a path with those parts of a query that are not empty."""
    given = {name: value for name, value in parts.items() if value not in ("", None, False)}
    query = urlencode({name: "1" if value is True else value for name, value in given.items()})
    return f"{path}?{query}" if query else path


def wanted(request: AnyRequest, name: str, longest: int = 200) -> str:
    """Return one part of the query as text; what a person typed, so without control characters."""
    text = str(request.query_params.get(name, ""))[:longest]
    return "".join(letter for letter in text if letter.isprintable()).strip()


def cursor(request: AnyRequest) -> str | None:
    """Return after which row a list goes on; None for its beginning."""
    return wanted(request, "after", 400) or None


def may(request: AnyRequest, permission: str) -> bool:
    """Whether whoever is signed in has this permission: what they cannot do is not offered."""
    principal = session_of(request).principal
    return principal is not None and permission in principal.permissions


def chosen(request: AnyRequest, name: str, choices: Mapping[str, object]) -> str:
    """Return one part of the query where it is one of the choices, else nothing."""
    text = wanted(request, name)
    return text if text in choices else ""


async def balances_as_of(uow: UnitOfWork, clock: Clock, policies: Policies) -> Freshness | None:
    """Return how old the balances are; None before the ERP was ever read."""
    fresh = await freshness(uow, clock.now(), policies.payments.warn_when_balances_older_than_h)
    if fresh.as_of is None:
        return None
    return Freshness(as_of=fresh.as_of, stale=fresh.stale)


async def names_of_staff(uow: UnitOfWork) -> dict[str, str]:
    """Return who stands behind the identifiers in records: operators, API keys, the system."""
    people = {operator.operator_id: operator.name for operator in await uow.operators.all()}
    keys = {key.key_id: f"API key “{key.name}”" for key in await uow.api_keys.all()}
    return {"system": "Dueport", **people, **keys}


def download(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """Send a file to be saved, under a name that is safe in a header and on every disk."""
    plain = _NOT_IN_A_NAME.sub("-", name).strip("-.") or "file"
    return Response(
        content,
        media_type=media_type,
        headers={"content-disposition": f'attachment; filename="{plain}"'},
    )
