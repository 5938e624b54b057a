"""The half of a file connector that does not depend on the files' layout.

A connector derives from ``FileErp`` and says two things: what a delivery holds, and what a posting
looks like as files. Paging, cursors that survive a restart, the guards against half and shrunken
deliveries, control totals, the outbox and its journal are here.
"""

import abc
import asyncio
import contextlib
import gc
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from dueport_core.errors import (
    Conflict,
    DueportError,
    Invalid,
    Misconfigured,
    Rejected,
    Unsupported,
)
from dueport_core.money import decimal_text, parse_cents
from dueport_core.open_items import OpenItem
from dueport_ports.context import PluginContext
from dueport_ports.erp import (
    Entity,
    ErpConnector,
    ErpProbe,
    NamedFile,
    Page,
    PostingBatch,
    PostingResult,
    ReceiptOutcome,
    ReceiptResult,
    Record,
    RowGrade,
    RowProblem,
)
from dueport_ports.files.drops import Completeness, Drop, complete_drop
from dueport_ports.files.guard import DeliveryGuard
from dueport_ports.files.outbox import Outbox, OutboxEntry

MAX_PAGE: Final = 20_000
MAX_PROBLEMS: Final = 5_000
"""More than this and the layout is wrong, not the rows; the last one says how many there were.

Refusals come before anything else, and a delivery with more refusals than this closes nothing.
"""


class FileErpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every file connector lets a dealer set; a connector's Settings derive from it."""

    folder: Path
    """Where the ERP's files arrive."""
    complete_when: Completeness = "stable"
    """What says that a delivery is whole: lying still, a ``_DONE`` mark or a manifest."""
    stable_s: int = 10
    """How long the files must have lain still, and how soon to look again for a mark."""
    confirm_fall: int | None = None
    """The number of open documents after a fall of more than 30 % that you have looked at."""
    control_open_documents: int | None = None
    """What the ERP's ageing report counts; the check fails while the files say otherwise."""
    control_open_amount: str | None = None
    """What the ERP's ageing report adds up to, such as "319584725.91"."""
    outbox: Path | None = None
    """Where posting files are written; a folder of the plugin's own by default."""
    assume_imported: bool = False
    """True where whatever lies in the outbox is imported without a person: written is posted."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery holds, judged. Documents are the open ones, all of them."""

    records: Mapping[Entity, tuple[Record, ...]]
    problems: Mapping[Entity, tuple[RowProblem, ...]]


