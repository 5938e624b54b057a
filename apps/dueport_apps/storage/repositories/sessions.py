"""Ending people's sessions together with what takes their access away."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.tables.people import session


class SqlSessions:
    """Sessions as use cases see them: only their end. The web base does the rest."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def end(self, portal: str, user_id: str, *, but: bytes = b"") -> int:
        """End the person's sessions, except the one with this token hash; return how many."""
        result = await self._connection.execute(
            delete(session).where(
                session.c.portal == portal,
                session.c.user_id == user_id,
                session.c.token_hash != but,
            )
        )
        return result.rowcount
