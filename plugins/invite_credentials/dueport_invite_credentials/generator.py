"""Makes a username from the customer's record and a one-time password from chance alone.

Whatever is in the record, somebody else knows it; the last four digits of a phone number admit a
stranger to one of a thousand bulk-invited accounts with a probability of 39 %. So a field may
become a username, which is no secret, and never a password.
"""

import base64
import re
import secrets

from dueport_ports import (
    Account,
    Contact,
    CredentialGenerator,
    CredentialRequest,
    Issued,
    Skipped,
    UsernameSource,
    check_email,
    field_words,
    plain_letters,
)

_SECRET_BYTES = 10
"""80 bits: sixteen base32 characters."""
_LIFETIME_S = 72 * 3600
_USERNAME_BYTES = 5
_ALWAYS_FREE = "account number or random is always unique"


class OneTimeCredentials(CredentialGenerator):
    """Username from the chosen field, sixteen random characters, 72 hours, changed at once."""

    def issue(self, request: CredentialRequest) -> Issued | Skipped:
        source = request.username_source
        taken = frozenset(name.casefold() for name in request.taken_usernames)
        if request.username:
            return _issued(request.username)
        if source is UsernameSource.RANDOM:
            return _issued(_random_username(taken))
        text = _field_text(request)
        if source is UsernameSource.EMAIL and text and (problem := check_email(text)):
            return Skipped(reason=problem, field=source.value)
        username = plain_letters(text)
        if not username:
            return Skipped(reason=_unusable(source, text), field=source.value)
        if username in taken:
            reason = f"the username “{username}” is in use already; {_ALWAYS_FREE}"
            return Skipped(reason=reason, field=source.value)
        return _issued(username)


def _unusable(source: UsernameSource, text: str) -> str:
    words = field_words(source)
    if text:
        return f"the {words} on file holds nothing that can be typed; choose another field"
    return f"no {words} on file; add it in the ERP"


def _issued(username: str) -> Issued:
    return Issued(
        username=username,
        secret=_base32(_SECRET_BYTES),
        must_change=True,
        expires_after_s=_LIFETIME_S,
    )


def _field_text(request: CredentialRequest) -> str:
    """The field as the record holds it; numbers without punctuation."""
    contact = _contact_for(request.account, request.email)
    match request.username_source:
        case UsernameSource.EMAIL:
            value = request.email
        case UsernameSource.PHONE:
            value = re.sub(r"[^0-9]", "", contact.phone)[-10:]
        case UsernameSource.ACCOUNT_NO:
            value = request.account.account_no
        case UsernameSource.FIRST_NAME:
            value = _first_and_last(contact.name)[0]
        case UsernameSource.LAST_NAME:
            value = _first_and_last(contact.name)[1]
        case UsernameSource.SHIP_TO_ZIP:
            value = re.sub(r"[^0-9]", "", request.account.ship_to_zip)[:5]
        case _:
            value = ""
    return value.strip()


def _contact_for(account: Account, email: str) -> Contact:
    """The contact that the mail goes to, else the primary one, else nobody."""
    wanted = email.strip().casefold()
    for contact in account.contacts:
        if contact.email.strip().casefold() == wanted:
            return contact
    return account.primary_contact or Contact()


def _first_and_last(name: str) -> tuple[str, str]:
    """Reads ``Maria Delgado`` and ``Delgado, Maria``; a single word is a first name."""
    last, comma, first = name.partition(",")
    words = [*first.split(), *last.split()] if comma else name.split()
    if not words:
        return "", ""
    return words[0], words[-1] if len(words) > 1 else ""


def _random_username(taken: frozenset[str]) -> str:
    while (username := _base32(_USERNAME_BYTES).lower()) in taken:
        continue
    return username


def _base32(number_of_bytes: int) -> str:
    return base64.b32encode(secrets.token_bytes(number_of_bytes)).decode("ascii")
