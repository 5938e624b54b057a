"""What stands behind the fake processor: its charges, its balance, its events, in virtual time.

Cards are final at once; bank debits go through the network in days. The caller decides when a
payout is made, when a bank returns a debit and when a cardholder disputes: those are the public
methods here. `FakeProcessor` puts the port on top.
"""

import datetime
import hashlib
import hmac
from typing import Any

import msgspec

from dueport_core.errors import NotFound, Rejected
from dueport_core.fees import CardFacts, Funding
from dueport_core.quotes import PaymentMethodKind
from dueport_core.settlements import SettlementLine, SettlementLineCategory
from dueport_ports.context import Clock
from dueport_ports.processor import (
    DeclineCode,
    DisputePhase,
    DisputeSnapshot,
    HttpNotification,
    Instrument,
    InstrumentVerification,
    PaymentAttempt,
    ProcessorState,
    RefundRequest,
    RefundSnapshot,
    RefundState,
    SettlementHead,
    Signal,
    SignalKind,
)

CARD_FEE_BPS = 290
CARD_FEE_FIXED_CENTS = 30
ACH_FEE_BPS = 80
ACH_FEE_MAX_CENTS = 500
DISPUTE_FEE_CENTS = 1500

ACH_TIMELINE = (
    (datetime.timedelta(hours=6), ProcessorState.IN_NETWORK),
    (datetime.timedelta(days=2), ProcessorState.SUCCEEDED),
    (datetime.timedelta(days=5), ProcessorState.AVAILABLE),
)
"""How long after its submission a bank debit reaches each state."""

FAILED = ProcessorState.FAILED
RANKS = tuple(ProcessorState)
"""The states in rising rank, as the port lists them."""

