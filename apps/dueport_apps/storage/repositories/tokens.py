"""One-time tokens: found by their hash, good once, for one purpose, until they expire."""

import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.people import one_time_token as token
from dueport_apps.usecases.records import OneTimeToken
from dueport_core.errors import NotFound

_TOKENS = Rows(token, OneTimeToken)


class SqlTokens:
    """Tokens by hash and purpose."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, token: OneTimeToken) -> None:
        """Insert; raises Conflict for a hash that is there, which chance does not bring about."""
        await insert_new(
            self._connection, _TOKENS.table, _TOKENS.values(token), "This token exists already."
        )

    async def find(self, token_hash: bytes, purpose: str) -> OneTimeToken | None:
        """Return a token of this purpose in whatever state, to explain what is wrong with it."""
        row = (
            await self._connection.execute(
                _TOKENS.select().where(token.c.token_hash == token_hash, token.c.purpose == purpose)
            )
        ).one_or_none()
        return None if row is None else _TOKENS.build(row)

    async def use(self, token_hash: bytes, purpose: str, now: datetime.datetime) -> OneTimeToken:
        """Consume; raises NotFound if unknown, used, expired or of another purpose."""
        row = (
            await self._connection.execute(
                update(token)
                .where(
                    token.c.token_hash == token_hash,
                    token.c.purpose == purpose,
                    token.c.used_at.is_(None),
                    token.c.expires_at > now,
                )
                .values(used_at=now)
                .returning(*_TOKENS.columns)
            )
        ).one_or_none()
        if row is None:
            raise NotFound("This link has been used or has expired; ask for a new one.")
        return _TOKENS.build(row)

    async def void(self, purpose: str, subject_id: str, now: datetime.datetime) -> None:
        """Make the subject's unused tokens of this purpose worthless."""
        await self._connection.execute(
            update(token)
            .where(
                token.c.purpose == purpose,
                token.c.subject_id == subject_id,
                token.c.used_at.is_(None),
            )
            .values(used_at=now)
        )
