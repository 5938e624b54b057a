"""What the demo ERP knows: the rows it imported and the accounts it shows."""

import datetime
from typing import Literal

import msgspec

EntryKind = Literal["payment", "credit_applied", "credit_used", "discount"]
"""Money on a document; a credit on a document; the credit it came from; a discount by hand."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One imported line: so much for one document of one receipt."""

    kind: EntryKind
    receipt_key: str
    document_id: str
    amount_cents: int
    discount_cents: int = 0
    check_no: str = ""
    account_no: str = ""
    job_no: str = "0"
    method: str = ""
    processor_ref: str = ""
    settlement_ref: str = ""
    received_on: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes a line the same line, however often and in whichever file it comes."""
        return (self.receipt_key or self.check_no, self.document_id, self.kind)

    @property
    def applied_cents(self) -> int:
        return self.amount_cents + self.discount_cents


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a general ledger entry; exactly one of debit and credit is above zero."""

    source: str
    account: str
    debit_cents: int
    credit_cents: int
    occurred_on: str = ""
    description: str = ""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: what one file brought, or the end of a day."""

    at: datetime.datetime
    file: str = ""
    entries: tuple[Entry, ...] = ()
    journal: tuple[JournalLine, ...] = ()
    repeated: int = 0
    """Lines of the file that had been imported before."""
    closes_day: bool = False
    refused: str = ""
    """Why nothing of the file was taken; it then lies in the folder of refused ones."""


class AccountBalance(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the page lists it."""

    account_no: str
    name: str
    status: str
    open_documents: int
    balance_cents: int


class OpenDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document of an account's page; credits are negative."""

    document_id: str
    kind: str
    job_no: str
    due_on: str
    amount_cents: int
    open_cents: int
