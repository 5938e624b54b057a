"""The ERP port: where receivables come from and where settled payments are posted.

The platform mirrors an ERP page by page and never reads it while a page is rendered. Four
read shapes exist in the field (changed-since, full snapshot, per account, SQL) and three write
shapes (one call, receipt then application, a file that a person imports); ``ErpCapabilities``
says which of them a connector has. Hardly any ERP offers an idempotency key, so posting is
built on look-up by our own reference: ``posting_status`` answers None only when a batch
provably never arrived.
"""

import abc
import datetime
import enum
from typing import Literal

import msgspec

from dueport_core.accounts import Account, Job
from dueport_core.errors import Unsupported
from dueport_core.journal import JournalEntry
from dueport_core.open_items import OpenItem
from dueport_core.postings import PostingCategory, Receipt
from dueport_core.statements import Statement


class Entity(enum.StrEnum):
    """What is pulled, in the order in which it must be stored."""

    ACCOUNTS = "accounts"
    JOBS = "jobs"
    DOCUMENTS = "documents"
    STATEMENTS = "statements"


class SyncShape(enum.StrEnum):
    SNAPSHOT = "snapshot"
    """A pull without a cursor starts a full snapshot; rows absent from it are gone."""
    CURSOR = "cursor"
    """A pull with the last cursor returns what changed since, with explicit deletes."""
    PER_ACCOUNT = "per_account"


class Deletes(enum.StrEnum):
    EXPLICIT = "explicit"
    ABSENT_FROM_SNAPSHOT = "absent_from_snapshot"
    NEVER = "never"


class Idempotency(enum.StrEnum):
    NATIVE_KEY = "native_key"
    LOOKUP_BY_REF = "lookup_by_ref"
    NONE = "none"
    """A retry needs a person's confirmation first."""


class ErpCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    entities: dict[Entity, SyncShape]
    deletes: Deletes
    posting: frozenset[Literal["api", "file"]]
    """Empty means read only."""
    idempotency: Idempotency
    statements: Literal["native", "none"] = "none"
    live_account: bool = False
    document_files: bool = False
    takes_discount: bool = False
    consumes_credits: bool = False
    journal_entries: bool = False
    reversals: bool = False
    async_posting: bool = False
    currencies: frozenset[str] = frozenset({"USD"})
    max_page: int = 999
    max_receipts: int = 100
    max_applications: int = 500
    min_poll_s: int = 900


class ErpProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What ``probe`` found: reachable and readable, or the sentence that says what to fix."""

    ok: bool
    detail: str
    counts: dict[Entity, int] = {}
    open_documents: int | None = None
    open_amount_cents: int | None = None


class RowGrade(enum.StrEnum):
    REFUSED = "refused"
    WARNING = "warning"
    IGNORED = "ignored"


class RowProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One row that did not load as it stands, for the operator's report."""

    grade: RowGrade
    source: str
    """File name, table or resource."""
    line: int
    """1 is the first line of the file, the header included; 0 where lines do not exist."""
    reason: str
    """A sentence that says what to change."""
    column: str = ""
    value: str = ""
    proposal: str = ""
    """How the value would be read if the operator agrees, or empty."""
    key: str = ""
    """The natural key of the row (see ``natural_key``), or empty where the row does not say it.

    What was stored under the key of a refused row stays as it is. While a refused row has no
    key, a snapshot closes nothing: the row may be any of those that the snapshot did not show.
    """


class Deleted(msgspec.Struct, frozen=True):
    """A row that the ERP no longer has, by its natural key (account number, document reference…)."""

    entity: Entity
    key: str


Record = Account | Job | OpenItem | Statement | Deleted


