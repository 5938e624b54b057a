"""When money moves over ACH: Federal Reserve banking days and the hours of the network.

All hours are Eastern Time, because the network's are; all instants that come in or go out are UTC.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
CUT_OFF: Final = time(20, 30)
"""A standard ACH transfer is handed to the network at this hour and cannot be cancelled after."""
SAME_DAY_CUT_OFF: Final = time(15, 0)
SETTLES_AT: Final = time(9, 0)
SAME_DAY_SETTLES_AT: Final = time(20, 0)
SWEEPS_AT: Final = time(17, 0)
"""What became available until this hour of a banking day is in that day's aggregate sweep."""


def eastern_day(moment: datetime) -> date:
    """Return the calendar day that an instant falls on in Eastern Time."""
    return moment.astimezone(EASTERN).date()


def is_banking_day(day: date) -> bool:
    """Whether the Federal Reserve banks are open."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def banking_day_after(day: date, count: int = 1) -> date:
    """Return the banking day that lies `count` banking days after `day`."""
    while count > 0:
        day += timedelta(days=1)
        if is_banking_day(day):
            count -= 1
    return day


def on_or_after(day: date) -> date:
    """Return `day` itself when the banks are open, else the next day on which they are."""
    return day if is_banking_day(day) else banking_day_after(day)


def at(day: date, hour: time) -> datetime:
    """Return the instant of an Eastern Time hour on a day, in UTC."""
    return datetime.combine(day, hour, EASTERN).astimezone(UTC)


def next_at(moment: datetime, hour: time) -> datetime:
    """Return the first instant after `moment` that is this hour on a banking day."""
    day = on_or_after(eastern_day(moment))
    instant = at(day, hour)
    return instant if instant > moment else at(banking_day_after(day), hour)


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    """Return the year's Federal Reserve holidays.

    A holiday on a Sunday is kept on Monday; one on a Saturday is not kept at all.
    """
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11)]
    fixed.append(date(year, 12, 25))
    kept = {day + timedelta(days=1) if day.weekday() == 6 else day for day in fixed}
    return frozenset(
        kept
        | {
            _weekday_of_month(year, 1, 0, 3),
            _weekday_of_month(year, 2, 0, 3),
            _last_monday_of_may(year),
            _weekday_of_month(year, 9, 0, 1),
            _weekday_of_month(year, 10, 0, 2),
            _weekday_of_month(year, 11, 3, 4),
        }
    )


def _weekday_of_month(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())
