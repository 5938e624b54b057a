"""The audit log: every entry carries a hash over itself and the entry before it.

Whoever changes, removes or reorders entries behind our back breaks the chain at that place.
Cutting off the end leaves a shorter chain that is intact, which is why the newest hash is worth
keeping elsewhere. Entries are numbered without gaps, one at a time under a lock that lasts until
commit.
"""

import datetime
import hashlib

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.platform import audit_entry
from dueport_apps.usecases.records import AuditEntry, StoredAuditEntry

_ENTRIES = Rows(audit_entry, AuditEntry)
# Any constant that nothing else locks in this database.
_LOCK = 0x4455_4550_0001
_BATCH = 1_000
BEGINNING = bytes(32)
"""What the first entry follows."""


class SqlAudit:
    """Appends and reads; there is no other write."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, entry: AuditEntry) -> None:
        """Add to the hash chain."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        last = (
            await self._connection.execute(
                select(audit_entry.c.number, audit_entry.c.hash)
                .order_by(audit_entry.c.number.desc())
                .limit(1)
            )
        ).one_or_none()
        number, previous = (1, BEGINNING) if last is None else (last.number + 1, last.hash)
        await self._connection.execute(
            insert(audit_entry).values(
                **_ENTRIES.values(entry),
                number=number,
                previous_hash=previous,
                hash=chained(previous, number, entry),
            )
        )

    async def page(
        self, before: int | None, limit: int, *, subject: str = ""
    ) -> list[StoredAuditEntry]:
        """Return entries before that number, newest first."""
        query = (
            select(*_ENTRIES.columns, audit_entry.c.number, audit_entry.c.hash)
            .order_by(audit_entry.c.number.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(audit_entry.c.number < before)
        if subject:
            query = query.where(audit_entry.c.subject == subject)
        return [
            StoredAuditEntry(number=row.number, entry=_ENTRIES.build(row), hash=row.hash.hex())
            for row in await self._connection.execute(query)
        ]

    async def verify(self) -> int | None:
        """Return the number of the first entry whose hash does not follow, or None."""
        number, previous = 0, BEGINNING
        while True:
            rows = (
                await self._connection.execute(
                    select(
                        *_ENTRIES.columns,
                        audit_entry.c.number,
                        audit_entry.c.previous_hash,
                        audit_entry.c.hash,
                    )
                    .where(audit_entry.c.number > number)
                    .order_by(audit_entry.c.number)
                    .limit(_BATCH)
                )
            ).all()
            if not rows:
                return None
            for row in rows:
                number += 1
                expected = chained(previous, number, _ENTRIES.build(row))
                if (row.number, row.previous_hash, row.hash) != (number, previous, expected):
                    return number
                previous = row.hash


def chained(previous: bytes, number: int, entry: AuditEntry) -> bytes:
    """Return the hash of an entry in its place."""
    in_utc = msgspec.structs.replace(entry, at=entry.at.astimezone(datetime.UTC))
    content = msgspec.json.encode([number, in_utc], order="sorted")
    return hashlib.sha256(previous + content).digest()
