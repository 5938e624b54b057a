"""Small steps that the tests of the processor's contract are made of."""

import datetime
from collections.abc import Awaitable, Iterable
from typing import TypeVar

import pytest

from dueport_ports.processor import (
    Accepted,
    AttemptResult,
    ChangeFeed,
    CollectRequest,
    HttpNotification,
    Instrument,
    PaymentAttempt,
    PaymentSnapshot,
    ProcessorState,
    SettlementHead,
    Settling,
    Signal,
    SignalKind,
    Unknown,
)
from dueport_ports.testing.processor_world import Behaviour, ProcessorWorld, new_attempt

T = TypeVar("T")

PAID = (ProcessorState.SUCCEEDED, ProcessorState.AVAILABLE)


def accepted(answer: AttemptResult | None) -> Accepted:
    """Assert that the processor took it."""
    assert isinstance(answer, Accepted), answer
    return answer


async def behaving(world: ProcessorWorld, behaviour: Behaviour) -> Instrument:
    """Get an instrument, or skip where this kind of money has no such behaviour."""
    if behaviour not in world.behaviours:
        pytest.skip(f"this processor's instruments are never {behaviour.value}")
    return await world.instrument(behaviour)


async def approved_attempt(world: ProcessorWorld, total_cents: int = 48_213) -> PaymentAttempt:
    """Freeze an attempt that will be approved."""
    return await new_attempt(world, await behaving(world, Behaviour.APPROVED), total_cents)


def ability(world: ProcessorWorld, kind: type[T]) -> T:
    """Get the processor as that ability, or skip where it does not claim it."""
    if not isinstance(world.processor, kind):
        pytest.skip(f"the processor does not claim the ability {kind.__name__}")
    return world.processor


async def certain_lookup(world: ProcessorWorld, attempt: PaymentAttempt) -> AttemptResult | None:
    """Look up until the answer is certain, waiting as long as each answer says."""
    for _ in range(6):
        found = await world.processor.lookup(attempt)
        if not isinstance(found, Unknown):
            return found
        await world.advance(datetime.timedelta(seconds=max(1, found.retry_after_s)))
    raise AssertionError("lookup never became certain although time passed")


async def drained(feed: ChangeFeed, cursor: str | None) -> tuple[list[Signal], str | None]:
    """Read the feed to its end in pages of two, so that paging is part of it."""
    signals: list[Signal] = []
    for _ in range(10_000):
        page = await feed.changes(cursor, 2)
        signals += page.signals
        cursor = page.cursor
        if not page.more:
            return signals, cursor
    raise AssertionError("the change feed has no end")


async def signals_about(world: ProcessorWorld, ref: str) -> list[Signal]:
    """Receive notifications until one is about this payment, following FEED hints to the feed."""
    signals: list[Signal] = []
    for _ in range(4):
        for notification in await world.notifications():
            signals += (await world.processor.receive(notification)).signals
        if any(s.kind is SignalKind.FEED for s in signals):
            assert isinstance(world.processor, ChangeFeed), "a FEED signal needs a change feed"
            signals += (await drained(world.processor, None))[0]
        if any(signal.ref == ref for signal in signals):
            break
        await world.advance(datetime.timedelta(minutes=5))
    return signals


async def some_notification(world: ProcessorWorld) -> HttpNotification:
    """Cause a payment and return one genuine notification that it brought, still fresh."""
    await world.notifications()
    await world.processor.submit(await approved_attempt(world))
    for _ in range(4):
        if came := await world.notifications():
            return came[-1]
        await world.advance(datetime.timedelta(minutes=5))
    raise AssertionError("a payment brought no notification")


async def states_after(
    world: ProcessorWorld, ref: str, notifications: Iterable[HttpNotification]
) -> PaymentSnapshot:
    """Do as the platform does: receive each, fetch what it names, keep what was fetched last."""
    snapshot = await world.processor.fetch(ref)
    for notification in notifications:
        for signal in (await world.processor.receive(notification)).signals:
            if signal.ref == ref:
                snapshot = await world.processor.fetch(ref)
    return snapshot


async def heads(settling: Settling, since: datetime.datetime) -> list[SettlementHead]:
    """List the settlements since then."""
    return [head async for head in settling.settlements(since)]


async def collect_request(world: ProcessorWorld) -> CollectRequest:
    """What the pay page asks for when a customer opens it."""
    return CollectRequest(
        payer=await world.payer(),
        kind=world.kind,
        amount_cents=48_213,
        return_url="https://pay.dealer.example/payments/return",
    )


async def error_of(call: Awaitable[object]) -> Exception | None:
    """Return the exception that a call ends in, or None."""
    try:
        await call
    except Exception as error:
        return error
    return None


def story(error: BaseException | None) -> str:
    """Everything an error and its causes say of themselves."""
    said: list[str] = []
    while error is not None:
        said.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def leaked(world: ProcessorWorld, *texts: str) -> list[str]:
    """Return the first characters of every secret, and of test card numbers, found in texts."""
    hidden = (*world.secrets, "4242424242424242", "4000000000000002")
    return [secret[:6] for secret in hidden if secret and any(secret in text for text in texts)]
