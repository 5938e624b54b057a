"""A server that follows one conversation, whatever the standards say."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.patience import until


class Peer:
    """The server's side of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, over: asyncio.Event
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._over = over

    async def stay(self) -> None:
        """Neither read nor speak nor hang up until the test is over."""
        await self._over.wait()

    def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def group(self) -> list[str]:
        """The commands that came in one piece."""
        piece = await self.reader.read(65_536)
        if not piece:
            raise ConnectionResetError("the client hung up")
        return piece.decode().splitlines()

    async def greet(self, *extensions: str) -> None:
        self.say("220 odd server")
        await self.group()
        offered = ["odd.example.test", *extensions]
        self.say(*(f"250-{each}" for each in offered[:-1]), f"250 {offered[-1]}")

    async def content(self) -> bytes:
        """The content of one message, up to its final dot."""
        content = bytearray()
        while not content.endswith(b"\r\n.\r\n"):
            piece = await self.reader.read(400_000)
            if not piece:
                raise ConnectionResetError("the client hung up")
            content += piece
        return bytes(content)

    async def accept(self) -> bytes:
        """Take one message the usual way, with pipelining."""
        await self.group()
        self.say("250 OK", "250 OK", "354 go on")
        content = await self.content()
        self.say("250 2.0.0 taken")
        return content


@asynccontextmanager
async def raw_server(
    *conversations: Callable[[Peer], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve each connection with the next conversation, and all further ones with the last.

    At the end of the block every conversation is heard out: the client has hung up by then.
    """
    waiting = list(conversations)
    over = asyncio.Event()
    under_way = 0
    failures: list[AssertionError] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way
        under_way += 1
        try:
            await converse(Peer(reader, writer, over))
        except AssertionError as error:
            failures.append(error)
        finally:
            under_way -= 1

    async def converse(peer: Peer) -> None:
        conversation = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        # The client may hang up, which some of these conversations provoke, or the test be over.
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            await conversation(peer)
            await peer.writer.drain()
        peer.writer.transport.abort()

    listening = socket.socket()
    # Accepted connections inherit it; a kernel may otherwise take ten megabytes that nobody reads.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=listening, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await until(lambda: not under_way, "the end of every conversation")
    assert failures == []
