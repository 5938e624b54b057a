"""Open items: the ERP's documents that still have a balance."""

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import Cents

MASTER_JOB: Final = "0"
"""The job of everything that belongs to no job in particular."""


class OpenItemKind(StrEnum):
    """What the document is; the sign of its amounts follows from it."""

    INVOICE = "invoice"
    DEBIT = "debit"
    CREDIT = "credit"
    FINANCE_CHARGE = "finance_charge"
    BALANCE_FORWARD = "balance_forward"


class OpenItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One document with an open balance.

    ``document_ref`` is the ERP's name for it, unique per dealer. Amounts are signed: credits are
    zero or negative, everything else is zero or positive, and ``Invalid`` is raised otherwise.
    ``posted_on`` is the day it entered the ledger (None: ``issued_on``), which decides the
    statement it belongs to. ``discount_eligible`` is the ERP's word on the statement discount,
    None where it has none. An item that is not ``released`` is invisible to the customer.
    ``erp_kind`` is the ERP's own word for the kind.

    Nothing in it can refer back to it, so the garbage collector need not know of it (``gc``):
    an import holds a hundred thousand.
    """

    document_ref: str
    account_no: str
    kind: OpenItemKind
    issued_on: date
    due_on: date
    original_amount_cents: Cents
    open_amount_cents: Cents
    job_no: str = MASTER_JOB
    posted_on: date | None = None
    reference: str = ""
    po_number: str = ""
    statement_ref: str | None = None
    discount_eligible: bool | None = None
    released: bool = True
    erp_kind: str = ""

    def __post_init__(self) -> None:
        if self.kind is OpenItemKind.CREDIT:
            if self.original_amount_cents > 0 or self.open_amount_cents > 0:
                raise Invalid(f"Credit {self.document_ref} must have amounts of zero or below.")
        elif self.original_amount_cents < 0 or self.open_amount_cents < 0:
            raise Invalid(
                f"{self.document_ref} is a {self.kind} and must not have a negative amount; "
                "what lowers the balance is a credit."
            )

    @property
    def is_credit(self) -> bool:
        """Whether it lowers what the account owes."""
        return self.kind is OpenItemKind.CREDIT

    @property
    def entered_on(self) -> date:
        """The day it entered the ledger, as far as the ERP says."""
        return self.posted_on or self.issued_on

    def days_past_due(self, today: date) -> int:
        """Calendar days after the due date; zero on it, negative before it.

        ``today`` is the dealer's calendar day, never UTC's.
        """
        return (today - self.due_on).days

    def payable_cents(self, reserved_cents: int = 0, settled_unposted_cents: int = 0) -> int:
        """What is left to pay (or, for a credit and below zero, left to use).

        Both arguments are magnitudes: what payments in flight have reserved, and what has settled
        but does not show in the ERP's open amount yet. Never crosses zero.
        """
        taken = reserved_cents + settled_unposted_cents
        if self.is_credit:
            return min(0, self.open_amount_cents + taken)
        return max(0, self.open_amount_cents - taken)
