"""What is written to the ERP's receivables: receipts, by the three categories an ERP posts.

Every cent of a payment's lines is in exactly one category: money on invoices, money on debit
adjustments and finance charges, and credits applied.
"""

from collections.abc import Iterable
from datetime import date, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.errors import Conflict, Invalid
from dueport_core.money import Cents
from dueport_core.open_items import OpenItemKind
from dueport_core.payments import CreditUse, Payment, PaymentLine, PaymentState
from dueport_core.quotes import PaymentMethodKind

CHECK_NUMBER_LENGTH: Final = 15


class PostingCategory(StrEnum):
    """The three parts of a posting; each is claimed, posted and verified on its own."""

    INVOICES = "invoices"
    CREDITS = "credits"
    DEBITS = "debits"


class PostingState(StrEnum):
    """How far a receipt or a category is. ``UNKNOWN``: sent, no answer; look it up, never repeat."""

    PENDING = "pending"
    CLAIMED = "claimed"
    POSTED = "posted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


_S = PostingState

LEGAL_MOVES: Final[dict[PostingState, frozenset[PostingState]]] = {
    _S.PENDING: frozenset({_S.CLAIMED}),
    # Straight to posted when the look-up before sending finds it; back when nothing was sent.
    _S.CLAIMED: frozenset({_S.POSTED, _S.UNKNOWN, _S.REJECTED, _S.PENDING}),
    # Back to pending only when the ERP's own look-up proves that it never arrived.
    _S.UNKNOWN: frozenset({_S.POSTED, _S.REJECTED, _S.PENDING}),
    # A person has removed the cause.
    _S.REJECTED: frozenset({_S.PENDING}),
    _S.POSTED: frozenset(),
}


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """So much, and a discount beside it, for one document."""

    document_ref: str
    amount_cents: Cents
    discount_cents: Cents = 0


class CreditUsed(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one credit document is consumed."""

    document_ref: str
    amount_cents: Cents


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt of one job: Σ applications = amount + Σ credits used, else ``Invalid``.

    ``key`` is ours and the same at every attempt; ``check_no`` is what the ERP shows and can be
    searched by. ``received_on`` is the dealer's day on which the customer submitted.
    """

    key: str
    account_no: str
    job_no: str
    method: PaymentMethodKind
    processor_ref: str
    check_no: str
    received_on: date
    amount_cents: Cents
    applications: tuple[Application, ...]
    credits_used: tuple[CreditUsed, ...] = ()

    def __post_init__(self) -> None:
        applied = sum(application.amount_cents for application in self.applications)
        if applied != self.amount_cents + sum(used.amount_cents for used in self.credits_used):
            raise Invalid(f"Receipt {self.key} applies another amount than it brings.")


def transition(state: PostingState, to: PostingState) -> PostingState:
    """Return the new state; staying is a no-op, any other move that is not legal a ``Conflict``."""
    if to is not state and to not in LEGAL_MOVES[state]:
        raise Conflict(f"A posting that is {state} cannot become {to}.")
    return to


def check_number(payment_id: str) -> str:
    """Return a payment's number as ERPs can store it: up to fifteen of A–Z and 0–9.

    Taken from the end, where identifiers differ most.
    """
    plain = "".join(
        letter for letter in payment_id.upper() if letter.isascii() and letter.isalnum()
    )
    return plain[-CHECK_NUMBER_LENGTH:]


def posting_obstacle(payment: Payment) -> str | None:
    """Return why a payment must not be posted now, or None.

    Only settled money is posted; what was refunded in part or whole did settle, and its refund is
    posted on its own.
    """
    if payment.frozen:
        return f"Payment {payment.payment_id} is frozen; release it before posting."
    if payment.state not in (
        PaymentState.SETTLED,
        PaymentState.PARTIALLY_REFUNDED,
        PaymentState.REFUNDED,
    ):
        return f"Payment {payment.payment_id} is {payment.state}; only settled money is posted."
    return None


def receipts_for(
    payments: Iterable[Payment], zone: tzinfo, check_no: str | None = None
) -> dict[PostingCategory, tuple[Receipt, ...]]:
    """Return the receipts of a settlement's payments, per category, in a stable order.

    ``zone`` is the dealer's; ``check_no`` a constant for ERPs that want one, else each payment's
    ``check_number``. All three categories are present, empty where there is nothing to post. The
    same payments give the same keys. Raises ``Conflict`` for a payment that must not be posted.
    """
    receipts: dict[PostingCategory, list[Receipt]] = {category: [] for category in PostingCategory}
    for payment in payments:
        obstacle = posting_obstacle(payment)
        if obstacle:
            raise Conflict(obstacle)
        received_on = payment.created_at.astimezone(zone).date()
        for job_no in sorted({line.job_no for line in payment.lines}):
            lines = [line for line in payment.lines if line.job_no == job_no]
            for category in PostingCategory:
                applications, used = _parts(category, lines, payment.credits)
                if not applications:
                    continue
                brought = sum(application.amount_cents for application in applications)
                receipts[category].append(
                    Receipt(
                        key=f"{payment.payment_id}:{category}:{job_no}",
                        account_no=payment.account_no,
                        job_no=job_no,
                        method=payment.method,
                        processor_ref=payment.processor_ref or "",
                        check_no=check_no or check_number(payment.payment_id),
                        received_on=received_on,
                        amount_cents=brought - sum(credit.amount_cents for credit in used),
                        applications=applications,
                        credits_used=used,
                    )
                )
    return {category: tuple(found) for category, found in receipts.items()}


def _parts(
    category: PostingCategory, lines: list[PaymentLine], uses: tuple[CreditUse, ...]
) -> tuple[tuple[Application, ...], tuple[CreditUsed, ...]]:
    if category is not PostingCategory.CREDITS:
        return tuple(
            Application(
                document_ref=line.document_ref,
                amount_cents=line.money_cents,
                discount_cents=line.discount_cents,
            )
            for line in lines
            if _category(line) is category and not _carried_by_credit(line)
        ), ()
    refs = {line.document_ref for line in lines}
    used: dict[str, int] = {}
    for use in uses:
        if use.applied_to in refs:
            used[use.document_ref] = used.get(use.document_ref, 0) + use.amount_cents
    applications = tuple(
        Application(
            document_ref=line.document_ref,
            amount_cents=line.credit_cents,
            discount_cents=line.discount_cents if _carried_by_credit(line) else 0,
        )
        for line in lines
        if line.credit_cents
    )
    return applications, tuple(
        CreditUsed(document_ref=ref, amount_cents=cents) for ref, cents in used.items()
    )


def _category(line: PaymentLine) -> PostingCategory:
    if line.kind in (OpenItemKind.DEBIT, OpenItemKind.FINANCE_CHARGE):
        return PostingCategory.DEBITS
    return PostingCategory.INVOICES


def _carried_by_credit(line: PaymentLine) -> bool:
    """Whether no money reaches the line: its discount then goes with the credit that does."""
    return line.money_cents == 0 and line.credit_cents > 0
