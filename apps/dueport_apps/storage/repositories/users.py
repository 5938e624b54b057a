"""Portal users and which accounts they may see."""

import datetime
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, any_of, insert_new, login_key
from dueport_apps.storage.tables.inviting import invitation
from dueport_apps.storage.tables.people import account_link, login_name, portal_user
from dueport_apps.usecases.invite_records import Login
from dueport_apps.usecases.records import AccountLink, PortalUser
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState

_USERS = Rows(portal_user, PortalUser)
_LINKS = Rows(account_link, AccountLink)

_LINKS_OF_USER = (
    _LINKS.select()
    .where(account_link.c.user_id == bindparam("user_id"), account_link.c.disabled_at.is_(None))
    .order_by(account_link.c.account_no)
)


class SqlUsers:
    """Users by id and by whatever they type at sign-in."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, user: PortalUser) -> None:
        """Insert; raises Conflict if e-mail or username is somebody's login name already."""
        await insert_new(
            self._connection, portal_user, _USERS.values(user), "This login exists already."
        )
        await self._name(user)

    async def get(self, user_id: str) -> PortalUser:
        """Return a user; raises NotFound for an unknown id."""
        row = (
            await self._connection.execute(_USERS.select().where(portal_user.c.user_id == user_id))
        ).one_or_none()
        if row is None:
            raise NotFound("There is no such login.")
        return _USERS.build(row)

    async def by_login(self, login: str) -> PortalUser | None:
        """Find by e-mail or username, case-insensitively."""
        row = (
            await self._connection.execute(
                _USERS.select()
                .join(login_name, login_name.c.user_id == portal_user.c.user_id)
                .where(login_name.c.name == login_key(login))
            )
        ).one_or_none()
        return None if row is None else _USERS.build(row)

    async def save(self, user: PortalUser) -> None:
        """Store a changed user; raises Conflict if a new e-mail or username is taken."""
        result = await self._connection.execute(
            update(portal_user)
            .where(portal_user.c.user_id == user.user_id)
            .values(_USERS.values(user))
        )
        if result.rowcount != 1:
            raise NotFound("There is no such login.")
        await self._connection.execute(
            delete(login_name).where(
                login_name.c.user_id == user.user_id, login_name.c.name.not_in(_names(user))
            )
        )
        await self._name(user)

    async def link(self, link: AccountLink) -> None:
        """Link user and account; linking again keeps the first link and switches it on."""
        await self._connection.execute(
            insert(account_link)
            .values(_LINKS.values(link))
            .on_conflict_do_update(
                index_elements=["user_id", "account_no"],
                set_={"disabled_at": None},
                where=account_link.c.disabled_at.is_not(None),
            )
        )

    async def links(self, user_id: str) -> list[AccountLink]:
        """Return the user's accounts by number, without those that are switched off."""
        rows = await self._connection.execute(_LINKS_OF_USER, {"user_id": user_id})
        return [_LINKS.build(row) for row in rows]

    async def logins(self, account_no: str) -> list[Login]:
        """Return everybody who was ever linked to the account, in the order of the links."""
        rows = await self._connection.execute(
            _USERS.select()
            .add_columns(*_LINKS.columns)
            .join(account_link, account_link.c.user_id == portal_user.c.user_id)
            .where(account_link.c.account_no == account_no)
            .order_by(account_link.c.linked_at, account_link.c.user_id)
        )
        linked_at = len(_USERS.names)
        return [Login(user=_USERS.build(row), link=_LINKS.build(row, linked_at)) for row in rows]

    async def set_disabled(
        self, user_id: str, account_no: str, at: datetime.datetime | None
    ) -> bool:
        """Switch a link off, or on again with None; False where nothing changed."""
        is_on = account_link.c.disabled_at.is_(None)
        result = await self._connection.execute(
            update(account_link)
            .where(
                account_link.c.user_id == user_id,
                account_link.c.account_no == account_no,
                is_on if at is not None else ~is_on,
            )
            .values(disabled_at=at)
        )
        return result.rowcount == 1

    async def of_account(self, account_no: str) -> list[PortalUser]:
        """Return who can sign in for the account, in the order in which they registered."""
        rows = await self._connection.execute(
            _USERS.select()
            .join(account_link, account_link.c.user_id == portal_user.c.user_id)
            .where(
                account_link.c.account_no == account_no,
                account_link.c.disabled_at.is_(None),
                portal_user.c.active,
            )
            .order_by(portal_user.c.created_at, portal_user.c.user_id)
        )
        return [_USERS.build(row) for row in rows]

    async def taken_usernames(self, candidates: Sequence[str]) -> frozenset[str]:
        """Return those candidates that are a login name, or are promised by an invitation."""
        by_key: dict[str, list[str]] = {}
        for candidate in candidates:
            by_key.setdefault(login_key(candidate), []).append(candidate)
        keys = [key for key in by_key if key]
        taken = await self._connection.scalars(
            select(login_name.c.name)
            .where(login_name.c.name == any_of(keys))
            .union(
                select(invitation.c.credential_login).where(
                    invitation.c.credential_login == any_of(keys),
                    invitation.c.state == InvitationState.PENDING,
                )
            )
        )
        return frozenset(candidate for key in taken for candidate in by_key[key])

    async def _name(self, user: PortalUser) -> None:
        """Claim the user's login names; the primary key decides between two who want one."""
        names = _names(user)
        # In order: two users who want the same two names never wait for each other in a circle.
        await self._connection.execute(
            insert(login_name)
            .values([{"name": name, "user_id": user.user_id} for name in names])
            .on_conflict_do_nothing()
        )
        mine = await self._connection.scalars(
            select(login_name.c.name).where(login_name.c.user_id == user.user_id)
        )
        if set(mine) != set(names):
            raise Conflict(
                "Somebody signs in with this e-mail address or username already; use another one."
            )


def _names(user: PortalUser) -> list[str]:
    return sorted({login_key(user.email), login_key(user.username)} - {""})
