"""Lines to the mail server and its replies, in order, and whether what was written has left.

aiosmtplib reads one reply per command and drops what comes with it, which rules out sending
commands in groups. It still connects, protects and signs in; then this takes the transport over.
"""

import asyncio
from collections import deque

import msgspec

SERVICE_CLOSING = 421
# More than any real greeting takes; a server that never ends a reply is cut off.
_REPLY_BYTES_MAX = 32_768
_REPLIES_MAX = 32
# An encrypted transport passes everything on to the one below at once and then knows nothing
# of it, so that long messages are written piece by piece.
_PIECE_BYTES = 65_536


class Reply(msgspec.Struct, frozen=True, gc=False):
    code: int
    words: str


class Dialogue(asyncio.Protocol):
    """One conversation. It belongs to one task at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._replies: deque[Reply] = deque()
        self._unread = b""
        self._words: list[str] = []
        self._words_bytes = 0
        self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._replies_wanted = 0
        self.end_reason = ""
        """Why nothing more will be heard; empty while the conversation goes on."""
        transport.set_protocol(self)
        # The transport then pauses us as soon as it has to keep bytes back, and resumes us when
        # the last of them has left.
        transport.set_write_buffer_limits(high=1, low=0)

    @property
    def is_open(self) -> bool:
        return not self.end_reason and not self._transport.is_closing()

    @property
    def is_in_step(self) -> bool:
        """Open, and every reply so far was asked for; a server that leaves says so unasked."""
        return self.is_open and not self._replies and not self._unread and not self._words

    def abort(self) -> None:
        """End at once, without sending what is still kept back."""
        self._end("the connection was closed")
        self._transport.abort()

    def write(self, data: bytes) -> bool:
        """Write; False when the connection ended before all of it could leave."""
        if not self.is_open:
            return False
        self._transport.write(data)
        return not self._transport.is_closing()

    async def write_all(self, data: bytes, timeout_s: float) -> bool:
        """Write and return True as soon as the last byte has left this process.

        False means that it never will: the connection ended, or a reply came first and nothing
        after the last byte was asked for. Raises TimeoutError when the server takes none.
        """
        for start in range(0, len(data), _PIECE_BYTES):
            if self._replies or not self.write(data[start : start + _PIECE_BYTES]):
                return False
            while self._is_paused:
                if self._replies or self.end_reason:
                    return False
                await self._wait(1, timeout_s)
        return True

    async def replies(self, count: int, timeout_s: float) -> list[Reply]:
        """Return the next ``count`` replies in order; fewer when the conversation ends first.

        Raises TimeoutError when the server is silent for too long.
        """
        while len(self._replies) < count and not self.end_reason:
            await self._wait(count, timeout_s)
        return [self._replies.popleft() for _ in range(min(count, len(self._replies)))]

    async def _wait(self, replies: int, timeout_s: float) -> None:
        """Wait for so many replies, for the written bytes to have left, or for the end."""
        self._waiter = waiter = self._loop.create_future()
        self._replies_wanted = replies
        timer = self._loop.call_later(timeout_s, _expire, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason
        self._wake()

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if not self._take_line(line):
                break
        too_long = len(self._unread) + self._words_bytes > _REPLY_BYTES_MAX
        if too_long or len(self._replies) > _REPLIES_MAX:
            self._break_off("the mail server's reply is too long")
        elif len(self._replies) >= self._replies_wanted:
            self._wake()

    def _take_line(self, line: bytes) -> bool:
        """Add one line to the reply that it belongs to; False when no more can follow."""
        code, separator = line[:3], line[3:4]
        if len(code) < 3 or not code.isdigit() or separator not in (b" ", b"-", b"\r", b""):
            self._break_off("the mail server's reply is not one")
            return False
        self._words.append(line[4:].decode("utf-8", "replace").strip())
        self._words_bytes += len(line)
        if separator == b"-":
            return True
        reply = Reply(int(code), "\n".join(self._words))
        self._replies.append(reply)
        self._words = []
        self._words_bytes = 0
        if reply.code == SERVICE_CLOSING:
            # It may answer nothing of what was written after this, and need not hang up soon.
            self._end(reply.words)
            return False
        return True

    def _break_off(self, reason: str) -> None:
        self._end(reason)
        self._transport.abort()

    def eof_received(self) -> bool:
        self._end("the mail server closed the connection")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(f"the connection was lost: {error}" if error else "the connection was lost")

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake()


def _expire(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("the mail server did not answer in time"))
