"""The mailer: spreads messages over held connections and answers for each of them, in order."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence

from dueport_email_smtp.connection import LostBeforeHandover
from dueport_email_smtp.mime import message_bytes
from dueport_email_smtp.pool import ConnectionPool, Lease
from dueport_email_smtp.refusals import refusal_reason, refused
from dueport_email_smtp.settings import SmtpSettings, check_settings, hello_name
from dueport_ports import (
    EmailResult,
    EmailSender,
    Misconfigured,
    OutgoingEmail,
    PluginContext,
    Unavailable,
)

_log = logging.getLogger(__name__)


class SmtpEmailSender(EmailSender):
    """Sends through one SMTP server. Nothing is connected before the first message or probe."""

    def __init__(self, settings: SmtpSettings, context: PluginContext) -> None:
        check_settings(settings, context.environment)
        self._settings = settings
        self._clock = context.clock
        self._pool = ConnectionPool(settings, hello_name(settings, context.public_url))

    async def send(self, messages: Sequence[OutgoingEmail]) -> list[EmailResult]:
        batch = _Batch(messages)
        self._prepare(batch)
        if batch.waiting:
            async with self._pool.lease() as lease:
                # The first connection is opened alone: wrong credentials are then tried once,
                # not once per connection, which could lock the mail account.
                await lease.connection()
                helpers = min(len(batch.waiting) - 1, self._pool.free_slots)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._work(batch, lease))
                    for _ in range(helpers):
                        group.create_task(self._help(batch))
        results = batch.finish()
        states = Counter(result.state for result in results)
        _log.info(
            "mail handed over: %d sent, %d refused, %d unknown",
            states["sent"],
            states["refused"],
            states["unknown"],
        )
        return results

    async def probe(self) -> str:
        connection, banner = await self._pool.open_new()
        await connection.quit()
        return banner

    async def close(self) -> None:
        await self._pool.close()

    def _prepare(self, batch: "_Batch") -> None:
        """Refuse what may not leave and write the rest as bytes."""
        limit = self._settings.max_message_bytes
        for index, message in enumerate(batch.messages):
            reason = refusal_reason(message)
            if reason is None and _rough_size(message) > limit:
                reason = f"the message is larger than {limit} bytes"
            if reason is None:
                batch.waiting.append(index)
            else:
                batch.results[index] = refused(message, reason)

    async def _help(self, batch: "_Batch") -> None:
        async with self._pool.lease() as lease:
            try:
                if batch.waiting:
                    await lease.connection()
            except (Unavailable, Misconfigured) as error:
                # A server may allow fewer connections than are configured; the others go on.
                _log.warning("one more connection was not granted: %s", error)
                return
            await self._work(batch, lease)

    async def _work(self, batch: "_Batch", lease: Lease) -> None:
        while batch.waiting and batch.obstacle is None:
            index = batch.waiting.popleft()
            message = batch.messages[index]
            raw = message_bytes(message, message.sent_at or self._clock.now())
            if len(raw) > self._settings.max_message_bytes:
                reason = f"the message is larger than {self._settings.max_message_bytes} bytes"
                batch.results[index] = refused(message, reason)
                continue
            try:
                batch.results[index] = await self._deliver(lease, message, raw)
                batch.any_handed_over = True
            except (Unavailable, Misconfigured) as error:
                batch.waiting.appendleft(index)
                batch.obstacle = error

    async def _deliver(self, lease: Lease, message: OutgoingEmail, raw: bytes) -> EmailResult:
        """Deliver once. A connection that ended before the handover gets one replacement."""
        connection = await lease.connection()
        try:
            return await connection.deliver(message, raw)
        except LostBeforeHandover as first:
            _log.info("a connection ended before a message was handed over; opening another")
            connection = await lease.connection(fresh=True)
            try:
                return await connection.deliver(message, raw)
            except LostBeforeHandover as second:
                return EmailResult(
                    message_id=message.message_id,
                    state="refused",
                    permanent=False,
                    code=second.code or first.code,
                    reason=second.reason,
                )


class _Batch:
    """The messages of one call, what still waits, and what became of the rest."""

    def __init__(self, messages: Sequence[OutgoingEmail]) -> None:
        self.messages = messages
        self.waiting: deque[int] = deque()
        self.results: dict[int, EmailResult] = {}
        self.any_handed_over = False
        self.obstacle: Unavailable | Misconfigured | None = None

    def finish(self) -> list[EmailResult]:
        """The results in order; raises the obstacle when it stopped every single message."""
        if self.obstacle is not None:
            if not self.any_handed_over:
                raise self.obstacle
            for index in self.waiting:
                self.results[index] = EmailResult(
                    message_id=self.messages[index].message_id,
                    state="refused",
                    permanent=False,
                    reason=self.obstacle.message,
                )
        return [self.results[index] for index in range(len(self.messages))]


def _rough_size(message: OutgoingEmail) -> int:
    """A lower bound of the encoded size, cheap enough to ask before encoding anything."""
    attached = sum(len(attachment.content) for attachment in message.attachments)
    return len(message.text) + len(message.html) + attached * 4 // 3
