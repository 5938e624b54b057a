"""What is stored of a mail on its way."""

import datetime
import enum

import msgspec


class MailState(enum.StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    """Interrupted while it was being handed over: never repeated by itself."""
    CANCELLED = "cancelled"
    """Taken back before it was sent."""
    BOUNCED = "bounced"
    """Sent, and returned later by the recipient's mail server."""


class MailDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One mail to one recipient. The content is sealed (it may hold a link) and is dropped once
    the mail is sent; only what people may see in a list stays readable.

    An invitation's mail has no content here: its token is minted and its text written when a
    worker is about to send it.
    """

    delivery_id: str
    kind: str
    """``invite``, ``receipt``, ``payment_settled``… one per (kind, subject_ref, to_address)."""
    subject_ref: str
    to_address: str
    subject: str = ""
    content_sealed: str = ""
    invitation_id: str = ""
    campaign_id: str = ""
    state: MailState = MailState.QUEUED
    due_at: datetime.datetime
    created_at: datetime.datetime
    tries: int = 0
    """How often it was handed over or refused so far; claiming it is no try."""
    code: int = 0
    reason: str = ""
    sent_at: datetime.datetime | None = None


class MailOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one claimed mail."""

    delivery_id: str
    state: MailState
    code: int = 0
    reason: str = ""
    due_at: datetime.datetime | None = None
    """When to try again, for one that goes back to the queue."""
    tried: bool = True
    """Whether this was a try of the mail itself, to be counted in ``MailDelivery.tries``: not when
    the server could not be reached at all, or the mail was put back before its turn."""
