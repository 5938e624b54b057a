"""A worker's sign of life: a number that is locked for as long as the worker lives.

Claims carry the number. The lock belongs to a connection of its own and vanishes with it, however
the process ends, so a number that can be locked belongs to nobody who is alive. No clock and no
time limit decide about that.
"""

import asyncio
import contextlib
import secrets
from weakref import WeakKeyDictionary

import psycopg

from dueport_apps.storage.engine import Database, plain_url
from dueport_core.errors import Unavailable

_BITS = 62
# The server notices within a minute when the worker's machine is gone without a word.
_SETTINGS = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"


class WorkerPresence:
    """Takes a number when it is first asked for, and another when the connection was lost.

    A connection belongs to the event loop that opened it, so every loop has a number of its own.
    """

    def __init__(self, database: Database) -> None:
        self._url = plain_url(database.url)
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Presence] = WeakKeyDictionary()

    async def number(self) -> int:
        """Return this worker's number, whose lock is held; raises Unavailable when the database
        does not answer. Another number than before means that claims under that one are lost."""
        loop = asyncio.get_running_loop()
        presence = self._by_loop.get(loop)
        if presence is None:
            presence = self._by_loop[loop] = _Presence(self._url)
        return await presence.number()

    async def close(self) -> None:
        """Give the numbers back."""
        here = self._by_loop.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.close()
        for elsewhere in self._by_loop.values():
            elsewhere.drop()
        self._by_loop.clear()


class _Presence:
    """The number of one event loop and the connection that holds its lock."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._one_at_a_time = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._number = 0

    async def number(self) -> int:
        async with self._one_at_a_time:
            if not await self._is_alive():
                await self.close()
                try:
                    await self._take()
                except psycopg.OperationalError as error:
                    await self.close()
                    raise Unavailable(f"The database does not answer: {error}") from error
            return self._number

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The server closes a session in its own time; the number is free at once.
            with contextlib.suppress(psycopg.OperationalError):
                await connection.execute("SELECT pg_advisory_unlock_all()")
            await connection.close()

    def drop(self) -> None:
        """Let go of a connection whose event loop is not running here."""
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = None

    async def _is_alive(self) -> bool:
        if self._connection is None or self._connection.closed:
            return False
        try:
            await self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    async def _take(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=10,
            application_name="dueport worker",
            options=_SETTINGS,
        )
        while True:
            number = secrets.randbits(_BITS) or 1
            answer = await self._connection.execute(
                "SELECT pg_try_advisory_lock(%s::bigint)", [number]
            )
            if (await answer.fetchone()) == (True,):
                self._number = number
                return
