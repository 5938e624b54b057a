"""Money as files write it: ``1,234.50``, ``$12``, ``(12.50)``, ``12.50-``, ``1.234,50``.

Nothing is rounded and nothing is guessed: which sign is the decimal one is told, and a text that
does not fit is refused with a sentence that says why.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from dueport_core.money import MAX_CENTS, decimal_text

DecimalSign = Literal[".", ","]

_TWO_DECIMALS: Final = re.compile(r"-?[0-9]{1,8}\.[0-9]{2}").fullmatch
_WHOLE: Final = re.compile(r"-?[0-9]{1,8}").fullmatch
_CURRENCY: Final = re.compile(r"US\$|USD|\$", re.IGNORECASE)
_BLANKS: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_SHAPES: Final[dict[DecimalSign, re.Pattern[str]]] = {
    ".": re.compile(r"([0-9]{1,3}(?:([,' ])[0-9]{3})(?:\2[0-9]{3})*|[0-9]*)(?:\.([0-9]*))?"),
    ",": re.compile(r"([0-9]{1,3}(?:([.' ])[0-9]{3})(?:\2[0-9]{3})*|[0-9]*)(?:,([0-9]*))?"),
}


class MoneyColumn(msgspec.Struct, frozen=True):
    """One column in cents. A blank cell is None; so is a refused one, which has a reason."""

    cents: list[int | None]
    refused: dict[int, str]
    """Row index to the sentence that says why the cell is not an amount."""


def read_money(text: str, decimal: DecimalSign = ".", extra_zeros: bool = False) -> int:
    """Read one amount as cents.

    A dollar sign or USD, thousands marks in their places, brackets, a trailing minus and CR or DR
    are understood. ``extra_zeros`` accepts ``12.5000``, which databases print. Raises ValueError
    with a sentence for everything else: more than two decimals, another currency, an amount
    beyond 99,999,999.99.
    """
    shown = text.strip()
    rest = _BLANKS.sub(" ", _CURRENCY.sub("", shown, count=1)).strip().replace("\u2212", "-")
    rest, negative = _sign(rest, shown)
    found = _SHAPES[decimal].fullmatch(rest)
    if found is None or not any(map(str.isdigit, rest)):
        other = "," if decimal == "." else "."
        hint = f"; the decimal sign here is '{decimal}'" if other in rest else ""
        raise ValueError(f"{shown!r} is not an amount of US dollars{hint}")
    fraction = found[3] or ""
    if len(fraction) > 2:
        if not extra_zeros or fraction[2:].strip("0"):
            raise ValueError(f"{shown!r} has more than two decimals")
        fraction = fraction[:2]
    whole = "".join(filter(str.isdigit, found[1])) or "0"
    cents = int(whole) * 100 + int(fraction.ljust(2, "0"))
    if cents > MAX_CENTS:
        raise ValueError(f"{shown!r} is beyond {decimal_text(MAX_CENTS)}")
    return -cents if negative else cents


def read_money_column(
    values: Sequence[str], decimal: DecimalSign = ".", extra_zeros: bool = False
) -> MoneyColumn:
    """Read a column of amounts; the plain majority takes a short way."""
    cents: list[int | None] = []
    refused: dict[int, str] = {}
    add = cents.append
    plain = decimal == "."
    for index, text in enumerate(values):
        if plain and _TWO_DECIMALS(text):
            add(int(text.replace(".", "")))
        elif _WHOLE(text):
            add(int(text) * 100)
        elif not text:
            add(None)
        else:
            try:
                add(read_money(text, decimal, extra_zeros))
            except ValueError as error:
                add(None)
                refused[index] = str(error)
    return MoneyColumn(cents, refused)


def _sign(text: str, shown: str) -> tuple[str, bool]:
    signs = 0
    negative = False
    if text.startswith("(") and text.endswith(")"):
        text, negative, signs = text[1:-1].strip(), True, signs + 1
    upper = text.upper()
    if upper.endswith(("CR", "DR")):
        text, negative, signs = text[:-2].strip(), upper.endswith("CR"), signs + 1
    if text.startswith(("-", "+")):
        text, negative, signs = text[1:].strip(), negative or text[0] == "-", signs + 1
    if text.endswith("-"):
        text, negative, signs = text[:-1].strip(), True, signs + 1
    if signs > 1:
        raise ValueError(f"{shown!r} has more than one sign")
    return text, negative
