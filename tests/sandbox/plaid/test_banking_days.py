"""The Federal Reserve's calendar, as the ACH network keeps it."""

from datetime import UTC, date, datetime

import pytest

from dueport_apps.sandbox.plaid.banking_days import (
    CUT_OFF,
    banking_day_after,
    is_banking_day,
    next_at,
)


@pytest.mark.parametrize(
    ("day", "opened"),
    [
        (date(2026, 1, 19), False),  # Martin Luther King Day.
        (date(2026, 2, 16), False),  # Washington's Birthday.
        (date(2026, 5, 25), False),  # Memorial Day.
        (date(2026, 6, 19), False),  # Juneteenth.
        (date(2026, 7, 3), True),  # The Friday before a holiday on a Saturday stays open.
        (date(2026, 9, 7), False),  # Labor Day.
        (date(2026, 10, 12), False),  # Columbus Day.
        (date(2026, 11, 11), False),  # Veterans Day.
        (date(2026, 11, 26), False),  # Thanksgiving.
        (date(2026, 11, 27), True),
        (date(2027, 7, 5), False),  # A holiday on a Sunday is kept on Monday.
        (date(2026, 9, 5), False),
    ],
)
def test_banks_are_closed_on_week_ends_and_holidays(day: date, opened: bool) -> None:
    assert is_banking_day(day) is opened


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 3, 6), 2, date(2026, 3, 10)),
        (date(2026, 7, 2), 2, date(2026, 7, 6)),
        (date(2026, 11, 25), 2, date(2026, 11, 30)),
    ],
)
def test_banking_days_are_counted_over_what_lies_between(
    day: date, count: int, expected: date
) -> None:
    assert banking_day_after(day, count) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # Summer and winter time: 20:30 in New York is another hour in UTC.
        (datetime(2026, 9, 1, 13, tzinfo=UTC), datetime(2026, 9, 2, 0, 30, tzinfo=UTC)),
        (datetime(2026, 12, 1, 13, tzinfo=UTC), datetime(2026, 12, 2, 1, 30, tzinfo=UTC)),
        # The cut-off itself is over; the next one is on the next banking day.
        (datetime(2026, 9, 5, 0, 30, tzinfo=UTC), datetime(2026, 9, 9, 0, 30, tzinfo=UTC)),
    ],
)
def test_the_next_cut_off_is_an_evening_in_new_york(moment: datetime, expected: datetime) -> None:
    assert next_at(moment, CUT_OFF) == expected
