"""When a password is too weak. Length and knowledge count; character classes do not.

What looks long and is not is refused as well: a few characters over and over, the alphabet, a row
of the keyboard, or the names of the dealer and the customer with a number behind them.
"""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from typing import Final

from dueport_core.credentials import plain_letters

DEFAULT_MINIMUM_LENGTH: Final = 12
MAX_LENGTH: Final = 256
"""Long passphrases are welcome; a limit there must be."""
MINIMUM_VARIETY: Final = 5
"""So many different characters that can be seen, and so many pieces that do not follow from one
another."""

_SHORTEST_WORD: Final = 4
_SHORTEST_REST: Final = 4
_SHORTEST_RUN: Final = 3
_ROWS: Final = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEGAL_FORMS: Final = frozenset({"inc", "llc", "llp", "ltd", "corp", "ltee", "gmbh"}) | frozenset(
    {"company", "limited", "limitee", "corporation", "incorporated"}
)
"""Words of a company's name that tell it from no other."""


def password_problem(
    password: str,
    minimum_length: int = DEFAULT_MINIMUM_LENGTH,
    words: Iterable[str] = (),
    common: Container[str] = frozenset(),
) -> str | None:
    """Return one sentence that says what to change, or None when the password is good.

    Length is counted in characters, not bytes. ``words`` are the dealer's and the customer's own
    (names, account number, e-mail address): the password must not be built around one, nor out of
    the words of which they consist, whatever the case, accents, blanks and punctuation; words below
    four letters or digits are too short to count. ``common`` holds passwords known from breaches,
    in lower case.
    """
    if len(password) < minimum_length:
        return f"Use at least {minimum_length} characters."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if password in common or password.casefold() in common:
        return "This password is known from data breaches; choose another."
    return _plainness(password, minimum_length) or _closeness(password, tuple(words))


def _plainness(password: str, minimum_length: int) -> str | None:
    """What is wrong with a password whoever it belongs to. The customer portal's script says the
    same while somebody types."""
    if len({letter for letter in password if _is_visible(letter)}) < MINIMUM_VARIETY:
        return f"Use at least {MINIMUM_VARIETY} different letters, digits or signs."
    lower = password.casefold()
    if _period(lower) < minimum_length:
        return "This repeats itself; use something longer before it starts again."
    if sum(1 for _ in _pieces(lower)) < MINIMUM_VARIETY:
        return (
            "Letters or digits in a row, such as abcd, 1234 or qwerty, are easy to guess; mix them."
        )
    return None


def _is_visible(letter: str) -> bool:
    """Blanks, control characters and what has no width are all alike to a reader."""
    category = unicodedata.category(letter)
    return not category.startswith("Z") and category not in ("Cc", "Cf")


def _period(text: str) -> int:
    """Return the length of the part that the text repeats at least twice, else its own length."""
    for length in range(1, len(text) // 2 + 1):
        if text[length:] == text[:-length]:
            return length
    return len(text)


def _pieces(text: str) -> Iterator[str]:
    """Split a text into runs, such as "aaaa", "4321" or "werty", and single characters."""
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _is_run(text[start : end + 1]):
            end += 1
        if end - start < _SHORTEST_RUN:
            end = start + 1
        yield text[start:end]
        start = end


def _is_run(text: str) -> bool:
    if text == text[0] * len(text):
        return True
    return any(text in row or text[::-1] in row for row in _ENDLESS)


def _closeness(password: str, words: tuple[str, ...]) -> str | None:
    """What is wrong with a password that is built around, or out of, these words."""
    bare = _bare(password)
    for word in words:
        part = _bare(word)
        if len(part) >= _SHORTEST_WORD and part in bare:
            return f"Do not build the password around “{word}”; it is easy to guess."
    rest = bare
    found = []
    for part in _parts(words):
        if part in rest:
            # A mark in between, so that what is left does not form new words.
            rest = rest.replace(part, " ")
            found += [part] if part not in _LEGAL_FORMS else []
    foreign = sum(letter.isalpha() and not plain_letters(letter) for letter in password)
    if found and foreign + sum(letter.isalpha() for letter in rest) < _SHORTEST_REST:
        named = ", ".join(f"“{part}”" for part in sorted(found, key=bare.index))
        return f"Beside {named} there is too little in it; add words that others do not expect."
    return None


def _parts(words: tuple[str, ...]) -> list[str]:
    """Return the words that names, e-mail addresses and the like consist of, the longest first."""
    unquoted = " ".join(plain_letters(word) for word in words).replace("'", "")
    parts = {
        part
        for part in re.findall("[a-z]+", unquoted)
        if len(part) >= _SHORTEST_WORD or part in _LEGAL_FORMS
    }
    return sorted(parts, key=lambda part: (-len(part), part))


def _bare(text: str) -> str:
    return "".join(letter for letter in plain_letters(text) if letter.isalnum())


_ENDLESS: Final = tuple(row * (MAX_LENGTH // len(row) + 2) for row in _ROWS[:2]) + _ROWS[2:]
"""The alphabet and the digits go round; a row of the keyboard ends."""
