"""A payment processor in memory: deterministic, in virtual time, and faulty on request.

It passes the same contract as the real ones, so use cases and simulations of the whole platform
run on it. Cards are final at once; bank debits go through the network in days; the caller decides
when a payout is made, when a bank returns a debit and when a cardholder disputes.

``fault`` is asked at every named point ("submit.before", "submit.after", "lookup", "fetch",
"refund.before", "refund.after", "cancel", "changes", "settlements") and returns None or the
exception that the call meets there. A lost answer to ``submit`` is Unknown, as the port says;
reads raise Unavailable.
"""

import asyncio
import datetime
import hmac
from collections.abc import AsyncIterator, Callable

import msgspec

from dueport_core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PortError,
    Unavailable,
)
from dueport_core.quotes import PaymentMethodKind
from dueport_core.settlements import SettlementLine
from dueport_ports.context import Clock
from dueport_ports.processor import (
    Accepted,
    ActionRequired,
    AttemptResult,
    BrowserScript,
    Cancelling,
    ChangeFeed,
    ChangePage,
    CollectMode,
    CollectRequest,
    CollectResult,
    CollectSession,
    DeclinedAttempt,
    DisputeSnapshot,
    Disputing,
    Health,
    HttpNotification,
    Instrument,
    Instruments,
    Notification,
    PaymentAttempt,
    PaymentProcessor,
    PaymentSnapshot,
    ProcessorCapabilities,
    ProcessorState,
    Refunding,
    RefundRequest,
    RefundSnapshot,
    RejectedAttempt,
    SettlementHead,
    Settling,
    Signal,
    Unknown,
)
from dueport_ports.testing.fake_vendor import FAILED, SIGNATURE, FakePayment, FakeVendor

FaultHook = Callable[[str], Exception | None]

STALE_AFTER_S = 300
FUTURE_AFTER_S = 60

ADAPTER = """\
window.DueportCollect = {
  mount(element, bootstrap, callbacks) {
    callbacks.ready();
    callbacks.done({instrument_ref: bootstrap.instrument_ref});
  },
};
"""


def no_fault(point: str) -> Exception | None:
    """The line is always well."""
    return None


