"""Failed tries by key: a login name or an address."""

import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.tables.people import throttle_failure as failure


class SqlThrottle:
    """Counts failures; the caller decides what follows."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def failures(
        self, key: str, since: datetime.datetime
    ) -> tuple[int, datetime.datetime | None]:
        """Return how many failures since then and when the last one was."""
        row = (
            await self._connection.execute(
                select(func.count(), func.max(failure.c.at, type_=failure.c.at.type)).where(
                    failure.c.key == key, failure.c.at >= since
                )
            )
        ).one()
        return row[0], row[1]

    async def record(self, key: str, at: datetime.datetime) -> None:
        """Add one failure, and forget those of the key that are older than a day."""
        await self._connection.execute(
            delete(failure).where(
                failure.c.key == key, failure.c.at < at - datetime.timedelta(days=1)
            )
        )
        await self._connection.execute(insert(failure).values(key=key, at=at))

    async def clear(self, key: str) -> None:
        """Forget the key's failures."""
        await self._connection.execute(delete(failure).where(failure.c.key == key))