def natural_key(record: Record) -> str:
    """Return the key by which the ERP names a record: what ``Deleted`` and refused rows carry."""
    match record:
        case Account():
            return record.account_no
        case Job():
            return f"{record.account_no}/{record.job_no}"
        case OpenItem():
            return record.document_ref
        case Statement():
            return record.statement_ref
        case Deleted():
            return record.key


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of one entity. ``cursor`` is opaque, at most 4 KiB and owned by the plugin.

    The platform stores the cursor in the same transaction as the rows, so a pull that is cut
    off anywhere resumes with nothing lost; rows may come again, upserts make that harmless.
    """

    records: tuple[Record, ...]
    cursor: str | None
    more: bool
    as_of: datetime.datetime
    complete_snapshot: bool = False
    """True on the last page of a full snapshot: rows that were in none of its pages are gone.

    Refused rows are in no page and not gone; ``problems`` names them. A snapshot whose refusals
    are not all in ``problems`` is not complete.
    """
    problems: tuple[RowProblem, ...] = ()


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One account, read live before money moves."""

    account: Account
    items: tuple[OpenItem, ...]
    as_of: datetime.datetime
    statement: Statement | None = None


class PostingBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One category of one settlement, to be written to the ERP once."""

    key: str
    """Ours and unique for ever; a retry carries the same key and the same content."""
    settlement_ref: str
    category: PostingCategory
    deposit_on: datetime.date
    receipts: tuple[Receipt, ...]
    journal: tuple[JournalEntry, ...] = ()
    currency: str = "USD"


class ReceiptOutcome(enum.StrEnum):
    POSTED = "posted"
    DUPLICATE = "duplicate"
    """The ERP already had it under our key: as good as posted."""
    REJECTED = "rejected"


class ReceiptResult(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    outcome: ReceiptOutcome
    erp_ref: str = ""
    reason: str = ""


class PostingResult(msgspec.Struct, frozen=True, kw_only=True):
    """``accepted`` means under way: ask ``posting_status`` later. Files are for a person to import."""

    key: str
    state: Literal["accepted", "posted", "partial", "rejected"]
    receipts: tuple[ReceiptResult, ...] = ()
    reason: str = ""


class NamedFile(msgspec.Struct, frozen=True):
    name: str
    media_type: str
    content: bytes


class ErpConnector(abc.ABC):
    """Reads receivables, writes receipts.

    Every method may raise Unavailable (try later), Misconfigured (a person must act),
    Rejected (the ERP refused, with its words) or Unsupported; nothing else. A time-out after
    ``post`` was sent is Unavailable: the platform then asks ``posting_status`` and never
    repeats blindly.
    """

    @abc.abstractmethod
    def capabilities(self) -> ErpCapabilities:
        """Say what this connector can do; constant for the life of the object."""

    @abc.abstractmethod
    async def probe(self) -> ErpProbe:
        """Check credentials and read a sample; never writes."""

    @abc.abstractmethod
    async def pull(self, entity: Entity, cursor: str | None, limit: int) -> Page:
        """Return the next page of at most ``limit`` records; a None cursor starts over.

        Repeating a call with the same cursor is harmless. Amounts are integer cents, credits
        are negative, dates are the dealer's calendar days. Raises Conflict when the cursor
        has expired: the platform then starts a full snapshot.
        """

    async def account_snapshot(self, account_no: str) -> AccountSnapshot | None:
        """Read one account live; None where the ERP cannot (the mirror then decides)."""
        return None

    async def document_file(self, document_ref: str) -> NamedFile | None:
        """Return the document's PDF, or None where there is none."""
        return None

    @abc.abstractmethod
    async def post(self, batch: PostingBatch) -> PostingResult:
        """Write a batch once; the same key again has no second effect."""

    @abc.abstractmethod
    async def posting_status(self, key: str) -> PostingResult | None:
        """Say what became of a batch; None only if it provably never arrived."""

    async def reverse(self, erp_ref: str, key: str, reason: str) -> PostingResult:
        """Reverse one posted receipt; connectors without reversals raise Unsupported."""
        raise Unsupported("this ERP connector cannot reverse a posting; do it in the ERP by hand")

    @abc.abstractmethod
    async def render_posting(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        """Render the batch as the files that a person can import; always available."""

    async def close(self) -> None:
        """Release connections; called once at shutdown."""
        return
