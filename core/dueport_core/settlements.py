"""Settlements: a processor's payout, proved to the cent against our payments.

The nets of the lines must add up to the payout. What they leave over becomes a line of its own,
``unallocated``, which blocks posting until a person has decided.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.errors import Conflict
from dueport_core.money import Cents, dollars
from dueport_core.postings import PostingCategory, PostingState


class SettlementLineCategory(StrEnum):
    """What a line of a payout is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"
    RETURN = "return"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    ADJUSTMENT = "adjustment"
    RESERVE_HOLD = "reserve_hold"
    RESERVE_RELEASE = "reserve_release"
    TOPUP = "topup"
    PRIOR_SETTLEMENT = "prior_settlement"
    FOREIGN = "foreign"
    UNALLOCATED = "unallocated"


class SettlementKind(StrEnum):
    """What the processor calls the movement between itself and the bank."""

    PAYOUT = "payout"
    BATCH = "batch"
    SWEEP = "sweep"
    LEDGER_WITHDRAWAL = "ledger_withdrawal"
    DEPOSIT = "deposit"


class SettlementState(StrEnum):
    """How far a settlement is. ``FAILED``: the payout or its posting failed; a person decides."""

    OPEN = "open"
    MATCHED = "matched"
    POSTING = "posting"
    POSTED = "posted"
    RESOLVED = "resolved"
    FAILED = "failed"


_S = SettlementState

LEGAL_MOVES: Final[dict[SettlementState, frozenset[SettlementState]]] = {
    _S.OPEN: frozenset({_S.MATCHED, _S.FAILED}),
    # Back to open when a later read brings lines that change the picture.
    _S.MATCHED: frozenset({_S.OPEN, _S.POSTING, _S.FAILED}),
    _S.POSTING: frozenset({_S.POSTED, _S.FAILED}),
    _S.POSTED: frozenset({_S.RESOLVED, _S.FAILED}),
    _S.RESOLVED: frozenset(),
    _S.FAILED: frozenset({_S.OPEN, _S.POSTING}),
}


_REFUNDS: Final = frozenset({SettlementLineCategory.REFUND, SettlementLineCategory.REFUND_FAILURE})
_ABOUT_A_PAYMENT: Final = _REFUNDS | {
    SettlementLineCategory.RETURN,
    SettlementLineCategory.DISPUTE,
    SettlementLineCategory.DISPUTE_REVERSAL,
}


class SettlementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement on the processor's balance; ``net = gross - fee``, all signed.

    ``*_ref`` are the processor's names for what the line is about; ``payment_id`` is ours, filled
    by ``match_settlement``.
    """

    line_ref: str
    category: SettlementLineCategory
    gross_cents: Cents
    fee_cents: Cents
    net_cents: Cents
    occurred_at: datetime
    payment_ref: str | None = None
    refund_ref: str | None = None
    dispute_ref: str | None = None
    raw_type: str = ""
    description: str = ""
    payment_id: str | None = None


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a payout. ``amount_cents`` is negative where the processor takes from the bank."""

    settlement_ref: str
    processor: str
    amount_cents: Cents
    created_at: datetime
    kind: SettlementKind = SettlementKind.PAYOUT
    currency: str = "USD"
    arrival_on: date | None = None
    bank_trace: str = ""
    state: SettlementState = SettlementState.OPEN


class KnownPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What we expect of a payment in a settlement: our id, and what was charged in all."""

    payment_id: str
    total_cents: int


class SettlementProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something about one line that a person has to look at."""

    line_ref: str
    sentence: str


class SettlementMatch(msgspec.Struct, frozen=True, kw_only=True):
    """The lines with our payments' ids, what is unexplained, and what is wrong.

    The nets of the lines add up to the payout. ``unexplained_cents`` is the sum of the unallocated
    lines' magnitudes: an unexplained plus must not hide an unexplained minus.
    """

    lines: tuple[SettlementLine, ...]
    unexplained_cents: int
    problems: tuple[SettlementProblem, ...]

    @property
    def is_matched(self) -> bool:
        """Whether every cent is explained and nothing is wrong."""
        return self.unexplained_cents == 0 and not self.problems


def transition(state: SettlementState, to: SettlementState) -> SettlementState:
    """Return the new state; staying is a no-op, any other move that is not legal a ``Conflict``."""
    if to is not state and to not in LEGAL_MOVES[state]:
        raise Conflict(f"A settlement that is {state} cannot become {to}.")
    return to


