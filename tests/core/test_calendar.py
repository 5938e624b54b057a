"""Banking days, the finality of ACH debits, and payment terms."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.ach import SecCode
from dueport_core.calendar import (
    Terms,
    ach_final_after,
    add_banking_days,
    bank_holidays,
    is_banking_day,
    prox_due,
)
from dueport_core.errors import Invalid
from tests.core.builders import on, vectors

days = st.dates(date(2022, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize("row", vectors("ach_final_after"), ids=str)
def test_an_ach_debit_is_final_after_its_return_window(row: dict[str, str]) -> None:
    assert ach_final_after(SecCode(row["sec"]), on(row["settle"])) == on(row["out"])


def test_the_bank_holidays_of_a_year_are_the_published_ones() -> None:
    assert {(day.month, day.day) for day in bank_holidays(2026)} == {
        (1, 1),
        (1, 19),
        (2, 16),
        (5, 25),
        (6, 19),
        (7, 4),
        (9, 7),
        (10, 12),
        (11, 11),
        (11, 26),
        (12, 25),
    }


def test_a_saturday_holiday_leaves_the_friday_open_and_a_sunday_one_takes_the_monday() -> None:
    assert is_banking_day(on("2026-07-03"))
    assert not is_banking_day(on("2027-07-05"))
    assert on("2023-01-02") in bank_holidays(2023)
    assert on("2023-01-01") not in bank_holidays(2023)


@given(days, st.integers(-30, 30))
def test_banking_days_are_counted_one_by_one(start: date, count: int) -> None:
    end = add_banking_days(start, count)
    low, high = sorted((start, end))
    between = [low + timedelta(days=step) for step in range((high - low).days + 1)]
    assert sum(is_banking_day(day) for day in between if day != start) == abs(count)
    assert count == 0 or is_banking_day(end)


def test_an_automatic_debit_can_be_stopped_until_three_banking_days_before() -> None:
    assert add_banking_days(on("2026-05-11"), -3) == on("2026-05-06")


@pytest.mark.parametrize("row", vectors("prox"), ids=str)
def test_prox_is_a_day_of_the_month_after(row: dict[str, Any]) -> None:
    assert prox_due(on(row["inv"]), row["day"], row["cutoff"]) == on(row["out"])


def test_two_ten_net_thirty_counts_calendar_days() -> None:
    terms = Terms(net_days=30, discount_bps=200, discount_days=10)
    assert terms.discount_on(on("2026-01-31")) == on("2026-02-10")
    assert terms.due_on(on("2026-01-31")) == on("2026-03-02")


def test_prox_terms_share_their_cut_off() -> None:
    terms = Terms(net_prox=25, discount_bps=100, discount_prox=10, cutoff_day=26)
    assert terms.discount_on(on("2026-01-26")) == on("2026-03-10")
    assert terms.due_on(on("2026-01-26")) == on("2026-03-25")


def test_terms_without_a_discount_have_no_discount_date() -> None:
    assert Terms(net_days=30).discount_on(on("2026-01-31")) is None


def test_a_weekend_moves_only_where_the_dealer_says_so() -> None:
    saturday = on("2026-02-28")
    assert Terms(net_days=28).due_on(on("2026-01-31")) == saturday
    moved = Terms(net_days=28, weekend_moves_to_monday=True)
    assert moved.due_on(on("2026-01-31")) == on("2026-03-02")
    assert moved.due_on(on("2026-01-29")) == on("2026-02-26")


def test_terms_may_name_the_first_and_the_last_day_of_a_month() -> None:
    terms = Terms(net_prox=31, discount_bps=100, discount_prox=1, cutoff_day=31)
    assert terms.discount_on(on("2026-01-30")) == on("2026-02-01")
    assert terms.due_on(on("2026-01-31")) == on("2026-03-31")
    assert Terms(net_days=0).due_on(on("2026-01-31")) == on("2026-01-31")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"net_days": 30, "net_prox": 10},
        {"net_days": 30, "discount_bps": 200},
        {"net_days": 30, "discount_days": 10},
        {"net_days": 30, "discount_bps": 200, "discount_days": 10, "discount_prox": 10},
        {"net_days": 30, "discount_bps": 10_001, "discount_days": 10},
        {"net_days": -1},
        {"net_prox": 32},
        {"net_prox": 0},
        {"net_prox": 10, "discount_bps": 200, "discount_prox": 32},
        {"net_prox": 10, "cutoff_day": 0},
    ],
    ids=str,
)
def test_terms_that_contradict_themselves_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        Terms(**wrong)  # type: ignore[arg-type]  # The table holds wrong terms on purpose.
