"""What this plugin must remember by itself, in a small database in its own folder.

Plaid can be asked for a transfer by its authorization but not by our attempt, so which
authorization a transfer was about to be made for is written down, and is on the disk, before the
transfer is asked for. It also keeps which refund a request made, and which linked banks Plaid has
announced to cut off, because no call tells that before it happens.

Every process of a deployment must see the same folder. A lost journal costs speed and notices, not
money: transfers carry their attempt and are then found by listing them.
"""

import asyncio
import datetime
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from dueport_ports import Unavailable

T = TypeVar("T")

FILE_NAME: Final = "journal.sqlite3"
BUSY_TIMEOUT_S: Final = 5.0

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sends (
    send_id INTEGER PRIMARY KEY,
    attempt_id TEXT NOT NULL,
    authorization_ref TEXT NOT NULL,
    sent_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS sends_by_attempt ON sends (attempt_id);
CREATE TABLE IF NOT EXISTS refunds (refund_id TEXT PRIMARY KEY, refund_ref TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notices (
    item_id TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    noticed_at INTEGER NOT NULL
);
"""


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a transfer, written down before it was sent."""

    send_id: int
    authorization_ref: str
    sent_at: datetime.datetime


class Journal:
    """One thread and one connection; all methods raise Unavailable when the disk does not obey."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plaid-journal")
        self._connection: sqlite3.Connection | None = None

    async def add_send(
        self, attempt_id: str, authorization_ref: str, sent_at: datetime.datetime
    ) -> int:
        """Write down that a transfer is about to be asked for; on the disk when this returns."""
        row = (attempt_id, authorization_ref, int(sent_at.timestamp()))
        return await self._write(
            "INSERT INTO sends (attempt_id, authorization_ref, sent_at) VALUES (?, ?, ?)", row
        )

    async def sends(self, attempt_id: str) -> list[Send]:
        """Return what was sent for an attempt, the latest first."""
        rows = await self._read(
            "SELECT send_id, authorization_ref, sent_at FROM sends WHERE attempt_id = ? "
            "ORDER BY send_id DESC",
            (attempt_id,),
        )
        return [
            Send(
                send_id=send_id,
                authorization_ref=ref,
                sent_at=datetime.datetime.fromtimestamp(sent_at, datetime.UTC),
            )
            for send_id, ref, sent_at in rows
        ]

    async def add_refund(self, refund_id: str, refund_ref: str) -> None:
        """Remember which refund a request made."""
        await self._write(
            "INSERT OR IGNORE INTO refunds (refund_id, refund_ref) VALUES (?, ?)",
            (refund_id, refund_ref),
        )

    async def refund_ref(self, refund_id: str) -> str:
        """Return the refund that a request made, or empty."""
        rows = await self._read("SELECT refund_ref FROM refunds WHERE refund_id = ?", (refund_id,))
        return str(rows[0][0]) if rows else ""

    async def add_notice(self, item_id: str, code: str, noticed_at: datetime.datetime) -> None:
        """Remember the latest that was said about a linked bank; what is older changes nothing."""
        await self._write(
            "INSERT INTO notices (item_id, code, noticed_at) VALUES (?, ?, ?) "
            "ON CONFLICT (item_id) DO UPDATE SET code = excluded.code, "
            "noticed_at = excluded.noticed_at WHERE excluded.noticed_at >= notices.noticed_at",
            (item_id, code, int(noticed_at.timestamp())),
        )

    async def notice(self, item_id: str) -> str:
        """Return the code of the latest notice about a linked bank, or empty."""
        rows = await self._read("SELECT code FROM notices WHERE item_id = ?", (item_id,))
        return str(rows[0][0]) if rows else ""

    async def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            await self._run(lambda connection: connection.close())
        self._thread.shutdown(wait=False)

    async def _write(self, statement: str, row: tuple[str | int, ...]) -> int:
        def write(connection: sqlite3.Connection) -> int:
            with connection:
                return connection.execute(statement, row).lastrowid or 0

        return await self._run(write)

    async def _read(self, statement: str, key: tuple[str]) -> list[Any]:
        return await self._run(lambda connection: connection.execute(statement, key).fetchall())

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: work(self._opened()))
        except sqlite3.Error as error:
            raise Unavailable(f"the journal {self._path} cannot be used: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)
            # Every commit is on the disk, the folder's entry of the file included.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.executescript(SCHEMA)
            self._connection = connection
        return self._connection