def match_settlement(
    settlement: Settlement, lines: Iterable[SettlementLine], known: Mapping[str, KnownPayment]
) -> SettlementMatch:
    """Match a payout's lines with our payments, by the processor's reference of the payment.

    ``known`` must hold every payment of ours that the lines may name. A line of somebody else's
    payment (the dealer's other programs use the same processor account) becomes ``foreign``; a
    refund, return or dispute that names no payment at all is a problem. The same line handed over
    twice, as overlapping pages do, counts once. Matching its own result again changes nothing.
    """
    distinct, problems = _distinct(
        line for line in lines if line.line_ref != _residual_ref(settlement)
    )
    matched = [_with_payment(line, known) for line in distinct]
    problems += _line_problems(matched, known)
    residual = settlement.amount_cents - sum(line.net_cents for line in matched)
    if residual:
        matched.append(
            SettlementLine(
                line_ref=_residual_ref(settlement),
                category=SettlementLineCategory.UNALLOCATED,
                gross_cents=residual,
                fee_cents=0,
                net_cents=residual,
                occurred_at=settlement.created_at,
                description="What the lines leave over of the payout.",
            )
        )
    unallocated = [
        line.net_cents for line in matched if line.category is SettlementLineCategory.UNALLOCATED
    ]
    return SettlementMatch(
        lines=tuple(matched),
        unexplained_cents=sum(map(abs, unallocated)),
        problems=tuple(problems),
    )


def resolve_problems(
    match: SettlementMatch, postings: Mapping[PostingCategory, PostingState]
) -> tuple[str, ...]:
    """Return, as sentences, what stands between a settlement and Resolve; empty when nothing does.

    ``postings`` holds the state of each category; one with nothing to post counts as posted and
    is either left out or marked so.
    """
    unexplained = (
        [f"{dollars(match.unexplained_cents)} of the payout is unexplained."]
        if match.unexplained_cents
        else []
    )
    unposted = [
        f"The posting of {category} is {state}."
        for category, state in postings.items()
        if state is not PostingState.POSTED
    ]
    return (*unexplained, *(problem.sentence for problem in match.problems), *unposted)


def can_resolve(match: SettlementMatch, postings: Mapping[PostingCategory, PostingState]) -> bool:
    """Whether everything is posted and unexplained is 0.00."""
    return not resolve_problems(match, postings)


def _residual_ref(settlement: Settlement) -> str:
    return f"{settlement.settlement_ref}:unallocated"


def _distinct(
    lines: Iterable[SettlementLine],
) -> tuple[list[SettlementLine], list[SettlementProblem]]:
    by_ref: dict[str, SettlementLine] = {}
    problems = []
    for line in lines:
        first = by_ref.setdefault(line.line_ref, line)
        if (first.category, first.gross_cents, first.fee_cents, first.net_cents) != (
            line.category,
            line.gross_cents,
            line.fee_cents,
            line.net_cents,
        ):
            problems.append(
                SettlementProblem(
                    line_ref=line.line_ref,
                    sentence=f"Line {line.line_ref} was reported twice with different amounts.",
                )
            )
    return list(by_ref.values()), problems


def _with_payment(line: SettlementLine, known: Mapping[str, KnownPayment]) -> SettlementLine:
    payment = known.get(line.payment_ref) if line.payment_ref else None
    if payment is not None:
        return msgspec.structs.replace(line, payment_id=payment.payment_id)
    somebody_elses = line.payment_ref is not None and line.category in _ABOUT_A_PAYMENT
    if somebody_elses or line.category is SettlementLineCategory.PAYMENT:
        return msgspec.structs.replace(line, category=SettlementLineCategory.FOREIGN)
    return line


def _line_problems(
    lines: Iterable[SettlementLine], known: Mapping[str, KnownPayment]
) -> list[SettlementProblem]:
    problems = []
    paid: set[str] = set()
    refunded: dict[str, int] = {}
    for line in lines:
        faults = []
        if line.net_cents != line.gross_cents - line.fee_cents:
            faults.append("its net is not its gross less its fee")
        payment = known.get(line.payment_ref) if line.payment_ref else None
        if payment is not None and line.category is SettlementLineCategory.PAYMENT:
            if line.gross_cents != payment.total_cents:
                faults.append(
                    f"it brings {dollars(line.gross_cents)} for payment {payment.payment_id} "
                    f"of {dollars(payment.total_cents)}"
                )
            if payment.payment_id in paid:
                faults.append(f"payment {payment.payment_id} is in this payout twice")
            paid.add(payment.payment_id)
        if payment is not None and line.category in _REFUNDS:
            back = refunded.get(payment.payment_id, 0) - line.gross_cents
            refunded[payment.payment_id] = back
            if back > payment.total_cents:
                faults.append(f"it refunds more than payment {payment.payment_id} brought")
        if payment is None and line.category in _ABOUT_A_PAYMENT:
            faults.append(f"this {line.category} does not say which payment it belongs to")
        problems += [
            SettlementProblem(line_ref=line.line_ref, sentence=f"Line {line.line_ref}: {fault}.")
            for fault in faults
        ]
    return problems
