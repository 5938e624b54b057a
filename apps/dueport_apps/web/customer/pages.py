"""What every page of the customer portal has in common."""

from typing import Any

from litestar import Request
from litestar.response import Response

from dueport_apps.web.http.settings import Portal
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Freshness, Templates

AnyRequest = Request[Any, Any, Any]


def show(
    request: AnyRequest,
    templates: Templates,
    template: str,
    *,
    status: int = 200,
    freshness: Freshness | None = None,
    **context: object,
) -> Response[Any]:
    """Render a page of the customer portal, labelled with the account that is open."""
    return templates.page(
        request,
        f"customer/{template}.html",
        portal=Portal.CUSTOMER,
        status=status,
        freshness=freshness,
        account_label=str(session_of(request).data.get("account_name", "")),
        **context,
    )


def see_other(path: str) -> Response[Any]:
    """Lead the browser on after a form; `path` is one of our own."""
    return Response(None, status_code=303, headers={"location": path})


def may_pay(request: AnyRequest) -> bool:
    """Whether the person's role includes paying."""
    principal = session_of(request).principal
    return principal is not None and "pay" in principal.permissions
