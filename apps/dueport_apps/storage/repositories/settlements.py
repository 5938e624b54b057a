"""Payouts and their lines."""

import datetime
from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    distinct,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.settling import posting, settlement, settlement_line
from dueport_apps.usecases.settlement_records import SettlementRow, StoredLine, StoredSettlement
from dueport_core.errors import Conflict, NotFound
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLineCategory
from dueport_ports import SettlementLine

_SETTLEMENTS = Rows(settlement, StoredSettlement)
_lines = settlement_line.c
_IS_PAYMENT = and_(
    _lines.category == SettlementLineCategory.PAYMENT, _lines.payment_id.is_not(None)
)
# A fee is either kept back from a line, or a line of its own whose gross is negative.
_FEE = _lines.fee_cents + case(
    (_lines.category == SettlementLineCategory.FEE, -_lines.gross_cents), else_=0
)


class SqlSettlements:
    """Settlements by our id, by the processor's reference, and as pages."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def by_ref(
        self, processor: str, settlement_ref: str, *, for_update: bool = False
    ) -> StoredSettlement | None:
        """Return the settlement that the processor knows under this reference."""
        return await self._one(
            and_(
                settlement.c.processor == processor,
                settlement.c.settlement_ref == settlement_ref,
            ),
            for_update=for_update,
        )

    async def get(self, settlement_id: str, *, for_update: bool = False) -> StoredSettlement:
        """Return a settlement, locked if asked; raises NotFound for an unknown id."""
        found = await self._one(settlement.c.settlement_id == settlement_id, for_update=for_update)
        if found is None:
            raise NotFound("There is no such settlement.")
        return found

    async def save(
        self, settlement: StoredSettlement, lines: Sequence[StoredLine] | None = None
    ) -> None:
        """Insert version 1, or compare-and-set on the version before; else Conflict.

        Lines replace the stored ones; Conflict once anything of the settlement is posted, unless
        they are what is stored.
        """
        table = _SETTLEMENTS.table
        values = {
            **_SETTLEMENTS.values(settlement),
            "settlement_ref": settlement.head.settlement_ref,
            "created_at": settlement.head.created_at,
        }
        if settlement.version == 1:
            await insert_new(
                self._connection, table, values, "This settlement was imported already."
            )
        else:
            result = await self._connection.execute(
                update(table)
                .where(
                    table.c.settlement_id == settlement.settlement_id,
                    table.c.version == settlement.version - 1,
                )
                .values(values)
            )
            if result.rowcount != 1:
                raise Conflict("This settlement has changed meanwhile; look at it again.")
        if lines is not None:
            await self._replace_lines(settlement.settlement_id, [line.line for line in lines])

    async def lines(self, settlement_id: str) -> list[StoredLine]:
        """Return the lines in the processor's order."""
        rows = await self._connection.scalars(
            select(_lines.line)
            .where(_lines.settlement_id == settlement_id)
            .order_by(_lines.position)
        )
        return [StoredLine(settlement_id=settlement_id, line=line) for line in rows]

    async def rows(self, after: str | None, limit: int) -> tuple[list[SettlementRow], str | None]:
        """Return one page, newest payout first, and the cursor of the next."""
        order = "settlements:newest"
        about = (
            select(
                func.count(distinct(_lines.payment_id)).filter(_IS_PAYMENT).label("payments"),
                func.coalesce(func.sum(_FEE), 0).label("fee_cents"),
            )
            .where(_lines.settlement_id == settlement.c.settlement_id)
            .correlate(settlement)
            .lateral("about")
        )
        query = cursors.keyset(
            select(
                *_SETTLEMENTS.columns,
                settlement.c.created_at,
                settlement.c.number,
                about.c.payments,
                about.c.fee_cents,
            ).join(about, true()),
            order=order,
            columns=(settlement.c.created_at, settlement.c.number),
            descending=True,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        postings = await self._postings([row.settlement_id for row in page])
        next_page = None
        if len(found) > limit:
            next_page = cursors.encode(order, [page[-1].created_at, page[-1].number])
        return [
            SettlementRow(
                settlement=_SETTLEMENTS.build(row),
                payments=row.payments,
                fee_cents=int(row.fee_cents),
                postings=postings.get(row.settlement_id, {}),
            )
            for row in page
        ], next_page

    async def newest_created_at(self, processor: str) -> datetime.datetime | None:
        """Return when the processor's newest imported payout was made."""
        newest: datetime.datetime | None = (
            await self._connection.execute(
                select(func.max(settlement.c.created_at, type_=settlement.c.created_at.type)).where(
                    settlement.c.processor == processor
                )
            )
        ).scalar_one()
        return newest

    async def of_payment(self, payment_id: str) -> str:
        """Return the settlement that paid this payment out, or the empty text."""
        found = await self._connection.execute(
            select(_lines.settlement_id)
            .join(settlement, settlement.c.settlement_id == _lines.settlement_id)
            .where(
                _lines.payment_id == payment_id,
                _lines.category == SettlementLineCategory.PAYMENT,
            )
            .order_by(settlement.c.number)
            .limit(1)
        )
        return found.scalar_one_or_none() or ""

    async def _one(
        self, condition: ColumnElement[bool], *, for_update: bool
    ) -> StoredSettlement | None:
        query = _SETTLEMENTS.select().where(condition)
        if for_update:
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _SETTLEMENTS.build(row)

    async def _replace_lines(self, settlement_id: str, lines: Sequence[SettlementLine]) -> None:
        stored = [line.line for line in await self.lines(settlement_id)]
        if stored == list(lines):
            return
        states = (await self._postings([settlement_id])).get(settlement_id, {})
        if PostingState.POSTED in states.values():
            raise Conflict(
                "A part of this settlement is posted, so its lines can no longer change; what "
                "changed at the processor belongs in a correction."
            )
        await self._connection.execute(
            delete(settlement_line).where(_lines.settlement_id == settlement_id)
        )
        if lines:
            await self._connection.execute(
                insert(settlement_line),
                [
                    {
                        "settlement_id": settlement_id,
                        "position": position,
                        "line_ref": line.line_ref,
                        "category": line.category,
                        "payment_id": line.payment_id,
                        "gross_cents": line.gross_cents,
                        "fee_cents": line.fee_cents,
                        "line": line,
                    }
                    for position, line in enumerate(lines)
                ],
            )

    async def _postings(
        self, settlement_ids: Sequence[str]
    ) -> dict[str, dict[PostingCategory, PostingState]]:
        rows = await self._connection.execute(
            select(posting.c.settlement_id, posting.c.category, posting.c.state).where(
                posting.c.settlement_id.in_(settlement_ids)
            )
        )
        found: dict[str, dict[PostingCategory, PostingState]] = {}
        for row in rows:
            found.setdefault(row.settlement_id, {})[row.category] = row.state
        return found
