"""Invitations: at most one of an account is alive, and each change names the state it expects."""

import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_new, login_key
from dueport_apps.storage.tables.people import invitation
from dueport_apps.usecases.records import StoredInvitation
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState

_INVITATIONS = Rows(invitation, StoredInvitation)


class SqlInvitations:
    """Invitations by id, token, username and account."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, invitation: StoredInvitation) -> None:
        """Insert; raises Conflict if the account has a live one, or the username is promised."""
        await insert_new(
            self._connection,
            _INVITATIONS.table,
            _values(invitation),
            f"Account {invitation.account_no} has an invitation already, or its username was "
            "given to somebody else; look at the account and decide there.",
        )

    async def get(self, invitation_id: str) -> StoredInvitation:
        """Return an invitation; raises NotFound for an unknown id."""
        found = await self._one(invitation.c.invitation_id == invitation_id)
        if found is None:
            raise NotFound("There is no such invitation.")
        return found

    async def latest(self, account_no: str) -> StoredInvitation | None:
        """Return the account's newest invitation of whatever state."""
        return await self._one(invitation.c.account_no == account_no)

    async def by_token(
        self, token_hash: bytes, *, for_update: bool = False
    ) -> StoredInvitation | None:
        """Return the invitation whose live token this is the hash of, locked if asked."""
        return await self._one(invitation.c.token_hash == token_hash, for_update=for_update)

    async def by_username(self, username: str) -> StoredInvitation | None:
        """Return the pending credential invitation with this username, case-insensitively."""
        name = login_key(username)
        if not name:
            return None
        return await self._one(
            (invitation.c.credential_login == name)
            & (invitation.c.state == InvitationState.PENDING)
        )

    async def save(self, invitation: StoredInvitation, expected: InvitationState) -> None:
        """Compare-and-set on the state; raises Conflict when somebody else was faster."""
        table = _INVITATIONS.table
        result = await self._connection.execute(
            update(table)
            .where(table.c.invitation_id == invitation.invitation_id, table.c.state == expected)
            .values(_values(invitation))
        )
        if result.rowcount != 1:
            raise Conflict(
                f"The invitation of account {invitation.account_no} has changed meanwhile; "
                "look at it again."
            )

    async def of_account(self, account_no: str) -> list[StoredInvitation]:
        """Return the account's invitations, newest first."""
        rows = await self._connection.execute(
            _INVITATIONS.select()
            .where(invitation.c.account_no == account_no)
            .order_by(invitation.c.number.desc())
        )
        return [_INVITATIONS.build(row) for row in rows]

    async def overdue(self, now: datetime.datetime, limit: int) -> list[StoredInvitation]:
        """Return pending invitations past their expiry, the longest overdue first."""
        rows = await self._connection.execute(
            _INVITATIONS.select()
            .where(invitation.c.state == InvitationState.PENDING, invitation.c.expires_at <= now)
            .order_by(invitation.c.expires_at)
            .limit(limit)
        )
        return [_INVITATIONS.build(row) for row in rows]

    async def _one(self, condition: Any, *, for_update: bool = False) -> StoredInvitation | None:
        query = _INVITATIONS.select().where(condition).order_by(invitation.c.number.desc()).limit(1)
        if for_update:
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _INVITATIONS.build(row)


def _values(value: StoredInvitation) -> dict[str, Any]:
    return {
        **_INVITATIONS.values(value),
        "credential_login": login_key(value.credential_username),
    }
