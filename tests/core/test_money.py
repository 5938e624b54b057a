"""Cents: rounding, splitting, reading and writing."""

import copy
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core import errors
from dueport_core.errors import Invalid
from dueport_core.money import (
    MAX_CENTS,
    Rounding,
    cents_from_decimal,
    decimal_text,
    divide,
    dollars,
    largest_remainder,
    parse_cents,
    share_of,
)
from tests.core.builders import vectors

amounts = st.integers(-MAX_CENTS, MAX_CENTS)
rates = st.integers(0, 10_000)


@pytest.mark.parametrize("row", vectors("rounding"), ids=str)
def test_a_share_is_rounded_as_each_mode_promises(row: dict[str, int]) -> None:
    for mode in Rounding:
        assert share_of(row["amount"], row["bps"], mode) == row[mode]


@given(amounts, rates)
def test_rounding_is_exact_arithmetic_and_never_a_whole_cent_off(amount: int, bps: int) -> None:
    exact = Fraction(amount * bps, 10_000)
    shares = {mode: share_of(amount, bps, mode) for mode in Rounding}
    assert shares[Rounding.FLOOR] <= exact <= shares[Rounding.CEIL]
    assert all(abs(share - exact) < 1 for share in shares.values())
    assert shares[Rounding.HALF_EVEN] == round(exact)
    assert abs(shares[Rounding.HALF_UP] - exact) <= Fraction(1, 2)


@given(amounts, rates)
def test_half_up_treats_a_credit_like_the_debit_of_the_same_size(amount: int, bps: int) -> None:
    assert share_of(-amount, bps, Rounding.HALF_UP) == -share_of(amount, bps, Rounding.HALF_UP)


def test_a_divisor_must_be_positive() -> None:
    with pytest.raises(Invalid, match="divisor"):
        divide(1, 0, Rounding.FLOOR)
    assert {divide(7, 1, mode) for mode in Rounding} == {7}


@pytest.mark.parametrize("row", vectors("largest_remainder"), ids=str)
def test_a_total_is_split_by_largest_remainder(row: dict[str, Any]) -> None:
    assert largest_remainder(row["total"], row["weights"]) == row["out"]


@given(st.integers(0, MAX_CENTS), st.lists(st.integers(0, MAX_CENTS), min_size=1, max_size=40))
def test_splitting_never_loses_a_cent(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    if not whole:
        weights, whole = [*weights, 1], 1
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, whole)) < 1
        assert weight or part == 0
        assert total > whole or part <= weight


def test_a_split_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="negative"):
        largest_remainder(-1, [1])
    with pytest.raises(Invalid, match="negative"):
        largest_remainder(1, [1, -1])
    with pytest.raises(Invalid, match="nothing to split"):
        largest_remainder(1, [0, 0])
    assert largest_remainder(0, []) == []


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("12", 1200),
        ("12.5", 1250),
        ("12.05", 1205),
        ("+1.00", 100),
        ("-0.01", -1),
        ("0099999999.99", MAX_CENTS),
        ("-99999999.99", -MAX_CENTS),
    ],
)
def test_a_plain_amount_is_read(text: str, cents: int) -> None:
    assert parse_cents(text) == cents


@pytest.mark.parametrize(
    "text",
    ["", "1.", ".5", "1.234", "1,000.00", "$1", " 1", "1 ", "1e2", "NaN", "--1", "١", "1\n"],
)
def test_anything_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(Invalid, match=r"write it like 1234\.56"):
        parse_cents(text)


def test_an_amount_out_of_bounds_is_refused_however_long() -> None:
    with pytest.raises(Invalid, match=r"at most 99999999\.99"):
        parse_cents("100000000.00")
    with pytest.raises(Invalid, match="not an amount"):
        parse_cents("9" * 5000)


@given(amounts)
def test_what_is_written_can_be_read_back(cents: int) -> None:
    assert parse_cents(decimal_text(cents)) == cents
    assert cents_from_decimal(Decimal(decimal_text(cents))) == cents


@pytest.mark.parametrize(
    ("text", "cents"), [("1.2300", 123), ("-0", 0), ("1E+2", 10000), ("0E-30", 0)]
)
def test_a_decimal_is_converted_by_its_value(text: str, cents: int) -> None:
    assert cents_from_decimal(Decimal(text)) == cents


@pytest.mark.parametrize("text", ["NaN", "Infinity", "0.001", "1E+400", "1E-400", "100000000"])
def test_a_decimal_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cents_from_decimal(Decimal(text))


def test_amounts_are_written_for_people() -> None:
    assert dollars(123456) == "$1,234.56"
    assert dollars(-1200) == "-$12.00"
    assert dollars(5) == "$0.05"
    assert decimal_text(-5) == "-0.05"


def test_every_error_says_its_message_and_survives_a_copy() -> None:
    raised: list[errors.DueportError] = [
        errors.NotFound("n"),
        errors.Conflict("c"),
        errors.Invalid("i", {"amount": "is missing"}),
        errors.Invalid("j"),
        errors.Forbidden("f"),
        errors.TooManyTries("t", 30),
        errors.Unavailable("u"),
        errors.Unavailable("v", retry_after_s=5),
        errors.Declined("d", "insufficient_funds"),
        errors.Rejected("r"),
        errors.Rejected("s", code="bad_request"),
        errors.Misconfigured("m"),
        errors.Unsupported("x"),
    ]
    for error in raised:
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is type(error)
            assert vars(twin) == vars(error)
            assert str(twin) == error.message
    ports = {type(error) for error in raised if isinstance(error, errors.PortError)}
    assert {kind.__name__ for kind in ports} == {
        "Unavailable",
        "Declined",
        "Rejected",
        "Misconfigured",
        "Unsupported",
    }
