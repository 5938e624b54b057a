"""One message as it was received: the envelope, the raw bytes, and what a reader wants of them."""

import re
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Final

import msgspec

_ENVELOPE: Final = ("X-Mailbox-From", "X-Mailbox-To", "X-Mailbox-Received")
_LINK: Final = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A received message. `recipients` are the envelope's, in the order they were named."""

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    def parsed(self) -> EmailMessage:
        """Return the message for the standard library's readers."""
        parsed = message_from_bytes(self.raw, policy=policy.default)
        if not isinstance(parsed, EmailMessage):
            raise TypeError("the default policy makes an EmailMessage")
        return parsed

    @property
    def subject(self) -> str:
        """The subject line, decoded; empty when there is none."""
        return str(self.parsed().get("subject", ""))

    @property
    def text(self) -> str:
        """The plain text part; empty when there is none."""
        return _part(self.parsed(), "plain")

    @property
    def html(self) -> str:
        """The HTML part; empty when there is none."""
        return _part(self.parsed(), "html")

    @property
    def links(self) -> tuple[str, ...]:
        """Every address that the text and the HTML link to, each once, in order."""
        collector = _Links()
        collector.feed(self.html)
        return tuple(dict.fromkeys([*_LINK.findall(self.text), *collector.found]))

    def view(self) -> dict[str, Any]:
        """Return what the JSON list shows of a message."""
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "text": self.text,
            "has_html": bool(self.html),
            "links": list(self.links),
        }

    def as_file(self) -> bytes:
        """Return the message with its envelope written above its own headers."""
        values = (self.sender, ", ".join(self.recipients), format_datetime(self.received_at))
        lines = [f"{name}: {value}\r\n" for name, value in zip(_ENVELOPE, values, strict=True)]
        return "".join(lines).encode() + self.raw

    @classmethod
    def from_file(cls, message_id: str, content: bytes) -> "Message":
        """Return a message from what `as_file` wrote."""
        *lines, raw = content.split(b"\r\n", len(_ENVELOPE))
        sender, recipients, received = (line.decode().partition(": ")[2] for line in lines)
        return cls(
            id=message_id,
            received_at=parsedate_to_datetime(received),
            sender=sender,
            recipients=tuple(recipients.split(", ")),
            raw=raw,
        )


def linked(text: str) -> list[tuple[str, bool]]:
    """Split a text into pieces, each with whether it is an address to link to."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _LINK.finditer(text):
        pieces += [(text[end : match.start()], False), (match[0], True)]
        end = match.end()
    pieces.append((text[end:], False))
    return [piece for piece in pieces if piece[0]]


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return "" if part is None else str(part.get_content())


class _Links(HTMLParser):
    """Collects the addresses of links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
