"""The e-mail port: many messages over held connections, one honest result each."""

import abc
import datetime
from collections.abc import Sequence
from typing import Literal

import msgspec


class Attachment(msgspec.Struct, frozen=True):
    name: str
    media_type: str
    content: bytes


class OutgoingEmail(msgspec.Struct, frozen=True, kw_only=True):
    """One message to exactly one recipient. Addresses are bare; names go in their own fields."""

    message_id: str
    """Deterministic per delivery, ``<...@host>``, so a doubled mail can be recognised."""
    to_address: str
    from_address: str
    subject: str
    text: str
    html: str = ""
    to_name: str = ""
    from_name: str = ""
    reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime.datetime | None = None
    """The Date header; None lets the sender use its clock."""


class EmailResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the mail server said of one message.

    ``unknown`` means the connection broke after the message may have been taken: it is shown
    to the operator and never repeated by itself.
    """

    message_id: str
    state: Literal["sent", "refused", "unknown"]
    permanent: bool = False
    """For a refusal: True (5xx) ends it, False (4xx) is tried again later."""
    code: int = 0
    reason: str = ""
    """The server's own words."""


class EmailSender(abc.ABC):
    """Sends mail. A message with CR or LF in a header field, or not exactly one recipient,
    is refused permanently without touching the network."""

    @abc.abstractmethod
    async def send(self, messages: Sequence[OutgoingEmail]) -> list[EmailResult]:
        """Send each message once and answer for each, in order; never raises for one of them.

        Raises Unavailable only when no message was handed over at all (no connection), and
        Misconfigured for refused credentials or TLS; every message may then be tried again.
        """

    @abc.abstractmethod
    async def probe(self) -> str:
        """Connect, greet and sign in; return the server's banner. Never sends."""

    async def close(self) -> None:
        return None
