"""The connections that one process holds open to the mail server."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dueport_email_smtp.connection import Connection
from dueport_email_smtp.settings import Encryption, SmtpSettings

_TRUSTED_IDLE_S = 1.0
"""A connection used this recently is taken as alive; an older one is asked first."""


class Lease:
    """The right to use one connection; a broken or worn-out one is replaced in place."""

    def __init__(self, pool: "ConnectionPool") -> None:
        self._pool = pool
        self._connection: Connection | None = None

    async def connection(self, *, fresh: bool = False) -> Connection:
        """Return an open connection. Raises Unavailable or Misconfigured when there is none."""
        held = self._connection
        worn_out = held is not None and held.messages_sent >= self._pool.messages_per_connection
        if held is not None and held.is_open and not worn_out and not fresh:
            return held
        self._connection = None
        if held is not None:
            await held.quit()
        self._connection = await self._pool.open_or_reuse(fresh=fresh or held is not None)
        return self._connection

    def give_back(self) -> None:
        if self._connection is not None:
            self._pool.keep(self._connection)


class ConnectionPool:
    """At most ``settings.connections`` at a time; idle ones are kept, asked and closed."""

    def __init__(self, settings: SmtpSettings, hello_name: str) -> None:
        self._settings = settings
        self._hello_name = hello_name
        self._slots = asyncio.Semaphore(settings.connections)
        self._free_slots = settings.connections
        self._idle: list[Connection] = []
        self._timers: dict[Connection, asyncio.TimerHandle] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._tls_context: ssl.SSLContext | None = None
        self._tls_lock = asyncio.Lock()
        self._closed = False

    @property
    def messages_per_connection(self) -> int:
        return self._settings.messages_per_connection

    @property
    def free_slots(self) -> int:
        return self._free_slots

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Lease]:
        async with self._slots:
            self._free_slots -= 1
            lease = Lease(self)
            try:
                yield lease
            finally:
                lease.give_back()
                self._free_slots += 1

    async def open_or_reuse(self, *, fresh: bool) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._idle and not fresh:
            connection = self._take_idle()
            trusted = connection.is_open and now - connection.idle_since < _TRUSTED_IDLE_S
            if trusted or await connection.is_healthy():
                return connection
            connection.abort()
        return await self.open_new()

    async def open_new(self) -> Connection:
        return await Connection.open(self._settings, await self._tls(), self._hello_name)

    def keep(self, connection: Connection) -> None:
        """Hold a connection for the next message, or close it when it is of no more use."""
        worn_out = connection.messages_sent >= self.messages_per_connection
        if not connection.is_open:
            connection.abort()
            return
        if worn_out or self._closed:
            self._say_goodbye(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        self._timers[connection] = loop.call_later(
            self._settings.idle_close_s, self._close_idle, connection
        )

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            self._say_goodbye(self._take_idle())
        if self._goodbyes:
            await asyncio.gather(*self._goodbyes)

    def _take_idle(self) -> Connection:
        connection = self._idle.pop()
        self._timers.pop(connection).cancel()
        return connection

    def _close_idle(self, connection: Connection) -> None:
        self._idle.remove(connection)
        del self._timers[connection]
        self._say_goodbye(connection)

    def _say_goodbye(self, connection: Connection) -> None:
        task = asyncio.ensure_future(connection.quit())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _tls(self) -> ssl.SSLContext | None:
        if self._settings.encryption is Encryption.NONE:
            return None
        async with self._tls_lock:
            if self._tls_context is None:
                # Reading the certificate authorities takes tens of milliseconds.
                self._tls_context = await asyncio.to_thread(_client_tls, self._settings)
        return self._tls_context


def _client_tls(settings: SmtpSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
