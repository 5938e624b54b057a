"""What a processor's conformance test needs of the world behind the processor.

A plugin's tests implement `ProcessorWorld` on whatever stands in for the vendor: the sandbox, a
vendor's own test environment, a fake. The contract speaks of money and of faults; the world knows
how this vendor's are made.
"""

import abc
import datetime
import enum
import secrets
from typing import Any

from dueport_core.quotes import PaymentMethodKind
from dueport_ports.context import Clock
from dueport_ports.processor import (
    AmountParts,
    HttpNotification,
    Instrument,
    PayerRef,
    PaymentAttempt,
    PaymentProcessor,
)


class Behaviour(enum.StrEnum):
    """How an instrument behaves when it is charged."""

    APPROVED = "approved"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"


class Call(enum.StrEnum):
    """The call of the port that a fault is armed for."""

    SUBMIT = "submit"
    LOOKUP = "lookup"
    FETCH = "fetch"


class Fault(enum.StrEnum):
    """What goes wrong during one call."""

    CUT_BEFORE = "cut_before"
    """The connection breaks before the request had any effect."""
    CUT_AFTER = "cut_after"
    """The request took effect and the answer is lost: the case that makes double charges."""
    SLOW = "slow"
    """The answer comes, a few hundred milliseconds late."""
    STATUS_429 = "status_429"
    STATUS_500 = "status_500"
    UNKNOWN_ENUM = "unknown_enum"
    """The answer holds a payment state that nobody has heard of."""


class ProcessorWorld(abc.ABC):
    """One processor, ready to be used, and the handles of the world behind it."""

    processor: PaymentProcessor
    clock: Clock
    kind: PaymentMethodKind = PaymentMethodKind.CARD
    behaviours: frozenset[Behaviour] = frozenset(Behaviour)
    """Leave out what this kind of money cannot do; the tests of it are then skipped by name."""
    secrets: tuple[str, ...] = ()
    """Every secret value the processor was built with: keys, tokens, webhook secrets."""

    @abc.abstractmethod
    async def instrument(self, behaviour: Behaviour) -> Instrument:
        """Give a fresh instrument, as `finish_collect` would, that will behave like this."""

    @abc.abstractmethod
    async def arm(self, fault: Fault, call: Call) -> None:
        """Let the next call of that kind meet the fault.

        The fault outlasts every repetition that the vendor's own client makes within the call
        (three tries are three faults) and is gone afterwards.
        """

    @abc.abstractmethod
    async def disarm(self) -> None:
        """Take every armed fault away, also one that was not met."""

    @abc.abstractmethod
    async def charges(self, attempt: PaymentAttempt) -> int:
        """Count the charges at the vendor that took or will take money for this attempt."""

    @abc.abstractmethod
    async def notifications(self) -> tuple[HttpNotification, ...]:
        """Return what the vendor has sent since the last call, oldest first, genuinely signed."""

    @abc.abstractmethod
    async def sign(
        self, body: bytes, at: datetime.datetime, *, genuine: bool = True
    ) -> HttpNotification:
        """Sign a body as the vendor would at that instant, or with somebody else's key."""

    @abc.abstractmethod
    async def advance(self, duration: datetime.timedelta) -> None:
        """Move the clock, and what the vendor does by itself, forward."""

    @abc.abstractmethod
    async def settle(self) -> None:
        """Let time pass until everything charged so far has been paid out."""

    async def payer(self) -> PayerRef:
        """Give who pays; override where the vendor must know the customer first."""
        return PayerRef(payer_id="payer-1", name="Hofmann Framing LLC", email="ap@hofmann.example")


async def new_attempt(
    world: ProcessorWorld, instrument: Instrument, total_cents: int = 48_213, **changes: Any
) -> PaymentAttempt:
    """Freeze an attempt as the platform does immediately before it submits."""
    facts: dict[str, Any] = {
        "attempt_id": secrets.token_hex(13),
        "payment_id": secrets.token_hex(13),
        "total_cents": total_cents,
        "parts": AmountParts(principal_cents=total_cents),
        "instrument": instrument,
        "payer": await world.payer(),
        "kind": world.kind,
        "created_at": world.clock.now(),
        "return_url": "https://pay.dealer.example/payments/return",
        "client_ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0",
        "account_ref": "HOF100",
    }
    return PaymentAttempt(**(facts | changes))
