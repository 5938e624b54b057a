"""When a password is too weak. Length and knowledge count; character classes do not."""

from collections.abc import Container, Iterable
from typing import Final

DEFAULT_MINIMUM_LENGTH: Final = 12
MAX_LENGTH: Final = 256
"""Long passphrases are welcome; a limit there must be."""

_SHORTEST_WORD: Final = 4


def password_problem(
    password: str,
    minimum_length: int = DEFAULT_MINIMUM_LENGTH,
    words: Iterable[str] = (),
    common: Container[str] = frozenset(),
) -> str | None:
    """Return one sentence that says what to change, or None when the password is good.

    Length is counted in characters, not bytes. ``words`` are the dealer's and the customer's own
    (names, account number, e-mail address): the password must not be built around one, whatever
    the case, blanks and punctuation; words below four letters or digits are too short to count.
    ``common`` holds passwords known from breaches, in lower case.
    """
    if len(password) < minimum_length:
        return f"Use at least {minimum_length} characters."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if password in common or password.casefold() in common:
        return "This password is known from data breaches; choose another."
    bare = _bare(password)
    for word in words:
        part = _bare(word)
        if len(part) >= _SHORTEST_WORD and part in bare:
            return f"Do not build the password around “{word}”; it is easy to guess."
    return None


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
