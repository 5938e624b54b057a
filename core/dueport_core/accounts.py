"""Accounts, their jobs and their contacts, as the dealer's ERP keeps them."""

import re
from enum import StrEnum
from typing import Final

import msgspec

MAX_EMAIL_LENGTH: Final = 254

# One mailbox and nothing else. Non-ASCII addresses are left out on purpose: too few mail servers
# deliver to them, and a refusal that names the address is better than a silent bounce.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMBER_WORDS: Final = {2: "two", 3: "three"}


class AccountStatus(StrEnum):
    """Whether the dealer still trades with the account."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    HOLD = "hold"
    DISABLED = "disabled"
    CLOSED = "closed"


class AccountKind(StrEnum):
    """Charge accounts owe; cash and system accounts normally do not."""

    CHARGE = "charge"
    CASH = "cash"
    SYSTEM = "system"


class PostingModel(StrEnum):
    """How the ERP carries the balance."""

    BALANCE_FORWARD = "balance_forward"
    OPEN_ITEM = "open_item"
    OPEN_ITEM_TERMS = "open_item_terms"


class BillingLevel(StrEnum):
    """Whether statements are drawn for the whole account or for each job."""

    MASTER = "master"
    JOB = "job"


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the customer's, as the ERP has it; any field may be empty."""

    name: str = ""
    email: str = ""
    phone: str = ""
    role: str = ""
    is_primary: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job account below an account; job ``"0"`` is the master job."""

    account_no: str
    job_no: str
    name: str = ""
    status: AccountStatus = AccountStatus.ACTIVE


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's receivable account at the dealer.

    ``credit_limit_cents`` is None where the ERP sets none. ``billing_state`` is the two-letter
    state of the billing address, which decides what a card may be charged on top.
    """

    account_no: str
    name: str
    kind: AccountKind = AccountKind.CHARGE
    status: AccountStatus = AccountStatus.ACTIVE
    posting_model: PostingModel = PostingModel.OPEN_ITEM
    billing_level: BillingLevel = BillingLevel.MASTER
    contacts: tuple[Contact, ...] = ()
    ship_to_zip: str = ""
    terms_text: str = ""
    credit_limit_cents: int | None = None
    address_lines: tuple[str, ...] = ()
    billing_state: str = ""
    branch: str = ""

    @property
    def primary_contact(self) -> Contact | None:
        """The contact marked as primary, else the first with an e-mail address, else the first.

        A marked contact without an address is still the answer: mail for the account must not
        go to somebody else because the right line is empty.
        """
        for contact in self.contacts:
            if contact.is_primary:
                return contact
        for contact in self.contacts:
            if contact.email.strip():
                return contact
        return self.contacts[0] if self.contacts else None

    def contact_of(self, email: str) -> Contact | None:
        """Return the contact whom this address belongs to, compared without case, or None."""
        wanted = email.strip().casefold()
        if not wanted:
            return None
        return next((one for one in self.contacts if one.email.strip().casefold() == wanted), None)

    @property
    def primary_email(self) -> str | None:
        """The primary contact's address without surrounding blanks, or None where it is empty.

        It is what the ERP holds and may be malformed; ``check_email`` judges it.
        """
        contact = self.primary_contact
        return (contact.email.strip(" \t") or None) if contact else None


def check_email(text: str | None) -> str | None:
    """Return why mail cannot be sent to this text, or None when it is one plain address."""
    fault = email_fault(text)
    if fault is None or text is None or not text.strip():
        return fault
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:80])
    return f"malformed e-mail address “{shown}”: {fault}"


def email_fault(text: str | None) -> str | None:
    """Return the same without the address, for a place that shows it: “there is a blank in it”."""
    if text is None or not text.strip():
        return "no e-mail address"
    if not text.isprintable():
        return "it holds a line break or another control character"
    return _list_fault(text) or _form_fault(text)


def _list_fault(text: str) -> str | None:
    """What is wrong with several addresses, or with one that looks like several."""
    if sum("@" in word for word in re.split(r"[,;\s]", text)) > 1:
        return "it holds more than one address; keep one"
    for separator, name in ((",", "comma"), (";", "semicolon")):
        if separator in text:
            return f"there is a {name} in it"
    if (signs := text.count("@")) > 1:
        return f"there are {_NUMBER_WORDS.get(signs, str(signs))} @ in it"
    return None


def _form_fault(text: str) -> str | None:
    local, at, domain = text.partition("@")
    if not at:
        return "there is no @ in it"
    if any(letter.isspace() for letter in text):
        return "there is a blank in it"
    if len(text) > MAX_EMAIL_LENGTH or len(local) > 64:
        return "it is too long"
    if not _LOCAL.fullmatch(local):
        return "the part before the @ is not valid"
    labels = domain.split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        return "the part after the @ is not a domain name"
    return None
