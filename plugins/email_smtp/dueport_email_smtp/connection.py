"""One connection to the mail server, and what can be said of a message when it breaks.

The moment that matters is when the final dot leaves this process. Before it the server cannot
have taken the message, and trying again is safe. After it the server may have, so a broken
connection is ``unknown`` and nobody repeats it by himself. The dot is the last of the bytes
written for a message: as long as the transport keeps any of them back, it has not left.

Where the server offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go out together, and the caller
is asked whether the message is still wanted while they travel. The content waits for both.
"""

import ssl
from typing import NamedTuple

from dueport_email_smtp.dialogue import SERVICE_CLOSING, Dialogue, Reply
from dueport_email_smtp.letter import Letter
from dueport_email_smtp.opening import Opened, open_dialogue
from dueport_email_smtp.settings import SmtpSettings
from dueport_ports import EmailResult, Misconfigured

_GO_ON = 354
# The server wants encryption or a sign-in first: a setting is wrong, not the message.
_WANTS_SIGN_IN_OR_TLS = frozenset({530, 534, 538})
_HEALTH_TIMEOUT_S = 5.0
_GOODBYE_TIMEOUT_S = 2.0


class LostBeforeHandover(Exception):
    """The connection ended while the server could not yet have taken the message."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class _Step(NamedTuple):
    line: bytes
    wanted: frozenset[int]


_RESET = _Step(b"RSET\r\n", frozenset({250}))
_DATA = _Step(b"DATA\r\n", frozenset({_GO_ON}))
_MAIL_WANTED = frozenset({250})
_RCPT_WANTED = frozenset({250, 251})


class Connection:
    """One signed-in connection. It belongs to one task at a time."""

    def __init__(self, settings: SmtpSettings, opened: Opened) -> None:
        self._settings = settings
        self._dialogue: Dialogue = opened.dialogue
        size = opened.extensions.get("size")
        self._announces_size = size is not None
        self._size_max = int(size) if size and size.isdigit() else 0
        self._pipelines = "pipelining" in opened.extensions
        self._needs_reset = False
        self.banner = opened.banner
        self.messages_sent = 0
        self.idle_since: float = 0.0

    @classmethod
    async def open(
        cls, settings: SmtpSettings, tls_context: ssl.SSLContext | None, hello_name: str
    ) -> "Connection":
        """Raises Unavailable or Misconfigured, as `open_dialogue` does."""
        return cls(settings, await open_dialogue(settings, tls_context, hello_name))

    @property
    def is_open(self) -> bool:
        return self._dialogue.is_open

    async def is_healthy(self) -> bool:
        """Whether an idle connection still answers; afterwards it is ready for a new message."""
        if not self._dialogue.is_in_step or not self._dialogue.write(_RESET.line):
            return False
        try:
            replies = await self._dialogue.replies(1, _HEALTH_TIMEOUT_S)
        except TimeoutError:
            return False
        self._needs_reset = False
        return [reply.code for reply in replies] == [250]

    async def quit(self) -> None:
        """Say goodbye and close; a server that no longer listens is simply closed."""
        try:
            if self._dialogue.write(b"QUIT\r\n"):
                await self._dialogue.replies(1, _GOODBYE_TIMEOUT_S)
        except TimeoutError:
            # No message depends on this answer.
            return
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once, without sending what is still buffered."""
        self._dialogue.abort()

    async def deliver(self, letter: Letter) -> EmailResult:
        """Hand one message over and return what became of it.

        Raises LostBeforeHandover when the connection ended too early for the server to have the
        message, and Misconfigured when the server demands a sign-in or encryption. After any
        error, and after an end that only the result tells of, the connection is closed.
        """
        try:
            result = await self._announce(letter)
            if result is None:
                result = await self._hand_over(letter)
        except BaseException:
            self.abort()
            raise
        if not self.is_open:
            self.abort()
        return result

    async def _announce(self, letter: Letter) -> EmailResult | None:
        """MAIL, RCPT and DATA; return the outcome, or None when the server awaits the content."""
        if 0 < self._size_max < len(letter.raw):
            return letter.refused(552, f"the server takes at most {self._size_max} bytes")
        if letter.begin_first and not await letter.begin():
            return letter.withdrawn()
        if not self._dialogue.is_in_step:
            raise self._lost()
        steps = self._steps(letter)
        for group in [steps] if self._pipelines else [[step] for step in steps]:
            if not self._dialogue.write(b"".join([step.line for step in group])):
                raise self._lost()
            # The caller records the message while the server reads the envelope.
            if not await letter.begin():
                # Only hanging up takes the envelope back: a message that is ended, even an
                # empty one, would be delivered.
                self.abort()
                return letter.withdrawn()
            try:
                replies = await self._dialogue.replies(len(group), self._settings.command_timeout_s)
            except TimeoutError as error:
                self.abort()
                return letter.left_for_later(str(error))
            refusal = self._refusal(letter, group, replies)
            if refusal is not None:
                await self._leave_envelope(group, replies)
                return refusal
        return None

    def _refusal(
        self, letter: Letter, group: list[_Step], replies: list[Reply]
    ) -> EmailResult | None:
        """The first refusal among the replies, whatever the server said to the later steps."""
        for step, reply in zip(group, replies, strict=False):
            if reply.code in step.wanted:
                continue
            if reply.code == SERVICE_CLOSING:
                raise LostBeforeHandover(reply.words, reply.code)
            if reply.code in _WANTS_SIGN_IN_OR_TLS:
                raise Misconfigured(
                    f"the mail server {self._settings.host} wants a sign-in or encryption "
                    f"first: {reply.code} {reply.words}"
                )
            if step is _RESET:
                raise LostBeforeHandover(reply.words, reply.code)
            return letter.refused(reply.code, reply.words)
        if len(replies) < len(group):
            raise self._lost()
        return None

    async def _leave_envelope(self, group: list[_Step], replies: list[Reply]) -> None:
        """End the content that a server may have asked for although it refused the envelope."""
        if len(replies) < len(group) or replies[-1].code != _GO_ON:
            return
        if replies[-2].code in _RCPT_WANTED:
            # Somebody is a recipient, and an empty message would reach him.
            self.abort()
            return
        self._dialogue.write(b".\r\n")
        try:
            await self._dialogue.replies(1, self._settings.command_timeout_s)
        except TimeoutError:
            self.abort()

    def _steps(self, letter: Letter) -> list[_Step]:
        message = letter.message
        sender = (self._settings.bounce_address or message.from_address).encode("ascii")
        size = b" SIZE=%d" % len(letter.raw) if self._announces_size else b""
        steps = [_RESET] if self._needs_reset else []
        steps.append(_Step(b"MAIL FROM:<%s>%s\r\n" % (sender, size), _MAIL_WANTED))
        recipient = message.to_address.encode("ascii")
        steps.append(_Step(b"RCPT TO:<%s>\r\n" % recipient, _RCPT_WANTED))
        steps.append(_DATA)
        self._needs_reset = True
        return steps

    async def _hand_over(self, letter: Letter) -> EmailResult:
        """Write the content with its final dot, then wait for the answer."""
        if not self._dialogue.is_in_step:
            raise self._lost()
        content = dot_stuffed(letter.raw) + b".\r\n"
        timeout_s = self._settings.data_timeout_s
        has_left = False
        try:
            has_left = await self._dialogue.write_all(content, timeout_s)
            replies = await self._dialogue.replies(1, timeout_s)
        except TimeoutError as error:
            self.abort()
            return letter.unknown(str(error)) if has_left else letter.left_for_later(str(error))
        if not has_left:
            # The two sides no longer agree on where the conversation stands.
            self.abort()
            if replies and replies[0].code >= 400:
                return letter.refused(replies[0].code, replies[0].words)
            raise self._lost()
        return self._answered(letter, replies)

    def _answered(self, letter: Letter, replies: list[Reply]) -> EmailResult:
        """What became of a message whose last byte has left, by the answer if there was one."""
        if not replies:
            return letter.unknown(self._dialogue.end_reason)
        (reply,) = replies
        if 200 <= reply.code <= 299:
            self.messages_sent += 1
            self._needs_reset = False
            return letter.sent(reply.code, reply.words)
        if reply.code >= 400:
            return letter.refused(reply.code, reply.words)
        self.abort()
        return letter.unknown(f"{reply.code} {reply.words}")

    def _lost(self) -> LostBeforeHandover:
        return LostBeforeHandover(
            self._dialogue.end_reason or "the mail server spoke out of its turn"
        )


def dot_stuffed(raw: bytes) -> bytes:
    """Double a dot that begins a line, so that no text can end the message early."""
    return raw.replace(b"\r\n.", b"\r\n..") if b"\r\n." in raw else raw
