"""Several accounts behind one login: which one is open, and how to open another."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Response

from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.web.customer.pages import HOME, AnyRequest, open_account, see_other, show
from dueport_apps.web.http.forms import bind
from dueport_apps.web.http.guards import customer_required
from dueport_apps.web.http.sessions import AccountChoice
from dueport_apps.web.people import session_of
from dueport_apps.web.templating import Templates
from dueport_core.errors import NotFound


class AccountForm(msgspec.Struct, frozen=True, kw_only=True):
    account_no: Annotated[str, msgspec.Meta(max_length=100)]


@get("/accounts", guards=[customer_required])
async def accounts_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    reads: NamedDependency[UnitOfWorkFactory],
    q: FromQuery[str] = "",
) -> Response[Any]:
    """List the accounts of this login, or those whose name or number holds what was searched."""
    wanted = " ".join(q[:100].split()).casefold()
    async with reads() as unit:
        known = await linked_accounts(request, unit)
    found = [
        one
        for one in known
        if wanted in one.name.casefold() or one.account_no.casefold().startswith(wanted)
    ]
    return show(request, templates, "accounts", accounts=found, known=len(known), q=q[:100])


@post("/account", guards=[customer_required])
async def switch_account(
    request: AnyRequest, uow: NamedDependency[UnitOfWorkFactory]
) -> Response[Any]:
    """Open another account of the same login, under a new session token."""
    form = bind(await request.form(), AccountForm)
    session = session_of(request)
    assert session.principal is not None
    async with uow() as unit:
        links = await unit.users.links(session.principal.user_id)
        if form.account_no not in {link.account_no for link in links}:
            raise NotFound("There is no such account.")
        name = await open_account(request, unit, form.account_no)
    session.flash(f"You are now looking at {name} ({form.account_no}).")
    return see_other(HOME)


async def linked_accounts(request: AnyRequest, unit: UnitOfWork) -> tuple[AccountChoice, ...]:
    """Return the accounts that this login opens now, by name."""
    principal = session_of(request).principal
    assert principal is not None
    links = await unit.users.links(principal.user_id)
    accounts = await unit.accounts.many([link.account_no for link in links])
    return tuple(
        AccountChoice(account_no=one.account_no, name=one.name)
        for one in sorted(accounts.values(), key=lambda one: (one.name.casefold(), one.account_no))
    )
