"""The facts of each built-in mail: values only, so that use cases need no template engine.

A message names its template in ``TEMPLATE``. Amounts are cents, dates the dealer's calendar days,
instants UTC; the templates' filters write them for people.
"""

import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec


class MailMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all built-in mails."""

    TEMPLATE: ClassVar[str] = ""


class PaidLine(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a payment. ``amount_cents`` = money + credit + discount."""

    document_ref: str
    kind: str
    """As the customer reads it: ``Invoice``, ``Debit adjustment``, ``Finance charge``."""
    job: str = ""
    """The job's number and name; empty for the master job."""
    amount_cents: int
    credit_cents: int = 0
    discount_cents: int = 0


class UsedCredit(msgspec.Struct, frozen=True, kw_only=True):
    """A credit that lowered what was charged; the amount is positive."""

    document_ref: str
    amount_cents: int


class PaymentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What every mail about one payment shows.

    ``sum(lines.amount) - sum(credits) - discount + fee = total``.
    """

    account_name: str
    account_no: str
    transaction_id: str
    paid_on: datetime.date
    method: str
    """``Visa``, ``Mastercard``, ``First Platypus Bank``."""
    method_last_four: str = ""
    lines: tuple[PaidLine, ...]
    credits: tuple[UsedCredit, ...] = ()
    discount_cents: int = 0
    fee_cents: int = 0
    fee_name: str = "Card surcharge"
    total_cents: int
    payment_url: str
    """The payment's page in the customer portal."""
    paid_by: str = ""
    """Who pressed the button, where that is not the recipient."""


class ReceiptMail(MailMessage, frozen=True, kw_only=True):
    """Sent at once. Where the money still has to arrive it says submitted, and never paid."""

    TEMPLATE: ClassVar[str] = "receipt"
    payment: PaymentFacts
    is_pending: bool
    """True for every bank debit until it settles."""
    expected_on: datetime.date | None = None
    """By when a pending payment usually settles."""


class PaymentSettledMail(MailMessage, frozen=True, kw_only=True):
    TEMPLATE: ClassVar[str] = "payment_settled"
    payment: PaymentFacts
    settled_on: datetime.date


class PaymentFailedMail(MailMessage, frozen=True, kw_only=True):
    TEMPLATE: ClassVar[str] = "payment_failed"
    payment: PaymentFacts
    reason: str
    """One sentence for the customer: what the bank or card said."""
    pay_url: str
    """Where the items wait to be paid again."""


class PaymentReturnedMail(MailMessage, frozen=True, kw_only=True):
    """A settled bank payment was taken back by the customer's bank."""

    TEMPLATE: ClassVar[str] = "payment_returned"
    payment: PaymentFacts
    returned_on: datetime.date
    return_code: str
    reason: str
    return_fee_cents: int = 0
    pay_url: str


class SignInNotice(MailMessage, frozen=True, kw_only=True):
    """Something about how a person signs in has changed, such as the password."""

    TEMPLATE: ClassVar[str] = "sign_in_notice"
    what: str = "Your password was changed"
    happened_at: datetime.datetime
    login: str
    device: str = ""
    """The browser it came from, such as ``Chrome on Linux``, where known: the platform's words, never
    the browser's own."""
    client_ip: str = ""
    reset_url: str


class OperatorInviteMail(MailMessage, frozen=True, kw_only=True):
    TEMPLATE: ClassVar[str] = "operator_invite"
    operator_name: str
    invited_by: str
    role: str
    setup_url: str
    expires_in_hours: int


class ResetPasswordMail(MailMessage, frozen=True, kw_only=True):
    """The answer to a forgotten password; the link works once."""

    TEMPLATE: ClassVar[str] = "reset_password"
    login: str
    reset_url: str
    expires_in_minutes: int


class SignUpMail(MailMessage, frozen=True, kw_only=True):
    """The answer to somebody who signed up with an address that is on file for an account."""

    TEMPLATE: ClassVar[str] = "sign_up"
    account_name: str
    account_no: str
    register_url: str
    decline_url: str
    """For an owner of the address who asked for nothing."""
    expires_at: datetime.datetime


class AlreadyRegisteredMail(MailMessage, frozen=True, kw_only=True):
    """Somebody signed up, or was invited, with an address that has a login."""

    TEMPLATE: ClassVar[str] = "already_registered"
    login: str
    sign_in_url: str
    reset_url: str


class LinkAskedMail(MailMessage, frozen=True, kw_only=True):
    """To the dealer, in English: a customer's link had expired and a new one is asked for."""

    TEMPLATE: ClassVar[str] = "link_asked"
    account_name: str
    account_no: str
    email: str
    asked_at: datetime.datetime
    account_url: str
    """The account's page in the operator portal."""


class EnrolmentCodeMail(MailMessage, frozen=True, kw_only=True):
    """To an address that somebody enrols with, who may have mistyped it: no facts of the account."""

    TEMPLATE: ClassVar[str] = "enrolment_code"
    code: str
    """As people read it out: ``123 456``. It must not be part of the subject, which is kept."""
    expires_in_minutes: int


class EnrolmentNotice(MailMessage, frozen=True, kw_only=True):
    """To the address on file: a login was made with the code printed on the statement."""

    TEMPLATE: ClassVar[str] = "enrolment_notice"
    account_name: str
    account_no: str
    login: str
    happened_at: datetime.datetime
    contact_url: str
    """Where somebody who does not know this login says so."""


class AccessLinkedNotice(MailMessage, frozen=True, kw_only=True):
    """To a login: another account can now be seen with it."""

    TEMPLATE: ClassVar[str] = "access_linked"
    account_name: str
    account_no: str
    login: str
    happened_at: datetime.datetime


class SignUpWay(StrEnum):
    """How customers who read the announcement get in."""

    INVITATION = "invitation"
    SIGN_UP = "sign_up"
    CODE = "code"


class AnnouncementMail(MailMessage, frozen=True, kw_only=True):
    """Tells customers that the portal exists; the printed letter is made from the same facts.

    Without an account it is for everybody, with one it is for one customer.
    """

    TEMPLATE: ClassVar[str] = "announcement"
    how: SignUpWay
    sign_in_url: str
    sign_up_url: str
    enrol_url: str
    account_name: str = ""
    account_no: str = ""
    enrolment_code: str = ""
    """Only with ``SignUpWay.CODE``; empty where it is printed on the statement instead."""
