"""What became of each mail of one claimed batch, recorded while the batch is being sent.

A mail is begun before the server gets any of its content, and may only go once that is committed:
a worker that dies leaves no more than one uncertain mail per connection. Whatever the connections
ask for while one transaction runs goes into the next one together, so they share its round trips
and its write to the disk; a connection's outcome rides with the beginning of its next mail.
"""

import asyncio
import datetime
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import Clock, EmailResult, OutgoingEmail, SendProgress

TRIES_MAX = 8
GATHER_S = 0.002
"""For how long a connection's beginning waits for those of the others, to be recorded with them."""
GIVE_UP_AFTER = datetime.timedelta(days=5)
"""For how long a mail is offered to a server that cannot be reached. An invitation's mail ends with
its invitation instead."""

_INTERRUPTED = "Interrupted while it was handed over; it may have arrived."


class SentMail(msgspec.Struct, frozen=True, kw_only=True):
    """How many mails came to which end."""

    sent: int = 0
    failed: int = 0
    retried: int = 0
    unconfirmed: int = 0

    def __add__(self, other: "SentMail") -> "SentMail":
        return SentMail(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            retried=self.retried + other.retried,
            unconfirmed=self.unconfirmed + other.unconfirmed,
        )


class MailBatch(SendProgress):
    """The mails that one claim holds. Each leaves it with one outcome; `close` sees to the rest."""

    def __init__(
        self,
        statements: UnitOfWorkFactory,
        clock: Clock,
        owner: int,
        claimed: Sequence[MailDelivery],
    ) -> None:
        """``statements`` opens units of work; each may commit every statement by itself."""
        self._statements = statements
        self._opened: tuple[AbstractAsyncContextManager[UnitOfWork], UnitOfWork] | None = None
        self._clock = clock
        self._owner = owner
        self._held = {delivery.delivery_id: delivery for delivery in claimed}
        self._by_message: dict[str, MailDelivery] = {}
        self._begun: set[str] = set()
        self._outcomes: list[MailOutcome] = []
        self._asking: dict[str, asyncio.Future[bool]] = {}
        self._all_ask: asyncio.Future[None] | None = None
        self._recording: asyncio.Task[None] | None = None
        self.ready: list[OutgoingEmail] = []
        self.counts = SentMail()
        self.retry_at: datetime.datetime | None = None
        """When the first mail of the batch is to be tried again."""
        self.obstacle = ""
        """Why mails could not even be offered to the server, in the sender's words."""
        self.failure: BaseException | None = None
        """Why the database could not be told; then nothing more is begun."""

    def not_begun(self) -> list[tuple[MailDelivery, OutgoingEmail]]:
        """Return the written mails that are neither decided nor under way."""
        found = []
        for message in self.ready:
            delivery = self._by_message[message.message_id]
            if delivery.delivery_id in self._held and delivery.delivery_id not in self._begun:
                found.append((delivery, message))
        return found

    def add(self, delivery: MailDelivery, message: OutgoingEmail) -> None:
        """Take the written mail of a claim."""
        self._by_message[message.message_id] = delivery
        self.ready.append(message)

    async def begin(self, message: OutgoingEmail) -> bool:
        """Return once it is committed that this mail is on its way; False if it was taken back."""
        if self.failure is not None:
            raise self.failure
        delivery_id = self._by_message[message.message_id].delivery_id
        answer = asyncio.get_running_loop().create_future()
        self._asking[delivery_id] = answer
        if self._all_ask is not None and len(self._asking) >= len(self._begun):
            _wake(self._all_ask)
        if self._recording is None or self._recording.done():
            self._recording = asyncio.create_task(self._record_all(), name="record mail")
        may_go: bool = await answer
        return may_go

    async def done(self, result: EmailResult) -> None:
        """Keep the outcome for the next transaction.

        Nobody has to wait for it: until it is committed the mail counts as begun, and the
        connection's next one is not begun before that.
        """
        delivery = self._by_message[result.message_id]
        begun = delivery.delivery_id in self._begun
        if result.state == "refused" and not (result.permanent or result.code or begun):
            self.obstacle = result.reason
        else:
            self.settle([outcome_of(delivery, result, self._clock.now())])

    def settle(self, outcomes: Iterable[MailOutcome]) -> None:
        """Keep these outcomes; the next transaction records them."""
        for outcome in outcomes:
            if self._held.pop(outcome.delivery_id, None) is None:
                continue
            self._begun.discard(outcome.delivery_id)
            self._outcomes.append(outcome)
            self.counts += _counted(outcome)
            if outcome.state is MailState.QUEUED and outcome.tried and outcome.due_at is not None:
                self.retry_at = min(self.retry_at or outcome.due_at, outcome.due_at)

    def fail(self, delivery: MailDelivery, reason: str) -> None:
        """End a mail that cannot be written or sent at all, so that it stops no others."""
        self.settle([self._left(delivery) or _ended(delivery, MailState.FAILED, reason)])

    def put_back(self) -> None:
        """Queue what was not handed over as if it had not been claimed."""
        self.settle([self._left(one) or as_it_was(one) for one in self._waiting()])

    def wait_for_server(self, until: datetime.datetime) -> None:
        """Queue what the server could not be offered, to be offered again then. It costs no try: a
        server that is down for an hour decides about no mail."""
        too_old = self._clock.now() - GIVE_UP_AFTER
        for delivery in self._waiting():
            outcome = self._left(delivery)
            if outcome is None and delivery.created_at < too_old and not delivery.invitation_id:
                outcome = _ended(delivery, MailState.FAILED, self.obstacle)
            if outcome is None:
                self.counts += SentMail(retried=1)
                outcome = MailOutcome(
                    delivery_id=delivery.delivery_id,
                    state=MailState.QUEUED,
                    reason=self.obstacle,
                    due_at=until,
                    tried=False,
                )
            self.settle([outcome])

    async def close(self) -> None:
        """Put back what is left and record every outcome; after an error it may be called again."""
        if self._recording is not None:
            await asyncio.wait({self._recording})
        self.put_back()
        self.failure = None
        await self._record([])
        await self._let_unit_go()

    def _waiting(self) -> list[MailDelivery]:
        return list(self._held.values())

    def _left(self, delivery: MailDelivery) -> MailOutcome | None:
        """Return what is to be said of a mail that was begun and has no outcome."""
        if delivery.delivery_id not in self._begun:
            return None
        return _ended(delivery, MailState.UNCONFIRMED, _INTERRUPTED)

    async def _record_all(self) -> None:
        """Record in rounds until nobody asks any more."""
        while self._asking:
            await self._gather()
            asking, self._asking = self._asking, {}
            try:
                may_go = await self._record(list(asking))
            except BaseException as error:
                self.failure = error
                for answer in (*asking.values(), *self._asking.values()):
                    if not answer.done():
                        answer.set_exception(error)
                self._asking = {}
                return
            for delivery_id, answer in asking.items():
                if answer.done():
                    # Whoever asked was cancelled meanwhile and hands nothing over.
                    continue
                if delivery_id in may_go:
                    self._begun.add(delivery_id)
                answer.set_result(delivery_id in may_go)

    async def _gather(self) -> None:
        """Wait a moment for the connections that are about to ask too."""
        if not self._begun:
            return
        loop = asyncio.get_running_loop()
        self._all_ask = loop.create_future()
        timer = loop.call_later(GATHER_S, _wake, self._all_ask)
        await self._all_ask
        timer.cancel()

    async def _record(self, beginning: Sequence[str]) -> frozenset[str]:
        """Commit the outcomes so far and these beginnings; return which of them may go."""
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes and not beginning:
            return frozenset()
        try:
            unit = await self._unit()
            may_go = await unit.mail.record(outcomes, beginning, self._owner, self._clock.now())
            await unit.commit()
        except BaseException as error:
            self._outcomes = [*outcomes, *self._outcomes]
            await self._let_unit_go(error)
            raise
        return may_go

    async def _unit(self) -> UnitOfWork:
        """Return the unit of work that lasts as long as the batch, opened when it is first used."""
        if self._opened is None:
            opening = self._statements()
            self._opened = opening, await opening.__aenter__()
        return self._opened[1]

    async def _let_unit_go(self, error: BaseException | None = None) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[0].__aexit__(type(error) if error else None, error, None)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def outcome_of(delivery: MailDelivery, result: EmailResult, now: datetime.datetime) -> MailOutcome:
    """Return what a sender's answer makes of a mail.

    A temporary refusal is tried again after 30 s, 1 min, 2 min… at most an hour, TRIES_MAX times in
    all. A mail that was taken back keeps its place in the queue, unless somebody cancelled it.
    """
    due_at: datetime.datetime | None = None
    match result.state:
        case "withdrawn":
            return as_it_was(delivery)
        case "sent":
            state = MailState.SENT
        case "unknown":
            state = MailState.UNCONFIRMED
        case "refused" if result.permanent or delivery.tries + 1 >= TRIES_MAX:
            state = MailState.FAILED
        case "refused":
            state = MailState.QUEUED
            due_at = now + datetime.timedelta(seconds=min(30 * 2**delivery.tries, 3600))
    return MailOutcome(
        delivery_id=delivery.delivery_id,
        state=state,
        code=result.code,
        reason=result.reason,
        due_at=due_at,
    )


def as_it_was(delivery: MailDelivery) -> MailOutcome:
    """Return the outcome that puts a claim back to its place in the queue."""
    return MailOutcome(
        delivery_id=delivery.delivery_id,
        state=MailState.QUEUED,
        code=delivery.code,
        reason=delivery.reason,
        due_at=delivery.due_at,
        tried=False,
    )


def _ended(delivery: MailDelivery, state: MailState, reason: str) -> MailOutcome:
    return MailOutcome(delivery_id=delivery.delivery_id, state=state, reason=reason)


def _counted(outcome: MailOutcome) -> SentMail:
    match outcome.state:
        case MailState.SENT:
            return SentMail(sent=1)
        case MailState.FAILED:
            return SentMail(failed=1)
        case MailState.UNCONFIRMED:
            return SentMail(unconfirmed=1)
        case MailState.QUEUED if outcome.tried:
            return SentMail(retried=1)
        case _:
            return SentMail()
