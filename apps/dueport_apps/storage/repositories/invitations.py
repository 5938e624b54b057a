"""Invitations: one row per account and address for life, its tokens and its timeline."""

import datetime
from collections.abc import Sequence
from typing import Any

import psycopg.errors
from sqlalchemy import ColumnElement, delete, exists, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.bulk import execute_many, insert_of
from dueport_apps.storage.repositories import invitation_lists
from dueport_apps.storage.repositories.candidates import candidates
from dueport_apps.storage.rows import Rows, any_of, login_key
from dueport_apps.storage.tables.inviting import invitation, invitation_event, invitation_token
from dueport_apps.storage.tables.mirror import account
from dueport_apps.usecases.invite_records import (
    EndedLink,
    Funnel,
    InvitationEvent,
    InvitationFilter,
    InvitationRow,
    InvitationToken,
    InviteCandidate,
    InviteRecipient,
    LinkEnd,
    Selection,
    StoredInvitation,
)
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState

# Any constant that nothing else locks: one person at a time decides who is invited.
_LOCK = 0x4455_4550_0003
# A user name that was promised again and again; only the newest mails can matter.
_SAME_NAME = 10

_INVITATIONS = Rows(invitation, StoredInvitation)
_TOKENS = Rows(invitation_token, InvitationToken)
_EVENTS = Rows(invitation_event, InvitationEvent)

_NAMES = [*_INVITATIONS.names, "email_key", "credential_login"]
_put = insert_of(invitation, _NAMES)
# The row of an address keeps its id, to which mails, tokens and the timeline refer.
_PUT = _put.on_conflict_do_update(
    index_elements=["account_no", "email_key"],
    set_={
        name: _put.excluded[name]
        for name in _NAMES
        if name not in ("account_no", "email_key", "invitation_id")
    },
    where=invitation.c.invitation_id == _put.excluded.invitation_id,
)
_ADD_TOKENS = insert_of(invitation_token, _TOKENS.names)
_ADD_EVENTS = insert_of(invitation_event, _EVENTS.names)