class CellRefused(Exception):
    """A cell that the importer would not take, so nothing of the batch is written.

    ``receipt_key`` names the receipt, or is empty where it is none's fault.
    """

    def __init__(self, reason: str, receipt_key: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.receipt_key = receipt_key


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    snapshot_id: str
    drop: Drop
    delivery: Delivery
    open_documents: int
    open_amount_cents: int


class FileErp(ErpConnector):
    """An ERP that is a folder of files to read and an outbox to write.

    The same files give the same snapshot in every process, so a pull that is cut off resumes
    anywhere; once they have changed, an old cursor is a Conflict. A delivery is read once, in a
    thread, however many pages it has.
    """

    def __init__(self, settings: FileErpSettings, context: PluginContext, layout: str) -> None:
        """``layout`` changes whenever the same files would be read differently."""
        self._settings_of_files = settings
        self._clock = context.clock
        self._layout = layout
        self._control_cents = _control_cents(settings)
        self._outbox_folder = settings.outbox or context.data_folder / "outbox"
        self._outbox = Outbox(
            self._outbox_folder, context.data_folder / "postings", context.clock.now
        )
        self._guard = DeliveryGuard(context.data_folder / "last_delivery.json")
        self._snapshot: _Snapshot | None = None
        self._loading = asyncio.Lock()

    @abc.abstractmethod
    def read_delivery(self, drop: Drop) -> Delivery:
        """Read and judge a complete drop; called in a thread. Raises Misconfigured as a whole."""

    @abc.abstractmethod
    def render_files(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        """Render a batch, names unique to it; raises CellRefused for what cannot be imported."""

    async def probe(self) -> ErpProbe:
        try:
            snapshot = await self._newest()
        except DueportError as error:
            return ErpProbe(ok=False, detail=str(error))
        delivery = snapshot.delivery
        problems = [problem for found in delivery.problems.values() for problem in found]
        refused = sum(problem.grade is RowGrade.REFUSED for problem in problems)
        mismatch = self._control_mismatch(snapshot)
        return ErpProbe(
            ok=not mismatch,
            detail=mismatch
            or f"the delivery of {snapshot.drop.as_of:%Y-%m-%d %H:%M} UTC was read; {refused} rows "
            f"refused, {len(problems) - refused} with a warning or ignored",
            counts={entity: len(records) for entity, records in delivery.records.items()},
            open_documents=snapshot.open_documents,
            open_amount_cents=snapshot.open_amount_cents,
        )

    async def pull(self, entity: Entity, cursor: str | None, limit: int) -> Page:
        if cursor is None:
            snapshot, start = await self._newest(), 0
        else:
            wanted, start = _read_cursor(cursor)
            snapshot = await self._resumed(wanted)
        if entity not in snapshot.delivery.records:
            raise Unsupported(f"these files hold no {entity}; the capabilities say what they hold")
        records = snapshot.delivery.records[entity]
        end = start + max(1, min(limit, MAX_PAGE))
        more = end < len(records)
        problems = snapshot.delivery.problems.get(entity, ())
        if not more and entity is Entity.DOCUMENTS:
            await asyncio.to_thread(
                self._guard.accept,
                snapshot.drop,
                snapshot.open_documents,
                snapshot.open_amount_cents,
                self._clock.now(),
            )
        return Page(
            records=records[start:end],
            cursor=f"{snapshot.snapshot_id}.{min(end, len(records))}",
            more=more,
            as_of=snapshot.drop.as_of,
            complete_snapshot=not more and _refusals(problems) <= MAX_PROBLEMS,
            problems=_capped(problems) if start == 0 else (),
        )

    async def post(self, batch: PostingBatch) -> PostingResult:
        try:
            files = self.render_files(batch)
        except CellRefused as refusal:
            return _rejection(batch, refusal)
        content = msgspec.json.encode(batch, order="deterministic")
        keys = [receipt.key for receipt in batch.receipts]
        entry, first = await asyncio.to_thread(self._outbox.write, batch.key, content, files, keys)
        return self._result(entry, ReceiptOutcome.POSTED if first else ReceiptOutcome.DUPLICATE)

    async def posting_status(self, key: str) -> PostingResult | None:
        entry = await asyncio.to_thread(self._outbox.find, key)
        return self._result(entry, ReceiptOutcome.POSTED) if entry else None

    async def render_posting(self, batch: PostingBatch) -> tuple[NamedFile, ...]:
        try:
            return self.render_files(batch)
        except CellRefused as refusal:
            raise Rejected(refusal.reason) from refusal

    async def close(self) -> None:
        self._snapshot = None

    def _result(self, entry: OutboxEntry, outcome: ReceiptOutcome) -> PostingResult:
        names = " ".join(entry.files)
        if not self._settings_of_files.assume_imported:
            where = f"to be imported from {self._outbox_folder}: {names}"
            return PostingResult(key=entry.key, state="accepted", reason=where)
        return PostingResult(
            key=entry.key,
            state="posted",
            receipts=tuple(
                ReceiptResult(key=key, outcome=outcome, erp_ref=names) for key in entry.receipt_keys
            ),
        )

    async def _newest(self) -> _Snapshot:
        """Return the delivery that lies in the folder now, read again only if it changed."""
        async with self._loading:
            return await asyncio.to_thread(self._load)

    async def _resumed(self, wanted: str) -> _Snapshot:
        """Return the delivery that a cursor belongs to, which after a restart is read again."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.snapshot_id != wanted:
            snapshot = await self._newest()
        if snapshot.snapshot_id != wanted:
            raise Conflict("the files changed since this snapshot began; start a new one")
        return snapshot

    def _load(self) -> _Snapshot:
        settings = self._settings_of_files
        drop = complete_drop(
            settings.folder, settings.complete_when, settings.stable_s, self._clock.now()
        )
        digest = hashlib.sha256(f"{drop.signature}:{self._layout}".encode()).hexdigest()[:32]
        if self._snapshot and self._snapshot.snapshot_id == digest:
            return self._snapshot
        with _collector_paused():
            delivery = self.read_delivery(drop)
        items = [item for item in delivery.records[Entity.DOCUMENTS] if isinstance(item, OpenItem)]
        open_cents = sum(item.open_amount_cents for item in items)
        self._guard.check(
            drop,
            len(items),
            open_cents,
            confirmed=settings.confirm_fall,
            option="confirm_fall",
        )
        self._snapshot = _Snapshot(
            snapshot_id=digest,
            drop=drop,
            delivery=delivery,
            open_documents=len(items),
            open_amount_cents=open_cents,
        )
        return self._snapshot

    def _control_mismatch(self, snapshot: _Snapshot) -> str:
        """Say where the ERP's own totals differ from the files, or nothing."""
        wanted, cents = self._settings_of_files.control_open_documents, self._control_cents
        found = []
        if wanted is not None and wanted != snapshot.open_documents:
            found.append(
                f"the ERP counts {wanted} open documents and the files hold "
                f"{snapshot.open_documents}"
            )
        if cents is not None and cents != snapshot.open_amount_cents:
            found.append(
                f"the ERP's open amount is {decimal_text(cents)} and the files add up to "
                f"{decimal_text(snapshot.open_amount_cents)}"
            )
        return "; ".join(found)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage while hundreds of thousands of rows come to life.

    None of them is garbage, and looking through all of them again and again takes as long as
    reading them.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _control_cents(settings: FileErpSettings) -> int | None:
    if settings.control_open_amount is None:
        return None
    try:
        return parse_cents(settings.control_open_amount)
    except Invalid as error:
        raise Misconfigured(f"control_open_amount: {error}") from error


def _read_cursor(cursor: str) -> tuple[str, int]:
    wanted, _, offset = cursor.partition(".")
    if not offset.isdecimal():
        raise Conflict("this cursor is not from this connector; start a new snapshot")
    return wanted, int(offset)


def _capped(problems: tuple[RowProblem, ...]) -> tuple[RowProblem, ...]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    # The sort is stable: within refusals and within the rest, the order of the file stays.
    worst_first = sorted(problems, key=lambda problem: problem.grade is not RowGrade.REFUSED)
    rest = len(problems) - MAX_PROBLEMS
    reason = f"{rest} more rows have problems like these; the layout may be misread"
    if _refusals(problems) > MAX_PROBLEMS:
        reason += ". Nothing was closed, because any of them may be what is stored already"
    return (
        *worst_first[:MAX_PROBLEMS],
        RowProblem(grade=RowGrade.WARNING, source=problems[-1].source, line=0, reason=reason),
    )


def _refusals(problems: tuple[RowProblem, ...]) -> int:
    return sum(problem.grade is RowGrade.REFUSED for problem in problems)


def _rejection(batch: PostingBatch, refusal: CellRefused) -> PostingResult:
    reason = refusal.reason
    return PostingResult(
        key=batch.key,
        state="rejected",
        reason=f"nothing was written: {reason}",
        receipts=tuple(
            ReceiptResult(
                key=receipt.key,
                outcome=ReceiptOutcome.REJECTED,
                reason=reason if receipt.key == refusal.receipt_key else "nothing was written",
            )
            for receipt in batch.receipts
        ),
    )
