"""Send everything that is due: claim a batch, write it, hand it over, record each outcome.

Mail cannot be exactly-once. A mail is marked as begun before the server gets it, so a crash can
leave a few unconfirmed, which people see and may send again; none is ever doubled by itself. While
one batch is on its way the next is claimed and written. A batch is a few seconds' worth, so that a
receipt never waits long behind a campaign.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Callable, Sequence

from dueport_apps.usecases.compose_invitations import ComposeInvitations
from dueport_apps.usecases.mail_progress import MailBatch, SentMail, as_it_was
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.mail_server import MailServer
from dueport_apps.usecases.services import Presence
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import Clock, Conflict, EmailSender, OutgoingEmail, PortError, Unavailable

RUN_S = 12.0
"""One call goes on for so long and then asks for another, so that a worker that is stopped has
time to finish what it is about."""
BATCH_S = 2.0
BATCH_MIN, BATCH_FIRST, BATCH_MAX = 16, 100, 500
WRITTEN_AT_ONCE = 50
WRITING_SHARE = 0.6
"""Of the time that a batch takes to be sent: the next is written in the pauses, not all at once."""
NAP_S = 0.5


class SendMail:
    """One per process. It is safe to call several at once, in one process or in many."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        statements: UnitOfWorkFactory,
        sender: EmailSender,
        unseal: Callable[[MailDelivery], OutgoingEmail],
        compose: ComposeInvitations,
        presence: Presence,
        clock: Clock,
        *,
        max_per_minute: int = 0,
    ) -> None:
        """``statements`` opens units of work whose every statement commits by itself, for what is
        recorded between two mails."""
        self._uow = uow
        self._statements = statements
        self._sender = sender
        self._unseal = unseal
        self._compose = compose
        self._presence = presence
        self._clock = clock
        self._max_per_minute = max_per_minute
        self._batch_size = BATCH_FIRST
        self._per_second = 0.0
        """How fast the last batch left."""
        self._server = MailServer(sender, clock)
        self._is_running = False
        self._was_asked_again = False
        self._has_claims = False
        """Whether something may be claimed that no run looks after."""

    async def __call__(self) -> SentMail:
        """Send what is due, for up to RUN_S; what is left, or due later, is asked for again.

        A call during another in the same process leaves everything to that one.
        """
        if self._is_running:
            self._was_asked_again = True
            return SentMail()
        self._is_running = True
        try:
            total = SentMail()
            while True:
                self._was_asked_again = False
                run = _Run()
                total += await self._run(run)
                if not self._was_asked_again or run.is_over:
                    return total
        finally:
            self._is_running = False

    async def _run(self, run: "_Run") -> SentMail:
        total = await self._tidy_up()
        self._has_claims = True
        if not await self._server.answers():
            self._has_claims = False
            run.end(self._server.greet_at)
            await self._ask_again(run)
            return total
        ahead = asyncio.create_task(self._next(run), name="claim mail")
        try:
            while (batch := await ahead) is not None:
                ahead = asyncio.create_task(self._next(run), name="claim mail")
                run.is_sending = self._per_second > 0
                await self._send(batch, run)
                run.is_sending = False
                total += batch.counts
        except (Exception, asyncio.CancelledError):
            run.end()
            await self._let_go(run, ahead)
            raise
        self._has_claims = False
        await self._ask_again(run)
        return total

    async def _tidy_up(self) -> SentMail:
        """Free what a dead worker or a broken run of ours still claims."""
        if self._has_claims:
            await self._presence.close()
        async with self._uow() as uow:
            _, unconfirmed = await uow.mail.recover()
            await uow.campaigns.end_finished(self._clock.now())
            await uow.commit()
        return SentMail(unconfirmed=unconfirmed)

    async def _ask_again(self, run: "_Run") -> None:
        """Ask for the next run, where one is wanted, and end campaigns that are through."""
        async with self._uow() as uow:
            await uow.campaigns.end_finished(self._clock.now())
            if run.has_left_some:
                await uow.work.enqueue("send_mail", key="send_mail")
            elif run.again_at is not None:
                await uow.work.enqueue("send_mail", key="send_mail_later", not_before=run.again_at)
            await uow.commit()

    async def _next(self, run: "_Run") -> MailBatch | None:
        """Claim and write the next batch; None when nothing is due or the run is over."""
        while not run.is_over:
            if run.seconds_left <= 0:
                run.has_left_some = True
                run.end()
                return None
            owner = await self._presence.number()
            claimed, turn_at = await self._claim(owner)
            if claimed:
                batch = MailBatch(self._statements, self._clock, owner, claimed)
                run.held.append(batch)
                await self._write(batch, claimed, run)
                return batch
            if turn_at is None:
                return None
            wait_s = (turn_at - self._clock.now()).total_seconds()
            if wait_s > run.seconds_left:
                run.end(turn_at)
                return None
            await asyncio.sleep(min(max(wait_s, 0.01), NAP_S))
        return None

    async def _claim(self, owner: int) -> tuple[list[MailDelivery], datetime.datetime | None]:
        """Claim as many mails as may go now; with none, return when it is our turn to send one."""
        now = self._clock.now()
        turn_at: datetime.datetime | None = None
        async with self._uow() as uow:
            claimed = await uow.mail.claim(self._batch_size, owner, now)
            if claimed and self._max_per_minute:
                turns, turn_at = await uow.mail.take_turns(len(claimed), self._max_per_minute, now)
                await _leave(uow, claimed[turns:], owner, now)
                claimed = claimed[:turns]
            await uow.commit()
        return claimed, turn_at

    async def _write(self, batch: MailBatch, claimed: Sequence[MailDelivery], run: "_Run") -> None:
        """Put the mails into words. One that cannot be written fails, and stops no other."""
        invitations = []
        for delivery in claimed:
            if delivery.invitation_id and not delivery.content_sealed:
                invitations.append(delivery)
                continue
            try:
                batch.add(delivery, self._unseal(delivery))
            except Exception as error:
                batch.fail(delivery, f"The mail could not be read: {error}")
        for start in range(0, len(invitations), WRITTEN_AT_ONCE):
            await self._write_invitations(batch, invitations[start : start + WRITTEN_AT_ONCE])
            if run.is_sending and not run.is_over:
                await asyncio.sleep(WRITTEN_AT_ONCE / self._per_second * WRITING_SHARE)

    async def _write_invitations(self, batch: MailBatch, mails: Sequence[MailDelivery]) -> None:
        try:
            async with self._uow() as uow:
                composed = await self._compose(uow, mails)
                await uow.commit()
        except (Unavailable, Conflict):
            # The database does not answer, or somebody else was faster: that is no mail's fault.
            raise
        except Exception as error:
            if len(mails) > 1:
                for mail in mails:
                    await self._write_invitations(batch, [mail])
            else:
                batch.fail(mails[0], f"The mail could not be written: {error}")
            return
        batch.settle(composed.outcomes)
        for delivery, message in composed.ready:
            batch.add(delivery, message)

    async def _send(self, batch: MailBatch, run: "_Run") -> None:
        """Hand a batch over and record what became of it."""
        if self._server.greet_at is not None:
            # It was lost over the batch before.
            batch.obstacle = self._server.obstacle
        elif batch.ready:
            await self._hand_over(batch)
        if batch.obstacle:
            greet_at = self._server.is_lost(batch.obstacle)
            batch.wait_for_server(greet_at)
            run.end(greet_at)
        elif batch.ready:
            self._server.has_answered()
        run.call_at(batch.retry_at)
        await batch.close()
        run.held.remove(batch)

    async def _hand_over(self, batch: MailBatch) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            results = await self._sender.send(batch.ready, progress=batch)
        except Exception as error:
            if batch.failure is not None:
                raise
            if isinstance(error, PortError):
                batch.obstacle = error.message
            else:
                await self._hand_over_singly(batch)
            return
        for result in results:
            # Only what the sender told nobody of on the way is still without an outcome.
            await batch.done(result)
        self._per_second = len(batch.ready) / max(loop.time() - began, 0.001)
        self._batch_size = min(max(int(self._per_second * BATCH_S), BATCH_MIN), BATCH_MAX)

    async def _hand_over_singly(self, batch: MailBatch) -> None:
        """Find the mail that upset the sender: it fails, and the others go."""
        for delivery, message in batch.not_begun():
            try:
                await self._sender.send([message], progress=batch)
            except Exception as error:
                if batch.failure is not None:
                    raise
                if isinstance(error, PortError):
                    batch.obstacle = error.message
                    return
                batch.fail(delivery, f"The mail could not be sent: {error}")

    async def _let_go(self, run: "_Run", ahead: "asyncio.Task[MailBatch | None]") -> None:
        """Give every claim back after an error, and record what is known. Should that fail too,
        whoever runs next finds the claims without an owner."""
        await asyncio.wait({ahead})
        with contextlib.suppress(Exception):
            for batch in run.held:
                await batch.close()
            await self._presence.close()
            self._has_claims = False


class _Run:
    """One run of `SendMail`: how long it may go on, and when the next one is wanted."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + RUN_S
        self.held: list[MailBatch] = []
        """Claims whose outcomes are not all recorded."""
        self.is_sending = False
        """A batch is on its way, at a speed that is known."""
        self.is_over = False
        self.has_left_some = False
        """There may be more that is due already."""
        self.again_at: datetime.datetime | None = None

    @property
    def seconds_left(self) -> float:
        return self._ends_at - self._loop.time()

    def call_at(self, instant: datetime.datetime | None) -> None:
        """Want another run then, or earlier if somebody else does."""
        if instant is not None:
            self.again_at = min(self.again_at or instant, instant)

    def end(self, again_at: datetime.datetime | None = None) -> None:
        """Claim nothing more in this run."""
        self.is_over = True
        self.call_at(again_at)


async def _leave(
    uow: UnitOfWork, mails: Sequence[MailDelivery], owner: int, now: datetime.datetime
) -> None:
    """Give claims back that have no turn yet, each at its place in the queue."""
    if mails:
        await uow.mail.finish([as_it_was(mail) for mail in mails], owner, now)
