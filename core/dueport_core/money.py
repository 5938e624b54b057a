"""Money as whole cents, rates as whole basis points, and the few ways in which a cent may move.

There is no float anywhere, and ``Decimal`` appears only where an ERP or a file hands us one.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, assert_never

import msgspec

from dueport_core.errors import Invalid

MAX_CENTS: Final = 9_999_999_999
"""The largest amount that is taken from anybody: 99,999,999.99 in either direction."""

BPS_PER_ONE: Final = 10_000
"""Basis points in the whole: 200 bps is 2 %."""

Cents = Annotated[int, msgspec.Meta(ge=-MAX_CENTS, le=MAX_CENTS)]
"""An amount in US cents. The bounds hold wherever msgspec decodes or converts."""

_AMOUNT = re.compile(r"([+-]?)([0-9]{1,20})(?:\.([0-9]{1,2}))?")


class Rounding(StrEnum):
    """What happens to the part of a cent.

    ``HALF_UP`` (halves go away from zero) is the default for discounts, finance charges and
    refunds; ``HALF_EVEN`` exists to agree with an ERP that rounds so; ``FLOOR`` is for every fee
    that a network or a law caps; ``CEIL`` is for grossing up a cost.
    """

    FLOOR = "floor"
    CEIL = "ceil"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Return ``numerator / denominator`` as a whole number; the denominator is positive.

    Floor and ceiling are the mathematical ones: floor of -2.5 is -3.
    """
    if denominator <= 0:
        raise Invalid(f"The divisor must be positive, not {denominator}.")
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    match rounding:
        case Rounding.FLOOR:
            up = False
        case Rounding.CEIL:
            up = rest > 0
        case Rounding.HALF_UP:
            # divmod went down; for a negative number the half goes away from zero, so it stays.
            up = twice > denominator or (twice == denominator and numerator > 0)
        case Rounding.HALF_EVEN:
            up = twice > denominator or (twice == denominator and whole % 2 == 1)
        case _:
            assert_never(rounding)
    return whole + 1 if up else whole


def share_of(amount_cents: int, bps: int, rounding: Rounding) -> int:
    """Return ``bps`` of an amount, in cents, rounded once as asked."""
    return divide(amount_cents * bps, BPS_PER_ONE, rounding)


def largest_remainder(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Split a total in proportion to the weights without losing a cent.

    Every part is within one cent of its exact share; a weight of zero gets nothing; a tie goes to
    the earlier weight, so hand the weights over in a stable order. No part exceeds its weight
    unless the total exceeds the sum of the weights. ``Invalid`` where the total or a weight is
    negative, or where there is something to split and nobody to take it.
    """
    if total_cents < 0 or any(weight < 0 for weight in weights):
        raise Invalid("A total and its weights must not be negative.")
    if total_cents == 0:
        return [0] * len(weights)
    whole = sum(weights)
    if whole == 0:
        raise Invalid("There is nothing to split the amount over.")
    parts = [total_cents * weight // whole for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda index: (-(total_cents * weights[index] % whole), index)
    )
    for index in by_remainder[: total_cents - sum(parts)]:
        parts[index] += 1
    return parts


def parse_cents(text: str) -> int:
    """Read an amount such as ``1234.5`` or ``-12.00``; raises ``Invalid`` for anything else.

    An optional sign, digits, at most two decimals. No thousands separator, no exponent, no
    currency sign, no spaces: what a file means by those is the importer's knowledge.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise Invalid(f"{shown!r} is not an amount; write it like 1234.56.")
    sign, whole, fraction = found.groups()
    cents = int(whole) * 100 + int((fraction or "").ljust(2, "0"))
    return _within_bounds(-cents if sign == "-" else cents)


def cents_from_decimal(amount: Decimal) -> int:
    """Convert an amount in dollars to cents; raises ``Invalid`` rather than round.

    Zeros after the second decimal are harmless (databases print them); any other digit there, an
    infinity, a NaN or an amount beyond ``MAX_CENTS`` is refused.
    """
    if not amount.is_finite():
        raise Invalid(f"{amount} is not an amount of money.")
    # Looked at before scaling: 1E+400 is short to write and long to multiply out.
    if amount and not -20 <= amount.adjusted() <= 20:
        raise Invalid(f"The amount {amount!s:.40} is out of range.")
    numerator, denominator = amount.as_integer_ratio()
    cents, rest = divmod(numerator * 100, denominator)
    if rest:
        raise Invalid(f"The amount {amount} has more than two decimals.")
    return _within_bounds(cents)


def decimal_text(cents: int) -> str:
    """Write cents as ``1234.56`` or ``-1234.56``, the form ``parse_cents`` reads."""
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{fraction:02d}"


def dollars(cents: int) -> str:
    """Write cents for people: ``$1,234.56`` or ``-$12.00``."""
    whole, fraction = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{fraction:02d}"


def _within_bounds(cents: int) -> int:
    if abs(cents) > MAX_CENTS:
        raise Invalid(f"The amount must be at most {decimal_text(MAX_CENTS)} in either direction.")
    return cents
