"""Passwords that are known from breaches: a password on this list is tried first by anybody."""

from collections.abc import Container
from functools import lru_cache


@lru_cache(maxsize=1)
def known_passwords() -> Container[str]:
    """Return the 30,000 most used passwords of public breaches, in lower case."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
