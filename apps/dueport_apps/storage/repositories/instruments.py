"""Payment methods that customers gave, and the collections that are under way."""

from typing import Any

import msgspec
from sqlalchemy import select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.repositories.sealing import opened, sealed
from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.paying import collect, instrument
from dueport_apps.usecases.payment_records import CollectRecord, StoredInstrument
from dueport_core.errors import NotFound
from dueport_ports import SecretBox

_INSTRUMENTS = Rows(instrument, StoredInstrument)
_COLLECTS = Rows(collect, CollectRecord)


class SqlInstruments:
    """Instruments, whose references are sealed in the table."""

    def __init__(self, connection: AsyncConnection, secrets: SecretBox) -> None:
        self._connection = connection
        self._secrets = secrets

    async def add(self, instrument: StoredInstrument) -> None:
        """Insert; raises Conflict for an id that is there already."""
        await insert_new(
            self._connection,
            _INSTRUMENTS.table,
            self._values(instrument),
            "This payment method exists already.",
        )

    async def get(self, instrument_id: str, account_no: str) -> StoredInstrument:
        """Return an instrument of this account that was not removed; else NotFound."""
        row = (
            await self._connection.execute(
                _INSTRUMENTS.select().where(
                    instrument.c.instrument_id == instrument_id,
                    instrument.c.account_no == account_no,
                    instrument.c.removed_at.is_(None),
                )
            )
        ).one_or_none()
        if row is None:
            raise _unknown()
        return self._build(row)

    async def kept(self, user_id: str, account_no: str) -> list[StoredInstrument]:
        """Return what this user keeps for this account, newest first."""
        rows = await self._connection.execute(
            _INSTRUMENTS.select()
            .where(
                instrument.c.user_id == user_id,
                instrument.c.account_no == account_no,
                instrument.c.kept,
                instrument.c.removed_at.is_(None),
            )
            .order_by(instrument.c.created_at.desc(), instrument.c.instrument_id)
        )
        return [self._build(row) for row in rows]

    async def save(self, instrument: StoredInstrument) -> None:
        """Store a changed instrument; raises NotFound for an unknown one."""
        table = _INSTRUMENTS.table
        result = await self._connection.execute(
            update(table)
            .where(table.c.instrument_id == instrument.instrument_id)
            .values(self._values(instrument))
        )
        if result.rowcount != 1:
            raise _unknown()

    async def customer_ref(self, user_id: str, processor: str) -> str:
        """Return the processor's newest reference for this payer, or the empty text."""
        given = [
            select(table.c.processor_customer_ref, table.c.created_at).where(
                table.c.user_id == user_id,
                table.c.processor == processor,
                table.c.processor_customer_ref != "",
            )
            for table in (instrument, collect)
        ]
        every = union_all(*given).subquery()
        found = await self._connection.execute(
            select(every.c.processor_customer_ref).order_by(every.c.created_at.desc()).limit(1)
        )
        return found.scalar_one_or_none() or ""

    async def add_collect(self, record: CollectRecord) -> None:
        """Insert; raises Conflict for an id that is there already."""
        await insert_new(
            self._connection, collect, _COLLECTS.values(record), "This was started already."
        )

    async def collect(
        self, collect_id: str, user_id: str, *, for_update: bool = False
    ) -> CollectRecord:
        """Return a collection of this user, locked if asked; NotFound for anybody else's."""
        query = _COLLECTS.select().where(
            collect.c.collect_id == collect_id, collect.c.user_id == user_id
        )
        if for_update:
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("Adding this payment method was not started here; start again.")
        return _COLLECTS.build(row)

    async def save_collect(self, record: CollectRecord) -> None:
        """Store how the collection ended; raises NotFound for an unknown one."""
        result = await self._connection.execute(
            update(collect)
            .where(collect.c.collect_id == record.collect_id)
            .values(_COLLECTS.values(record))
        )
        if result.rowcount != 1:
            raise NotFound("Adding this payment method was not started here; start again.")

    def _values(self, value: StoredInstrument) -> dict[str, Any]:
        values = _INSTRUMENTS.values(value)
        values["instrument"] = sealed(value.instrument, self._secrets)
        return values

    def _build(self, row: Any) -> StoredInstrument:
        stored = _INSTRUMENTS.build(row)
        return msgspec.structs.replace(stored, instrument=opened(stored.instrument, self._secrets))


def _unknown() -> NotFound:
    return NotFound("There is no such payment method; choose another one.")
