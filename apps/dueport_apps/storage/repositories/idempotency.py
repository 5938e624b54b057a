"""Answers of the API by idempotency key."""

import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import insert_once
from dueport_apps.storage.tables.platform import idempotency
from dueport_core.errors import Conflict

# No request runs this long; a first call without an answer after it has died on the way.
_LOST_AFTER = datetime.timedelta(minutes=10)


class SqlIdempotency:
    """One row per scope and key."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin(
        self, scope: str, key: str, request_hash: str, now: datetime.datetime
    ) -> bytes | None:
        """Return None the first time, the stored answer for a repeat; Conflict for another
        request under the same key, and while the first call is under way."""
        mine = {"scope": scope, "key": key, "request_hash": request_hash, "begun_at": now}
        if await insert_once(self._connection, idempotency, mine):
            return None
        here = (idempotency.c.scope == scope) & (idempotency.c.key == key)
        row = (await self._connection.execute(idempotency.select().where(here))).one()
        if row.request_hash != request_hash:
            raise Conflict("This idempotency key was used for another request; take a new one.")
        if row.answer is not None:
            answer: bytes = row.answer
            return answer
        taken_over = await self._connection.execute(
            update(idempotency)
            .where(here, idempotency.c.begun_at == row.begun_at, idempotency.c.answer.is_(None))
            .where(idempotency.c.begun_at <= now - _LOST_AFTER)
            .values(begun_at=now)
        )
        if taken_over.rowcount != 1:
            raise Conflict("The first call with this idempotency key is still running.")
        return None

    async def finish(self, scope: str, key: str, answer: bytes) -> None:
        """Keep the answer for repeats."""
        await self._connection.execute(
            update(idempotency)
            .where(idempotency.c.scope == scope, idempotency.c.key == key)
            .values(answer=answer)
        )
