"""How a payment reads to the customer: no word says "paid" before the money has settled."""

import datetime
from collections.abc import Mapping, Sequence

import msgspec

from dueport_apps.usecases.payment_mails import KIND_WORDS, failure_sentence
from dueport_apps.usecases.payment_records import (
    AttemptState,
    PaymentEvent,
    PaymentRow,
    StoredAttempt,
)
from dueport_apps.usecases.receipts import HAS_RECEIPT
from dueport_apps.web.customer.quote_view import CreditView, LineView, job_words
from dueport_core.payments import Badge, Payment, PaymentState
from dueport_core.quotes import PaymentMethodKind

UNANSWERED = frozenset({AttemptState.SENT, AttemptState.UNKNOWN})
OPEN = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.PROCESSING})

EVENT_WORDS: Mapping[str, str] = {
    "created": "Submitted",
    "requires_action": "Your bank asks you to confirm",
    "unknown": "Waiting for the answer of the bank",
    "pending": "Handed to the bank",
    "processing": "On its way between the banks",
    "settled": "Settled",
    "failed": "Declined",
    "rejected": "Not accepted by the payment processor",
    "canceled": "Canceled",
    "returned": "Returned by the bank",
    "disputed": "Disputed",
    "partially_refunded": "Partly refunded",
    "refunded": "Refunded",
}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The big status of a payment: a badge's word and colour, a headline and what it means."""

    word: str
    colour: str
    headline: str
    text: str
    symbol: str


class Step(msgspec.Struct, frozen=True):
    """One line of the timeline."""

    words: str
    at: datetime.datetime
    note: str


