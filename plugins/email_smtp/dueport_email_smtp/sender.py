"""The mailer: spreads messages over held connections and answers for each of them, in order."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence

from dueport_email_smtp.connection import LostBeforeHandover
from dueport_email_smtp.letter import Letter, ProgressFailed
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
    SendProgress,
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

    async def send(
        self, messages: Sequence[OutgoingEmail], *, progress: SendProgress | None = None
    ) -> list[EmailResult]:
        batch = _Batch(messages, progress)
        try:
            await self._refuse_malformed(batch)
            if batch.waiting:
                await self._send_waiting(batch)
            results = await batch.finish()
        except ProgressFailed as failure:
            raise failure.error from failure
        states = Counter(result.state for result in results)
        _log.info(
            "mail handed over: %d sent, %d refused, %d unknown, %d withdrawn",
            states["sent"],
            states["refused"],
            states["unknown"],
            states["withdrawn"],
        )
        return results

    async def probe(self) -> str:
        connection = await self._pool.open_new()
        await connection.quit()
        return connection.banner

    async def close(self) -> None:
        await self._pool.close()

    async def _refuse_malformed(self, batch: "_Batch") -> None:
        """Refuse what may not leave; the rest waits."""
        limit = self._settings.max_message_bytes
        for index, message in enumerate(batch.messages):
            reason = refusal_reason(message)
            if reason is None and _rough_size(message) > limit:
                reason = f"the message is larger than {limit} bytes"
            if reason is None:
                batch.waiting.append(index)
            else:
                await batch.settle(index, refused(message, reason))

    async def _send_waiting(self, batch: "_Batch") -> None:
        async with self._pool.lease() as lease:
            # The first connection is opened alone: wrong credentials are then tried once, not
            # once per connection, which could lock the mail account.
            await lease.connection()
            helpers = min(len(batch.waiting) - 1, self._pool.free_slots)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(batch, lease))
                for _ in range(helpers):
                    group.create_task(self._help(batch))

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
        """Send one message after the other over one connection at a time."""
        try:
            while batch.goes_on:
                index = batch.waiting.popleft()
                await self._send_one(batch, index, lease)
        except ProgressFailed as failure:
            batch.failure = failure

    async def _send_one(self, batch: "_Batch", index: int, lease: Lease) -> None:
        message = batch.messages[index]
        raw = message_bytes(message, message.sent_at or self._clock.now())
        if len(raw) > self._settings.max_message_bytes:
            reason = f"the message is larger than {self._settings.max_message_bytes} bytes"
            await batch.settle(index, refused(message, reason))
            return
        letter = Letter(message, raw, batch.progress)
        letter.begin_first = batch.any_withdrawn
        try:
            result = await self._deliver(lease, letter)
            batch.any_handed_over = True
        except (Unavailable, Misconfigured) as error:
            batch.obstacle = error
            if not letter.is_begun:
                batch.waiting.appendleft(index)
                return
            result = letter.left_for_later(error.message)
        await batch.settle(index, result)

    async def _deliver(self, lease: Lease, letter: Letter) -> EmailResult:
        """Deliver once. A connection that ended before the handover gets one replacement."""
        connection = await lease.connection()
        try:
            return await connection.deliver(letter)
        except LostBeforeHandover as first:
            _log.info("a connection ended before a message was handed over; opening another")
            connection = await lease.connection(fresh=True)
            try:
                return await connection.deliver(letter)
            except LostBeforeHandover as second:
                return letter.left_for_later(second.reason, second.code or first.code)


class _Batch:
    """The messages of one call, what still waits, and what became of the rest."""

    def __init__(self, messages: Sequence[OutgoingEmail], progress: SendProgress | None) -> None:
        self.messages = messages
        self.progress = progress
        self.waiting: deque[int] = deque()
        self.results: dict[int, EmailResult] = {}
        self.any_handed_over = False
        self.any_withdrawn = False
        """Whoever withdraws one message usually withdraws many; from then on he is asked first,
        since a withdrawal under way costs the connection."""
        self.obstacle: Unavailable | Misconfigured | None = None
        self.failure: ProgressFailed | None = None

    @property
    def goes_on(self) -> bool:
        return bool(self.waiting) and self.obstacle is None and self.failure is None

    async def settle(self, index: int, result: EmailResult) -> None:
        """Keep the outcome of one message and tell the caller. Raises ProgressFailed."""
        self.results[index] = result
        self.any_withdrawn = self.any_withdrawn or result.state == "withdrawn"
        if self.progress is not None:
            try:
                await self.progress.done(result)
            except Exception as error:
                raise ProgressFailed(error) from error

    async def finish(self) -> list[EmailResult]:
        """The results in order; raises the obstacle when it stopped every single message.

        Raises ProgressFailed when the caller could not be told of one.
        """
        if self.failure is not None:
            raise self.failure
        if self.obstacle is not None:
            if not self.any_handed_over:
                raise self.obstacle
            for index in self.waiting:
                result = EmailResult(
                    message_id=self.messages[index].message_id,
                    state="refused",
                    permanent=False,
                    reason=self.obstacle.message,
                )
                await self.settle(index, result)
        return [self.results[index] for index in range(len(self.messages))]


def _rough_size(message: OutgoingEmail) -> int:
    """A lower bound of the encoded size, cheap enough to ask before encoding anything."""
    attached = sum(len(attachment.content) for attachment in message.attachments)
    return len(message.text) + len(message.html) + attached * 4 // 3
