"""Addresses whose mail came back, by the address without case."""

import datetime
from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, any_of, login_key
from dueport_apps.storage.tables.inviting import bounced_address
from dueport_apps.usecases.invite_records import BouncedAddress

_BOUNCED = Rows(bounced_address, BouncedAddress)


class SqlBounces:
    """Marks on addresses."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def mark(self, address: str, at: datetime.datetime, reason: str) -> None:
        """Mark the address; of several returned mails the last one is told."""
        told = {"address": address.strip(), "at": at, "reason": reason}
        await self._connection.execute(
            insert(bounced_address)
            .values(address_key=login_key(address), **told)
            .on_conflict_do_update(index_elements=["address_key"], set_=told)
        )

    async def clear(self, address: str) -> bool:
        """Take the mark away; False where there was none."""
        result = await self._connection.execute(
            delete(bounced_address).where(bounced_address.c.address_key == login_key(address))
        )
        return result.rowcount == 1

    async def of(self, addresses: Sequence[str]) -> dict[str, BouncedAddress]:
        """Return the marks of these addresses, by the address in lower case."""
        keys = [login_key(address) for address in addresses]
        rows = await self._connection.execute(
            _BOUNCED.select().where(bounced_address.c.address_key == any_of(keys))
        )
        return {login_key(mark.address): mark for mark in map(_BOUNCED.build, rows)}
