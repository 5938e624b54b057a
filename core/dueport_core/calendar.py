"""Days that matter to money: banking days, when an ACH debit is final, and payment terms.

The Federal Reserve's holidays are computed by rule, so no table runs out.
"""

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

import msgspec

from dueport_core.ach import SecCode
from dueport_core.errors import Invalid
from dueport_core.money import BPS_PER_ONE

_MONDAY: Final = 0
_THURSDAY: Final = 3
_SATURDAY: Final = 5
_SUNDAY: Final = 6
_ONE_DAY: Final = timedelta(days=1)


def bank_holidays(year: int) -> frozenset[date]:
    """Return the days of a year on which the Federal Reserve Banks are closed, weekends aside.

    A holiday on a Sunday moves to the Monday; one on a Saturday is not moved, and the Friday
    before it is a banking day. Holds for 2022 (the first full year with Juneteenth) and later.
    """
    fixed = (date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11))
    return frozenset(
        {
            *(_off_sunday(on) for on in (*fixed, date(year, 12, 25))),
            _nth(year, 1, _MONDAY, 3),  # Martin Luther King Jr.
            _nth(year, 2, _MONDAY, 3),  # Washington
            _nth(year, 6, _MONDAY, 1) - timedelta(days=7),  # Memorial Day, May's last Monday
            _nth(year, 9, _MONDAY, 1),  # Labor Day
            _nth(year, 10, _MONDAY, 2),  # Columbus
            _nth(year, 11, _THURSDAY, 4),  # Thanksgiving
        }
    )


def is_banking_day(on: date) -> bool:
    """Whether the ACH network settles on that day."""
    return on.weekday() < _SATURDAY and on not in bank_holidays(on.year)


def add_banking_days(on: date, days: int) -> date:
    """Return the day that is so many banking days after (negative: before) ``on``.

    ``on`` itself never counts and need not be a banking day; zero returns it unchanged.
    """
    step = _ONE_DAY if days > 0 else -_ONE_DAY
    left = abs(days)
    while left:
        on += step
        left -= is_banking_day(on)
    return on


def ach_final_after(sec: SecCode, settle_on: date) -> date:
    """Return the last day on which an ordinary return of an ACH debit can arrive.

    CCD: two banking days after settlement. WEB: the banking day after the sixtieth calendar day.
    A disputed authorization can be argued about for longer; that is not an ordinary return.
    """
    if sec is SecCode.CCD:
        return add_banking_days(settle_on, 2)
    return add_banking_days(settle_on + timedelta(days=60), 1)


def prox_due(invoice_on: date, day: int, cutoff_day: int | None = None) -> date:
    """Return day ``day`` of the month after the invoice's, or that month's last day if shorter.

    An invoice dated on or after ``cutoff_day`` counts as the next month's.
    """
    months_on = 1 if cutoff_day is None or invoice_on.day < cutoff_day else 2
    years, month = divmod(invoice_on.month - 1 + months_on, 12)
    year = invoice_on.year + years
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Payment terms as data: they are never parsed out of a text such as ``2% 10th prox``.

    Due after ``net_days``, or on day ``net_prox`` of the following month. A discount of
    ``discount_bps`` is given for ``discount_days``, or until day ``discount_prox`` of the
    following month. ``cutoff_day`` applies to both prox dates. A date that falls on a weekend
    stays there unless ``weekend_moves_to_monday``.
    """

    net_days: int | None = None
    net_prox: int | None = None
    discount_bps: int = 0
    discount_days: int | None = None
    discount_prox: int | None = None
    cutoff_day: int | None = None
    weekend_moves_to_monday: bool = False

    def __post_init__(self) -> None:
        if (self.net_days is None) == (self.net_prox is None):
            raise Invalid("Terms are due after net_days or on net_prox; give exactly one.")
        discounts = [when for when in (self.discount_days, self.discount_prox) if when is not None]
        if len(discounts) != bool(self.discount_bps):
            raise Invalid(
                "A discount needs discount_bps and either discount_days or discount_prox."
            )
        if not 0 <= self.discount_bps <= BPS_PER_ONE:
            raise Invalid("A discount is between 0 and 100 %.")
        if any(days is not None and days < 0 for days in (self.net_days, self.discount_days)):
            raise Invalid("Terms count days forward; give zero or more.")
        days_of_month = (self.net_prox, self.discount_prox, self.cutoff_day)
        if any(day is not None and not 1 <= day <= 31 for day in days_of_month):
            raise Invalid("A day of the month is between 1 and 31.")

    def due_on(self, invoice_on: date) -> date:
        """Return when an invoice of that date is due."""
        return self._date(invoice_on, self.net_days, self.net_prox)

    def discount_on(self, invoice_on: date) -> date | None:
        """Return the last day of the discount, or None when the terms offer none."""
        if not self.discount_bps:
            return None
        return self._date(invoice_on, self.discount_days, self.discount_prox)

    def _date(self, invoice_on: date, days: int | None, prox: int | None) -> date:
        on = (
            prox_due(invoice_on, prox, self.cutoff_day)
            if prox is not None
            else invoice_on + timedelta(days=days or 0)
        )
        if self.weekend_moves_to_monday and on.weekday() >= _SATURDAY:
            on += timedelta(days=7 - on.weekday())
        return on


def _off_sunday(on: date) -> date:
    return on + _ONE_DAY if on.weekday() == _SUNDAY else on


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
