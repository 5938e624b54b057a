"""What the platform itself keeps beside the dealer's receivables: people, sessions, mail, runs.

Core holds what is true of money; these values are about running the portals. All are frozen;
repositories take and return them.
"""

import datetime
import enum
from typing import Any, Literal

import msgspec

from dueport_core.invitations import InvitationState
from dueport_core.payments import Badge, Payment, PaymentState
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLine, SettlementState
from dueport_ports import (
    Instrument,
    PaymentAttempt,
    PostingBatch,
    RowProblem,
    SettlementHead,
)

Language = Literal["en", "es"]
"""What customers' mails are written in."""

# People ------------------------------------------------------------------------------------


class OperatorRole(enum.StrEnum):
    ADMIN = "admin"
    AR = "ar"
    READ_ONLY = "read_only"


class Permission(enum.StrEnum):
    """What an operator (or an operator's API key) may do; roles are sets of these."""

    VIEW = "view"
    INVITE = "invite"
    MANAGE_PAYMENTS = "manage_payments"
    POST = "post"
    SYNC = "sync"
    ADMINISTER = "administer"


ROLE_PERMISSIONS: dict[OperatorRole, frozenset[Permission]] = {
    OperatorRole.ADMIN: frozenset(Permission),
    OperatorRole.AR: frozenset(Permission) - {Permission.ADMINISTER},
    OperatorRole.READ_ONLY: frozenset({Permission.VIEW}),
}


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    operator_id: str
    email: str
    name: str
    role: OperatorRole
    password_hash: str
    totp_secret_sealed: str
    """Empty until the second factor is set up; sealed by the deployment's SecretBox."""
    totp_last_step: int = 0
    """The last accepted time step: a code works once."""
    active: bool = True
    created_at: datetime.datetime


class PortalUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in to the customer portal, perhaps for several accounts."""

    user_id: str
    email: str
    """As entered; looked up case-insensitively."""
    username: str
    """What is typed at sign-in beside the e-mail; the e-mail itself for link delivery."""
    name: str
    password_hash: str
    language: Language = "en"
    active: bool = True
    created_at: datetime.datetime


class AccountLink(msgspec.Struct, frozen=True, kw_only=True):
    """One portal user's right to one account."""

    user_id: str
    account_no: str
    role: Literal["see", "pay", "admin"] = "admin"
    terms_version: str = ""
    linked_at: datetime.datetime
    disabled_at: datetime.datetime | None = None
    """Since when an operator has switched this access off."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's access to the operator API; only the hash of its text is kept."""

    key_id: str
    name: str
    token_hash: bytes
    permissions: frozenset[Permission]
    created_by: str
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None = None


class OneTimeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A mailed or printed right to do one thing once; bound to its purpose and subject."""

    token_hash: bytes
    purpose: Literal["operator_setup", "password_reset", "first_sign_in"]
    subject_id: str
    expires_at: datetime.datetime
    used_at: datetime.datetime | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is acting, as recorded in the audit log and checked by use cases."""

    kind: Literal["operator", "customer", "system", "api_key"]
    principal_id: str
    name: str
    permissions: frozenset[Permission] = frozenset()
    account_no: str = ""
    """The account a customer is acting for."""
    client_ip: str = ""
    user_agent: str = ""


SYSTEM = Principal(kind="system", principal_id="system", name="Dueport")


# Mirror ------------------------------------------------------------------------------------


class AccountFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Derived per account, kept so that the dashboard can sort; cents unless named otherwise."""

    account_no: str
    computed_on: datetime.date
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    debits_cents: int
    credits_cents: int
    bucket_cents: tuple[int, ...]
    """Current, then one per bound: five for the default bounds."""
    weighted_days_tenths: int
    open_items: int
    priority: int
    priority_points: int
    priority_reasons: tuple[str, ...] = ()


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the Customers Dashboard."""

    account_no: str
    name: str
    kind: str
    status: str
    email: str
    email_problem: str
    figures: AccountFigures | None
    invitation: InvitationState | None
    """The badge: accepted while somebody can sign in, else pending, else the newest of declined
    and expired. None where nobody was invited, or the invitation was revoked."""
    has_login: bool
    bounced: bool = False
    """Mail to the address on file came back."""


