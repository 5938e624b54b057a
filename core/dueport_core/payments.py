"""Payments and their eleven states.

A state moves on evidence, never by a local timer once anything was sent, and never backwards
because news arrived late. Evidence that money moved is never dropped: a failed or cancelled
payment that turns out to be paid is settled and flagged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.actors import Actor as Actor
from dueport_core.allocation import CreditUse as CreditUse
from dueport_core.errors import Conflict, Invalid
from dueport_core.money import Cents
from dueport_core.open_items import OpenItemKind
from dueport_core.quotes import PaymentMethodKind, PaymentQuote


class PaymentState(StrEnum):
    """Where a payment is. The values are stored and part of the public API."""

    CREATED = "created"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    PROCESSING = "processing"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"
    DISPUTED = "disputed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class Badge(StrEnum):
    """The word on the screens."""

    PENDING = "pending"
    SETTLED = "settled"
    POSTED = "posted"
    FROZEN = "frozen"
    TERMINATED = "terminated"
    RETURNED = "returned"
    DISPUTED = "disputed"
    REFUNDED = "refunded"


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """The state after a move.

    ``anomaly`` asks for a person: money moved on a payment that had failed or been cancelled, or
    a refunded payment was also returned or disputed, so that the customer got it back twice.
    ``changed`` is False where nothing happened.
    """

    state: PaymentState
    anomaly: bool = False
    changed: bool = True


_P = PaymentState
_PROCESSOR: Final = frozenset({Actor.PROCESSOR})
_PERSON_OR_TIMER: Final = frozenset({Actor.CUSTOMER, Actor.OPERATOR, Actor.SCHEDULER})

LEGAL_MOVES: Final[dict[PaymentState, dict[PaymentState, frozenset[Actor]]]] = {
    # The processor's answer, or its webhook overtaking our own response.
    _P.CREATED: {
        _P.REQUIRES_ACTION: _PROCESSOR,
        # The request was sent, or its outcome is unknown.
        _P.PENDING: frozenset({Actor.SYSTEM}),
        _P.PROCESSING: _PROCESSOR,
        _P.SETTLED: _PROCESSOR,
        # The system may say so only where the request provably never left.
        _P.FAILED: frozenset({Actor.PROCESSOR, Actor.SYSTEM}),
        _P.CANCELED: _PERSON_OR_TIMER,
    },
    _P.REQUIRES_ACTION: {
        _P.PENDING: _PROCESSOR,
        _P.PROCESSING: _PROCESSOR,
        _P.SETTLED: _PROCESSOR,
        _P.FAILED: _PROCESSOR,
        # Only after the processor has confirmed the cancel.
        _P.CANCELED: _PERSON_OR_TIMER,
    },
    _P.PENDING: {
        _P.REQUIRES_ACTION: _PROCESSOR,
        _P.PROCESSING: _PROCESSOR,
        _P.SETTLED: _PROCESSOR,
        _P.FAILED: _PROCESSOR,
        # A person can only ask for the cancel; the processor grants it.
        _P.CANCELED: _PROCESSOR,
    },
    _P.PROCESSING: {
        _P.SETTLED: _PROCESSOR,
        _P.FAILED: _PROCESSOR,
        _P.CANCELED: _PROCESSOR,
        _P.RETURNED: _PROCESSOR,
    },
    _P.SETTLED: {
        _P.RETURNED: _PROCESSOR,
        _P.DISPUTED: _PROCESSOR,
        _P.PARTIALLY_REFUNDED: _PROCESSOR,
        _P.REFUNDED: _PROCESSOR,
    },
    _P.PARTIALLY_REFUNDED: {
        _P.PARTIALLY_REFUNDED: _PROCESSOR,
        _P.REFUNDED: _PROCESSOR,
        _P.DISPUTED: _PROCESSOR,
        _P.RETURNED: _PROCESSOR,
        # The refund failed.
        _P.SETTLED: _PROCESSOR,
    },
    _P.REFUNDED: {
        _P.PARTIALLY_REFUNDED: _PROCESSOR,
        _P.SETTLED: _PROCESSOR,
        _P.RETURNED: _PROCESSOR,
        _P.DISPUTED: _PROCESSOR,
    },
    # Won: what was before is restored. Lost: returned.
    _P.DISPUTED: {
        _P.SETTLED: _PROCESSOR,
        _P.PARTIALLY_REFUNDED: _PROCESSOR,
        _P.REFUNDED: _PROCESSOR,
        _P.RETURNED: _PROCESSOR,
    },
    # A dishonoured return or a late reversal.
    _P.RETURNED: {_P.SETTLED: _PROCESSOR},
    _P.FAILED: {_P.SETTLED: _PROCESSOR},
    _P.CANCELED: {_P.SETTLED: _PROCESSOR},
}
"""The 40 legal moves of the 121 pairs, with who may cause each."""

_ANOMALIES: Final = frozenset(
    {
        (_P.FAILED, _P.SETTLED),
        (_P.CANCELED, _P.SETTLED),
        (_P.REFUNDED, _P.RETURNED),
        (_P.REFUNDED, _P.DISPUTED),
    }
)

STATE_RANK: Final[dict[PaymentState, int]] = {
    _P.CREATED: 0,
    _P.REQUIRES_ACTION: 1,
    _P.PENDING: 2,
    _P.PROCESSING: 3,
    _P.FAILED: 4,
    _P.CANCELED: 4,
    _P.SETTLED: 5,
    _P.PARTIALLY_REFUNDED: 6,
    _P.REFUNDED: 7,
    _P.DISPUTED: 8,
    _P.RETURNED: 9,
}
"""How far along a state is; news of a lower rank that is no legal move is merely late."""

_IN_FLIGHT: Final = frozenset({_P.CREATED, _P.REQUIRES_ACTION, _P.PENDING, _P.PROCESSING})


class PaymentLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment does to one document: ``amount = money + credit + discount``."""

    document_ref: str
    job_no: str
    kind: OpenItemKind
    amount_cents: Cents
    credit_cents: Cents
    discount_cents: Cents
    money_cents: Cents


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Money from one customer and how it applies.

    ``principal_cents`` is the money for the documents, ``total_cents`` that plus the fee and
    exactly what the processor charges. ``frozen`` is the operator's hold: no posting, no refund;
    it cannot stop money that is already moving. ``Invalid`` where the sums disagree; a payment
    loaded without its lines (a row of a list) has none to add up.
    """

    payment_id: str
    account_no: str
    quote_id: str
    portal_user_id: str
    method: PaymentMethodKind
    state: PaymentState
    lines: tuple[PaymentLine, ...]
    credits: tuple[CreditUse, ...]
    principal_cents: Cents
    fee_cents: Cents
    discount_cents: Cents
    total_cents: Cents
    processor: str
    created_at: datetime
    currency: str = "USD"
    frozen: bool = False
    anomaly: bool = False
    processor_ref: str | None = None
    instrument_label: str = ""
    failure_code: str | None = None
    settled_at: datetime | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if self.total_cents != self.principal_cents + self.fee_cents:
            raise Invalid(f"Payment {self.payment_id}: the total is not principal plus fee.")
        if self.lines and not self._lines_add_up():
            raise Invalid(f"Payment {self.payment_id}: the lines do not add up to the payment.")

    def _lines_add_up(self) -> bool:
        each = all(
            line.amount_cents == line.money_cents + line.credit_cents + line.discount_cents
            for line in self.lines
        )
        sums = (
            sum(line.money_cents for line in self.lines),
            sum(line.discount_cents for line in self.lines),
            sum(line.credit_cents for line in self.lines),
        )
        return each and sums == (self.principal_cents, self.discount_cents, self.credits_cents)

    @property
    def credits_cents(self) -> int:
        """All credit that the payment uses beside the money."""
        return sum(use.amount_cents for use in self.credits)


def payment_from_quote(
    quote: PaymentQuote,
    *,
    payment_id: str,
    method: PaymentMethodKind,
    processor: str,
    now: datetime,
) -> Payment:
    """Return the payment, in state ``created``, that charges exactly what was quoted.

    Raises ``Conflict`` where the quote was priced for another method (fee and incentive depend
    on it) or before one was chosen; where credits pay everything, the method does not matter.
    """
    if quote.method is not method and not quote.is_credit_only:
        raise Conflict(f"This preview is not priced for paying by {method}; look at a new one.")
    return Payment(
        payment_id=payment_id,
        account_no=quote.account_no,
        quote_id=quote.quote_id,
        portal_user_id=quote.portal_user_id,
        method=method,
        state=PaymentState.CREATED,
        lines=tuple(
            PaymentLine(
                document_ref=line.document_ref,
                job_no=line.job_no,
                kind=line.kind,
                amount_cents=line.amount_cents,
                credit_cents=line.credit_cents,
                discount_cents=line.discount_cents,
                money_cents=line.money_cents,
            )
            for line in quote.lines
        ),
        credits=quote.credits,
        principal_cents=quote.money_cents,
        fee_cents=quote.fee_cents,
        discount_cents=quote.discount_cents,
        total_cents=quote.total_cents,
        processor=processor,
        created_at=now,
    )


def transition(state: PaymentState, to: PaymentState, actor: Actor) -> Transition:
    """Move on somebody's evidence or order.

    A move to the present state is a no-op for everybody, except that a second partial refund
    counts as a move. Raises ``Conflict`` for a pair that is not legal or not this actor's.
    """
    allowed = LEGAL_MOVES[state].get(to)
    if allowed is None and state is to:
        return Transition(state=state, changed=False)
    if allowed is None or actor not in allowed:
        raise Conflict(f"A payment that is {state} cannot become {to} by the {actor}.")
    return Transition(state=to, anomaly=(state, to) in _ANOMALIES)


def observe(state: PaymentState, seen: PaymentState) -> Transition:
    """Take in a state that was read at the processor, whatever order the news came in.

    A legal move is made; late or repeated news changes nothing (that a second part was refunded
    is told by the refund, not by the state); ``Conflict`` for news that cannot follow from the
    present state, which belongs in quarantine with an alert.
    """
    late = seen not in LEGAL_MOVES[state] and STATE_RANK[seen] <= STATE_RANK[state]
    if seen is state or late:
        return Transition(state=state, changed=False)
    # That the processor knows of it proves that the request was sent.
    sent = (state, seen) == (PaymentState.CREATED, PaymentState.PENDING)
    return transition(state, seen, Actor.SYSTEM if sent else Actor.PROCESSOR)


def is_in_flight(state: PaymentState) -> bool:
    """Whether the payment holds its documents: nobody else can pay them meanwhile."""
    return state in _IN_FLIGHT


def is_final(state: PaymentState) -> bool:
    """Whether nothing is due on our side: not in flight, and no dispute to be decided."""
    return not is_in_flight(state) and state is not PaymentState.DISPUTED


def badge(state: PaymentState, frozen: bool = False, posted: bool = False) -> Badge:
    """Return the one word that screens show.

    A freeze shows as long as it can hold something back: while money is on its way or has
    settled, not once the payment has failed, was returned, disputed or given back.
    """
    match state:
        case PaymentState.FAILED | PaymentState.CANCELED:
            return Badge.TERMINATED
        case PaymentState.RETURNED:
            return Badge.RETURNED
        case PaymentState.DISPUTED:
            return Badge.DISPUTED
        case PaymentState.REFUNDED:
            return Badge.REFUNDED
    if frozen:
        return Badge.FROZEN
    if is_in_flight(state):
        return Badge.PENDING
    return Badge.POSTED if posted else Badge.SETTLED
