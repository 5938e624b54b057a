"""Dates as files write them, decided for a whole column and never row by row.

``03/04/2025`` says nothing by itself. A column of a thousand dates nearly always holds some whose
first number is above twelve, and those settle the rest. What stays in a minority is not read by
guess: it is refused with the reading that a person may agree to.
"""

import datetime
import enum
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2099
MIXED_SHARE: Final = 20
"""A column whose decisive dates disagree by more than one in twenty is mixed: nobody can read it."""

_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})")
_SHORT: Final = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})")
_DAY_NAME: Final = re.compile(r"(\d{1,2})[-/ .]*([a-z]{3,9})[-/ .,]*(\d{4}|\d{2})", re.IGNORECASE)
_NAME_DAY: Final = re.compile(r"([a-z]{3,9})[-/ .]*(\d{1,2})[-/ .,]+(\d{4}|\d{2})", re.IGNORECASE)
_TIME: Final = re.compile(r"(?:T|\s+)\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[AaPp][Mm])?$")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_EXCEL_EPOCH: Final = datetime.date(1899, 12, 30)


class DateFormat(enum.StrEnum):
    """In which order a date is written; the marks between do not matter."""

    ISO = "iso"
    """Year first: 2025-03-31, 2025/3/31, 20250331."""
    MDY = "mdy"
    DMY = "dmy"
    NAMED = "named"
    """31-Mar-2025, March 31, 2025."""
    EXCEL = "excel"
    """Days since 1900 as a spreadsheet counts them; never assumed, only when told."""


class DatesUndecided(ValueError):
    """Every date of a column can be read both ways, or (``mixed``) it holds dates of both orders."""

    def __init__(self, message: str, *, mixed: bool) -> None:
        super().__init__(message)
        self.mixed = mixed


class DateColumn(msgspec.Struct, frozen=True):
    """The distinct texts of one column, read."""

    dates: dict[str, datetime.date]
    refused: dict[str, str]
    """Text to the sentence that says why it is no date of this column."""
    proposals: dict[str, str]
    """How a refused text would be read, where that can be said."""


def read_date(text: str, order: DateFormat) -> datetime.date | None:
    """Read one date in one order; None where it does not fit. A time of day is dropped."""
    text = _TIME.sub("", text.strip())
    if order is DateFormat.EXCEL:
        if text.isdecimal() and 25_569 <= int(text) <= 73_050:
            return _EXCEL_EPOCH + datetime.timedelta(days=int(text))
        return None
    if order is DateFormat.ISO:
        # The stock parser is by far the quickest and most files write dates this way.
        if len(text) == 10 and text[4] == "-" == text[7]:
            try:
                return _plausible(datetime.date.fromisoformat(text))
            except ValueError:
                return None
        found = _YEAR_FIRST.fullmatch(text)
        return _date(found[1], found[3], found[4]) if found else None
    if order is DateFormat.NAMED:
        if found := _DAY_NAME.fullmatch(text):
            return _date(found[3], _month(found[2]), found[1])
        found = _NAME_DAY.fullmatch(text)
        return _date(found[3], _month(found[1]), found[2]) if found else None
    found = _SHORT.fullmatch(text)
    if not found:
        return None
    first, second, year = found[1], found[3], found[4]
    return _date(year, first, second) if order is DateFormat.MDY else _date(year, second, first)


def decide_date_formats(texts: Iterable[str]) -> DateFormat:
    """Say in which order a whole column is written; blanks do not count.

    Raises DatesUndecided when month and day cannot be told apart anywhere in it, or when it mixes
    both orders. A column without any readable date counts as ISO: each of its rows is refused.
    """
    counts = Counter(text for text in texts if text)
    rows: Counter[DateFormat] = Counter()
    month_first = day_first = either = 0
    for text, times in counts.items():
        if read_date(text, DateFormat.ISO):
            rows[DateFormat.ISO] += times
        elif read_date(text, DateFormat.NAMED):
            rows[DateFormat.NAMED] += times
        else:
            as_mdy, as_dmy = read_date(text, DateFormat.MDY), read_date(text, DateFormat.DMY)
            if as_mdy and as_dmy:
                either += times if as_mdy != as_dmy else 0
                rows[DateFormat.MDY] += times
            elif as_mdy or as_dmy:
                month_first += times if as_mdy else 0
                day_first += times if as_dmy else 0
                rows[DateFormat.MDY] += times
    # Rows of both slash orders were counted under one name until here.
    best = max(rows, key=lambda order: rows[order], default=DateFormat.ISO)
    if best is not DateFormat.MDY:
        return best
    if min(month_first, day_first) * MIXED_SHARE > max(month_first, day_first):
        raise DatesUndecided(
            f"{month_first} dates can only be month/day and {day_first} only day/month",
            mixed=True,
        )
    if not month_first and not day_first and either:
        raise DatesUndecided(
            f"all {either} dates can be read as month/day and as day/month", mixed=False
        )
    return DateFormat.DMY if day_first > month_first else DateFormat.MDY


def read_date_column(texts: Iterable[str], orders: Sequence[DateFormat]) -> DateColumn:
    """Read every distinct text of a column in the orders that were decided or told.

    Several orders are allowed only where they cannot be mistaken for each other, so month/day
    with day/month is refused (ValueError).
    """
    if DateFormat.MDY in orders and DateFormat.DMY in orders:
        raise ValueError("mdy and dmy cannot both be allowed in one column")
    dates: dict[str, datetime.date] = {}
    refused: dict[str, str] = {}
    proposals: dict[str, str] = {}
    distinct = dict.fromkeys(texts)
    distinct.pop("", None)
    for text in distinct:
        for order in orders:
            if found := read_date(text, order):
                dates[text] = found
                break
        else:
            refused[text] = (
                f"{text!r} is not a date written as {' or '.join(orders)}, as the column is"
            )
    if refused:
        proposals = _proposals(list(refused))
    return DateColumn(dates, refused, proposals)


def _proposals(texts: Sequence[str]) -> dict[str, str]:
    """Read the minority as a column of its own: its clear dates settle its unclear ones."""
    try:
        order: DateFormat | None = decide_date_formats(texts)
    except DatesUndecided:
        order = None
    proposals = {}
    for text in texts:
        if order and (found := read_date(text, order)):
            proposals[text] = found.isoformat()
            continue
        readings = {
            read_date(text, each)
            for each in (DateFormat.ISO, DateFormat.NAMED, DateFormat.MDY, DateFormat.DMY)
        }
        known = sorted(reading.isoformat() for reading in readings if reading)
        if known:
            proposals[text] = " or ".join(known)
    return proposals


def _date(year: str, month: str, day: str) -> datetime.date | None:
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 70 else 2000
    try:
        return _plausible(datetime.date(number, int(month), int(day)))
    except ValueError:
        return None


def _plausible(found: datetime.date) -> datetime.date | None:
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None


def _month(name: str) -> str:
    wanted = name.casefold()
    wanted = "sep" if wanted == "sept" else wanted
    for number, month in enumerate(_MONTHS, start=1):
        if month == wanted or month[:3] == wanted:
            return str(number)
    return "0"
