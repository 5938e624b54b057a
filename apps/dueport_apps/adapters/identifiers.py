"""Identifiers and tokens: both random, one made to be seen and one made to be hidden."""

import hashlib
import secrets

from dueport_ports import Clock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class UlidIds:
    """26 characters: 48 bits of milliseconds, then 80 random bits, in Crockford's base 32.

    They sort by creation, fit every processor's idempotency key and can be read over the phone.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = (milliseconds << 80) | secrets.randbits(80)
        letters = []
        for _ in range(26):
            number, digit = divmod(number, 32)
            letters.append(ALPHABET[digit])
        return "".join(reversed(letters))


class SecretTokens:
    """256 random bits as text; whoever holds the text has the right, the database has its hash."""

    def new(self) -> str:
        return secrets.token_urlsafe(32)

    def hash(self, token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)
