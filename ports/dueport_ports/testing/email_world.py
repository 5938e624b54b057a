"""What a mailer's conformance suite stands on: a switchable server, messages, a progress diary."""

import abc
import asyncio
import email.policy
from collections.abc import Sequence
from email import message_from_bytes

import msgspec

from dueport_ports.email import (
    Attachment,
    EmailResult,
    EmailSender,
    OutgoingEmail,
    SendProgress,
)


class ReceivedEmail(msgspec.Struct, frozen=True, kw_only=True):
    """One message as its recipient's mail program would show it."""

    envelope_to: tuple[str, ...]
    """Who the server was told to deliver to, whatever the headers say."""
    message_id: str
    to_name: str
    to_address: str
    from_name: str
    from_address: str
    reply_to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    header_names: tuple[str, ...]


def parse_received(envelope_to: Sequence[str], content: bytes) -> ReceivedEmail:
    """Read a message's bytes with the standard library, which shares no code with any mailer."""
    message = message_from_bytes(content, policy=email.policy.default)
    to, sender = message["To"].addresses[0], message["From"].addresses[0]
    parts = {"plain": "", "html": ""}
    for subtype in parts:
        body = message.get_body((subtype,))
        if body is not None:
            parts[subtype] = body.get_content().replace("\r\n", "\n")
    attachments = tuple(
        Attachment(
            name=part.get_filename() or "",
            media_type=part.get_content_type(),
            content=_decoded(part.get_payload(decode=True)),
        )
        for part in message.iter_attachments()
    )
    return ReceivedEmail(
        envelope_to=tuple(envelope_to),
        message_id=str(message["Message-ID"]),
        to_name=to.display_name,
        to_address=to.addr_spec,
        from_name=sender.display_name,
        from_address=sender.addr_spec,
        reply_to=str(message["Reply-To"] or ""),
        subject=str(message["Subject"]),
        text=parts["plain"],
        html=parts["html"],
        attachments=attachments,
        header_names=tuple(name.lower() for name in message),
    )


def _decoded(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""


class MailWorld(abc.ABC):
    """A sender under test and the switches of the server behind it."""

    sender: EmailSender
    connections: int = 1
    """How many connections the sender was allowed to hold."""
    secrets: tuple[str, ...] = ()
    """Passwords and keys that the sender was configured with; no log may show them."""

    @abc.abstractmethod
    def received(self) -> list[ReceivedEmail]:
        """What the server took, in the order in which it took it."""

    @abc.abstractmethod
    def refuse(self, address: str, code: int, words: str) -> None:
        """From now on answer this recipient with the code and the words."""

    @abc.abstractmethod
    def cut_after_taking(self, address: str) -> None:
        """Take this recipient's next message and break the connection instead of answering."""

    @abc.abstractmethod
    def cut_before_taking(self, address: str) -> None:
        """Break the connection at this recipient, each time, before a message could be taken."""

    @abc.abstractmethod
    def go_down(self) -> None:
        """Stop accepting connections, and drop those that are open."""

    @abc.abstractmethod
    def come_back(self) -> None:
        """Accept connections again."""

    @abc.abstractmethod
    async def settle(self) -> None:
        """Wait until the switches have taken effect; a fake has nothing to wait for."""


class RecordedProgress(SendProgress):
    """Remembers what it was told, in order, and can be told what to answer."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        """Message ids, in the order in which the messages began."""
        self.results: dict[str, EmailResult] = {}
        """By message id; `done` refuses to be called twice for one message."""
        self.withdrawn: set[str] = set()
        """Message ids for which `begin` answers False."""
        self.begin_fails: set[str] = set()
        self.done_fails: set[str] = set()
        self.pause_s = 0.0
        """How long each call takes, as a commit does."""
        self.open_max = 0
        """The most messages that were begun and not done at one time."""
        self._open: set[str] = set()

    @property
    def undone(self) -> set[str]:
        """What a crash at this moment would leave uncertain."""
        return set(self._open)

    async def begin(self, message: OutgoingEmail) -> bool:
        assert message.message_id not in self.begun, "a message begins once"
        assert message.message_id not in self.results, "a message begins before it is done"
        if message.message_id in self.begin_fails:
            raise ProgressUnavailable
        self.begun.append(message.message_id)
        self._open.add(message.message_id)
        self.open_max = max(self.open_max, len(self._open))
        await asyncio.sleep(self.pause_s)
        return message.message_id not in self.withdrawn

    async def done(self, result: EmailResult) -> None:
        assert result.message_id not in self.results, "a message is done once"
        if result.message_id in self.done_fails:
            raise ProgressUnavailable
        self.results[result.message_id] = result
        await asyncio.sleep(self.pause_s)
        self._open.discard(result.message_id)


class ProgressUnavailable(Exception):
    """What `RecordedProgress` raises where it was told to fail."""


def sample_email(number: int, to_address: str = "", **changes: object) -> OutgoingEmail:
    """A small complete message; ``changes`` replaces fields."""
    message = OutgoingEmail(
        message_id=f"<delivery-{number}@mail.example.test>",
        to_address=to_address or f"customer{number}@example.test",
        to_name=f"Customer {number}",
        from_address="ar@hillcountry.example.test",
        from_name="Hill Country Supply",
        reply_to="ar@hillcountry.example.test",
        subject=f"Message {number}",
        text=f"Text of message {number}.\n",
        html=f"<p>Text of message {number}.</p>\n",
    )
    return msgspec.structs.replace(message, **changes)
