"""A world for connectors that are folders: files arrive in an inbox, postings lie in an outbox.

A connector derived from ``dueport_ports.files.FileErp`` needs to say three things to be held
against the contract: how receivables look in its files, how it is built, and how to read the money
in what it wrote.
"""

import abc
import datetime
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from dueport_core.money import parse_cents
from dueport_ports.context import PluginContext
from dueport_ports.erp import ErpConnector
from dueport_ports.testing.context import StillClock, plugin_context
from dueport_ports.testing.erp import ErpWorld
from dueport_ports.testing.receivables import Receivables, sample_batch, sample_receivables


class FileErpWorld(ErpWorld):
    """Inbox, outbox and the plugin's own folder, all under one temporary folder."""

    def __init__(self, root: Path) -> None:
        self.clock = StillClock()
        self.inbox = root / "inbox"
        self.outbox = root / "outbox"
        self.data = root / "data"
        for folder in (self.inbox, self.outbox, self.data):
            folder.mkdir()
        self._deliveries = 0
        self._obstacles: list[Path] = []

    @abc.abstractmethod
    def files_of(self, receivables: Receivables, bad_row: bool) -> Mapping[str, bytes]:
        """Return a delivery's files; with ``bad_row`` one document more, without a usable amount."""

    @abc.abstractmethod
    def build(self, context: PluginContext) -> ErpConnector:
        """Build the connector on this world's inbox and outbox."""

    @abc.abstractmethod
    def money_rows(self, name: str, content: bytes) -> Iterable[tuple[str, str]]:
        """Return document and amount of each money row of an outbox file; none for other files."""

    async def load(self, receivables: Receivables) -> None:
        self.deliver(self.files_of(receivables, bad_row=False))

    async def plant_bad_row(self) -> bool:
        self.deliver(self.files_of(sample_receivables(), bad_row=True))
        return True

    def deliver(self, files: Mapping[str, bytes]) -> None:
        """Put files into the inbox in their order, as written a little later than the last ones."""
        self._deliveries += 1
        self.clock.advance(datetime.timedelta(hours=1))
        for position, (name, content) in enumerate(files.items()):
            path = self.inbox / name
            path.write_bytes(content)
            written_at = self.clock.now().timestamp() - 600 + position
            os.utime(path, (written_at, written_at))

    def connect(self) -> ErpConnector:
        for obstacle in self._obstacles:
            obstacle.rmdir()
        self._obstacles.clear()
        return self.build(plugin_context(self.data, self.clock))

    async def applied_cents(self) -> Mapping[str, int]:
        applied: Counter[str] = Counter()
        for path in sorted(self.outbox.iterdir()):
            if path.is_file():
                for document_ref, amount in self.money_rows(path.name, path.read_bytes()):
                    applied[document_ref] += parse_cents(amount)
        return dict(applied)

    async def cut_after_commit(self) -> None:
        # A folder where the file belongs lets everything succeed up to its publication.
        for file in await self.connect().render_posting(sample_batch()):
            obstacle = self.outbox / file.name
            obstacle.mkdir()
            self._obstacles.append(obstacle)

    async def break_connection(self) -> None:
        shutil.rmtree(self.inbox)