class AccountFilter(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    """Part of a name, or the start of an account number; case-insensitive."""
    active_only: bool = False
    invitation: Literal["", "none", "pending", "accepted", "declined", "expired"] = ""
    """The badge; empty for any."""
    past_due_only: bool = False
    email_problem: bool = False
    """Only customers who cannot be invited: no address, a malformed one, or one that bounced."""


AccountSort = Literal[
    "priority",
    "name",
    "account_no",
    "outstanding",
    "current",
    "past_due",
    "credits",
    "weighted_days",
]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    accounts: int
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    debits_cents: int
    credits_cents: int


class StoreCounts(msgspec.Struct, frozen=True, kw_only=True):
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0


class SyncRun(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    source: str
    started_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    state: Literal["running", "done", "failed"] = "running"
    counts: dict[str, StoreCounts] = {}
    problems: int = 0
    as_of: datetime.datetime | None = None
    failure: str = ""


class StoredProblem(msgspec.Struct, frozen=True, kw_only=True):
    problem_id: int
    run_id: str
    entity: str
    problem: RowProblem


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one document is in flight, or settled and not yet seen in the ERP."""

    document_ref: str
    held_cents: int
    applied_cents: int
    payment_id: str
    paid_by: str
    """Who started the payment, for the message to whoever comes second."""


# Mail --------------------------------------------------------------------------------------


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


# Paying ------------------------------------------------------------------------------------


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


# Settlements -------------------------------------------------------------------------------


class StoredSettlement(msgspec.Struct, frozen=True, kw_only=True):
    settlement_id: str
    processor: str
    head: SettlementHead
    state: SettlementState
    unexplained_cents: int
    problems: tuple[str, ...] = ()
    imported_at: datetime.datetime
    resolved_at: datetime.datetime | None = None
    resolved_by: str = ""
    version: int = 1


class StoredLine(msgspec.Struct, frozen=True, kw_only=True):
    settlement_id: str
    line: SettlementLine
    """Its ``payment_id`` is ours where the line met a payment."""


class SettlementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the Settlements tab."""

    settlement: StoredSettlement
    payments: int
    fee_cents: int
    postings: dict[PostingCategory, PostingState]


class StoredPosting(msgspec.Struct, frozen=True, kw_only=True):
    """The claim on one category of one settlement, and what the ERP said."""

    settlement_id: str
    category: PostingCategory
    batch_key: str
    batch: PostingBatch
    """Frozen at the claim: whatever happens to a payment later, the same key posts the same."""
    state: PostingState
    receipts: int
    amount_cents: int
    claimed_at: datetime.datetime
    posted_at: datetime.datetime | None = None
    posted_by: str = ""
    erp_refs: tuple[str, ...] = ()
    reason: str = ""
    tries: int = 0
    version: int = 1


# Audit -------------------------------------------------------------------------------------


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing somebody did. The store adds the number and the hash chain."""

    at: datetime.datetime
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    """Verb and object, e.g. ``invitation.sent``; stable, so people can search."""
    subject: str
    """What it was done to, e.g. ``account:1042``."""
    detail: dict[str, str] = {}
    client_ip: str = ""


class StoredAuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    entry: AuditEntry
    hash: str


def audit(
    who: Principal, at: datetime.datetime, action: str, subject: str, **detail: str
) -> AuditEntry:
    """Say what ``who`` did, in the form that the audit log keeps."""
    return AuditEntry(
        at=at,
        actor_kind=who.kind,
        actor_id=who.principal_id,
        actor_name=who.name,
        action=action,
        subject=subject,
        detail=detail,
        client_ip=who.client_ip,
    )
