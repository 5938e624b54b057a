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
    """What became of one message.

    ``unknown`` means the connection broke after the message may have been taken: it is shown
    to the operator and never repeated by itself. ``withdrawn`` means `SendProgress.begin` took
    it back: the server never had it.
    """

    message_id: str
    state: Literal["sent", "refused", "unknown", "withdrawn"]
    permanent: bool = False
    """For a refusal: True (5xx) ends it, False (4xx) is tried again later."""
    code: int = 0
    reason: str = ""
    """The server's own words."""


class SendProgress(abc.ABC):
    """The caller's diary of one `EmailSender.send`, kept while the messages go out.

    Whoever records both calls durably knows after a crash which messages the server cannot
    have: all but those begun and not done, of which a connection has at most one.
    """

    @abc.abstractmethod
    async def begin(self, message: OutgoingEmail) -> bool:
        """Awaited at most once per message, and always before any of its content is written.

        False takes the message back: it is not sent and its result is ``withdrawn``. True
        promises nothing to the caller: the server may still refuse the message before its
        content, and a connection lost before then is replaced without a second ``begin``.
        Messages that are refused early may have no ``begin`` at all. It should return within
        milliseconds, because a connection to the mail server waits for it.
        """

    @abc.abstractmethod
    async def done(self, result: EmailResult) -> None:
        """Awaited once per message as soon as its outcome is known, whatever the outcome.

        The connection begins no further message before this has returned.
        """


class EmailSender(abc.ABC):
    """Sends mail. A message with CR or LF in a header field, or not exactly one recipient,
    is refused permanently without touching the network."""

    @abc.abstractmethod
    async def send(
        self, messages: Sequence[OutgoingEmail], *, progress: SendProgress | None = None
    ) -> list[EmailResult]:
        """Send each message once and answer for each, in order; never raises for one of them.

        ``progress`` is told of every message before it can be taken and after its outcome. Its
        methods are called from several connections at a time. A message that was begun is also
        done, unless the process dies or the call is cancelled.

        Raises Unavailable only when no message was handed over at all (no connection), and
        Misconfigured for refused credentials or TLS. Every message that ``progress`` was not
        told to be done may then be tried again.

        An error raised by ``progress`` itself is raised from here after the messages that were
        begun on other connections have come to their end. A message whose ``begin`` failed was
        not sent; no further one is begun.
        """

    @abc.abstractmethod
    async def probe(self) -> str:
        """Connect, greet and sign in; return the server's banner. Never sends."""

    async def close(self) -> None:
        return None