class HistoryRow(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: str
    created_at: datetime.datetime
    total_cents: int
    method: str
    symbol: str
    word: str
    colour: str
    has_receipt: bool


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    payment: Payment
    status: Status
    lines: tuple[LineView, ...]
    credits: tuple[CreditView, ...]
    steps: tuple[Step, ...]
    has_receipt: bool
    waits_for_payer: bool
    waits_for_bank: bool
    """Nobody knows yet whether the charge was made."""
    can_pay_again: bool
    is_open: bool


def payment_view(
    payment: Payment,
    jobs: Mapping[str, str],
    events: Sequence[PaymentEvent],
    attempts: Sequence[StoredAttempt],
) -> PaymentView:
    """Arrange one payment."""
    waits_for_bank = payment.state in OPEN and any(one.state in UNANSWERED for one in attempts)
    used: dict[str, int] = {}
    for use in payment.credits:
        used[use.document_ref] = used.get(use.document_ref, 0) + use.amount_cents
    return PaymentView(
        payment=payment,
        status=status_of(payment, waits_for_bank=waits_for_bank),
        lines=tuple(
            LineView(
                document_ref=line.document_ref,
                kind=KIND_WORDS[line.kind],
                job=job_words(line.job_no, jobs),
                amount_cents=line.amount_cents,
                credit_cents=line.credit_cents,
                discount_cents=line.discount_cents,
            )
            for line in payment.lines
        ),
        credits=tuple(CreditView(ref, cents) for ref, cents in used.items()),
        steps=_steps(events),
        has_receipt=payment.state in HAS_RECEIPT,
        waits_for_payer=payment.state is PaymentState.REQUIRES_ACTION,
        waits_for_bank=waits_for_bank,
        can_pay_again=payment.state
        in (PaymentState.FAILED, PaymentState.CANCELED, PaymentState.RETURNED),
        is_open=payment.state in OPEN,
    )


def history_row(row: PaymentRow) -> HistoryRow:
    """Arrange one line of the history."""
    payment = row.payment
    status = status_of(payment, posted=row.badge is Badge.POSTED)
    is_card = payment.method is PaymentMethodKind.CARD
    return HistoryRow(
        payment_id=payment.payment_id,
        created_at=payment.created_at,
        total_cents=payment.total_cents,
        method=payment.instrument_label or ("Card" if is_card else "Bank account"),
        symbol="credit-card" if is_card else "building-bank",
        word=status.word,
        colour=status.colour,
        has_receipt=payment.state in HAS_RECEIPT,
    )


def status_of(payment: Payment, *, posted: bool = False, waits_for_bank: bool = False) -> Status:
    """Say where a payment stands."""
    is_ach = payment.method is PaymentMethodKind.ACH
    reason = failure_sentence(payment.failure_code)
    match payment.state:
        case PaymentState.CREATED | PaymentState.PENDING if waits_for_bank:
            return Status(
                word="Pending",
                colour="amber",
                headline="We are confirming your payment with the bank",
                text="The bank's answer has not arrived yet. Do not pay again: what you selected "
                "is held for this payment, and this page and a mail tell how it went.",
                symbol="clock",
            )
        case PaymentState.CREATED | PaymentState.PENDING | PaymentState.PROCESSING if is_ach:
            return Status(
                word="Pending",
                colour="amber",
                headline="Pending: submitted to your bank",
                text="A debit takes a few business days. We mail you as soon as it has succeeded "
                "or failed.",
                symbol="clock",
            )
        case PaymentState.CREATED | PaymentState.PENDING | PaymentState.PROCESSING:
            return Status(
                word="Pending",
                colour="amber",
                headline="Pending: submitted to your card's bank",
                text="We mail you as soon as it is final.",
                symbol="clock",
            )
        case PaymentState.REQUIRES_ACTION:
            return Status(
                word="Confirm",
                colour="amber",
                headline="Your bank asks you to confirm",
                text="Nothing is charged before you have confirmed this payment with your bank.",
                symbol="shield-check",
            )
        case PaymentState.SETTLED:
            return Status(
                word="Posted" if posted else "Settled",
                colour="blue" if posted else "green",
                headline="Payment received" if is_ach else "Paid",
                text="Thank you. A receipt is on its way to you by mail.",
                symbol="circle-check",
            )
        case PaymentState.FAILED:
            return Status(
                word="Declined",
                colour="red",
                headline="The payment did not go through",
                text=f"{reason} Nothing was charged.",
                symbol="circle-x",
            )
        case PaymentState.CANCELED:
            return Status(
                word="Canceled",
                colour="grey",
                headline="This payment was canceled",
                text="Nothing was charged, and what you selected can be paid again.",
                symbol="ban",
            )
        case PaymentState.RETURNED:
            return Status(
                word="Returned",
                colour="red",
                headline="Your bank has returned this payment",
                text=f"{reason} What it had paid is outstanding again.",
                symbol="circle-x",
            )
        case PaymentState.DISPUTED:
            return Status(
                word="Disputed",
                colour="pink",
                headline="This payment is disputed",
                text="Your bank was told that something is wrong with it. Contact us.",
                symbol="alert-circle",
            )
        case PaymentState.PARTIALLY_REFUNDED:
            return Status(
                word="Refunded",
                colour="violet",
                headline="Partly refunded",
                text="A part of this payment was given back.",
                symbol="receipt-refund",
            )
        case PaymentState.REFUNDED:
            return Status(
                word="Refunded",
                colour="violet",
                headline="Refunded",
                text="This payment was given back.",
                symbol="receipt-refund",
            )


def _steps(events: Sequence[PaymentEvent]) -> tuple[Step, ...]:
    """Return the timeline. A payment whose answer was lost is kept as pending on our side; that is
    no news of the bank, and is not shown as such."""
    unanswered = False
    steps = []
    for event in events:
        if not (unanswered and event.kind == "pending"):
            words = EVENT_WORDS.get(event.kind, event.kind.replace("_", " ").capitalize())
            steps.append(Step(words, event.at, _note(event)))
        unanswered = event.kind == "unknown"
    return tuple(steps)


def _note(event: PaymentEvent) -> str:
    if event.kind == "created":
        return f"by {event.actor}" if event.actor else ""
    if event.kind in ("failed", "returned"):
        return failure_sentence(event.detail)
    return ""
