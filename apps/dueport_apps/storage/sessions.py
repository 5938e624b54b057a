"""Where the web base keeps sessions and kept answers.

The stores sit here because they are SQL, and speak the web base's own values; nothing else of the
storage knows the web. Every call is one statement that commits by itself, but for `rotate`, whose
two belong together.
"""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql

from dueport_apps.storage.engine import Database
from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.people import session
from dueport_apps.storage.tables.platform import kept_answer
from dueport_apps.web.http.idempotency import KeptAnswer
from dueport_apps.web.http.sessions import AuthLevel, SessionRecord
from dueport_apps.web.http.settings import Portal

_SESSIONS = Rows(session, SessionRecord)
# Every request asks for it; put together once, it costs a third less.
_BY_TOKEN = _SESSIONS.select().where(session.c.token_hash == bindparam("token_hash"))
# No request runs this long; a claim without an answer after it has died on the way.
_LOST_AFTER = datetime.timedelta(minutes=10)


class SqlSessionStore:
    """Session rows by the hash of their token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token_hash: bytes) -> SessionRecord | None:
        """Return the row of a hashed token, or None."""
        async with self._database.statements.connect() as connection:
            found = await connection.execute(_BY_TOKEN, {"token_hash": token_hash})
            row = found.one_or_none()
        if row is None:
            return None
        record = _SESSIONS.build(row)
        return msgspec.structs.replace(
            record, portal=Portal(record.portal), auth_level=AuthLevel(record.auth_level)
        )

    async def create(self, record: SessionRecord) -> None:
        """Insert a row."""
        async with self._database.statements.connect() as connection:
            await connection.execute(insert(session).values(_SESSIONS.values(record)))

    async def touch(self, token_hash: bytes, last_seen_at: datetime.datetime) -> None:
        """Note the last request of an existing row; never insert one."""
        await self._change(token_hash, {"last_seen_at": last_seen_at})

    async def save(self, token_hash: bytes, data: Mapping[str, Any]) -> None:
        """Replace the data of an existing row; never insert one."""
        await self._change(token_hash, {"data": dict(data)})

    async def rotate(self, token_hash: bytes, record: SessionRecord) -> bool:
        """Replace an existing row by `record` in one transaction; False where it was gone."""
        async with self._database.transactions.begin() as connection:
            ended = await connection.execute(
                delete(session).where(session.c.token_hash == token_hash)
            )
            if ended.rowcount != 1:
                return False
            await connection.execute(insert(session).values(_SESSIONS.values(record)))
        return True

    async def delete(self, token_hash: bytes) -> None:
        """Delete a row; an unknown one is no error."""
        async with self._database.statements.connect() as connection:
            await connection.execute(delete(session).where(session.c.token_hash == token_hash))

    async def delete_for_user(self, portal: Portal, user_id: str, keep: bytes | None = None) -> int:
        """Delete a user's rows but the one with the hash `keep`; return how many."""
        statement = delete(session).where(session.c.portal == portal, session.c.user_id == user_id)
        if keep is not None:
            statement = statement.where(session.c.token_hash != keep)
        async with self._database.statements.connect() as connection:
            return (await connection.execute(statement)).rowcount

    async def delete_idle(self, before: datetime.datetime) -> int:
        """Delete rows not seen since then, which no request can bring back; return how many."""
        async with self._database.statements.connect() as connection:
            ended = await connection.execute(delete(session).where(session.c.last_seen_at < before))
            return ended.rowcount

    async def _change(self, token_hash: bytes, values: dict[str, Any]) -> None:
        async with self._database.statements.connect() as connection:
            await connection.execute(
                update(session).where(session.c.token_hash == token_hash).values(values)
            )


class SqlIdempotencyStore:
    """Answers of unsafe calls by the hash of person, route and idempotency key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, key: bytes, answer: KeptAnswer) -> KeptAnswer | None:
        """Insert the key; return None where that worked, else the row that was there before.

        A claim without an answer that is older than any request lasts is taken over.
        """
        values = {"key": key, **_answer_values(answer)}
        statement = (
            postgresql.insert(kept_answer)
            .values(values)
            .on_conflict_do_update(
                index_elements=["key"],
                set_=_answer_values(answer),
                where=kept_answer.c.answer.is_(None)
                & (kept_answer.c.claimed_at <= answer.claimed_at - _LOST_AFTER),
            )
            .returning(kept_answer.c.key)
        )
        async with self._database.statements.connect() as connection:
            while (await connection.execute(statement)).one_or_none() is None:
                found = await connection.execute(
                    kept_answer.select().where(kept_answer.c.key == key)
                )
                row = found.one_or_none()
                # Released between both statements: the key is free again.
                if row is not None:
                    return _answer(row)
        return None

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Store the answer of a claimed key."""
        async with self._database.statements.connect() as connection:
            await connection.execute(
                update(kept_answer).where(kept_answer.c.key == key).values(_answer_values(answer))
            )

    async def release(self, key: bytes) -> None:
        """Forget a claimed key whose call failed on our side; an answer stays."""
        async with self._database.statements.connect() as connection:
            await connection.execute(
                delete(kept_answer).where(kept_answer.c.key == key, kept_answer.c.answer.is_(None))
            )

    async def delete_old(self, before: datetime.datetime) -> int:
        """Forget keys claimed before then; return how many."""
        async with self._database.statements.connect() as connection:
            gone = await connection.execute(
                delete(kept_answer).where(kept_answer.c.claimed_at < before)
            )
            return gone.rowcount


def _answer_values(answer: KeptAnswer) -> dict[str, Any]:
    return {
        "body_hash": answer.body_hash,
        "claimed_at": answer.claimed_at,
        # The whole answer in one value: it is only ever read and written together.
        "answer": None if answer.status is None else msgspec.msgpack.encode(answer),
    }


def _answer(row: Any) -> KeptAnswer:
    if row.answer is not None:
        return msgspec.msgpack.decode(row.answer, type=KeptAnswer)
    return KeptAnswer(body_hash=row.body_hash, claimed_at=row.claimed_at)
