"""Keys of machines that use the operator API; only hashes of their texts are kept."""

import datetime

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.people import api_key
from dueport_apps.usecases.records import ApiKey
from dueport_core.errors import NotFound

_KEYS = Rows(api_key, ApiKey)


class SqlApiKeys:
    """API keys by hash."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: ApiKey) -> None:
        """Insert; raises Conflict for a key that is there already."""
        await insert_new(
            self._connection, api_key, _KEYS.values(key), "This API key exists already."
        )

    async def by_hash(self, token_hash: bytes) -> ApiKey | None:
        """Return the key unless it is revoked."""
        row = (
            await self._connection.execute(
                _KEYS.select().where(
                    api_key.c.token_hash == token_hash, api_key.c.revoked_at.is_(None)
                )
            )
        ).one_or_none()
        return None if row is None else _KEYS.build(row)

    async def all(self) -> list[ApiKey]:
        """Return every key, revoked ones too, newest first."""
        rows = await self._connection.execute(
            _KEYS.select().order_by(api_key.c.created_at.desc(), api_key.c.key_id)
        )
        return [_KEYS.build(row) for row in rows]

    async def revoke(self, key_id: str, at: datetime.datetime) -> None:
        """Revoke for good; the first time is what is remembered. NotFound for an unknown id."""
        result = await self._connection.execute(
            update(api_key)
            .where(api_key.c.key_id == key_id)
            .values(revoked_at=func.coalesce(api_key.c.revoked_at, at))
        )
        if result.rowcount != 1:
            raise NotFound("There is no such API key.")
