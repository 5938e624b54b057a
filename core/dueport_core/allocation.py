"""How an amount of money, or a credit, is spread over open items. No cent is lost or made."""

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import dollars
from dueport_core.open_items import OpenItem


class Allocation(msgspec.Struct, frozen=True):
    """So much of a payment for one document; always positive."""

    document_ref: str
    amount_cents: int


class OldestFirst(msgspec.Struct, frozen=True):
    """Where an amount went, and what found no document (``rest_cents``: unapplied)."""

    allocations: tuple[Allocation, ...]
    rest_cents: int


class CreditUse(msgspec.Struct, frozen=True, kw_only=True):
    """So much of the credit ``document_ref`` lowers ``applied_to``; always positive."""

    document_ref: str
    applied_to: str
    amount_cents: int


class CreditApplication(msgspec.Struct, frozen=True):
    """Which credits went where, and what of each stays open (in magnitude, only what is left)."""

    uses: tuple[CreditUse, ...]
    left_open: dict[str, int]

    def applied_to(self, document_ref: str) -> int:
        """The credit that one document receives."""
        return sum(use.amount_cents for use in self.uses if use.applied_to == document_ref)


def age_order(item: OpenItem) -> tuple[date, date, str]:
    """Sort key, oldest first: by due date, then by entry into the ledger, then by document."""
    return (item.due_on, item.entered_on, item.document_ref)


def allocate_exact(
    total_cents: int, amounts: Mapping[str, int], payable: Mapping[str, int]
) -> tuple[Allocation, ...]:
    """Take the customer's own amounts per document, or raise ``Invalid`` naming each wrong one.

    Each amount must be at least one cent and at most what is payable, and together they must be
    the total.
    """
    wrong = {
        ref: f"must be between {dollars(1)} and {dollars(payable.get(ref, 0))}"
        if payable.get(ref, 0) > 0
        else "has nothing left to pay"
        for ref, cents in amounts.items()
        if not 1 <= cents <= payable.get(ref, 0)
    }
    if wrong:
        listed = "; ".join(f"{ref} {why}" for ref, why in wrong.items())
        raise Invalid(f"Change these amounts: {listed}.", wrong)
    if sum(amounts.values()) != total_cents:
        raise Invalid(
            f"The amounts add up to {dollars(sum(amounts.values()))}, "
            f"but the payment is {dollars(total_cents)}."
        )
    return tuple(Allocation(ref, cents) for ref, cents in amounts.items())


def oldest_first(
    amount_cents: int, items: Iterable[OpenItem], reserved: Mapping[str, int] | None = None
) -> OldestFirst:
    """Spread an amount over the debits among the items, the oldest first, each up to its payable.

    ``reserved`` is what payments in flight hold per document. Items that receive nothing are left
    out; what finds no item is the rest.
    """
    if amount_cents < 0:
        raise Invalid(f"{dollars(amount_cents)} cannot be spread; the amount is negative.")
    held = reserved or {}
    rest = amount_cents
    allocations = []
    for item in sorted((item for item in items if not item.is_credit), key=age_order):
        part = min(rest, item.payable_cents(held.get(item.document_ref, 0)))
        if part:
            allocations.append(Allocation(item.document_ref, part))
            rest -= part
    return OldestFirst(tuple(allocations), rest)


def apply_credits(
    debits: Mapping[OpenItem, int] | Iterable[OpenItem],
    credit_items: Mapping[OpenItem, int] | Iterable[OpenItem],
) -> CreditApplication:
    """Consume credits, oldest first, each against its own job's oldest debit, then other jobs'.

    Both sides are open items, or a mapping from open items to the magnitude that may be used of
    each where that is less than the open amount (a partial payment, a discount, a reservation).
    What exceeds the debits stays open.
    """
    room = _magnitudes(debits)
    available = _magnitudes(credit_items)
    uses = []
    left_open = {}
    for credit in sorted(available, key=age_order):
        left = available[credit]
        own_job_first = sorted(
            room, key=lambda debit: (debit.job_no != credit.job_no, age_order(debit))
        )
        for debit in own_job_first:
            part = min(left, room[debit])
            if part:
                uses.append(
                    CreditUse(
                        document_ref=credit.document_ref,
                        applied_to=debit.document_ref,
                        amount_cents=part,
                    )
                )
                room[debit] -= part
                left -= part
        if left:
            left_open[credit.document_ref] = left
    return CreditApplication(tuple(uses), left_open)


def _magnitudes(items: Mapping[OpenItem, int] | Iterable[OpenItem]) -> dict[OpenItem, int]:
    if isinstance(items, Mapping):
        return dict(items)
    return {item: abs(item.open_amount_cents) for item in items}
