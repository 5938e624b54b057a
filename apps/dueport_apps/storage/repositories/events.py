"""What processors told us: every webhook once, and where their change feeds were left."""

import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.platform import feed_cursor, inbound_event
from dueport_apps.usecases.payment_records import InboundEvent
from dueport_core.errors import NotFound

_EVENTS = Rows(inbound_event, InboundEvent)


class SqlInboundEvents:
    """Inbound events by number."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, processor: str, dedupe_key: str, kind: str, ref: str, at: datetime.datetime
    ) -> int | None:
        """Store once; return its id, or None when (processor, dedupe_key) is already there."""
        statement = (
            insert(inbound_event)
            .values(
                processor=processor,
                dedupe_key=dedupe_key,
                kind=kind,
                ref=ref,
                received_at=at,
                state="new",
                tries=0,
                reason="",
            )
            .on_conflict_do_nothing()
            .returning(inbound_event.c.event_id)
        )
        event_id: int | None = (await self._connection.execute(statement)).scalar_one_or_none()
        return event_id

    async def get(self, event_id: int, *, for_update: bool = False) -> InboundEvent:
        """Return an event, locked if asked; raises NotFound for an unknown number."""
        query = _EVENTS.select().where(inbound_event.c.event_id == event_id)
        if for_update:
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("There is no such event.")
        return _EVENTS.build(row)

    async def save(self, event: InboundEvent) -> None:
        """Store what became of an event."""
        values = _EVENTS.values(event)
        del values["event_id"]
        await self._connection.execute(
            update(inbound_event).where(inbound_event.c.event_id == event.event_id).values(values)
        )

    async def unfinished(self, limit: int) -> list[InboundEvent]:
        """Return events that nobody has worked off yet, oldest first."""
        rows = await self._connection.execute(
            _EVENTS.select()
            .where(inbound_event.c.state == "new")
            .order_by(inbound_event.c.event_id)
            .limit(limit)
        )
        return [_EVENTS.build(row) for row in rows]

    async def feed_cursor(self, processor: str) -> str | None:
        """Return where the processor's change feed was left."""
        found = await self._connection.execute(
            select(feed_cursor.c.cursor).where(feed_cursor.c.processor == processor)
        )
        return found.scalar_one_or_none()

    async def save_feed_cursor(self, processor: str, cursor: str) -> None:
        """Remember the place, together with the effect of what came before it."""
        await self._connection.execute(
            insert(feed_cursor)
            .values(processor=processor, cursor=cursor)
            .on_conflict_do_update(index_elements=["processor"], set_={"cursor": cursor})
        )

    async def health(self, processor: str) -> tuple[datetime.datetime | None, int]:
        """Return when the last webhook came in and how many events are parked."""
        row = (
            await self._connection.execute(
                select(
                    func.max(inbound_event.c.received_at, type_=inbound_event.c.received_at.type),
                    func.count().filter(inbound_event.c.state == "parked"),
                ).where(inbound_event.c.processor == processor)
            )
        ).one()
        return row[0], row[1]