class SqlInvitations:
    """Invitations by id, token, username and account; who can be invited, and lists of those who
    were."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # Deciding.

    async def lock(self) -> None:
        """Hold the right to invite until commit."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    async def candidates(
        self, selection: Selection, after: str, limit: int
    ) -> list[InviteCandidate]:
        """Return the next selected accounts with what decides whether they can be invited."""
        return await candidates(self._connection, selection, after, limit)

    async def unknown(self, account_nos: Sequence[str]) -> list[str]:
        """Return which of these numbers name no account, or one that is gone, as they came."""
        known = set(
            await self._connection.scalars(
                select(account.c.account_no).where(
                    account.c.account_no == any_of(account_nos), ~account.c.gone
                )
            )
        )
        return [number for number in dict.fromkeys(account_nos) if number not in known]

    async def put(self, invitations: Sequence[StoredInvitation]) -> None:
        """Insert, or replace the rows of the same accounts and addresses.

        Raises Conflict when a promised user name is taken, and when an address has an invitation
        of another id; the transaction stays usable, and nothing of this call is stored.
        """
        rows = [_values(one) for one in invitations]
        try:
            async with self._connection.begin_nested():
                if await execute_many(self._connection, _PUT, invitation, rows) != len(rows):
                    raise Conflict("Somebody else invited one of these customers; look again.")
        except IntegrityError as error:
            raise _fit_for_people(error) from error

    # One invitation.

    async def get(self, invitation_id: str, *, for_update: bool = False) -> StoredInvitation:
        """Return an invitation, locked if asked; raises NotFound for an unknown id."""
        found = await self._one(invitation.c.invitation_id == invitation_id, for_update=for_update)
        if found is None:
            raise NotFound("There is no such invitation.")
        return found

    async def find(self, account_no: str, email: str) -> StoredInvitation | None:
        """Return the invitation of this address, case-insensitively."""
        return await self._one(
            (invitation.c.account_no == account_no) & (invitation.c.email_key == login_key(email))
        )

    async def by_token(
        self, token_hash: bytes, *, to_decline: bool = False, for_update: bool = False
    ) -> StoredInvitation | None:
        """Return the invitation that a link's token admits to, locked if asked; to decline it, the
        token for that will do as well."""
        good = (
            select(invitation_token.c.invitation_id)
            .where(_presented(token_hash, to_decline=to_decline))
            .where(invitation_token.c.ended_at.is_(None))
        )
        found = await self._one(
            invitation.c.invitation_id == good.scalar_subquery(), for_update=for_update
        )
        if found is None or not for_update:
            return found
        # Whoever held the invitation while we waited for it may have ended this very link.
        return found if await self._connection.scalar(good) is not None else None

    async def ended(self, token_hash: bytes, *, to_decline: bool = False) -> EndedLink | None:
        """Return what became of a link that has ended, if that is still known."""
        rows = await self._connection.execute(
            select(
                *_INVITATIONS.columns,
                invitation_token.c.kind,
                invitation_token.c.end_reason,
                invitation_token.c.ended_at,
            )
            .join(invitation_token, invitation_token.c.invitation_id == invitation.c.invitation_id)
            .where(_presented(token_hash, to_decline=to_decline))
            .where(invitation_token.c.ended_at.is_not(None))
        )
        row = rows.one_or_none()
        if row is None:
            return None
        return EndedLink(
            invitation=_INVITATIONS.build(row),
            end=row.end_reason,
            ended_at=row.ended_at,
            decline_only=row.kind == "decline",
        )

    async def decline_token(self, token_hash: bytes) -> InvitationToken | None:
        """Return a good token that can only decline, if this is one."""
        rows = await self._connection.execute(
            _TOKENS.select().where(
                invitation_token.c.token_hash == token_hash,
                invitation_token.c.kind == "decline",
                invitation_token.c.ended_at.is_(None),
            )
        )
        row = rows.one_or_none()
        return None if row is None else _TOKENS.build(row)

    async def with_username(self, username: str) -> list[StoredInvitation]:
        """Return the credential invitations with this username that are pending or have expired."""
        rows = await self._connection.execute(
            _INVITATIONS.select()
            .where(
                invitation.c.credential_login == login_key(username),
                invitation.c.credential_login != "",
                invitation.c.state.in_((InvitationState.PENDING, InvitationState.EXPIRED)),
            )
            .order_by(invitation.c.invited_at.desc(), invitation.c.number.desc())
            .limit(_SAME_NAME)
        )
        return [_INVITATIONS.build(row) for row in rows]

    async def passwords(self, token_hashes: Sequence[bytes]) -> list[InvitationToken]:
        """Return those of these one-time passwords that there are and that have not ended."""
        rows = await self._connection.execute(
            _TOKENS.select().where(
                invitation_token.c.token_hash.in_(token_hashes),
                invitation_token.c.kind == "credential",
                invitation_token.c.ended_at.is_(None),
            )
        )
        return [_TOKENS.build(row) for row in rows]

    async def by_ids(
        self, invitation_ids: Sequence[str], *, for_update: bool = False
    ) -> dict[str, StoredInvitation]:
        """Return those of these invitations that there are, by id, locked if asked."""
        query = _INVITATIONS.select().where(invitation.c.invitation_id == any_of(invitation_ids))
        if for_update:
            query = query.with_for_update(key_share=True)
        rows = await self._connection.execute(query)
        return {found.invitation_id: found for found in map(_INVITATIONS.build, rows)}

    async def save(self, invitation: StoredInvitation, expected: InvitationState) -> None:
        """Compare-and-set on the state; raises Conflict when somebody else was faster, or when
        the promised user name is taken."""
        table = _INVITATIONS.table
        try:
            async with self._connection.begin_nested():
                result = await self._connection.execute(
                    update(table)
                    .where(
                        table.c.invitation_id == invitation.invitation_id,
                        table.c.state == expected,
                    )
                    .values(_values(invitation))
                )
        except IntegrityError as error:
            raise _fit_for_people(error) from error
        if result.rowcount != 1:
            raise Conflict(
                f"The invitation of account {invitation.account_no} has changed meanwhile; "
                "look at it again."
            )

    # Tokens.

    async def add_tokens(self, tokens: Sequence[InvitationToken]) -> None:
        """Let these in, beside those that are good already."""
        rows = [_TOKENS.values(token) for token in tokens]
        await execute_many(self._connection, _ADD_TOKENS, invitation_token, rows)

    async def void_tokens(
        self, invitation_ids: Sequence[str], end: LinkEnd, at: datetime.datetime
    ) -> None:
        """End every link and one-time password of these invitations; the last reason counts."""
        await self._connection.execute(
            update(invitation_token)
            .where(
                invitation_token.c.invitation_id == any_of(invitation_ids),
                # A book that is sent again and again rewrites only the links of the last time.
                invitation_token.c.end_reason.is_distinct_from(end),
            )
            .values(ended_at=at, end_reason=end)
        )

    async def delete_ended(self, before: datetime.datetime) -> int:
        """Forget what ended before then; return how many."""
        result = await self._connection.execute(
            delete(invitation_token).where(invitation_token.c.ended_at < before)
        )
        return result.rowcount

    async def take_back(
        self, token_hashes: Sequence[bytes], end: LinkEnd, at: datetime.datetime
    ) -> None:
        """End these alone."""
        await self._connection.execute(
            update(invitation_token)
            .where(invitation_token.c.token_hash.in_(token_hashes))
            .values(ended_at=at, end_reason=end)
        )

    async def is_reachable(self, invitation_id: str) -> bool:
        """Whether a link or a one-time password of it is good."""
        found = await self._connection.execute(
            select(
                exists().where(
                    invitation_token.c.invitation_id == invitation_id,
                    invitation_token.c.kind != "decline",
                    invitation_token.c.ended_at.is_(None),
                )
            )
        )
        return bool(found.scalar_one())

    # The timeline.

    async def add_events(self, events: Sequence[InvitationEvent]) -> None:
        """Append steps to the timelines of their accounts."""
        rows = [_EVENTS.values(event) for event in events]
        await execute_many(self._connection, _ADD_EVENTS, invitation_event, rows)

    async def events(self, account_no: str) -> list[InvitationEvent]:
        """Return the account's timeline in the order in which it was written."""
        rows = await self._connection.execute(
            _EVENTS.select()
            .where(invitation_event.c.account_no == account_no)
            .order_by(invitation_event.c.number)
        )
        return [_EVENTS.build(row) for row in rows]

    # Lists.

    async def of_account(self, account_no: str) -> list[InvitationRow]:
        """Return the account's invitations, the last invited first."""
        return await invitation_lists.of_account(self._connection, account_no)

    async def rows(
        self, filter: InvitationFilter, after: str | None, limit: int
    ) -> tuple[list[InvitationRow], str | None]:
        """Return one page, those that wait longest first, and the cursor of the next."""
        return await invitation_lists.page(self._connection, filter, after, limit)

    async def count(self, filter: InvitationFilter) -> int:
        """Return how many invitations the filter shows."""
        return await invitation_lists.count(self._connection, filter)

    async def funnel(self) -> Funnel:
        """Count how far the accounts got that are not gone from the ERP."""
        return await invitation_lists.funnel(self._connection)

    async def overdue(self, now: datetime.datetime, limit: int) -> list[StoredInvitation]:
        """Return pending invitations past their expiry, the longest overdue first."""
        rows = await self._connection.execute(
            _INVITATIONS.select()
            .where(invitation.c.state == InvitationState.PENDING, invitation.c.expires_at <= now)
            .order_by(invitation.c.expires_at, invitation.c.number)
            .limit(limit)
        )
        return [_INVITATIONS.build(row) for row in rows]

    async def moved_away(self, limit: int) -> list[StoredInvitation]:
        """Return pending invitations to an address that no contact of the account has any more.

        An address that an operator typed was never the ERP's, so it cannot have moved.
        """
        # Only plain ASCII addresses are ever invited, so lower() is their key.
        moved = text(
            "NOT EXISTS (SELECT FROM jsonb_array_elements(account.contacts) AS contact"
            " WHERE lower(btrim(contact ->> 'email', E' \\t')) = invitation.email_key)"
        )
        rows = await self._connection.execute(
            _INVITATIONS.select()
            .join(account, account.c.account_no == invitation.c.account_no)
            .where(
                invitation.c.state == InvitationState.PENDING,
                invitation.c.recipient != InviteRecipient.OTHER,
                moved,
            )
            .order_by(invitation.c.number)
            .limit(limit)
        )
        return [_INVITATIONS.build(row) for row in rows]

    async def _one(
        self, condition: ColumnElement[bool], *, for_update: bool = False
    ) -> StoredInvitation | None:
        query = _INVITATIONS.select().where(condition)
        if for_update:
            # NO KEY: rows that merely refer to the invitation can still be written.
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _INVITATIONS.build(row)


def _presented(token_hash: bytes, *, to_decline: bool) -> ColumnElement[bool]:
    kinds = ("link", "decline") if to_decline else ("link",)
    return (invitation_token.c.token_hash == token_hash) & invitation_token.c.kind.in_(kinds)


def _values(value: StoredInvitation) -> dict[str, Any]:
    return {
        **_INVITATIONS.values(value),
        "email_key": login_key(value.email),
        "credential_login": login_key(value.username),
    }


def _fit_for_people(error: IntegrityError) -> Exception:
    if (
        isinstance(error.orig, psycopg.errors.UniqueViolation)
        and error.orig.diag.constraint_name == "uq_invitation_credential_login"
    ):
        return Conflict("A username was promised to somebody else meanwhile; try again.")
    return error
