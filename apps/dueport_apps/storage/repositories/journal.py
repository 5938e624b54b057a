"""The double-entry journal: appended to, never edited; the database refuses anything else."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, insert, or_, select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.tables.settling import (
    journal_entry,
    journal_line,
    settlement,
    settlement_line,
)
from dueport_core.errors import NotFound
from dueport_core.journal import JournalEntry, JournalLine
from dueport_core.settlements import SettlementLine, SettlementLineCategory


class SqlJournal:
    """Entries by source."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: JournalEntry) -> bool:
        """Append; False when an entry of this source exists (a repeat is no second entry)."""
        number = (
            await self._connection.execute(
                postgresql.insert(journal_entry)
                .values(
                    source=entry.source,
                    kind=entry.kind,
                    occurred_on=entry.occurred_on,
                    reason=entry.reason,
                )
                .on_conflict_do_nothing()
                .returning(journal_entry.c.number)
            )
        ).scalar_one_or_none()
        if number is None:
            return False
        await self._connection.execute(
            insert(journal_line),
            [
                {
                    "number": number,
                    "position": position,
                    "account": line.account,
                    "amount_cents": line.amount_cents,
                }
                for position, line in enumerate(entry.lines)
            ],
        )
        return True

    async def of_source(self, source: str) -> JournalEntry | None:
        """Return the entry of this event."""
        found = await self._entries(journal_entry.c.source == source)
        return found[0] if found else None

    async def of_settlement(self, settlement_id: str) -> list[JournalEntry]:
        """Return what this settlement's own lines have booked, oldest first.

        A payment's entry belongs to the settlement that paid it out and its return to the one that
        took it back, so every entry is in one settlement at most.
        """
        head = (
            await self._connection.execute(
                select(settlement.c.processor, settlement.c.settlement_ref).where(
                    settlement.c.settlement_id == settlement_id
                )
            )
        ).one_or_none()
        if head is None:
            raise NotFound("There is no such settlement.")
        lines = await self._connection.scalars(
            select(settlement_line.c.line).where(settlement_line.c.settlement_id == settlement_id)
        )
        exact = {f"settlement:{head.processor}:{head.settlement_ref}:paid"}
        returns: set[str] = set()
        for line in lines:
            exact |= _sources_of(head.processor, line)
            if line.category is SettlementLineCategory.RETURN and line.payment_id:
                returns.add(f"payment:{line.payment_id}:returned:")
        source = journal_entry.c.source
        return await self._entries(
            or_(source.in_(exact), *_begins_with_any(source, sorted(returns)))
        )

    async def balances(self) -> dict[str, int]:
        """Return each ledger account's balance in cents; they add up to zero."""
        rows = await self._connection.execute(
            select(journal_line.c.account, func.sum(journal_line.c.amount_cents))
            .group_by(journal_line.c.account)
            .order_by(journal_line.c.account)
        )
        return {row[0]: int(row[1]) for row in rows}

    async def _entries(self, condition: ColumnElement[bool]) -> list[JournalEntry]:
        lines = (
            select(
                func.array_agg(
                    postgresql.aggregate_order_by(journal_line.c.account, journal_line.c.position)
                ).label("accounts"),
                func.array_agg(
                    postgresql.aggregate_order_by(
                        journal_line.c.amount_cents, journal_line.c.position
                    )
                ).label("amounts"),
            )
            .where(journal_line.c.number == journal_entry.c.number)
            .correlate(journal_entry)
            .lateral("lines")
        )
        rows = await self._connection.execute(
            select(
                journal_entry.c.source,
                journal_entry.c.kind,
                journal_entry.c.occurred_on,
                journal_entry.c.reason,
                lines.c.accounts,
                lines.c.amounts,
            )
            .join(lines, true())
            .where(condition)
            .order_by(journal_entry.c.number)
        )
        return [
            JournalEntry(
                source=row.source,
                kind=row.kind,
                occurred_on=row.occurred_on,
                lines=tuple(map(JournalLine, row.accounts, row.amounts)),
                reason=row.reason,
            )
            for row in rows
        ]


def _begins_with_any(
    source: ColumnElement[str], beginnings: Iterable[str]
) -> Iterable[ColumnElement[bool]]:
    return (source.startswith(beginning, autoescape=True) for beginning in beginnings)


def _sources_of(processor: str, line: SettlementLine) -> set[str]:
    """Return the sources of the entries that a line books, by the names that the rules give them."""
    sources = {f"{kind}:{processor}:{line.line_ref}" for kind in ("fee", "suspense")}
    dispute = f"dispute:{processor}:{line.dispute_ref or line.line_ref}"
    match line.category:
        case SettlementLineCategory.PAYMENT:
            sources.add(f"payment:{line.payment_id}:settled")
        case SettlementLineCategory.REFUND:
            sources.add(f"refund:{line.refund_ref or line.line_ref}")
        case SettlementLineCategory.DISPUTE:
            sources.add(f"{dispute}:opened")
        case SettlementLineCategory.DISPUTE_REVERSAL:
            sources.add(f"{dispute}:won")
    return sources
