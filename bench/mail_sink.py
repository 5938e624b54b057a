"""A mail server that takes everything and keeps nothing but the count, and the least that can feed it.

`python -m bench.mail_sink serve PORT` answers `XCOUNT` with how many messages it took, and when
the first and the last of them; `XRESET` begins anew, `XKEEP FILE` writes the next messages down.
`serve-aiosmtpd` does the same as aiosmtpd, a server that costs about what a real one does.
`python -m bench.mail_sink feed PORT FILE COUNT CONNECTIONS` sends the messages of such a file
again and again with aiosmtplib alone.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import aiosmtplib
import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

from dueport_apps.commands.serve import run

_KEPT = 200
_END = b"\r\n.\r\n"


class Count(msgspec.Struct, frozen=True):
    """What the sink has taken since it was reset."""

    messages: int
    first_at: float
    last_at: float

    @property
    def per_second(self) -> float:
        return (self.messages - 1) / (self.last_at - self.first_at)


class _Sink:
    def __init__(self) -> None:
        self.reset()
        self.kept: list[bytes] = []
        self.keep_in: Path | None = None

    def reset(self) -> None:
        self.messages = 0
        self.first_at = self.last_at = 0.0

    def take(self, content: bytes) -> None:
        self.last_at = time.monotonic()
        if not self.messages:
            self.first_at = self.last_at
        self.messages += 1
        if self.keep_in is not None:
            self.kept.append(content)
            if len(self.kept) == _KEPT:
                self.keep_in.write_bytes(msgspec.msgpack.encode(self.kept))
                self.keep_in = None

    def answer(self, verb: bytes, rest: bytes) -> bytes | None:
        """Answer a bench's own command; None for any other."""
        match verb:
            case b"XCOUNT":
                count = Count(self.messages, self.first_at, self.last_at)
                return b"250 " + msgspec.json.encode(count) + b"\r\n"
            case b"XRESET":
                self.reset()
            case b"XKEEP":
                self.kept = []
                self.keep_in = Path(rest.decode())
            case _:
                return None
        return b"250 ok\r\n"


class _Session(asyncio.Protocol):
    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._unread = b""
        self._in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's without being one.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        unread = self._unread + data
        answers = []
        while True:
            if self._in_content:
                end = unread.find(_END)
                if end < 0:
                    break
                self._sink.take(unread[:end])
                unread = unread[end + len(_END) :]
                self._in_content = False
                answers.append(b"250 taken\r\n")
                continue
            line, separator, rest = unread.partition(b"\r\n")
            if not separator:
                break
            unread = rest
            answers.append(self._answer(line))
        self._unread = unread
        if answers and not self._transport.is_closing():
            self._transport.write(b"".join(answers))

    def _answer(self, line: bytes) -> bytes:
        verb, _, rest = line.partition(b" ")
        if (own := self._sink.answer(verb.upper(), rest)) is not None:
            return own
        match verb.upper():
            case b"DATA":
                self._in_content = True
                return b"354 go\r\n"
            case b"EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
        return b"250 ok\r\n"


class _Aiosmtpd(SMTP):
    """The same count behind aiosmtpd."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__(self, hostname="sink")
        self._sink = sink

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        self._sink.take(envelope.original_content)
        return "250 taken"

    async def smtp_XCOUNT(self, _: str | None) -> None:
        await self._own(b"XCOUNT")

    async def smtp_XRESET(self, _: str | None) -> None:
        await self._own(b"XRESET")

    async def smtp_XKEEP(self, file: str | None) -> None:
        await self._own(b"XKEEP", (file or "").encode())

    async def _own(self, verb: bytes, rest: bytes = b"") -> None:
        answer = self._sink.answer(verb, rest)
        assert answer is not None
        await self.push(answer.rstrip())


class SinkProcess:
    """The sink as a bench sees it."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def count(self) -> Count:
        return msgspec.json.decode(await self._ask("XCOUNT"), type=Count)

    async def reset(self) -> None:
        await self._ask("XRESET")

    async def keep(self, file: Path) -> None:
        """Write the next messages to a file, for `feed`."""
        await self._ask(f"XKEEP {file}")

    async def _ask(self, line: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await reader.readline()
        writer.write(line.encode() + b"\r\n")
        answer = await reader.readline()
        writer.close()
        return answer.removeprefix(b"250 ").rstrip()


@contextmanager
def sink(port: int, kind: str = "serve") -> Iterator[SinkProcess]:
    """Run the sink beside the block."""
    process = subprocess.Popen([sys.executable, "-m", "bench.mail_sink", kind, str(port)])
    try:
        yield SinkProcess(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def feed(port: int, messages: list[bytes], count: int, connections: int) -> None:
    """Send prebuilt bytes: what no mailer on aiosmtplib can be faster than."""
    ready = [content + b"\r\n" for content in messages]
    waiting = itertools.islice(itertools.cycle(ready), count)

    async def work() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        for content in waiting:
            await client.sendmail("ar@cedaryard.example", ["ap@customer.example"], content)
        await client.quit()

    await asyncio.gather(*(work() for _ in range(connections)))


async def _serve(port: int, session: Callable[[_Sink], asyncio.BaseProtocol]) -> None:
    sink = _Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: session(sink), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    kind, port, *others = sys.argv[1:]
    if kind == "serve":
        run(_serve(int(port), _Session))
    elif kind == "serve-aiosmtpd":
        run(_serve(int(port), _Aiosmtpd))
    else:
        kept = msgspec.msgpack.decode(Path(others[0]).read_bytes(), type=list[bytes])
        sending = feed(int(port), kept, int(others[1]), int(others[2]))
        if kind == "feed":
            run(sending)
        else:
            asyncio.run(sending)
