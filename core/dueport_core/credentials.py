"""Generated credentials: a username from what the ERP holds, a secret from chance alone.

A value out of the customer's record is never a password: with a thousand customers, the last four
digits of a phone number open one of the accounts in five tries each with a probability of 39 %.
Such a value can only be a second check beside a link that was mailed. The random source is passed
in, so that this stays a pure function; production hands over ``secrets.token_bytes``.
"""

import re
import unicodedata
from base64 import b32encode
from collections.abc import Callable, Container
from enum import StrEnum
from hmac import compare_digest
from typing import Final, assert_never

import msgspec

from dueport_core.accounts import Account, check_email

RandomBytes = Callable[[int], bytes]
"""Returns so many bytes of chance; whether they are good is the caller's promise."""

SECRET_BYTES: Final = 10
SECRET_LIFETIME_S: Final = 72 * 3600
SECOND_CHECK_TRIES: Final = 5
"""After so many wrong answers the link is void."""

_USERNAME_BYTES: Final = 5
_USERNAME_DRAWS: Final = 8
_SHORTEST_PHONE: Final = 7
_ZIP_DIGITS: Final = 5
_EXTENSION: Final = re.compile(r"(?i)(?<=[0-9])[\s.,;]*(?:ext|x|#)")
_CANADIAN: Final = re.compile("[a-z][0-9][a-z][0-9][a-z][0-9]")
"""A Canadian postal code without its blank."""


class UsernameSource(StrEnum):
    """The field of the customer's record that becomes the username."""

    EMAIL = "email"
    PHONE = "phone"
    ACCOUNT_NO = "account_no"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    SHIP_TO_ZIP = "ship_to_zip"
    RANDOM = "random"


SECOND_CHECKS: Final = (UsernameSource.PHONE, UsernameSource.SHIP_TO_ZIP)
"""What may be asked beside a link: only what the mail that carries the link does not show. It shows
the account number, the company and, in its greeting, the person's name."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials to be mailed once; ``must_change`` before anything else can be reached."""

    username: str
    secret: str
    must_change: bool = True
    expires_after_s: int = SECRET_LIFETIME_S

    def __repr__(self) -> str:
        return f"Issued(username={self.username!r}, secret=…)"


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """No credentials for this account, why, and which field to mend in the ERP."""

    reason: str
    field: str


def issue(
    account: Account,
    source: UsernameSource,
    random: RandomBytes,
    taken: Container[str] = frozenset(),
) -> Issued | Skipped:
    """Return credentials for an account, or why it gets none.

    The secret is sixteen base32 characters (80 bits). ``taken`` holds the usernames, in lower
    case, that exist already; a collision is a reason to skip, never a silent variation, and nothing
    that the ERP could mend. A rehearsal and the sending make the same decision on the same record.
    """
    if source is UsernameSource.RANDOM:
        username = _random_username(random, taken)
    else:
        if problem := field_problem(account, source, _FIELD_NAMES[source]):
            return Skipped(reason=problem, field=source.value)
        username = field_value(account, source)
    if source is UsernameSource.EMAIL and (fault := check_email(account.primary_email)):
        return Skipped(reason=fault, field=source.value)
    if username in taken:
        reason = f"somebody signs in with the username “{username}” already"
        return Skipped(reason=reason, field=source.value)
    return Issued(username=username, secret=_base32(random(SECRET_BYTES)))


def plain_letters(text: str) -> str:
    """Return a text as everybody can type it: ASCII, in lower case, without accents and blanks
    around. What no Latin keyboard has is left out, so little or nothing may remain."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_UNDECOMPOSED)
    return "".join(letter for letter in plain if " " <= letter <= "~").strip().lower()


def field_value(account: Account, source: UsernameSource) -> str:
    """Return a field of the record in the form in which it is compared, empty where there is none.

    As ``plain_letters`` writes it; a phone number as its last ten digits, a ZIP as its first five.
    A name may be written "First Last" or "Last, First".
    """
    return plain_letters(_field_text(account, source))


def field_problem(account: Account, source: UsernameSource, words: str) -> str:
    """Return why a field has no value, calling it by these words; empty where it has one."""
    text = _field_text(account, source)
    if plain_letters(text):
        return ""
    if text.strip():
        return f"the {words} on file holds nothing that can be typed"
    return f"no {words} on file"


class Answered(StrEnum):
    """What an answer to a second check is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    MALFORMED = "malformed"
    """No such number at all, or half of one: a slip of the hand and no try."""


