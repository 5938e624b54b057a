"""What the generator draws, before it is written as files."""

import datetime
from enum import StrEnum
from typing import Final

import msgspec

from dueport_apps.demo.names import Person, Place

CREDIT_KINDS: Final = frozenset({"credit_adjustment", "credit_memo", "payment_on_account"})


class Pace(StrEnum):
    """How a customer pays, which decides what of theirs is still open."""

    PROMPT = "prompt"
    STEADY = "steady"
    SLOW = "slow"
    LATE = "late"
    DELINQUENT = "delinquent"
    GIVEN_UP = "given_up"
    """Buys nothing any more and pays nothing."""
    PAID_UP = "paid_up"
    """Owes nothing: no open document, or credits that equal the rest."""
    IN_CREDIT = "in_credit"
    """Credits are above what is owed."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """When an invoice is due."""

    text: str
    days: int


class StatementOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The early-pay discount on a customer's statements: honoured for `days` after the closing."""

    bps: int
    days: int
    as_amount: bool = False
    """The ERP hands over dollars instead of a rate."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    job_no: str
    name: str
    status: str = "active"


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One account of the dealer's; `volume` is how many open documents it has, about."""

    account_no: str
    name: str
    pace: Pace
    volume: int
    terms: Terms
    place: Place
    contacts: tuple[Person, ...] = ()
    jobs: tuple[Job, ...] = ()
    kind: str = "charge"
    status: str = "active"
    posting_model: str = "open_item"
    billing_level: str = "master"
    credit_limit: int | None = None
    """Whole dollars."""
    offer: StatementOffer | None = None
    branch: str = "Keene"

    @property
    def is_balance_forward(self) -> bool:
        return self.posting_model == "balance_forward"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One document as the ERP keeps it: amounts are never negative, the kind gives the side.

    `paid_on` is the day on which the amount fell to `open_cents`, None while nothing was paid.
    """

    kind: str
    account_no: str
    job_no: str
    issued_on: datetime.date
    due_on: datetime.date
    amount_cents: int
    open_cents: int
    paid_on: datetime.date | None = None
    po_number: str = ""
    reference: str = ""
    document_id: str = ""
    statement_id: str = ""

    @property
    def sign(self) -> int:
        return -1 if self.kind in CREDIT_KINDS else 1

    def owed_cents(self, day: datetime.date) -> int:
        """Return what was open at the end of a day; credits are negative."""
        if self.issued_on > day:
            return 0
        paid = self.paid_on is not None and self.paid_on <= day
        return self.sign * (self.open_cents if paid else self.amount_cents)


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A closed statement; its balance is the sum of what its documents owed on the closing day."""

    statement_id: str
    account_no: str
    job_no: str
    statement_on: datetime.date
    due_on: datetime.date
    balance_cents: int
    document_ids: tuple[str, ...]
    is_current: bool
    discount_on: datetime.date | None = None
    discount_bps: int | None = None
    discount_cents: int | None = None


class Dealer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was drawn for one seed and day."""

    seed: int
    today: datetime.date
    customers: tuple[Customer, ...]
    documents: tuple[Document, ...]
    statements: tuple[Statement, ...]

    @property
    def open_documents(self) -> tuple[Document, ...]:
        return tuple(one for one in self.documents if one.open_cents)
