"""Send queued mail: claim a batch, hand it over outside any transaction, record each outcome.

Mail cannot be exactly-once. A mail is marked as being sent before the server gets it, so a crash
can leave one unconfirmed, which people see and may send again; it is never doubled by itself.
"""

import datetime
from collections.abc import Callable

import msgspec

from dueport_apps.usecases.records import MailDelivery, MailState
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock, EmailResult, EmailSender, OutgoingEmail, PortError

BATCH = 25
ABANDONED_AFTER = datetime.timedelta(minutes=10)
TRIES_MAX = 8


class SentMail(msgspec.Struct, frozen=True, kw_only=True):
    sent: int = 0
    failed: int = 0
    retried: int = 0
    unconfirmed: int = 0


class SendMail:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        sender: EmailSender,
        unseal: Callable[[MailDelivery], OutgoingEmail],
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._sender = sender
        self._unseal = unseal
        self._tokens = tokens
        self._clock = clock

    async def __call__(self) -> SentMail:
        """Send everything that is due; several workers may do so at once."""
        total = SentMail(unconfirmed=await self._flag_abandoned())
        while True:
            token = self._tokens.new()
            async with self._uow() as uow:
                batch = await uow.mail.claim(BATCH, token, self._clock.now())
                await uow.commit()
            if not batch:
                return total
            total = _sum(total, await self._send(batch, token))

    async def _flag_abandoned(self) -> int:
        async with self._uow() as uow:
            count = await uow.mail.abandon(self._clock.now() - ABANDONED_AFTER)
            await uow.commit()
        return count

    async def _send(self, batch: list[MailDelivery], token: str) -> SentMail:
        messages = [self._unseal(delivery) for delivery in batch]
        try:
            results = await self._sender.send(messages)
        except PortError as error:
            # Nothing was handed over, so everything may be tried again.
            results = [
                EmailResult(
                    message_id=message.message_id,
                    state="refused",
                    permanent=False,
                    reason=str(error),
                )
                for message in messages
            ]
        counts = SentMail()
        for delivery, result in zip(batch, results, strict=True):
            counts = _sum(counts, await self._record(delivery, result, token))
        return counts

    async def _record(self, delivery: MailDelivery, result: EmailResult, token: str) -> SentMail:
        now = self._clock.now()
        due_at: datetime.datetime | None = None
        counted = SentMail()
        match result.state:
            case "sent":
                state, counted = MailState.SENT, SentMail(sent=1)
            case "unknown":
                state, counted = MailState.UNCONFIRMED, SentMail(unconfirmed=1)
            case "refused" if result.permanent or delivery.tries + 1 >= TRIES_MAX:
                state, counted = MailState.FAILED, SentMail(failed=1)
            case "refused":
                state, counted = MailState.QUEUED, SentMail(retried=1)
                due_at = now + datetime.timedelta(seconds=min(30 * 2**delivery.tries, 3600))
        async with self._uow() as uow:
            await uow.mail.finish(
                delivery.delivery_id,
                token,
                state,
                now,
                code=result.code,
                reason=result.reason,
                due_at=due_at,
            )
            if due_at is not None:
                await uow.work.enqueue("send_mail", key="send_mail_later", not_before=due_at)
            await uow.commit()
        return counted


def _sum(one: SentMail, other: SentMail) -> SentMail:
    return SentMail(
        sent=one.sent + other.sent,
        failed=one.failed + other.failed,
        retried=one.retried + other.retried,
        unconfirmed=one.unconfirmed + other.unconfirmed,
    )
