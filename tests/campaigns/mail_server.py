"""A mail server in a thread of its own, with faults per recipient and a memory of what it took.

It speaks enough SMTP for one recipient per message, with PIPELINING, and takes a message in the
moment in which a real server would: when its final dot has come and its work is done, whether
anybody still listens or not.
"""

import asyncio
import email.policy
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes

import msgspec

from tests.patience import PATIENCE_S, until

_ADDRESS = re.compile(rb"<([^>]*)>")
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Taken(msgspec.Struct, frozen=True):
    """A message that the server is responsible for from then on."""

    to_address: str
    message_id: str
    content: bytes

    @property
    def token(self) -> str:
        """The token of the registration link in its text."""
        message = message_from_bytes(self.content, policy=email.policy.default)
        part = message.get_body(("plain",))
        assert part is not None
        return str(part.get_content()).split("/register/", 1)[1].split()[0]


class Faults(msgspec.Struct, kw_only=True):
    """What is done to which recipients."""

    refused: dict[str, str] = {}
    """Answered with this at RCPT, each time."""
    greylisted: set[str] = set()
    """Answered with 451 at RCPT, once."""
    cut_at_recipient: set[str] = set()
    """The connection ends at RCPT, once."""
    cut_in_content: set[str] = set()
    """The connection ends after the first bytes of the content, each time."""
    cut_after_dot: set[str] = set()
    """The message is taken and the connection ends without an answer."""
    slow: dict[str, float] = {}
    """Taken after so many seconds."""


class MailServer:
    """Listens on a port of this machine; may go down and come back on the same one."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.faults = Faults()
        self.taken: list[Taken] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._open: set[_Session] = set()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE_S)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    @property
    def count(self) -> int:
        return len(self.taken)

    def times(self) -> Counter[str]:
        """Return how many messages each recipient got."""
        return Counter(one.to_address for one in list(self.taken))

    async def reached(self, count: int) -> None:
        """Wait until so many messages were taken in all."""
        await until(lambda: self.count >= count, f"{count} mails")

    async def _start(self) -> None:
        self._server = await self._loop.create_server(
            lambda: _Session(self, self._open), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in list(self._open):
            session.cut()


class _Session(asyncio.Protocol):
    def __init__(self, server: MailServer, open_ones: set["_Session"]) -> None:
        self._server = server
        self._open_ones = open_ones
        self._unread = b""
        self._recipient = ""
        self._in_content = False
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_ones.add(self)
        self._say("220 mail.example.test ready")

    def connection_lost(self, error: Exception | None) -> None:
        self._open_ones.discard(self)

    def cut(self) -> None:
        self._unread = b""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._busy:
            if self._in_content:
                if self._recipient in self._server.faults.cut_in_content and self._unread:
                    self.cut()
                    return
                end = self._unread.find(b"\r\n.\r\n")
                if end < 0:
                    return
                content, self._unread = self._unread[:end], self._unread[end + 5 :]
                self._in_content = False
                self._end_of_content(content)
            else:
                line, separator, rest = self._unread.partition(b"\r\n")
                if not separator:
                    return
                self._unread = rest
                self._command(line)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        answers: dict[bytes, Callable[[], None]] = {
            b"EHLO": lambda: self._say("250-mail.example.test\r\n250-PIPELINING\r\n250 8BITMIME"),
            b"RCPT": lambda: self._rcpt(line),
            b"DATA": self._data,
            b"QUIT": self._quit,
        }
        answers.get(verb, lambda: self._say("250 2.0.0 OK"))()

    def _rcpt(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        assert found is not None
        address = found.group(1).decode()
        self._recipient = ""
        faults = self._server.faults
        if address in faults.cut_at_recipient:
            faults.cut_at_recipient.discard(address)
            self.cut()
        elif address in faults.refused:
            self._say(faults.refused[address])
        elif address in faults.greylisted:
            faults.greylisted.discard(address)
            self._say("451 4.7.1 Greylisted, please come back")
        else:
            self._recipient = address
            self._say("250 2.1.5 OK")

    def _data(self) -> None:
        if not self._recipient:
            self._say("503 5.5.1 No recipient")
            return
        self._in_content = True
        self._say("354 Go ahead")

    def _quit(self) -> None:
        self._say("221 2.0.0 Bye")
        self._transport.close()

    def _end_of_content(self, content: bytes) -> None:
        # Other lines of this connection wait, as they do while a real server writes to its disk.
        self._busy = True
        recipient = self._recipient
        wait_s = self._server.faults.slow.get(recipient, self._server.latency_s)
        asyncio.get_running_loop().call_later(wait_s, self._take, recipient, content)

    def _take(self, recipient: str, content: bytes) -> None:
        found = _MESSAGE_ID.search(content)
        assert found is not None
        self._server.taken.append(Taken(recipient, found.group(1).decode(), content))
        self._busy = False
        if recipient in self._server.faults.cut_after_dot:
            self.cut()
            return
        self._say("250 2.0.0 Queued as TEST")
        self._go_on()

    def _say(self, line: str) -> None:
        if not self._transport.is_closing():
            self._transport.write(line.encode() + b"\r\n")


@contextmanager
def mail_server(latency_s: float = 0.0) -> Iterator[MailServer]:
    """Lend a server that listens."""
    server = MailServer(latency_s)
    try:
        server.start()
        yield server
    finally:
        server.close()
