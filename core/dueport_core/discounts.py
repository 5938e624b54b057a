"""Two sums that a dealer's terms can ask for: a discount on a part payment, and finance charges.

Finance charges are assessed by the ERP and shown as debits; what is computed here is a preview.
"""

from collections.abc import Iterable
from datetime import date

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import BPS_PER_ONE, Rounding, divide, share_of
from dueport_core.open_items import OpenItem, OpenItemKind


class TermsDiscount(msgspec.Struct, frozen=True, kw_only=True):
    """What a part payment takes off an invoice: the money plus its discount."""

    gross_cents: int
    discount_cents: int


def partial_terms_discount(paid_cents: int, bps: int, open_cents: int) -> TermsDiscount:
    """Return what a payment within the discount date settles of an invoice.

    ``gross = paid / (1 - rate)``, halves up, at most what is open; the discount is the
    difference. ``Invalid`` for a payment that is not between one cent and the open amount.
    """
    if not 0 <= bps < BPS_PER_ONE:
        raise Invalid("A discount is at least 0 % and below 100 %.")
    if not 1 <= paid_cents <= open_cents:
        raise Invalid("A payment is at least one cent and at most the open amount.")
    settled = divide(paid_cents * BPS_PER_ONE, BPS_PER_ONE - bps, Rounding.HALF_UP)
    gross = min(open_cents, settled)
    return TermsDiscount(gross_cents=gross, discount_cents=gross - paid_cents)


def finance_charge_base(
    items: Iterable[OpenItem], today: date, *, compounding: bool = False
) -> int:
    """Return what a finance charge would be computed on: past-due debits less open credits.

    Earlier finance charges count only where the dealer compounds. Never negative.
    """
    base = 0
    for item in items:
        past_due = item.days_past_due(today) >= 1
        charged = compounding or item.kind is not OpenItemKind.FINANCE_CHARGE
        if item.is_credit or (past_due and charged):
            base += item.open_amount_cents
    return max(0, base)


def finance_charge_cents(base_cents: int, bps: int, minimum_cents: int = 0) -> int:
    """Return the charge, halves up, at least the minimum; nothing on nothing."""
    if base_cents <= 0:
        return 0
    return max(minimum_cents, share_of(base_cents, bps, Rounding.HALF_UP))