def check_value(account: Account, source: UsernameSource, email: str) -> str:
    """Return what whoever was invited at this address has to answer, in the form in which answers
    are compared; empty where the record holds nothing that could be answered.

    It is what the record says of that very person, and of the account where it says nothing of them
    or does not know the address.
    """
    invited = account.contact_of(email)
    own = msgspec.structs.replace(account, contacts=(invited,)) if invited else account
    return _answer(source, _asked_text(own, source)) or _answer(
        source, _asked_text(account, source)
    )


def second_check(account: Account, source: UsernameSource, email: str, answer: str) -> Answered:
    """Judge an answer; only ever asked of somebody with a link that was mailed to this address.

    Case, accents, apostrophes, blanks and hyphens do not matter, nor how a number is written: the
    last ten digits of a telephone number count, with or without the 1 before them and without an
    extension, and the first five of a ZIP. What the record does not hold is never right.
    """
    expected = check_value(account, source, email)
    given = _answer(source, answer)
    numbers = source in SECOND_CHECKS
    if numbers and len(given) < (len(expected) or 1):
        return Answered.MALFORMED
    right = bool(expected) and compare_digest(expected, given)
    return Answered.RIGHT if right else Answered.WRONG


def _asked_text(account: Account, source: UsernameSource) -> str:
    contact = account.primary_contact
    if source is UsernameSource.PHONE:
        return contact.phone if contact else ""
    if source is UsernameSource.SHIP_TO_ZIP:
        return account.ship_to_zip
    return _field_text(account, source)


def _answer(source: UsernameSource, text: str) -> str:
    """Return a text in the form in which answers are compared; empty where it has not the form."""
    bare = "".join(letter for letter in plain_letters(text) if letter.isalnum())
    if source is UsernameSource.PHONE:
        number = _digits(_EXTENSION.split(text, maxsplit=1)[0])
        return number[-10:] if len(number) >= _SHORTEST_PHONE else ""
    if source is UsernameSource.SHIP_TO_ZIP and not _CANADIAN.fullmatch(bare):
        number = _digits(text)
        return number[:_ZIP_DIGITS] if len(number) >= _ZIP_DIGITS else ""
    return bare


def _field_text(account: Account, source: UsernameSource) -> str:
    contact = account.primary_contact
    name = contact.name if contact else ""
    match source:
        case UsernameSource.EMAIL:
            return account.primary_email or ""
        case UsernameSource.PHONE:
            return _digits(contact.phone if contact else "")[-10:]
        case UsernameSource.ACCOUNT_NO:
            return account.account_no
        case UsernameSource.FIRST_NAME:
            return _names(name)[0]
        case UsernameSource.LAST_NAME:
            return _names(name)[1]
        case UsernameSource.SHIP_TO_ZIP:
            return _digits(account.ship_to_zip)[:5]
        case UsernameSource.RANDOM:
            return ""
        case _:
            assert_never(source)


def _names(name: str) -> tuple[str, str]:
    last, comma, first = name.partition(",")
    words = [*first.split(), *last.split()] if comma else name.split()
    return (words[0], words[-1]) if len(words) > 1 else (words[0] if words else "", "")


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())


def _base32(chance: bytes) -> str:
    return b32encode(chance).decode("ascii")


def _random_username(random: RandomBytes, taken: Container[str]) -> str:
    """Draw again for a name that is taken; the last draw is returned as it is."""
    for _ in range(_USERNAME_DRAWS - 1):
        username = _base32(random(_USERNAME_BYTES)).lower()
        if username not in taken:
            return username
    return _base32(random(_USERNAME_BYTES)).lower()


_FIELD_NAMES: Final = {
    UsernameSource.EMAIL: "e-mail address",
    UsernameSource.PHONE: "phone number",
    UsernameSource.ACCOUNT_NO: "account number",
    UsernameSource.FIRST_NAME: "first name",
    UsernameSource.LAST_NAME: "last name",
    UsernameSource.SHIP_TO_ZIP: "ship-to ZIP",
}
# Letters that Unicode does not take apart, and the signs that word processors put into names.
_UNDECOMPOSED: Final = str.maketrans(
    {
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ß": "ss",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "‐": "-",
        "‑": "-",
        "–": "-",
    }
)
