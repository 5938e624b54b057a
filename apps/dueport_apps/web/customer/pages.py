"""What every page of the customer portal has in common."""

from typing import Any

from litestar import Request
from litestar.response import Response

from dueport_apps.usecases.records import PortalUser
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Freshness, Templates
from dueport_core.errors import Forbidden, Invalid, TooManyTries

AnyRequest = Request[Any, Any, Any]

HOME = "/outstanding"


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
    session = session_of(request)
    return templates.page(
        request,
        f"customer/{template}.html",
        portal=Portal.CUSTOMER,
        status=status,
        freshness=freshness,
        account_label=str(session.data.get("account_name", "")),
        open_account=str(session.data.get("account_no", "")),
        **context,
    )


def see_other(path: str) -> Response[Any]:
    """Lead the browser on after a form; `path` is one of our own."""
    return Response(None, status_code=303, headers={"location": path})


def may_pay(request: AnyRequest) -> bool:
    """Whether the person's role includes paying."""
    principal = session_of(request).principal
    return principal is not None and "pay" in principal.permissions


def browser_of(request: AnyRequest) -> str:
    """Return what the browser calls itself, at a length that fits everywhere."""
    return request.headers.get("user-agent", "")[:400]


async def open_session(
    request: AnyRequest, unit: UnitOfWork, user: PortalUser, account_no: str
) -> None:
    """Sign a person in with one of their accounts open."""
    account = await unit.accounts.get(account_no)
    await session_of(request).start(
        user.user_id, data={"account_no": account.account_no, "account_name": account.name}
    )


async def open_account(request: AnyRequest, unit: UnitOfWork, account_no: str) -> str:
    """Open another account of the person who is signed in, under a new session token; return its
    name. Forms of the account that was open are refused from now on."""
    account = await unit.accounts.get(account_no)
    session = session_of(request)
    await session.rotate()
    await session.save({"account_no": account.account_no, "account_name": account.name})
    return account.name


def refused(
    request: AnyRequest,
    templates: Templates,
    template: str,
    error: Invalid | Forbidden | TooManyTries,
    **context: Any,
) -> Response[Any]:
    """Show a refused form again: what is wrong per field, or one warning for the whole."""
    fields = error.fields if isinstance(error, Invalid) else {}
    status = 422
    if isinstance(error, Forbidden):
        status = 403
    if isinstance(error, TooManyTries):
        status = 429
    response = show(
        request,
        templates,
        template,
        status=status,
        errors=fields,
        warning="" if fields else error.message,
        **context,
    )
    if isinstance(error, TooManyTries):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response
