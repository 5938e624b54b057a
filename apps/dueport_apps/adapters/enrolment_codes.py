"""Enrolment codes derived from the deployment's key: nothing to store, nothing to leak."""

import hmac

from dueport_apps.adapters.identifiers import ALPHABET
from dueport_apps.adapters.secret_box import derive_key
from dueport_ports import Secret

LENGTH = 10
"""Letters of five bits each: 50 bits, of which somebody may try five."""

_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


class DerivedEnrolmentCodes:
    """Ten characters of Crockford's base 32, from an HMAC over account and generation."""

    def __init__(self, key: Secret) -> None:
        self._key = derive_key(key, "dueport enrolment code")

    def code(self, account_no: str, generation: int) -> str:
        """Return the code as it is printed: two groups of five."""
        plain = self._plain(account_no, generation)
        return f"{plain[:5]}-{plain[5:]}"

    def matches(self, account_no: str, generation: int, typed: str) -> bool:
        """Compare in constant time, forgiving how people type what they read on paper."""
        wanted = self._plain(account_no, generation)
        return hmac.compare_digest(
            _letters(typed).encode("utf-8", "surrogatepass"), wanted.encode()
        )

    def is_whole(self, typed: str) -> bool:
        """Whether it could be a code at all."""
        letters = _letters(typed)
        return len(letters) == LENGTH and set(letters) <= set(ALPHABET)

    def _plain(self, account_no: str, generation: int) -> str:
        digest = hmac.digest(self._key, f"{generation}\0{account_no}".encode(), "sha256")
        number = int.from_bytes(digest[:8], "big")
        return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(LENGTH))


def _letters(typed: str) -> str:
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    return letters.translate(_LOOKALIKES)
