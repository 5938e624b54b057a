"""What is stored around a payment: methods, attempts, their history, what processors tell us."""

import datetime
import enum
from typing import Any, Literal

import msgspec

from dueport_core.payments import Badge, Payment, PaymentState
from dueport_ports import Instrument, PaymentAttempt


class StoredInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """A collected method: for one payment, or kept when the customer asked for that."""

    instrument_id: str
    user_id: str
    account_no: str
    processor: str
    processor_customer_ref: str
    instrument: Instrument
    """Its ``instrument_ref`` is sealed in the database."""
    kept: bool
    created_at: datetime.datetime
    removed_at: datetime.datetime | None = None


class CollectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A collection under way in somebody's browser."""

    collect_id: str
    user_id: str
    account_no: str
    processor: str
    session_ref: str
    keep: bool
    processor_customer_ref: str = ""
    created_at: datetime.datetime
    instrument_id: str = ""
    """Set when it is finished; finishing again returns the same instrument."""


class AttemptState(enum.StrEnum):
    FROZEN = "frozen"
    """Written, not sent."""
    SENT = "sent"
    """About to be sent or under way: a crash here means nobody knows."""
    UNKNOWN = "unknown"
    ANSWERED = "answered"


class StoredAttempt(msgspec.Struct, frozen=True, kw_only=True):
    attempt: PaymentAttempt
    processor: str
    state: AttemptState
    processor_ref: str = ""
    sent_at: datetime.datetime | None = None
    next_lookup_at: datetime.datetime | None = None
    lookups: int = 0
    outcome: str = ""
    """The tag of the last AttemptResult, for people who look into it."""
    action: dict[str, Any] = {}
    """Public bootstrap of a pending customer action."""


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step in a payment's life, shown as its timeline; never edited."""

    payment_id: str
    at: datetime.datetime
    kind: str
    detail: str = ""
    actor: str = ""


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of Incoming Payments or of a customer's Payments."""

    payment: Payment
    account_name: str
    badge: Badge
    settlement_id: str = ""


class PaymentFilter(msgspec.Struct, frozen=True, kw_only=True):
    account_no: str = ""
    state: PaymentState | None = None
    states: tuple[PaymentState, ...] = ()
    """Any of several states, because one badge stands for more than one; empty means all."""
    posted: bool | None = None
    """Only what is posted to the ERP, or only what is not."""
    text: str = ""
    from_on: datetime.date | None = None
    to_on: datetime.date | None = None


class MandateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The ACH authorization as shown and accepted: text, who, when, from where. Immutable."""

    payment_id: str
    user_id: str
    text: str
    text_hash: str
    sec_code: str
    account_label: str
    accepted_at: datetime.datetime
    client_ip: str
    user_agent: str


class InboundEvent(msgspec.Struct, frozen=True, kw_only=True):
    event_id: int
    processor: str
    dedupe_key: str
    kind: str
    ref: str
    received_at: datetime.datetime
    state: Literal["new", "done", "parked"] = "new"
    tries: int = 0
    reason: str = ""
