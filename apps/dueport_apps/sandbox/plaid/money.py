"""Plaid writes amounts as decimal strings with two digits; the sandbox counts whole cents."""

import re
from typing import Final

from dueport_apps.sandbox.plaid.errors import invalid_field

_AMOUNT: Final = re.compile(r"\d{1,10}\.\d{2}")


def cents(amount: str, field: str = "amount") -> int:
    """Return a positive amount such as `"12.34"` in cents, or refuse the field."""
    if not _AMOUNT.fullmatch(amount):
        raise invalid_field(f"{field} must be a decimal string with two digits, such as 12.34")
    value = int(amount.replace(".", ""))
    if value == 0:
        raise invalid_field(f"{field} must be greater than 0.00")
    return value


def decimal(value_cents: int) -> str:
    """Return cents as Plaid writes them, with a leading minus for money that leaves."""
    sign = "-" if value_cents < 0 else ""
    whole, rest = divmod(abs(value_cents), 100)
    return f"{sign}{whole}.{rest:02d}"
