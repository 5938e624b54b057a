"""A mailer in memory. It passes the same suite as a real one."""

from collections.abc import Sequence
from typing import Literal

from dueport_core.accounts import check_email
from dueport_core.errors import Unavailable
from dueport_ports.email import EmailResult, EmailSender, OutgoingEmail, SendProgress


class FakeEmailSender(EmailSender):
    """Keeps what it is given, for tests and rehearsals.

    Like a mail server's it begins every well-formed message, also one that is refused then.
    """

    def __init__(self) -> None:
        self.sent: list[OutgoingEmail] = []
        """What has left, in order, including what was taken without an answer."""
        self.is_down = False
        self._refusals: dict[str, tuple[int, str]] = {}
        self._lost_answers: set[str] = set()
        self._cut_before: set[str] = set()

    def refuse(self, address: str, code: int, words: str) -> None:
        """Answer this recipient with an SMTP code from now on; 4xx is temporary."""
        self._refusals[address] = (code, words)

    def lose_answer(self, address: str) -> None:
        """Take the next message to this recipient and answer ``unknown``."""
        self._lost_answers.add(address)

    def cut_before(self, address: str) -> None:
        """Lose the connection before this recipient's message is taken, each time."""
        self._cut_before.add(address)

    def to(self, address: str) -> list[OutgoingEmail]:
        """What has left for one recipient."""
        return [message for message in self.sent if message.to_address == address]

    async def send(
        self, messages: Sequence[OutgoingEmail], *, progress: SendProgress | None = None
    ) -> list[EmailResult]:
        refusals = {message.message_id: _malformed(message) for message in messages}
        if self.is_down and not all(refusals.values()):
            raise Unavailable("the mail server cannot be reached")
        results: list[EmailResult] = []
        for message in messages:
            if reason := refusals[message.message_id]:
                result = _result(message, "refused", permanent=True, reason=reason)
            elif progress is not None and not await progress.begin(message):
                result = _result(message, "withdrawn", reason="withdrawn before it was sent")
            else:
                result = self._send_one(message)
            results.append(result)
            if progress is not None:
                await progress.done(result)
        return results

    async def probe(self) -> str:
        if self.is_down:
            raise Unavailable("the mail server cannot be reached")
        return "fake mail server ready"

    def _send_one(self, message: OutgoingEmail) -> EmailResult:
        address = message.to_address
        if address in self._refusals:
            code, words = self._refusals[address]
            return _result(message, "refused", permanent=code >= 500, code=code, reason=words)
        if address in self._cut_before:
            return _result(message, "refused", reason="the connection was lost")
        self.sent.append(message)
        if address in self._lost_answers:
            self._lost_answers.discard(address)
            return _result(message, "unknown", reason="no answer")
        return _result(message, "sent", code=250, reason="accepted")


def _result(
    message: OutgoingEmail,
    state: Literal["sent", "refused", "unknown", "withdrawn"],
    *,
    permanent: bool = False,
    code: int = 0,
    reason: str,
) -> EmailResult:
    return EmailResult(
        message_id=message.message_id, state=state, permanent=permanent, code=code, reason=reason
    )


_FORBIDDEN_HEADERS = frozenset({"to", "cc", "bcc", "from", "sender", "reply-to", "subject"})


def _malformed(message: OutgoingEmail) -> str | None:
    for address in (message.to_address, message.from_address, message.reply_to or None):
        if address is not None and (problem := check_email(address)):
            return problem
    fields = [message.message_id, message.subject, message.to_name, message.from_name]
    for name, value in message.headers:
        if name.lower() in _FORBIDDEN_HEADERS:
            return f"the header {name} cannot be given"
        fields += [name, value]
    if any(mark in field for field in fields for mark in "\r\n\0"):
        return "a header field holds a line break"
    return None
