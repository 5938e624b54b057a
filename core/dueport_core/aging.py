"""Ageing: how late the money is, by the dealer's calendar.

Buckets are exclusive, half-open by a sorted list of lower bounds, and add up to the open debits.
Credits are never netted into them: Σ buckets + credits = open balance.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import Rounding, divide
from dueport_core.open_items import OpenItem


class AgingBasis(StrEnum):
    """Which date the days are counted from."""

    DUE_DATE = "due_date"
    INVOICE_DATE = "invoice_date"


class AgingBounds(msgspec.Struct, frozen=True):
    """The lowest number of days of each bucket after the first.

    ``(1, 31, 61, 91)`` makes five buckets: current, 1–30, 31–60, 61–90 and 91+.
    """

    lower: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.lower or self.lower[0] < 1 or list(self.lower) != sorted(set(self.lower)):
            raise Invalid("Ageing bounds must be rising whole numbers of days from 1 on.")

    def bucket_of(self, days: int) -> int:
        """Return the index of the bucket for so many days; everything not yet late is in 0."""
        return bisect_right(self.lower, days)

    def labels(self) -> tuple[str, ...]:
        """Return the buckets' names, such as ``Current``, ``1–30``, …, ``91+``."""
        first = "Current" if self.lower[0] == 1 else f"0–{self.lower[0] - 1}"
        middle = [f"{low}–{high - 1}" for low, high in pairwise(self.lower)]
        return (first, *middle, f"{self.lower[-1]}+")


PORTAL_BOUNDS: Final = AgingBounds((1, 30, 60, 90))
"""Current, 1–29, 30–59, 60–89, 90+."""

OPERATOR_BOUNDS: Final = AgingBounds((1, 31, 61, 91))
"""Current, 1–30, 31–60, 61–90, 91+; the default of both portals."""


class Aging(msgspec.Struct, frozen=True, kw_only=True):
    """Open debits by bucket, and what stands against them.

    ``past_due_cents`` counts by due date whatever the basis: what is at least one day late.
    """

    bounds: AgingBounds
    buckets: tuple[int, ...]
    credits_cents: int
    past_due_cents: int

    @property
    def debits_cents(self) -> int:
        """All open debits: the sum of the buckets."""
        return sum(self.buckets)

    @property
    def total_cents(self) -> int:
        """The open balance, credits deducted; may be negative."""
        return self.debits_cents + self.credits_cents

    @property
    def oldest_bucket(self) -> int | None:
        """The index of the oldest bucket that holds anything, None when nothing is owed."""
        filled = [index for index, cents in enumerate(self.buckets) if cents]
        return filled[-1] if filled else None

    def labels(self) -> tuple[str, ...]:
        """The names of the buckets, in their order."""
        return self.bounds.labels()


def age(
    items: Iterable[OpenItem],
    today: date,
    bounds: AgingBounds = OPERATOR_BOUNDS,
    basis: AgingBasis = AgingBasis.DUE_DATE,
) -> Aging:
    """Age the remaining open amounts as of the dealer's ``today``; due today is not late."""
    buckets = [0] * (len(bounds.lower) + 1)
    credits_cents = past_due_cents = 0
    for item in items:
        if item.is_credit:
            credits_cents += item.open_amount_cents
            continue
        late = item.days_past_due(today)
        days = late if basis is AgingBasis.DUE_DATE else (today - item.issued_on).days
        buckets[bounds.bucket_of(days)] += item.open_amount_cents
        if late >= 1:
            past_due_cents += item.open_amount_cents
    return Aging(
        bounds=bounds,
        buckets=tuple(buckets),
        credits_cents=credits_cents,
        past_due_cents=past_due_cents,
    )


def weighted_days_overdue_tenths(items: Iterable[OpenItem], today: date) -> int:
    """Return how overdue and how much is overdue in one figure: 271 is 27.1 days.

    Σ open · max(0, days late) / Σ open over **all** open debits, late or not; zero when nothing
    is owed.
    """
    weighted = owed = 0
    for item in items:
        if not item.is_credit:
            weighted += item.open_amount_cents * max(0, item.days_past_due(today))
            owed += item.open_amount_cents
    return divide(10 * weighted, owed, Rounding.HALF_UP) if owed else 0
