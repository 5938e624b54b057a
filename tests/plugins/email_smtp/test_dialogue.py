"""What has left this process and what is still kept back, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dueport_email_smtp.dialogue import Dialogue
from tests.patience import PATIENCE_S, until
from tests.plugins.email_smtp.raw_server import Peer, raw_server

CONTENT = b"x" * 1_000_000


@pytest.fixture(autouse=True)
def _one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece is the last one: nothing is noticed by writing the next."""
    monkeypatch.setattr("dueport_email_smtp.dialogue._PIECE_BYTES", len(CONTENT))


@asynccontextmanager
async def dialogue_with(port: int) -> AsyncIterator[Dialogue]:
    """A dialogue whose kernel takes a few kilobytes only."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    narrow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(narrow, ("127.0.0.1", port))
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=narrow)
    dialogue = Dialogue(transport)
    try:
        yield dialogue
    finally:
        dialogue.abort()


async def test_a_line_cut_while_the_last_piece_is_kept_back_is_known() -> None:
    async def cut(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # A stream's transport reads.
        await asyncio.sleep(0.05)

    async with raw_server(cut) as port, dialogue_with(port) as dialogue:
        assert await dialogue.write_all(CONTENT, timeout_s=PATIENCE_S) is False
        assert dialogue.end_reason
        assert await dialogue.replies(1, timeout_s=PATIENCE_S) == []


async def test_a_reply_while_the_last_piece_is_kept_back_comes_too_early() -> None:
    async def refuse(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # A stream's transport reads.
        peer.say("552 too big")
        await peer.stay()

    async with raw_server(refuse) as port, dialogue_with(port) as dialogue:
        assert await dialogue.write_all(CONTENT, timeout_s=PATIENCE_S) is False
        assert [reply.code for reply in await dialogue.replies(1, timeout_s=PATIENCE_S)] == [552]


async def test_writing_ends_when_the_last_byte_has_left() -> None:
    got = bytearray()

    async def read(peer: Peer) -> None:
        while piece := await peer.reader.read(100_000):
            got.extend(piece)
            await asyncio.sleep(0.001)

    async with raw_server(read) as port:
        async with dialogue_with(port) as dialogue:
            assert await dialogue.write_all(CONTENT, timeout_s=PATIENCE_S) is True
            await until(lambda: len(got) == len(CONTENT), "everything that has left arrives")
        assert dialogue.write(b"more") is False


async def test_what_is_no_reply_ends_the_dialogue() -> None:
    async def babble(peer: Peer) -> None:
        peer.say("hello?")
        await peer.stay()

    async with raw_server(babble) as port, dialogue_with(port) as dialogue:
        assert await dialogue.replies(1, timeout_s=PATIENCE_S) == []
        assert not dialogue.is_open


async def test_silence_is_a_timeout_and_no_end() -> None:
    async def listen(peer: Peer) -> None:
        await peer.stay()

    async with raw_server(listen) as port, dialogue_with(port) as dialogue:
        with pytest.raises(TimeoutError):
            await dialogue.replies(1, timeout_s=0.05)
        assert dialogue.is_in_step
