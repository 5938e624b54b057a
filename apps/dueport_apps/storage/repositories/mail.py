"""Mail to be sent: one row per recipient, claimed in batches, never sent twice by itself."""

import datetime
from collections.abc import Mapping

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_once
from dueport_apps.storage.tables.platform import mail_delivery
from dueport_apps.usecases.records import MailDelivery, MailState

_MAILS = Rows(mail_delivery, MailDelivery)
_FINAL = (MailState.SENT, MailState.FAILED)


class SqlMail:
    """Deliveries and their states."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def queue(self, delivery: MailDelivery) -> bool:
        """Insert; False when (kind, subject_ref, to_address) was queued before."""
        return await insert_once(self._connection, mail_delivery, _MAILS.values(delivery))

    async def claim(self, limit: int, token: str, now: datetime.datetime) -> list[MailDelivery]:
        """Move due mails to `sending` under the token, skipping those that others hold."""
        due = (
            select(mail_delivery.c.number)
            .where(mail_delivery.c.state == MailState.QUEUED, mail_delivery.c.due_at <= now)
            .order_by(mail_delivery.c.due_at, mail_delivery.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = await self._connection.execute(
            update(mail_delivery)
            .where(mail_delivery.c.number.in_(due))
            .values(
                state=MailState.SENDING,
                claim_token=token,
                claimed_at=now,
                tries=mail_delivery.c.tries + 1,
            )
            .returning(*_MAILS.columns)
        )
        claimed = [_MAILS.build(row) for row in rows]
        return sorted(claimed, key=lambda mail: (mail.due_at, mail.created_at, mail.delivery_id))

    async def finish(
        self,
        delivery_id: str,
        token: str,
        state: MailState,
        now: datetime.datetime,
        *,
        code: int = 0,
        reason: str = "",
        due_at: datetime.datetime | None = None,
    ) -> bool:
        """Record the outcome where the token still matches; False when the claim was lost.

        A mail that was given up as unconfirmed meanwhile may still become sent or failed by the
        worker who held it, but is never queued again.
        """
        expected = [MailState.SENDING]
        if state in _FINAL:
            expected.append(MailState.UNCONFIRMED)
        values: dict[str, object] = {"state": state, "code": code, "reason": reason}
        if state in _FINAL:
            values["content_sealed"] = ""
        if state is MailState.SENT:
            values["sent_at"] = now
        if state is MailState.QUEUED:
            values |= {"due_at": due_at or now, "claim_token": "", "claimed_at": None}
        result = await self._connection.execute(
            update(mail_delivery)
            .where(
                mail_delivery.c.delivery_id == delivery_id,
                mail_delivery.c.claim_token == token,
                mail_delivery.c.state.in_(expected),
            )
            .values(values)
        )
        return result.rowcount == 1

    async def abandon(self, older_than: datetime.datetime) -> int:
        """Mark mails left in `sending` since then as unconfirmed; return how many."""
        result = await self._connection.execute(
            update(mail_delivery)
            .where(
                mail_delivery.c.state == MailState.SENDING,
                mail_delivery.c.claimed_at < older_than,
            )
            .values(
                state=MailState.UNCONFIRMED,
                reason="Interrupted while it was handed over; it may have arrived.",
            )
        )
        return result.rowcount

    async def of_subject(self, subject_ref: str) -> list[MailDelivery]:
        """Return the mails about one thing, oldest first."""
        rows = await self._connection.execute(
            _MAILS.select()
            .where(mail_delivery.c.subject_ref == subject_ref)
            .order_by(mail_delivery.c.number)
        )
        return [_MAILS.build(row) for row in rows]

    async def counts(self) -> Mapping[MailState, int]:
        """Return how many mails are in each state; every state is there."""
        rows = await self._connection.execute(
            select(mail_delivery.c.state, func.count()).group_by(mail_delivery.c.state)
        )
        return dict.fromkeys(MailState, 0) | {row[0]: row[1] for row in rows}
