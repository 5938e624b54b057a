"""The demo ERP: imports what Dueport posts, once, and delivers its receivables afresh.

It stands for the dealer's own program. It knows Dueport only by the two folders between them: it
takes posting files out of the one and puts its exports into the other.
"""

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from dueport_apps.sandbox.demo_erp.books import Books
from dueport_apps.sandbox.demo_erp.delivery import deliver
from dueport_apps.sandbox.demo_erp.ledger import Ledger
from dueport_apps.sandbox.demo_erp.postings import FileRefused, read_posting
from dueport_apps.sandbox.demo_erp.records import Entry, Imported, JournalLine

LOOK_EVERY_S: Final = 0.5
DELIVER_EVERY: Final = datetime.timedelta(hours=1)

logger = logging.getLogger(__name__)


class ErpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the ERP's folders are and when it applies what it imported.

    `at_once` lowers open amounts with the import; `end_of_day` leaves them until the day is
    closed, as many real ERPs do.
    """

    books: Path
    """The opening files: accounts, contacts, jobs, documents, statements."""
    inbox: Path
    """Where it delivers for Dueport to read."""
    outbox: Path
    """Where Dueport leaves postings for it."""
    ledger: Path
    applies: Literal["at_once", "end_of_day"] = "at_once"


class DemoErp:
    """One dealer's ERP, its state rebuilt from the opening files and the ledger."""

    def __init__(
        self, settings: ErpSettings, now: Callable[[], datetime.datetime] | None = None
    ) -> None:
        self.settings = settings
        self._now = now or _wall_now
        self.books = Books(settings.books)
        self._ledger = Ledger(settings.ledger)
        self._known: dict[tuple[str, str, str], Entry] = {}
        self._journal_sources: set[str] = set()
        self._waiting: list[Entry] = []
        self._delivered_at: datetime.datetime | None = None
        self._turn = asyncio.Lock()
        for imported in self._ledger.imports:
            self._follow(imported)

    @property
    def imports(self) -> list[Imported]:
        """Return every import, oldest first."""
        return self._ledger.imports

    @property
    def refusals(self) -> list[Imported]:
        """Return the files that were refused, newest first."""
        return [one for one in reversed(self.imports) if one.refused]

    @property
    def waiting(self) -> int:
        """Return how many entries wait for the end of the day."""
        return len(self._waiting)

    def receipts(self) -> list[tuple[Imported, Entry]]:
        """Return every imported entry with its import, newest first."""
        return [(one, entry) for one in reversed(self.imports) for entry in one.entries]

    def journal(self) -> list[JournalLine]:
        """Return every line of the general ledger, oldest first."""
        return [line for one in self.imports for line in one.journal]

    def import_new(self) -> int:
        """Import what lies in the outbox; return how many files there were."""
        files = self._waiting_files()
        for path in files:
            self._import_file(path)
        return len(files)

    def close_day(self) -> int:
        """Apply what waits for the end of the day; return how many entries did."""
        count = len(self._waiting)
        imported = Imported(at=self._now(), closes_day=True)
        self._ledger.add(imported)
        self._follow(imported)
        return count

    def deliver(self) -> None:
        """Export everything as it stands now."""
        count, cents = self.books.totals()
        now = self._now()
        deliver(
            self.settings.inbox,
            self.books.export(),
            open_documents=count,
            open_cents=cents,
            now=now,
        )
        self._delivered_at = now

    async def look(self) -> bool:
        """Import what is new and deliver if that, or the hour, calls for it; say if it did."""
        async with self._turn:
            # Reading and writing thousands of rows must not hold up the portals beside us.
            return await asyncio.to_thread(self._look)

    async def end_day(self) -> None:
        """Close the day and deliver."""
        async with self._turn:
            self.close_day()
            await asyncio.to_thread(self.deliver)

    async def watch(self, delivered: Callable[[], Awaitable[None]]) -> None:
        """Look again and again until cancelled; `delivered` is awaited after every delivery."""
        while True:
            try:
                if await self.look():
                    await delivered()
            except Exception:
                logger.exception("the demo ERP stumbled; it looks again")
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self) -> bool:
        imported = self.import_new()
        age = None if self._delivered_at is None else self._now() - self._delivered_at
        if not imported and age is not None and age < DELIVER_EVERY:
            return False
        self.deliver()
        return True

    def _waiting_files(self) -> list[Path]:
        if not self.settings.outbox.is_dir():
            return []
        return sorted(
            path
            for path in self.settings.outbox.iterdir()
            if path.is_file() and path.suffix == ".csv" and not path.name.startswith(".")
        )

    def _import_file(self, path: Path) -> None:
        try:
            entries, journal = read_posting(path.read_bytes())
            new = self._new_entries(entries)
        except FileRefused as refusal:
            self._ledger.add(Imported(at=self._now(), file=path.name, refused=str(refusal)))
            _move(path, "refused")
            return
        # A file that was imported before is told apart by its lines, not by its name.
        fresh_journal = [line for line in journal if line.source not in self._journal_sources]
        imported = Imported(
            at=self._now(),
            file=path.name,
            entries=tuple(new),
            journal=tuple(fresh_journal),
            repeated=len(entries) + len(journal) - len(new) - len(fresh_journal),
        )
        self._ledger.add(imported)
        self._follow(imported)
        _move(path, "imported")

    def _new_entries(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that are not known yet, each once."""
        found: dict[tuple[str, str, str], Entry] = {}
        for entry in entries:
            before = self._known.get(entry.identity) or found.get(entry.identity)
            if before is None:
                found[entry.identity] = entry
            elif before.applied_cents != entry.applied_cents:
                raise FileRefused(
                    f"receipt {entry.receipt_key or entry.check_no} for {entry.document_id} was "
                    "imported before with another amount"
                )
        return list(found.values())

    def _follow(self, imported: Imported) -> None:
        """Bring everything that is derived from the ledger up to date with one more line of it."""
        self._known.update({entry.identity: entry for entry in imported.entries})
        self._journal_sources.update(line.source for line in imported.journal)
        self._waiting += imported.entries
        if imported.closes_day or self.settings.applies == "at_once":
            for entry in self._waiting:
                self.books.apply(entry)
            self._waiting.clear()


def _move(path: Path, folder: str) -> None:
    """Take a file out of the way, never over another of the same name."""
    goal = path.parent / folder
    goal.mkdir(exist_ok=True)
    target, number = goal / path.name, 1
    while target.exists():
        number += 1
        target = goal / f"{path.stem}.{number}{path.suffix}"
    path.replace(target)


def _wall_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
