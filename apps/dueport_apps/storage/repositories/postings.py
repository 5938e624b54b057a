"""Claims on writing one category of a settlement to the ERP."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_once
from dueport_apps.storage.tables.settling import posting
from dueport_apps.usecases.settlement_records import StoredPosting
from dueport_core.errors import Conflict
from dueport_core.postings import PostingCategory

_POSTINGS = Rows(posting, StoredPosting)


class SqlPostings:
    """Postings by settlement and category, which is what makes them unique."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, posting: StoredPosting) -> bool:
        """Insert the claim; False when (settlement, category) is claimed already."""
        return await insert_once(self._connection, _POSTINGS.table, _POSTINGS.values(posting))

    async def get(
        self, settlement_id: str, category: PostingCategory, *, for_update: bool = False
    ) -> StoredPosting | None:
        """Return the claim, locked if asked."""
        query = _POSTINGS.select().where(
            posting.c.settlement_id == settlement_id, posting.c.category == category
        )
        if for_update:
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _POSTINGS.build(row)

    async def of_settlement(self, settlement_id: str) -> list[StoredPosting]:
        """Return the settlement's claims in the order in which they were made."""
        rows = await self._connection.execute(
            _POSTINGS.select()
            .where(posting.c.settlement_id == settlement_id)
            .order_by(posting.c.claimed_at, posting.c.category)
        )
        return [_POSTINGS.build(row) for row in rows]

    async def save(self, posting: StoredPosting) -> None:
        """Compare-and-set: the row must hold the version before this one; else Conflict."""
        table = _POSTINGS.table
        result = await self._connection.execute(
            update(table)
            .where(
                table.c.settlement_id == posting.settlement_id,
                table.c.category == posting.category,
                table.c.version == posting.version - 1,
            )
            .values(_POSTINGS.values(posting))
        )
        if result.rowcount != 1:
            raise Conflict("Somebody else is posting this settlement; look at it again.")
