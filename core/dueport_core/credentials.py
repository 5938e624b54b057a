"""Generated credentials: a user name from what the ERP holds, a secret from chance alone.

A value out of the customer's record is never a password: with a thousand customers, the last four
digits of a phone number open one of the accounts in five tries each with a probability of 39 %.
Such a value can only be a second check beside a link that was mailed. The random source is passed
in, so that this stays a pure function; production hands over ``secrets.token_bytes``.
"""

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


class UsernameSource(StrEnum):
    """The field of the customer's record that becomes the user name."""

    EMAIL = "email"
    PHONE = "phone"
    ACCOUNT_NO = "account_no"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    SHIP_TO_ZIP = "ship_to_zip"
    RANDOM = "random"


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

    The secret is sixteen base32 characters (80 bits). ``taken`` holds the user names, in lower
    case, that exist already; a collision is a reason to skip, never a silent variation. A
    rehearsal and the sending make the same decision on the same record.
    """
    if source is UsernameSource.RANDOM:
        username = _random_username(random, taken)
    else:
        username = field_value(account, source)
        if not username:
            return Skipped(reason=f"no {_FIELD_NAMES[source]} on file", field=source.value)
    if source is UsernameSource.EMAIL and (problem := check_email(username)):
        return Skipped(reason=problem, field=source.value)
    if username in taken:
        return Skipped(reason=f"the user name “{username}” is already in use", field=source.value)
    return Issued(username=username, secret=_base32(random(SECRET_BYTES)))


def field_value(account: Account, source: UsernameSource) -> str:
    """Return a field of the record in the form in which it is compared, empty where there is none.

    Lower case without blanks around; a phone number as its last ten digits, a ZIP as its first
    five. A name may be written "First Last" or "Last, First".
    """
    contact = account.primary_contact
    name = contact.name if contact else ""
    match source:
        case UsernameSource.EMAIL:
            value = account.primary_email or ""
        case UsernameSource.PHONE:
            value = _digits(contact.phone if contact else "")[-10:]
        case UsernameSource.ACCOUNT_NO:
            value = account.account_no
        case UsernameSource.FIRST_NAME:
            value = _names(name)[0]
        case UsernameSource.LAST_NAME:
            value = _names(name)[1]
        case UsernameSource.SHIP_TO_ZIP:
            value = _digits(account.ship_to_zip)[:5]
        case UsernameSource.RANDOM:
            value = ""
        case _:
            assert_never(source)
    return value.strip().lower()


def second_check(account: Account, source: UsernameSource, answer: str) -> bool:
    """Whether the answer is the record's value; only ever asked of somebody with a mailed link.

    An empty field can never be answered.
    """
    expected = field_value(account, source)
    if source in (UsernameSource.PHONE, UsernameSource.SHIP_TO_ZIP):
        answer = _digits(answer)
    return bool(expected) and compare_digest(
        expected.encode(), answer.strip().lower().encode("utf-8", "surrogatepass")
    )


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
