"""Mail to be sent: one row per recipient, claimed in batches, never sent twice by itself.

A try is counted when a mail is about to be handed over, or else by its outcome. What was only put
back, by a worker that stops or by `recover`, was not tried.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.bulk import execute_many, insert_of, rows_text
from dueport_apps.storage.repositories import mail_statements as statements
from dueport_apps.storage.rows import Rows, insert_once, login_key
from dueport_apps.storage.tables.inviting import invitation
from dueport_apps.storage.tables.platform import mail_delivery, mail_pace
from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState

_MAILS = Rows(mail_delivery, MailDelivery)
_NAMES = [*_MAILS.names, "changed_at"]
_QUEUE_ALL = insert_of(mail_delivery, _NAMES).on_conflict_do_nothing()
_MAIL_BY_ID = _MAILS.select().where(mail_delivery.c.delivery_id == bindparam("delivery_id"))

_PACE = "mail"
_MINUTE = datetime.timedelta(minutes=1)


class SqlMail:
    """Deliveries and their states."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # Asking for mail.

    async def queue(self, delivery: MailDelivery) -> bool:
        """Insert; False when (kind, subject_ref, to_address) was queued before."""
        return await insert_once(self._connection, mail_delivery, _values(delivery))

    async def queue_all(self, deliveries: Sequence[MailDelivery]) -> None:
        """Insert many in this order; those that were queued before are left as they are."""
        rows = [_values(delivery) for delivery in deliveries]
        await execute_many(self._connection, _QUEUE_ALL, mail_delivery, rows)

    # Sending it.

    async def claim(self, limit: int, owner: int, now: datetime.datetime) -> list[MailDelivery]:
        """Move due mails to `sending` under the owner, skipping those that others hold.

        Mails of no campaign come first, then those of campaigns that are under way, the smallest
        campaign first: one customer who is invited now does not wait for ten thousand. Within
        each the longest due comes first.
        """
        known = {"owner": owner, "now": now}
        numbers = await self._claim(statements.CLAIM_SINGLE, limit, known)
        if len(numbers) < limit:
            for campaign_id in await self._connection.scalars(statements.UNDER_WAY, {"now": now}):
                missing = limit - len(numbers)
                one = known | {"campaign_id": campaign_id}
                numbers += await self._claim(statements.CLAIM_OF_CAMPAIGN, missing, one)
                if len(numbers) >= limit:
                    break
        if not numbers:
            return []
        rows = await self._connection.execute(
            select(mail_delivery.c.number, *_MAILS.columns).where(
                mail_delivery.c.number.in_(numbers)
            )
        )
        claimed = {row[0]: _MAILS.build(row, 1) for row in rows}
        return [claimed[number] for number in numbers]

    async def take_turns(
        self, wanted: int, per_minute: int, now: datetime.datetime
    ) -> tuple[int, datetime.datetime]:
        """Return how many mails may be sent now, and when to ask again.

        All workers share one pace, which their transactions pass on one by one. What was not used
        is lost but for one second's worth, so that no burst exceeds what a server expects.
        `per_minute` is at least 1.
        """
        interval = _MINUTE / per_minute
        await self._connection.execute(
            insert(mail_pace).values(name=_PACE, next_at=now).on_conflict_do_nothing()
        )
        found = await self._connection.execute(
            select(mail_pace.c.next_at).where(mail_pace.c.name == _PACE).with_for_update()
        )
        # Never further away than one interval, unless the clock or the rate was changed since.
        next_at: datetime.datetime = min(found.scalar_one(), now + interval)
        if wanted <= 0 or next_at > now:
            return 0, max(next_at, now)
        burst = max(1, per_minute // 60)
        start = max(next_at, now - (burst - 1) * interval)
        turns = min(wanted, (now - start) // interval + 1)
        after = start + turns * interval
        await self._connection.execute(
            update(mail_pace).where(mail_pace.c.name == _PACE).values(next_at=after)
        )
        return turns, after

    async def begin(
        self, delivery_ids: Sequence[str], owner: int, now: datetime.datetime
    ) -> frozenset[str]:
        """Mark these as being handed over; return those that may be: not taken back meanwhile."""
        begun = await self._connection.scalars(
            statements.BEGIN, {"ids": list(delivery_ids), "owner": owner, "now": now}
        )
        return frozenset(begun)

    async def finish(
        self, outcomes: Sequence[MailOutcome], owner: int, now: datetime.datetime
    ) -> int:
        """Record outcomes of this owner's claims; return how many were still its claims.

        A mail that was given up as unconfirmed meanwhile may still become sent or failed by the
        worker that held it, but is never queued again. An outcome `queued` without a time leaves
        the mail due when it was.
        """
        if not outcomes:
            return 0
        result = await self._connection.execute(
            statements.FINISH, {"rows": _outcomes_text(outcomes), "owner": owner, "now": now}
        )
        return result.rowcount

    async def record(
        self,
        outcomes: Sequence[MailOutcome],
        beginning: Sequence[str],
        owner: int,
        now: datetime.datetime,
    ) -> frozenset[str]:
        """Do what `finish` and `begin` do, in one statement; return what `begin` returns."""
        begun = await self._connection.scalars(
            statements.RECORD,
            {
                "rows": _outcomes_text(outcomes),
                "ids": list(beginning),
                "owner": owner,
                "now": now,
            },
        )
        return frozenset(begun)

    async def recover(self) -> tuple[int, int]:
        """Put the claims of dead workers back; return how many are queued and unconfirmed.

        A worker is dead when nobody holds the lock on its number.
        """
        rows = await self._connection.execute(statements.RECOVER)
        states = [row.state for row in rows]
        return states.count(MailState.QUEUED), states.count(MailState.UNCONFIRMED)

    async def bounced(
        self, delivery_id: str, to_address: str, now: datetime.datetime, code: int, reason: str
    ) -> MailDelivery | None:
        """Mark a sent (or unconfirmed) mail to this address as returned, with the reply code of the
        server that refused it, 0 where it is not known; None for any other."""
        query = _MAIL_BY_ID.with_for_update()
        row = (await self._connection.execute(query, {"delivery_id": delivery_id})).one_or_none()
        if row is None:
            return None
        mail = _MAILS.build(row)
        if mail.state not in (MailState.SENT, MailState.UNCONFIRMED):
            return None
        if login_key(mail.to_address) != login_key(to_address):
            return None
        await self._connection.execute(
            update(mail_delivery)
            .where(mail_delivery.c.delivery_id == delivery_id)
            .values(
                state=MailState.BOUNCED,
                code=code,
                reason=reason,
                content_sealed="",
                claim_owner=None,
                changed_at=now,
            )
        )
        found = await self._connection.execute(_MAIL_BY_ID, {"delivery_id": delivery_id})
        return _MAILS.build(found.one())

    # Looking at it.

    async def of_subject(self, subject_ref: str) -> list[MailDelivery]:
        """Return the mails about one thing, oldest first."""
        rows = await self._connection.execute(
            _MAILS.select()
            .where(mail_delivery.c.subject_ref == subject_ref)
            .order_by(mail_delivery.c.number)
        )
        return [_MAILS.build(row) for row in rows]

    async def of_account(self, account_no: str) -> list[MailDelivery]:
        """Return the mails of the account's invitations, oldest first."""
        rows = await self._connection.execute(
            _MAILS.select()
            .join(invitation, invitation.c.invitation_id == mail_delivery.c.invitation_id)
            .where(invitation.c.account_no == account_no, text("mail_delivery.invitation_id <> ''"))
            .order_by(mail_delivery.c.number)
        )
        return [_MAILS.build(row) for row in rows]

    async def counts(self) -> Mapping[MailState, int]:
        """Return how many mails are in each state; every state is there."""
        rows = await self._connection.execute(
            select(mail_delivery.c.state, func.count()).group_by(mail_delivery.c.state)
        )
        return dict.fromkeys(MailState, 0) | {row[0]: row[1] for row in rows}

    async def _claim(self, statement: Any, limit: int, known: Mapping[str, Any]) -> list[int]:
        rows = (await self._connection.execute(statement, {**known, "limit": limit})).all()
        return [row.number for row in sorted(rows, key=lambda row: (row.due_at, row.number))]


def _outcomes_text(outcomes: Sequence[MailOutcome]) -> str:
    rows = [
        {
            "delivery_id": outcome.delivery_id,
            "state": outcome.state,
            "code": outcome.code,
            "reason": outcome.reason,
            "due_at": outcome.due_at,
            "tried": outcome.tried,
        }
        for outcome in outcomes
    ]
    return rows_text(mail_delivery, rows)


def _values(delivery: MailDelivery) -> dict[str, Any]:
    return {**_MAILS.values(delivery), "changed_at": delivery.created_at}
