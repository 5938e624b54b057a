"""The collection priority, 0 to 10: whom to call first, and why. It is not a credit score.

Six components of 0 to 100 are weighted; what is not known gives its weight to the others. All
sums are exact fractions, and the shares shown to people add up to the points.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Final

import msgspec

from dueport_core.aging import OPERATOR_BOUNDS, age, weighted_days_overdue_tenths
from dueport_core.errors import Invalid
from dueport_core.money import BPS_PER_ONE, Rounding, divide, largest_remainder
from dueport_core.open_items import OpenItem

MAX_POINTS_WHEN_NOTHING_IS_LATE: Final = 10


class PriorityFactor(StrEnum):
    """What makes up the score; ``sentence`` is how people read it."""

    AT_RISK = "at_risk"
    AGING = "aging"
    DAYS_OVERDUE = "days_overdue"
    HISTORY = "history"
    CREDIT_USE = "credit_use"
    PROMISES = "promises"

    @property
    def sentence(self) -> str:
        """A few words for the screen."""
        return _SENTENCES[self]


class PriorityBand(StrEnum):
    """8–10, 5–7, 2–4 and 0–1."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    MINIMAL = "minimal"


class PriorityFactors(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about an account; None where nothing is.

    ``buckets_cents`` are the open debits that are current and 1–30, 31–60, 61–90 and 91+ days
    late, without what is in flight. ``late_paid_bps`` is the share of the last twelve months'
    money that was paid late, ``credit_used_bps`` the balance in proportion to the credit limit
    (above 10,000 when over it), ``broken_promises`` those of the last 90 days.
    """

    buckets_cents: tuple[int, int, int, int, int]
    weighted_days_overdue_tenths: int
    late_paid_bps: int | None = None
    credit_used_bps: int | None = None
    broken_promises: int | None = None

    def __post_init__(self) -> None:
        known = (
            *self.buckets_cents,
            self.weighted_days_overdue_tenths,
            self.late_paid_bps or 0,
            self.credit_used_bps or 0,
            self.broken_promises or 0,
        )
        if min(known) < 0:
            raise Invalid("The factors of a priority must not be negative.")


class FactorShare(msgspec.Struct, frozen=True):
    """So many of the points come from this factor."""

    factor: PriorityFactor
    points: int


class PriorityScore(msgspec.Struct, frozen=True, kw_only=True):
    """The score, the points behind it, and every known factor's share, the largest first.

    The shares add up to ``points``.
    """

    score: int
    points: int
    shares: tuple[FactorShare, ...]
    band: PriorityBand

    @property
    def reasons(self) -> tuple[str, ...]:
        """The three largest contributions, in words; fewer when fewer contribute."""
        return tuple(share.factor.sentence for share in self.shares[:3] if share.points)


def factors_of(
    items: Iterable[OpenItem],
    today: date,
    *,
    late_paid_bps: int | None = None,
    credit_limit_cents: int | None = None,
    broken_promises: int | None = None,
) -> PriorityFactors:
    """Return the factors of an account from its open items, those in flight left out.

    A credit limit of zero is no limit to measure against.
    """
    found = tuple(items)
    aging = age(found, today, OPERATOR_BOUNDS)
    current, late, later, latest, oldest = aging.buckets
    used = max(0, aging.total_cents)
    return PriorityFactors(
        buckets_cents=(current, late, later, latest, oldest),
        weighted_days_overdue_tenths=weighted_days_overdue_tenths(found, today),
        late_paid_bps=late_paid_bps,
        credit_used_bps=used * BPS_PER_ONE // credit_limit_cents if credit_limit_cents else None,
        broken_promises=broken_promises,
    )


def priority_score(factors: PriorityFactors) -> PriorityScore:
    """Score an account; making any item older never lowers the score.

    With nothing past due the points are at most 10.
    """
    components = _components(factors)
    weight = sum(_WEIGHTS[factor] for factor in components)
    contributions = {
        factor: value * _WEIGHTS[factor] / weight for factor, value in components.items()
    }
    exact = sum(contributions.values(), Fraction(0))
    points = divide(exact.numerator, exact.denominator, Rounding.HALF_UP)
    if not any(factors.buckets_cents[1:]):
        points = min(points, MAX_POINTS_WHEN_NOTHING_IS_LATE)
    score = divide(points, 10, Rounding.HALF_UP)
    return PriorityScore(
        score=score, points=points, shares=_shares(points, contributions), band=_band(score)
    )


_WEIGHTS: Final = {
    PriorityFactor.AT_RISK: 40,
    PriorityFactor.AGING: 15,
    PriorityFactor.DAYS_OVERDUE: 15,
    PriorityFactor.HISTORY: 15,
    PriorityFactor.CREDIT_USE: 5,
    PriorityFactor.PROMISES: 10,
}

_SEVERITY_PERCENT: Final = (0, 15, 60, 85, 100)

# Cents at risk and the component they are worth, with straight lines between.
_RISK_CURVE: Final = (
    (0, 0),
    (100_000, 15),
    (500_000, 45),
    (1_500_000, 75),
    (5_000_000, 100),
)

_SENTENCES: Final = {
    PriorityFactor.AT_RISK: "how much of the money is at risk",
    PriorityFactor.AGING: "how old the open balance is",
    PriorityFactor.DAYS_OVERDUE: "how many days it is overdue on average",
    PriorityFactor.HISTORY: "how much was paid late in the last twelve months",
    PriorityFactor.CREDIT_USE: "how much of the credit limit is used",
    PriorityFactor.PROMISES: "promises to pay that were broken",
}


def _components(factors: PriorityFactors) -> dict[PriorityFactor, Fraction]:
    owed = sum(factors.buckets_cents)
    weighted = zip(factors.buckets_cents, _SEVERITY_PERCENT, strict=True)
    at_risk = Fraction(sum(cents * percent for cents, percent in weighted), 100)
    components = {
        PriorityFactor.AT_RISK: _risk(at_risk),
        PriorityFactor.AGING: 100 * at_risk / owed if owed else Fraction(0),
        # Sixty days on average is the worst there is.
        PriorityFactor.DAYS_OVERDUE: _capped(Fraction(factors.weighted_days_overdue_tenths, 6)),
    }
    if factors.late_paid_bps is not None:
        components[PriorityFactor.HISTORY] = _capped(Fraction(factors.late_paid_bps, 100))
    if factors.credit_used_bps is not None:
        above_half = max(0, factors.credit_used_bps - BPS_PER_ONE // 2)
        components[PriorityFactor.CREDIT_USE] = _capped(Fraction(2 * above_half, 100))
    if factors.broken_promises is not None:
        components[PriorityFactor.PROMISES] = _capped(Fraction(50 * factors.broken_promises))
    return components


def _capped(value: Fraction) -> Fraction:
    return min(Fraction(100), value)


def _risk(at_risk_cents: Fraction) -> Fraction:
    for (low, worth_low), (high, worth_high) in pairwise(_RISK_CURVE):
        if at_risk_cents <= high:
            return worth_low + (at_risk_cents - low) * (worth_high - worth_low) / (high - low)
    return Fraction(_RISK_CURVE[-1][1])


def _shares(
    points: int, contributions: Mapping[PriorityFactor, Fraction]
) -> tuple[FactorShare, ...]:
    if not points:
        return tuple(FactorShare(factor, 0) for factor in contributions)
    # Weights must be whole numbers in the same proportion as the exact contributions.
    scale = lcm(*(contribution.denominator for contribution in contributions.values()))
    parts = largest_remainder(
        points, [int(contribution * scale) for contribution in contributions.values()]
    )
    shares = [FactorShare(factor, part) for factor, part in zip(contributions, parts, strict=True)]
    return tuple(sorted(shares, key=lambda share: -share.points))


def _band(score: int) -> PriorityBand:
    for least, band in ((8, PriorityBand.HIGH), (5, PriorityBand.MEDIUM), (2, PriorityBand.LOW)):
        if score >= least:
            return band
    return PriorityBand.MINIMAL
