"""Who stands behind a session, looked up anew for every request, and who is acting in a use case."""

from typing import Any

from litestar import Request

from dueport_apps.storage.people_reader import LinkedUser, PeopleReader
from dueport_apps.usecases.records import ROLE_PERMISSIONS, Permission
from dueport_apps.usecases.records import Principal as Actor
from dueport_apps.web.http.sessions import (
    AccountChoice,
    Principal,
    Session,
    SessionRecord,
)
from dueport_apps.web.http.settings import Portal
from dueport_core.errors import Forbidden

MENU_ACCOUNTS = 8
"""More accounts than this are searched on a page of their own."""

CUSTOMER_PERMISSIONS = {
    "see": frozenset({"see"}),
    "pay": frozenset({"see", "pay"}),
    "admin": frozenset({"see", "pay", "manage"}),
}


class PeopleFinder:
    """Finds the person of a session with the rights of this moment, or None where they are gone.

    A customer's session names the account that is open in it; when the link to that account was
    removed or switched off, the session ends.
    """

    def __init__(self, people: PeopleReader) -> None:
        self._people = people

    async def find(self, record: SessionRecord) -> Principal | None:
        if record.portal is Portal.OPERATOR:
            operator = await self._people.operator(record.user_id)
            if operator is None or not operator.active:
                return None
            return Principal(
                portal=Portal.OPERATOR,
                user_id=operator.operator_id,
                name=operator.name,
                email=operator.email,
                permissions=frozenset(p.value for p in ROLE_PERMISSIONS[operator.role]),
            )
        account_no = str(record.data.get("account_no", ""))
        found = await self._people.portal_user(record.user_id, account_no)
        if found is None or not found.user.active:
            return None
        if account_no and found.link is None:
            return None
        return Principal(
            portal=Portal.CUSTOMER,
            user_id=found.user.user_id,
            name=found.user.name,
            email=found.user.email,
            permissions=CUSTOMER_PERMISSIONS[found.link.role] if found.link else frozenset(),
            accounts=found.accounts,
            choices=await self._choices(found),
        )

    async def _choices(self, found: LinkedUser) -> tuple[AccountChoice, ...]:
        """Return the accounts for the header's menu; most people have one and are asked nothing."""
        if not 2 <= found.accounts <= MENU_ACCOUNTS:
            return ()
        return tuple(
            AccountChoice(account_no=account_no, name=name)
            for account_no, name in await self._people.accounts_of(found.user.user_id)
        )

    async def find_key(self, portal: Portal, key_hash: bytes) -> Principal | None:
        """API keys are the operators' alone."""
        if portal is not Portal.OPERATOR:
            return None
        key = await self._people.api_key(key_hash)
        if key is None:
            return None
        return Principal(
            portal=Portal.OPERATOR,
            user_id=key.key_id,
            name=key.name,
            email="",
            permissions=frozenset(permission.value for permission in key.permissions),
        )


def session_of(request: Request[Any, Any, Any]) -> Session:
    """Return the request's session; routes without the session middleware have none."""
    session = request.scope.get("auth")
    assert isinstance(session, Session)
    return session


def customer_of(request: Request[Any, Any, Any]) -> Actor:
    """Return the signed-in customer, acting for the account that is open in the session."""
    session = session_of(request)
    if session.principal is None:
        raise Forbidden("Sign in first.")
    return Actor(
        kind="customer",
        principal_id=session.principal.user_id,
        name=session.principal.name,
        account_no=str(session.data.get("account_no", "")),
        client_ip=client_ip(request),
        user_agent=request.headers.get("user-agent", "")[:400],
    )


def operator_of(request: Request[Any, Any, Any]) -> Actor:
    """Return the signed-in operator, or the API key that stands for one."""
    session = session_of(request)
    if session.principal is None:
        raise Forbidden("Sign in first.")
    return Actor(
        kind="api_key" if session.by_key else "operator",
        principal_id=session.principal.user_id,
        name=session.principal.name,
        permissions=frozenset(Permission(text) for text in session.principal.permissions),
        client_ip=client_ip(request),
        user_agent=request.headers.get("user-agent", "")[:400],
    )


def client_ip(request: Request[Any, Any, Any]) -> str:
    """Return the address that the request came from; behind a proxy the server has already put
    the forwarded one there, and only for proxies that the dealer trusts."""
    return request.client.host if request.client else ""