class FakeProcessor(
    FakeVendor,
    PaymentProcessor,
    ChangeFeed,
    Instruments,
    Cancelling,
    Refunding,
    Disputing,
    Settling,
):
    """The fake. The handles of the world behind it are the methods of `FakeVendor`."""

    def __init__(
        self,
        clock: Clock,
        *,
        fault: FaultHook = no_fault,
        signing_secret: str = "fake-signing-secret",  # noqa: S107 - guards nothing real.
        methods: frozenset[PaymentMethodKind] = frozenset(PaymentMethodKind),
    ) -> None:
        super().__init__(clock, signing_secret)
        self.fault = fault
        self.delay_s = 0.0
        """How long, in real time, every submission takes before it has an effect."""
        self.strange_state = ""
        """When set, the state that every answer shows: one that no version of the port knows."""
        self._methods = methods
        self._sessions: set[str] = set()

    def capabilities(self) -> ProcessorCapabilities:
        return ProcessorCapabilities(
            methods=self._methods,
            collect_modes=frozenset({CollectMode.SCRIPT}),
            saves_instruments=True,
            off_session=True,
            instant_outcome=True,
            fee_facts=True,
            refunds="partial",
            settlement_source="api",
            fees_in="settlement_lines",
            idempotency="native_key",
            key_lifetime_h=24,
            minimum_cents=50,
        )

    async def health(self) -> Health:
        return Health(ok=True, detail="the fake processor is always well")

    async def begin_collect(self, request: CollectRequest) -> CollectSession:
        session_ref = self._new_id("session")
        self._sessions.add(session_ref)
        return CollectSession(
            session_ref=session_ref,
            mode=CollectMode.SCRIPT,
            script=BrowserScript(vendor_url="https://fake.example/fake.js", adapter=ADAPTER),
            bootstrap={"amount_cents": request.amount_cents, "kind": request.kind.value},
            processor_customer_ref=f"customer_{request.payer.payer_id}",
        )

    async def finish_collect(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        try:
            chosen = msgspec.json.decode(browser_payload, type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Invalid("the page sent something that is no payment method") from error
        instrument = self._instruments.get(chosen.get("instrument_ref", ""))
        if session_ref not in self._sessions or instrument is None:
            raise Invalid("this payment method was not collected in this session; enter it again")
        return CollectResult(instrument=instrument)

    async def submit(self, attempt: PaymentAttempt) -> AttemptResult:
        if lost := self.fault("submit.before"):
            return _unknown(lost)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        payment = self._payments.get(attempt.attempt_id)
        if payment is None:
            payment = self._charge(attempt)
        elif payment.attempt != attempt:
            return RejectedAttempt(
                code="idempotency_mismatch",
                detail="this attempt was sent before with other contents; freeze a new one",
            )
        if lost := self.fault("submit.after"):
            return _unknown(lost)
        return self._answer(payment)

    async def lookup(self, attempt: PaymentAttempt) -> AttemptResult | None:
        self._meet("lookup")
        payment = self._payments.get(attempt.attempt_id)
        return None if payment is None else self._answer(payment)

    async def fetch(self, processor_ref: str) -> PaymentSnapshot:
        self._meet("fetch")
        return self._snapshot(self._payment(processor_ref))

    def _snapshot(self, payment: FakePayment) -> PaymentSnapshot:
        attempt = payment.attempt
        return PaymentSnapshot(
            processor_ref=payment.ref,
            attempt_id=attempt.attempt_id,
            state=ProcessorState.UNRECOGNIZED if self.strange_state else payment.state,
            amount_cents=attempt.total_cents,
            refunded_cents=payment.refunded_cents,
            disputed=payment.disputed,
            currency=attempt.currency,
            fee_cents=payment.fee_cents,
            failure_code=payment.plan.declined if payment.state is FAILED else None,
            return_code=payment.return_code,
            raw_state=self.strange_state or payment.state.value,
        )

    async def receive(self, notification: HttpNotification) -> Notification:
        stamp, _, signature = notification.headers.get(SIGNATURE, "").partition(",")
        expected = self._signature(notification.body, stamp, self._signing_secret)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise Forbidden("the notification is not signed with the fake processor's secret")
        age_s = self.clock.now().timestamp() - int(stamp)
        if age_s > STALE_AFTER_S or age_s < -FUTURE_AFTER_S:
            raise Forbidden("the notification was signed too long ago or in the future")
        return Notification(signals=(msgspec.json.decode(notification.body, type=Signal),))

    async def changes(self, cursor: str | None, limit: int) -> ChangePage:
        self._meet("changes")
        start = int(cursor or 0)
        page = tuple(self._events[start : start + limit])
        end = start + len(page)
        return ChangePage(signals=page, cursor=str(end), more=end < len(self._events))

    async def refresh_instrument(self, instrument: Instrument) -> Instrument:
        kept = self._instruments.get(instrument.instrument_ref)
        if kept is None:
            raise NotFound("the fake processor does not keep this instrument")
        return kept

    async def remove_instrument(self, instrument: Instrument) -> None:
        self._instruments.pop(instrument.instrument_ref, None)

    async def cancel(self, processor_ref: str) -> PaymentSnapshot:
        self._meet("cancel")
        payment = self._payment(processor_ref)
        if payment.state is ProcessorState.CANCELED:
            return await self.fetch(processor_ref)
        if payment.state not in (ProcessorState.SUBMITTED, ProcessorState.ACTION_REQUIRED):
            raise Conflict(f"the payment is {payment.state.value}; it can no longer be stopped")
        self._move(payment, ProcessorState.CANCELED)
        return await self.fetch(processor_ref)

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        self._meet("refund.before")
        if request.refund_id not in self._refunds:
            self._give_back(request)
        self._meet("refund.after")
        return self._refunds[request.refund_id]

    async def fetch_refund(self, refund_ref: str) -> RefundSnapshot:
        self._meet("fetch")
        return self._refund(refund_ref)[1]

    async def fetch_dispute(self, dispute_ref: str) -> DisputeSnapshot:
        self._meet("fetch")
        if dispute_ref not in self._disputes:
            raise NotFound(f"there is no dispute {dispute_ref}")
        return self._disputes[dispute_ref]

    async def settlements(self, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
        self._meet("settlements")
        for head, _ in self._payouts.values():
            if head.created_at >= since:
                yield head

    async def settlement_lines(self, settlement_ref: str) -> AsyncIterator[SettlementLine]:
        self._meet("settlements")
        if settlement_ref not in self._payouts:
            raise NotFound(f"there is no payout {settlement_ref}")
        for line in self._payouts[settlement_ref][1]:
            yield line

    def _answer(self, payment: FakePayment) -> AttemptResult:
        if payment.plan.declined is not None:
            return DeclinedAttempt(
                code=payment.plan.declined,
                raw_code=payment.plan.declined.value,
                retry="other_instrument",
                processor_ref=payment.ref,
            )
        if payment.state is ProcessorState.ACTION_REQUIRED:
            return ActionRequired(
                processor_ref=payment.ref, kind="authenticate", bootstrap={"payment": payment.ref}
            )
        state = ProcessorState.UNRECOGNIZED if self.strange_state else payment.state
        return Accepted(processor_ref=payment.ref, state=state)

    def _meet(self, point: str) -> None:
        self._catch_up()
        lost = self.fault(point)
        if isinstance(lost, PortError):
            raise lost
        if lost is not None:
            raise Unavailable(f"the fake processor did not answer ({point})", 30) from lost


def _unknown(lost: Exception) -> Unknown:
    return Unknown(retry_after_s=30, detail=f"no answer ({type(lost).__name__})")
