"""An ERP in memory, for tests of use cases and for simulations.

It passes the same contract suite as the real connectors, so what a use case learns from it holds
for them. Its faults are switches; its end of day is a call.
"""

import asyncio
import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from dueport_core.accounts import Account, Job
from dueport_core.errors import Conflict, Rejected, Unavailable
from dueport_core.journal import JournalEntry
from dueport_core.money import decimal_text
from dueport_core.open_items import OpenItem
from dueport_core.postings import Receipt
from dueport_core.statements import Statement
from dueport_ports.erp import (
    AccountSnapshot,
    Deletes,
    Entity,
    ErpCapabilities,
    ErpConnector,
    ErpProbe,
    Idempotency,
    NamedFile,
    Page,
    PostingBatch,
    PostingResult,
    ReceiptOutcome,
    ReceiptResult,
    Record,
    RowProblem,
    SyncShape,
)
from dueport_ports.files import file_safe, short_digest, write_delimited


def noon() -> datetime.datetime:
    """The instant of a fake that was given no clock."""
    return datetime.datetime(2026, 3, 31, 12, 0, tzinfo=datetime.UTC)


@dataclasses.dataclass
class ErpFaults:
    """What goes wrong; set and unset at any time."""

    unavailable: bool = False
    """Nothing answers and nothing takes effect."""
    cut_before_commit: int = 0
    """So many posts from now on are lost on their way."""
    cut_after_commit: int = 0
    """So many posts from now on take effect, and their answer is lost."""
    slow_s: float = 0.0
    """How long every call takes."""
    reject: dict[str, str] = dataclasses.field(default_factory=dict)
    """Receipt key to the reason with which it is refused."""


