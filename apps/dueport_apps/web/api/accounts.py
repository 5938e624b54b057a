"""Accounts by the API: who owes what, who can sign in, and what happened on the way there."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from dueport_apps.usecases.access_changes import Access, access_of
from dueport_apps.usecases.records import AccountFilter, AccountSort
from dueport_apps.usecases.restore_access import RestoreAccess
from dueport_apps.usecases.steer_invitation import DisableAccess
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_apps.web.api.bodies import account_body, contact_bodies, item_body
from dueport_apps.web.api.invite_bodies import (
    access_changed_body,
    invitation_body,
    login_bodies,
    timeline_body,
)
from dueport_apps.web.api.invite_shapes import (
    AccessBody,
    AccessChangedBody,
    AccountDetailBody,
    InvitationChoice,
    TimelineBody,
)
from dueport_apps.web.api.shapes import AccountPageBody, After, Limit
from dueport_apps.web.http.guards import operator_required
from dueport_apps.web.people import operator_of

AnyRequest = Request[Any, Any, Any]
Text = Annotated[str, QueryParameter(max_length=200)]


@get("/accounts", guards=[operator_required("view")], summary="List accounts")
async def accounts(
    uow: NamedDependency[UnitOfWorkFactory],
    q: Text = "",
    invitation: FromQuery[InvitationChoice] = "",
    active: FromQuery[bool] = False,
    past_due: FromQuery[bool] = False,
    email_problem: FromQuery[bool] = False,
    sort: FromQuery[AccountSort] = "priority",
    descending: FromQuery[bool] = True,
    after: After = None,
    limit: Limit = 50,
) -> AccountPageBody:
    """Accounts by Collection Priority or another order; `after` continues a page."""
    wanted = AccountFilter(
        text=q,
        active_only=active,
        invitation=invitation,
        past_due_only=past_due,
        email_problem=email_problem,
    )
    async with uow() as unit:
        rows, following = await unit.accounts.rows(wanted, sort, descending, after, limit)
    return AccountPageBody(items=[account_body(row) for row in rows], next=following)


@get("/accounts/{account_no:str}", guards=[operator_required("view")], summary="One account")
async def account(
    account_no: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> AccountDetailBody:
    """Figures, contacts, open documents, invitations and logins of one account."""
    async with uow() as unit:
        found = await unit.accounts.get(account_no)
        row = await unit.accounts.row(account_no)
        items = await unit.items.of_account(account_no, released_only=False)
        invitations = await unit.invitations.of_account(account_no)
        logins = await unit.users.logins(account_no)
    return AccountDetailBody(
        account=account_body(row),
        contacts=contact_bodies(found),
        items=[item_body(item) for item in items],
        invitations=[invitation_body(row) for row in invitations],
        logins=login_bodies(logins),
    )


@get(
    "/accounts/{account_no:str}/timeline",
    guards=[operator_required("view")],
    summary="An account's timeline",
)
async def timeline(
    account_no: FromPath[str], uow: NamedDependency[UnitOfWorkFactory]
) -> TimelineBody:
    """Every step of the account's invitations and logins, and every mail, oldest first."""
    async with uow() as unit:
        await unit.accounts.get(account_no)
        events = await unit.invitations.events(account_no)
        mails = await unit.mail.of_account(account_no)
    return timeline_body(events, mails)


@post(
    "/accounts/{account_no:str}/access/disable",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Switch access off",
)
async def disable(
    request: AnyRequest,
    account_no: FromPath[str],
    disable_access: NamedDependency[DisableAccess],
    uow: NamedDependency[UnitOfWorkFactory],
    data: JSONBody[AccessBody | None] = None,
) -> AccessChangedBody:
    """Switch one person's access to the account off, or everybody's with their pending invitations:
    sessions and links die at once, nothing is deleted."""
    before = await _access(uow, account_no)
    await disable_access(account_no, operator_of(request), user_id=data.user_id if data else "")
    return access_changed_body(before, await _access(uow, account_no))


@post(
    "/accounts/{account_no:str}/access/restore",
    guards=[operator_required("invite")],
    opt={"idempotency": "optional"},
    status_code=200,
    summary="Switch access on again",
)
async def restore(
    request: AnyRequest,
    account_no: FromPath[str],
    restore_access: NamedDependency[RestoreAccess],
    uow: NamedDependency[UnitOfWorkFactory],
    data: JSONBody[AccessBody | None] = None,
) -> AccessChangedBody:
    """Switch one person's access on again, or everybody's that is off; passwords are as they were.
    Invitations that were revoked with it stay revoked."""
    before = await _access(uow, account_no)
    await restore_access(account_no, operator_of(request), user_id=data.user_id if data else "")
    return access_changed_body(before, await _access(uow, account_no))


async def _access(uow: UnitOfWorkFactory, account_no: str) -> Access:
    async with uow() as unit:
        return await access_of(unit, account_no)
