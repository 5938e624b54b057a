"""The fake processor passes the contract, and the contract cannot be waived."""

import datetime

import pytest

from dueport_ports import (
    DeclineCode,
    HttpNotification,
    Instrument,
    PaymentAttempt,
    PaymentMethodKind,
    Unavailable,
)
from dueport_ports.testing.context import StillClock
from dueport_ports.testing.fake_processor import FakeProcessor
from dueport_ports.testing.processor import (
    Behaviour,
    Call,
    Fault,
    ProcessorContract,
    ProcessorWorld,
)

POINTS = {
    (Call.SUBMIT, Fault.CUT_AFTER): "submit.after",
    Call.SUBMIT: "submit.before",
    Call.LOOKUP: "lookup",
    Call.FETCH: "fetch",
}


class FakeWorld(ProcessorWorld):
    """The fake processor with its own handles, once for cards and once for bank debits."""

    secrets = ("fake-signing-secret",)

    def __init__(self, kind: PaymentMethodKind) -> None:
        self.kind = kind
        self.still_clock = StillClock()
        self.clock = self.still_clock
        self.fake = FakeProcessor(self.clock)
        self.processor = self.fake

    async def instrument(self, behaviour: Behaviour) -> Instrument:
        declined = DeclineCode.CARD_DECLINED if behaviour is Behaviour.DECLINED else None
        make = self.fake.bank if self.kind is PaymentMethodKind.ACH else self.fake.card
        return make(declined=declined, action=behaviour is Behaviour.ACTION_REQUIRED)

    async def arm(self, fault: Fault, call: Call) -> None:
        if fault is Fault.SLOW:
            self.fake.delay_s = 0.05
            return
        if fault is Fault.UNKNOWN_ENUM:
            self.fake.strange_state = "never_seen_before"
            return
        wanted = POINTS.get((call, fault)) or POINTS[call]

        def once(point: str) -> Exception | None:
            if point != wanted:
                return None
            self.fake.fault = lambda point: None
            retry_after_s = 7 if fault is Fault.STATUS_429 else None
            return Unavailable(f"the line met {fault.value}", retry_after_s)

        self.fake.fault = once

    async def disarm(self) -> None:
        self.fake.fault = lambda point: None
        self.fake.delay_s = 0.0
        self.fake.strange_state = ""

    async def charges(self, attempt: PaymentAttempt) -> int:
        return self.fake.charge_count(attempt.attempt_id)

    async def notifications(self) -> tuple[HttpNotification, ...]:
        return self.fake.notifications()

    async def sign(
        self, body: bytes, at: datetime.datetime, *, genuine: bool = True
    ) -> HttpNotification:
        return self.fake.sign(body, at, None if genuine else "somebody-elses-secret")

    async def advance(self, duration: datetime.timedelta) -> None:
        self.still_clock.advance(duration)

    async def settle(self) -> None:
        self.still_clock.advance(datetime.timedelta(days=5))
        self.fake.pay_out()


class TestFakeCardProcessor(ProcessorContract):
    @pytest.fixture
    def world(self) -> ProcessorWorld:
        return FakeWorld(PaymentMethodKind.CARD)


class TestFakeAchProcessor(ProcessorContract):
    @pytest.fixture
    def world(self) -> ProcessorWorld:
        return FakeWorld(PaymentMethodKind.ACH)


def test_overriding_a_test_of_the_contract_is_refused() -> None:
    with pytest.raises(TypeError, match="test_two_attempts_are_two_charges"):
        type("Lenient", (ProcessorContract,), {"test_two_attempts_are_two_charges": lambda self: 0})


def test_a_grandchild_cannot_override_either_but_may_add() -> None:
    child = type("Child", (ProcessorContract,), {"test_of_its_own": lambda self: None})
    with pytest.raises(TypeError, match="test_health_is_said_in_a_sentence"):
        type("Grandchild", (child,), {"test_health_is_said_in_a_sentence": None})
    assert hasattr(child, "test_of_its_own")
