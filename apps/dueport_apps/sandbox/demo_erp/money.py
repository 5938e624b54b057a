"""Cents from and to the text that files and pages show."""

import re
from typing import Final

_AMOUNT: Final = re.compile(r"(-?)(\d{1,10})(?:\.(\d{1,2}))?")


def cents_of(text: str) -> int:
    """Read an amount such as 1234.5; raises ValueError for anything else."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no amount")
    cents = int(found[2]) * 100 + int((found[3] or "0").ljust(2, "0"))
    return -cents if found[1] else cents


def amount_text(cents: int) -> str:
    """Write an amount as files do: 1234.50."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def dollars(cents: int) -> str:
    """Write an amount as people read it: -$1,234.50."""
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"
