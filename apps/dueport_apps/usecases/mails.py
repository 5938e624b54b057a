"""The facts of each built-in mail: values only, so that use cases need no template engine.

A message names its template in ``TEMPLATE``. Amounts are cents, dates the dealer's calendar days,
instants UTC; the templates' filters write them for people.
"""

import datetime
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
    """The browser and address it came from, where known."""
    reset_url: str


class OperatorInviteMail(MailMessage, frozen=True, kw_only=True):
    TEMPLATE: ClassVar[str] = "operator_invite"
    operator_name: str
    invited_by: str
    role: str
    setup_url: str
    expires_in_hours: int


class ResetPasswordMail(MailMessage, frozen=True, kw_only=True):
    TEMPLATE: ClassVar[str] = "reset_password"
    login: str
    reset_url: str
    expires_in_minutes: int