class FakeErp(ErpConnector):
    """Holds receivables, takes postings, and shows them applied only after its end of day.

    ``posted`` counts for each receipt key how often it took effect; anything above one is a
    double posting. Whatever changes the receivables makes the cursors of a running pull expire.
    """

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        jobs: Iterable[Job] = (),
        items: Iterable[OpenItem] = (),
        statements: Iterable[Statement] = (),
        *,
        now: Callable[[], datetime.datetime] = noon,
    ) -> None:
        self.faults = ErpFaults()
        self.posted: Counter[str] = Counter()
        self.overapplied: Counter[str] = Counter()
        """Cents by document that came when it was already paid."""
        self.journal: list[JournalEntry] = []
        self.problems: dict[Entity, tuple[RowProblem, ...]] = {}
        self._now = now
        self._accounts = {account.account_no: account for account in accounts}
        self._jobs = {(job.account_no, job.job_no): job for job in jobs}
        self._items = {item.document_ref: item for item in items}
        self._statements = {found.statement_ref: found for found in statements}
        self._version = 1
        self._batches: dict[str, tuple[bytes, PostingResult]] = {}
        self._taken: dict[str, Receipt] = {}
        self._waiting: list[Receipt] = []

    @property
    def items(self) -> tuple[OpenItem, ...]:
        """The documents that are open now, in the ERP's own view."""
        return tuple(self._items.values())

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Every receipt that took effect, in order."""
        return tuple(self._taken.values())

    def put(self, *records: Account | Job | OpenItem | Statement) -> None:
        """Add or replace records, as somebody at the dealer does in the ERP."""
        for record in records:
            match record:
                case Account():
                    self._accounts[record.account_no] = record
                case Job():
                    self._jobs[record.account_no, record.job_no] = record
                case OpenItem():
                    self._items[record.document_ref] = record
                case Statement():
                    self._statements[record.statement_ref] = record
        self._version += 1

    def void(self, document_ref: str) -> None:
        """Take a document away, as when it is voided or paid by check."""
        del self._items[document_ref]
        self._version += 1

    def apply_posted(self) -> None:
        """Run the end of day: what was posted lowers the open amounts, paid documents go."""
        for receipt in self._waiting:
            for application in receipt.applications:
                self._lower(
                    application.document_ref, application.amount_cents + application.discount_cents
                )
            for used in receipt.credits_used:
                self._lower(used.document_ref, -used.amount_cents)
        self._waiting.clear()
        self._version += 1

    def capabilities(self) -> ErpCapabilities:
        return ErpCapabilities(
            entities=dict.fromkeys(Entity, SyncShape.SNAPSHOT),
            deletes=Deletes.ABSENT_FROM_SNAPSHOT,
            posting=frozenset({"api", "file"}),
            idempotency=Idempotency.NATIVE_KEY,
            statements="native",
            live_account=True,
            takes_discount=True,
            consumes_credits=True,
            journal_entries=True,
        )

    async def probe(self) -> ErpProbe:
        await self._answer()
        return ErpProbe(
            ok=True,
            detail="the ERP in memory answers",
            counts={entity: len(self._records(entity)) for entity in Entity},
            open_documents=len(self._items),
            open_amount_cents=sum(item.open_amount_cents for item in self._items.values()),
        )

    async def pull(self, entity: Entity, cursor: str | None, limit: int) -> Page:
        await self._answer()
        start = 0
        if cursor is not None:
            version, _, offset = cursor.partition(".")
            if version != str(self._version):
                raise Conflict("the receivables changed since this snapshot began; start a new one")
            start = int(offset)
        records = self._records(entity)
        end = start + max(1, limit)
        more = end < len(records)
        return Page(
            records=records[start:end],
            cursor=f"{self._version}.{min(end, len(records))}",
            more=more,
            as_of=self._now(),
            complete_snapshot=not more,
            problems=self.problems.get(entity, ()) if start == 0 else (),
        )

    async def account_snapshot(self, account_no: str) -> AccountSnapshot | None:
        await self._answer()
        account = self._accounts.get(account_no)
        if account is None:
            return None
        statements = [
            found
            for found in self._statements.values()
            if found.account_no == account_no and found.is_current
        ]
        return AccountSnapshot(
            account=account,
            items=tuple(item for item in self._items.values() if item.account_no == account_no),
            as_of=self._now(),
            statement=max(statements, key=lambda found: found.statement_on, default=None),
        )

    async def post(self, batch: PostingBatch) -> PostingResult:
        await self._answer()
        content = msgspec.json.encode(batch, order="deterministic")
        if batch.key in self._batches:
            before, result = self._batches[batch.key]
            if before != content:
                raise Rejected(f"the key {batch.key} came before with other content", "key_reused")
            return _as_duplicate(result)
        if self.faults.cut_before_commit:
            self.faults.cut_before_commit -= 1
            raise Unavailable("the line went dead")
        results = tuple(self._take(receipt) for receipt in batch.receipts)
        refused = sum(found.outcome is ReceiptOutcome.REJECTED for found in results)
        if refused and refused == len(results):
            return PostingResult(
                key=batch.key, state="rejected", receipts=results, reason=results[0].reason
            )
        self.journal.extend(batch.journal)
        result = PostingResult(
            key=batch.key, state="partial" if refused else "posted", receipts=results
        )
        self._batches[batch.key] = (content, result)
        if self.faults.cut_after_commit:
            self.faults.cut_after_commit -= 1
            raise Unavailable("the line went dead")
        return result

    async def posting_status(self, key: str) -> PostingResult | None:
        await self._answer()
        return self._batches[key][1] if key in self._batches else None

    async def render_posting(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        rows = [["receipt", "account_no", "job_no", "document_ref", "amount", "discount"]]
        rows.extend(
            [
                receipt.key,
                receipt.account_no,
                receipt.job_no,
                application.document_ref,
                decimal_text(application.amount_cents),
                decimal_text(application.discount_cents),
            ]
            for receipt in batch.receipts
            for application in receipt.applications
        )
        name = f"{file_safe(batch.settlement_ref)}_{batch.category}_{short_digest(batch.key)}.csv"
        return (NamedFile(name, "text/csv", write_delimited(rows)),)

    def _take(self, receipt: Receipt) -> ReceiptResult:
        if receipt.key in self.faults.reject:
            reason = self.faults.reject[receipt.key]
            return ReceiptResult(key=receipt.key, outcome=ReceiptOutcome.REJECTED, reason=reason)
        erp_ref = f"R-{receipt.key}"
        if receipt.key in self._taken:
            return ReceiptResult(key=receipt.key, outcome=ReceiptOutcome.DUPLICATE, erp_ref=erp_ref)
        self.posted[receipt.key] += 1
        self._taken[receipt.key] = receipt
        self._waiting.append(receipt)
        return ReceiptResult(key=receipt.key, outcome=ReceiptOutcome.POSTED, erp_ref=erp_ref)

    def _lower(self, document_ref: str, cents: int) -> None:
        """Bring an open amount nearer to zero; ``cents`` has the document's own sign."""
        item = self._items.get(document_ref)
        left = item.open_amount_cents if item else 0
        taken = min(cents, left) if cents > 0 else max(cents, left)
        if taken != cents:
            self.overapplied[document_ref] += abs(cents - taken)
        if item is None:
            return
        if left == taken:
            del self._items[document_ref]
            return
        self._items[document_ref] = msgspec.structs.replace(item, open_amount_cents=left - taken)

    def _records(self, entity: Entity) -> tuple[Record, ...]:
        held: dict[Entity, Iterable[Record]] = {
            Entity.ACCOUNTS: self._accounts.values(),
            Entity.JOBS: self._jobs.values(),
            Entity.DOCUMENTS: self._items.values(),
            Entity.STATEMENTS: self._statements.values(),
        }
        return tuple(held[entity])

    async def _answer(self) -> None:
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        if self.faults.unavailable:
            raise Unavailable("the ERP does not answer", 60)


def _as_duplicate(result: PostingResult) -> PostingResult:
    return msgspec.structs.replace(
        result,
        receipts=tuple(
            msgspec.structs.replace(found, outcome=ReceiptOutcome.DUPLICATE)
            if found.outcome is ReceiptOutcome.POSTED
            else found
            for found in result.receipts
        ),
    )