SIGNATURE = "fake-signature"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to every charge of an instrument."""

    declined: DeclineCode | None = None
    action: bool = False
    returned: str = ""
    return_after: datetime.timedelta = datetime.timedelta(days=3)


class FakePayment(msgspec.Struct, kw_only=True):
    """One charge, as this processor keeps it."""

    ref: str
    attempt: PaymentAttempt
    plan: Plan
    submitted_at: datetime.datetime
    state: ProcessorState
    fee_cents: int | None = None
    refunded_cents: int = 0
    disputed: bool = False
    return_code: str = ""


class FakeVendor:
    """The vendor's half, with the handles that the real world has on it."""

    def __init__(self, clock: Clock, signing_secret: str) -> None:
        self.clock = clock
        self._signing_secret = signing_secret
        self._made = 0
        self._plans: dict[str, Plan] = {}
        self._instruments: dict[str, Instrument] = {}
        self._payments: dict[str, FakePayment] = {}
        self._refunds: dict[str, RefundSnapshot] = {}
        self._disputes: dict[str, DisputeSnapshot] = {}
        self._balance: list[SettlementLine] = []
        self._payouts: dict[str, tuple[SettlementHead, tuple[SettlementLine, ...]]] = {}
        self._events: list[Signal] = []
        self._delivered = 0

    def card(
        self,
        *,
        declined: DeclineCode | None = None,
        action: bool = False,
        funding: Funding = Funding.CREDIT,
    ) -> Instrument:
        """Make a card that is approved, declined or asks for authentication."""
        return self._keep(
            Instrument(
                instrument_ref=self._new_id("card"),
                kind=PaymentMethodKind.CARD,
                label="Visa •••• 4242",
                last4="4242",
                card=CardFacts(brand="visa", funding=funding, country="US"),
                reusable=True,
                expires="12/31",
            ),
            Plan(declined=declined, action=action),
        )

    def bank(
        self,
        *,
        declined: DeclineCode | None = None,
        action: bool = False,
        returned: str = "",
        return_after: datetime.timedelta = datetime.timedelta(days=3),
    ) -> Instrument:
        """Make a bank account; ``action`` asks to sign in at the bank again before each debit, and
        ``returned="R01"`` sends every debit back after that time."""
        return self._keep(
            Instrument(
                instrument_ref=self._new_id("bank"),
                kind=PaymentMethodKind.ACH,
                label="First Platypus Bank •••• 0000",
                last4="0000",
                bank_name="First Platypus Bank",
                holder="business",
                reusable=True,
                verification=InstrumentVerification.VERIFIED,
            ),
            Plan(declined=declined, action=action, returned=returned, return_after=return_after),
        )

    def charge_count(self, attempt_id: str) -> int:
        """Count the charges that took or will take money for an attempt: zero or one."""
        payment = self._payments.get(attempt_id)
        idle = (FAILED, ProcessorState.CANCELED, ProcessorState.ACTION_REQUIRED)
        return int(payment is not None and payment.state not in idle)

    def complete_action(self, processor_ref: str) -> None:
        """Let the customer do what was asked, which charges the card."""
        payment = self._payment(processor_ref)
        if payment.state is ProcessorState.ACTION_REQUIRED:
            self._succeed(payment)

    def return_payment(self, processor_ref: str, code: str) -> None:
        """Let the payer's bank send a debit back, before or after it has succeeded."""
        payment = self._payment(processor_ref)
        if payment.fee_cents is not None:
            self._book(payment, SettlementLineCategory.RETURN, -payment.attempt.total_cents)
        payment.return_code = code
        self._move(payment, ProcessorState.RETURNED)

    def open_dispute(self, processor_ref: str, *, inquiry: bool = False) -> str:
        """Let the cardholder dispute; an inquiry moves no money. Returns the dispute's ref."""
        payment = self._payment(processor_ref)
        dispute_ref = self._new_id("dispute")
        self._disputes[dispute_ref] = DisputeSnapshot(
            dispute_ref=dispute_ref,
            processor_ref=processor_ref,
            amount_cents=payment.attempt.total_cents,
            fee_cents=0 if inquiry else DISPUTE_FEE_CENTS,
            phase=DisputePhase.INQUIRY if inquiry else DisputePhase.OPEN,
            respond_by=self.clock.now() + datetime.timedelta(days=7),
        )
        if not inquiry:
            payment.disputed = True
            self._book(
                payment,
                SettlementLineCategory.DISPUTE,
                -payment.attempt.total_cents,
                DISPUTE_FEE_CENTS,
                dispute_ref=dispute_ref,
            )
        self._tell(SignalKind.DISPUTE, dispute_ref)
        return dispute_ref

    def close_dispute(self, dispute_ref: str, *, won: bool) -> None:
        """Decide a dispute. A win brings the amount back, never the fee."""
        dispute = self._disputes[dispute_ref]
        payment = self._payment(dispute.processor_ref)
        if won and dispute.phase is DisputePhase.OPEN:
            payment.disputed = False
            self._book(
                payment,
                SettlementLineCategory.DISPUTE_REVERSAL,
                dispute.amount_cents,
                dispute_ref=dispute_ref,
            )
        phase = DisputePhase.WON if won else DisputePhase.LOST
        self._disputes[dispute_ref] = msgspec.structs.replace(dispute, phase=phase)
        self._tell(SignalKind.DISPUTE, dispute_ref)

    def fail_refund(self, refund_ref: str) -> None:
        """Let a refund come back, days after it had succeeded."""
        refund_id, refund = self._refund(refund_ref)
        payment = self._payment(refund.processor_ref)
        payment.refunded_cents -= refund.amount_cents
        self._refunds[refund_id] = msgspec.structs.replace(
            refund, state=RefundState.FAILED, failure_reason="expired_or_canceled_card"
        )
        self._book(
            payment,
            SettlementLineCategory.REFUND_FAILURE,
            refund.amount_cents,
            refund_ref=refund_ref,
        )
        self._tell(SignalKind.REFUND, refund_ref)

    def pay_out(self) -> SettlementHead | None:
        """Pay out the whole balance, also a negative one; None when nothing moved."""
        self._catch_up()
        if not self._balance:
            return None
        lines, self._balance = tuple(self._balance), []
        head = SettlementHead(
            settlement_ref=self._new_id("payout"),
            kind="payout",
            amount_cents=sum(line.net_cents for line in lines),
            state="paid",
            lines="complete",
            created_at=self.clock.now(),
            arrival_on=self.clock.today() + datetime.timedelta(days=2),
            bank_trace=self._new_id("trace"),
        )
        self._payouts[head.settlement_ref] = (head, lines)
        self._tell(SignalKind.SETTLEMENT, head.settlement_ref)
        return head

    def fail_payout(self, settlement_ref: str) -> None:
        """Let the bank refuse a payout shown as paid; its amount goes out with the next one."""
        head, lines = self._payouts[settlement_ref]
        failed = msgspec.structs.replace(head, state="failed", failure="account_closed")
        self._payouts[settlement_ref] = (failed, lines)
        self._balance.append(
            SettlementLine(
                line_ref=self._new_id("line"),
                category=SettlementLineCategory.PRIOR_SETTLEMENT,
                gross_cents=head.amount_cents,
                fee_cents=0,
                net_cents=head.amount_cents,
                occurred_at=self.clock.now(),
                raw_type="payout_failure",
            )
        )
        self._tell(SignalKind.SETTLEMENT, settlement_ref)

    def notifications(self) -> tuple[HttpNotification, ...]:
        """Return, signed, what happened since the last call; drop, repeat or shuffle at will."""
        self._catch_up()
        fresh = self._events[self._delivered :]
        self._delivered = len(self._events)
        return tuple(self.sign(msgspec.json.encode(event), self.clock.now()) for event in fresh)

    def sign(
        self, body: bytes, at: datetime.datetime, secret: str | None = None
    ) -> HttpNotification:
        """Sign a body as this processor does, or with another secret."""
        stamp = str(int(at.timestamp()))
        signature = self._signature(body, stamp, secret or self._signing_secret)
        return HttpNotification(headers={SIGNATURE: f"{stamp},{signature}"}, body=body)

    # How it works.

    def _charge(self, attempt: PaymentAttempt) -> FakePayment:
        plan = self._plans.get(attempt.instrument.instrument_ref, Plan())
        state = ProcessorState.SUBMITTED
        if plan.declined is not None:
            state = FAILED
        elif plan.action:
            state = ProcessorState.ACTION_REQUIRED
        payment = FakePayment(
            ref=self._new_id("pay"),
            attempt=attempt,
            plan=plan,
            submitted_at=self.clock.now(),
            state=ProcessorState.CREATED,
        )
        self._payments[attempt.attempt_id] = payment
        if state is ProcessorState.SUBMITTED and attempt.kind is PaymentMethodKind.CARD:
            self._succeed(payment)
        else:
            self._move(payment, state)
        return payment

    def _catch_up(self) -> None:
        """Move every bank debit to where the clock says that it is."""
        running = (ProcessorState.SUBMITTED, ProcessorState.IN_NETWORK, ProcessorState.SUCCEEDED)
        for payment in self._payments.values():
            if payment.attempt.kind is not PaymentMethodKind.ACH:
                continue
            steps: list[tuple[datetime.timedelta, ProcessorState]] = [*ACH_TIMELINE]
            if payment.plan.returned:
                steps.append((payment.plan.return_after, ProcessorState.RETURNED))
            age = self.clock.now() - payment.submitted_at
            for after, state in sorted(steps, key=lambda step: step[0]):
                if age < after or payment.state not in running:
                    break
                if state is ProcessorState.RETURNED:
                    self.return_payment(payment.ref, payment.plan.returned)
                elif RANKS.index(state) <= RANKS.index(payment.state):
                    continue
                elif state is ProcessorState.SUCCEEDED:
                    self._succeed(payment)
                else:
                    self._move(payment, state)

    def _succeed(self, payment: FakePayment) -> None:
        total_cents = payment.attempt.total_cents
        if payment.attempt.kind is PaymentMethodKind.CARD:
            fee_cents = (total_cents * CARD_FEE_BPS + 5_000) // 10_000 + CARD_FEE_FIXED_CENTS
        else:
            fee_cents = min((total_cents * ACH_FEE_BPS + 5_000) // 10_000, ACH_FEE_MAX_CENTS)
        payment.fee_cents = fee_cents
        self._book(payment, SettlementLineCategory.PAYMENT, total_cents, fee_cents)
        self._move(payment, ProcessorState.SUCCEEDED)

    def _give_back(self, request: RefundRequest) -> None:
        payment = self._payment(request.processor_ref)
        left_cents = payment.attempt.total_cents - payment.refunded_cents
        if payment.fee_cents is None or not 0 < request.amount_cents <= left_cents:
            raise Rejected("the refund is larger than what is left of the payment", "too_much")
        refund_ref = self._new_id("refund")
        payment.refunded_cents += request.amount_cents
        self._refunds[request.refund_id] = RefundSnapshot(
            refund_ref=refund_ref,
            processor_ref=payment.ref,
            amount_cents=request.amount_cents,
            state=RefundState.SUCCEEDED,
        )
        self._book(
            payment, SettlementLineCategory.REFUND, -request.amount_cents, refund_ref=refund_ref
        )
        self._tell(SignalKind.REFUND, refund_ref)

    def _book(
        self,
        payment: FakePayment,
        category: SettlementLineCategory,
        gross_cents: int,
        fee_cents: int = 0,
        **about: Any,
    ) -> None:
        self._balance.append(
            SettlementLine(
                line_ref=self._new_id("line"),
                category=category,
                gross_cents=gross_cents,
                fee_cents=fee_cents,
                net_cents=gross_cents - fee_cents,
                occurred_at=self.clock.now(),
                payment_ref=payment.ref,
                raw_type=category.value,
                **about,
            )
        )

    def _keep(self, instrument: Instrument, plan: Plan) -> Instrument:
        self._instruments[instrument.instrument_ref] = instrument
        self._plans[instrument.instrument_ref] = plan
        return instrument

    def _payment(self, ref: str) -> FakePayment:
        for payment in self._payments.values():
            if payment.ref == ref:
                return payment
        raise NotFound(f"there is no payment {ref}")

    def _refund(self, refund_ref: str) -> tuple[str, RefundSnapshot]:
        for refund_id, refund in self._refunds.items():
            if refund.refund_ref == refund_ref:
                return refund_id, refund
        raise NotFound(f"there is no refund {refund_ref}")

    def _move(self, payment: FakePayment, state: ProcessorState) -> None:
        payment.state = state
        self._tell(SignalKind.PAYMENT, payment.ref)

    def _tell(self, kind: SignalKind, ref: str) -> None:
        event = Signal(
            dedupe_key=self._new_id("event"), kind=kind, ref=ref, occurred_at=self.clock.now()
        )
        self._events.append(event)

    def _new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{self._made:06}"

    def _signature(self, body: bytes, stamp: str, secret: str) -> str:
        return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
