"""The payment processor port: collect a method in the browser, charge it, learn what became of it.

The port is shaped by what several processors have in common and by how money goes wrong:

* a ``PaymentAttempt`` is frozen before the call and its id is the idempotency key;
* ``Unknown`` is an ordinary answer, left only through ``lookup``;
* notifications are hints: they are verified and name what to fetch, and the state comes from
  ``fetch``, so order, duplicates and stale payloads do not matter;
* settlements are lines whose nets must add up, and the platform checks the sum.

What only some processors can do is a small class of its own, found with ``isinstance``.
"""

import abc
import datetime
import enum
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import msgspec

from dueport_core.fees import CardFacts
from dueport_core.quotes import PaymentMethodKind
from dueport_core.settlements import SettlementLine


class CollectMode(enum.StrEnum):
    """How the customer gives a payment method: in our page, on the processor's, or not at all."""

    SCRIPT = "script"
    REDIRECT = "redirect"
    NONE = "none"


class ProcessorCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    methods: frozenset[PaymentMethodKind]
    collect_modes: frozenset[CollectMode]
    currencies: frozenset[str] = frozenset({"USD"})
    saves_instruments: bool = False
    off_session: bool = False
    instant_outcome: bool = False
    """True when an accepted card charge is final at once; ACH never is."""
    fee_facts: bool = False
    """True when the card's funding is known before the charge, so a fee can be quoted."""
    refunds: Literal["none", "full", "partial"] = "none"
    settlement_source: Literal["api", "file", "none"] = "none"
    fees_in: Literal["settlement_lines", "aggregate", "none"] = "none"
    idempotency: Literal["native_key", "by_authorization", "lookup_only"] = "lookup_only"
    key_lifetime_h: int = 0
    """After this many hours the same key may make a second charge; only look-ups from then on."""
    minimum_cents: int = 1
    maximum_cents: int = 99_999_999


class Health(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    detail: str


class InstrumentVerification(enum.StrEnum):
    VERIFIED = "verified"
    PENDING = "pending"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


class InstrumentHealth(enum.StrEnum):
    OK = "ok"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    DISABLED = "disabled"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A card or bank account as the processor knows it; never a number, at most the last four."""

    instrument_ref: str
    """Opaque to the platform, may hold sealed secrets; never shown, never logged."""
    kind: PaymentMethodKind
    label: str
    """What people read, e.g. ``Visa •••• 4242`` or ``First Platypus Bank •••• 0000``."""
    last4: str
    card: CardFacts | None = None
    bank_name: str = ""
    holder: Literal["business", "person", "unknown"] = "unknown"
    reusable: bool = False
    verification: InstrumentVerification = InstrumentVerification.NOT_APPLICABLE
    health: InstrumentHealth = InstrumentHealth.OK
    expires: str = ""
    """``MM/YY`` for a card, else empty."""


class PayerRef(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays, as far as a processor needs to know. ``payer_id`` is ours and stable."""

    payer_id: str
    name: str
    email: str
    processor_customer_ref: str = ""
    """What the processor returned for this payer earlier, or empty."""


class CollectRequest(msgspec.Struct, frozen=True, kw_only=True):
    payer: PayerRef
    kind: PaymentMethodKind
    amount_cents: int
    return_url: str
    save: bool = False
    purpose: Literal["pay", "save", "reauthorize"] = "pay"
    instrument: Instrument | None = None
    """The instrument to reauthorize, for that purpose."""
    currency: str = "USD"
    client_ip: str = ""
    user_agent: str = ""


class BrowserScript(msgspec.Struct, frozen=True, kw_only=True):
    """What a pay page must load and allow; the page itself names no vendor.

    The page loads ``vendor_url`` and then the plugin's own ``adapter`` module text, which must
    define ``window.DueportCollect = {mount(element, bootstrap, callbacks)}`` and call
    ``callbacks.ready()``, ``callbacks.done(payload)`` or ``callbacks.failed(message)``; it may
    offer ``handleAction(bootstrap, callbacks)`` for a second step such as 3-D Secure.
    """

    vendor_url: str
    adapter: str
    csp: dict[str, tuple[str, ...]] = {}
    """Extra sources per directive, e.g. ``{"frame-src": ("https://js.stripe.com",)}``."""


class CollectSession(msgspec.Struct, frozen=True, kw_only=True):
    session_ref: str
    mode: CollectMode
    script: BrowserScript | None = None
    redirect_url: str = ""
    bootstrap: dict[str, Any] = {}
    """Public values for the adapter script; goes to the browser as JSON."""
    processor_customer_ref: str = ""
    expires_at: datetime.datetime | None = None


class CollectResult(msgspec.Struct, frozen=True, kw_only=True):
    """The method that the customer gave, ready to be charged once or kept."""

    instrument: Instrument
    processor_customer_ref: str = ""
    pending_reason: str = ""
    """Set when it cannot be charged yet, e.g. micro-deposits are under way."""


class AmountParts(msgspec.Struct, frozen=True, kw_only=True):
    """How the total is made up; ``principal - discount already taken + fee = total``."""

    principal_cents: int
    fee_cents: int = 0


class PaymentAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One frozen request to a processor. A changed amount or method is a new attempt."""

    attempt_id: str
    """At most 26 characters; the idempotency key."""
    payment_id: str
    total_cents: int
    parts: AmountParts
    instrument: Instrument
    payer: PayerRef
    kind: PaymentMethodKind
    created_at: datetime.datetime
    return_url: str = ""
    present: bool = True
    """False when nobody sits at the browser (auto-pay)."""
    save: bool = False
    mandate_text_hash: str = ""
    client_ip: str = ""
    user_agent: str = ""
    description: str = "INVOICE"
    """At most 10 characters, ASCII: what ACH allows."""
    currency: str = "USD"
    account_ref: str = ""
    """The dealer's account number; for the processor's own search page only."""


class ProcessorState(enum.StrEnum):
    """A payment as its processor sees it, in rising rank; side states are final."""

    CREATED = "created"
    ACTION_REQUIRED = "action_required"
    SUBMITTED = "submitted"
    IN_NETWORK = "in_network"
    SUCCEEDED = "succeeded"
    AVAILABLE = "available"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"
    UNRECOGNIZED = "unrecognized"
    """A state that this version does not know: kept, reported, acted on by nobody."""


class DeclineCode(enum.StrEnum):
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_DECLINED = "card_declined"
    EXPIRED = "expired"
    INCORRECT_DATA = "incorrect_data"
    AUTHENTICATION_REQUIRED = "authentication_required"
    LIMIT_EXCEEDED = "limit_exceeded"
    FRAUD_SUSPECTED = "fraud_suspected"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_NOT_FOUND = "account_not_found"
    DEBIT_BLOCKED = "debit_blocked"
    AUTHORIZATION_REVOKED = "authorization_revoked"
    BANK_UNREACHABLE = "bank_unreachable"
    PROCESSING_ERROR = "processing_error"
    UNKNOWN = "unknown"


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    """The processor took it; ``state`` may be anything from submitted to available."""

    processor_ref: str
    state: ProcessorState


class ActionRequired(msgspec.Struct, frozen=True, kw_only=True, tag="action_required"):
    """The customer must do something: authenticate, relink a bank, follow a redirect."""

    processor_ref: str
    kind: Literal["authenticate", "relink", "redirect"]
    bootstrap: dict[str, Any] = {}
    redirect_url: str = ""


class DeclinedAttempt(msgspec.Struct, frozen=True, kw_only=True, tag="declined"):
    """No money moved and none will under this attempt."""

    code: DeclineCode
    raw_code: str
    retry: Literal["never", "other_instrument", "later", "same"]
    processor_ref: str = ""


class RejectedAttempt(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """Our request was wrong (a defect or a setting); no money moved."""

    code: str
    detail: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag="unknown"):
    """No answer: the charge may or may not exist. Ask ``lookup``; never try again blindly."""

    retry_after_s: int
    detail: str = ""


AttemptResult = Accepted | ActionRequired | DeclinedAttempt | RejectedAttempt | Unknown


class PaymentSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One payment as fetched from the processor, amounts in cents."""

    processor_ref: str
    attempt_id: str
    state: ProcessorState
    amount_cents: int
    refunded_cents: int = 0
    disputed: bool = False
    currency: str = "USD"
    fee_cents: int | None = None
    """None is "not known yet", never zero."""
    expected_available_on: datetime.date | None = None
    failure_code: DeclineCode | None = None
    return_code: str = ""
    """``R01``… for ACH, else empty."""
    raw_state: str = ""
    live: bool = False


class RefundState(enum.StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    refund_id: str
    """Ours; the idempotency key."""
    processor_ref: str
    amount_cents: int
    reason: str = ""


class RefundSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    refund_ref: str
    processor_ref: str
    amount_cents: int
    state: RefundState
    failure_reason: str = ""


class DisputePhase(enum.StrEnum):
    INQUIRY = "inquiry"
    """No money has moved."""
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class DisputeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    dispute_ref: str
    processor_ref: str
    amount_cents: int
    fee_cents: int
    phase: DisputePhase
    respond_by: datetime.datetime | None = None


class SettlementHead(msgspec.Struct, frozen=True, kw_only=True):
    """One payout or sweep. ``amount_cents`` is signed: negative when money was taken back."""

    settlement_ref: str
    kind: Literal["payout", "sweep", "batch", "ledger_withdrawal"]
    amount_cents: int
    state: Literal["pending", "in_transit", "paid", "failed", "canceled"]
    lines: Literal["none", "partial", "complete"]
    created_at: datetime.datetime
    arrival_on: datetime.date | None = None
    bank_trace: str = ""
    failure: str = ""
    currency: str = "USD"


class HttpNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it came in: raw bytes, lower-case header names."""

    headers: Mapping[str, str]
    body: bytes


class SignalKind(enum.StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    SETTLEMENT = "settlement"
    INSTRUMENT = "instrument"
    FEED = "feed"
    """Names nothing: pull the change feed."""
    OTHER = "other"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A hint that something changed; never a fact about money."""

    dedupe_key: str
    kind: SignalKind
    ref: str = ""
    occurred_at: datetime.datetime | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A verified webhook: its signals and how to answer the sender."""

    signals: tuple[Signal, ...]
    ack_status: int = 200
    ack_body: bytes = b""


class PaymentProcessor(abc.ABC):
    """Moves money. Raises only PortErrors; a lost answer to ``submit`` is ``Unknown``, not an error."""

    @abc.abstractmethod
    def capabilities(self) -> ProcessorCapabilities:
        """Say what this processor can do; constant for the life of the object."""

    @abc.abstractmethod
    async def health(self) -> Health:
        """Check keys, account mode and settlement settings; never writes."""

    @abc.abstractmethod
    async def begin_collect(self, request: CollectRequest) -> CollectSession:
        """Start taking a payment method in the browser."""

    @abc.abstractmethod
    async def finish_collect(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        """Turn what the browser handed back into an instrument, read from the processor itself.

        Raises Declined where the customer must use another method and Invalid for a payload
        that is not from this session.
        """

    @abc.abstractmethod
    async def submit(self, attempt: PaymentAttempt) -> AttemptResult:
        """Charge. The same attempt twice is one charge and the same answer."""

    @abc.abstractmethod
    async def lookup(self, attempt: PaymentAttempt) -> AttemptResult | None:
        """Find what became of an attempt. None means certainly not there."""

    @abc.abstractmethod
    async def fetch(self, processor_ref: str) -> PaymentSnapshot:
        """Read one payment. Raises NotFound for a reference of another account."""

    @abc.abstractmethod
    async def receive(self, notification: HttpNotification) -> Notification:
        """Verify a webhook. Raises Forbidden when signature, age, key or mode is wrong."""

    async def close(self) -> None:
        """Release connections and threads; called once at shutdown."""
        return


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    signals: tuple[Signal, ...]
    cursor: str
    more: bool


class ChangeFeed(abc.ABC):
    """Ability: list what changed since a cursor, which heals lost webhooks."""

    @abc.abstractmethod
    async def changes(self, cursor: str | None, limit: int) -> ChangePage:
        """Return signals after the cursor. The platform stores the cursor with their effect."""


class Instruments(abc.ABC):
    """Ability: keep a method for the next time."""

    @abc.abstractmethod
    async def refresh_instrument(self, instrument: Instrument) -> Instrument:
        """Read verification and health again."""

    @abc.abstractmethod
    async def remove_instrument(self, instrument: Instrument) -> None:
        """Forget it at the processor; repeating is harmless."""


class Cancelling(abc.ABC):
    @abc.abstractmethod
    async def cancel(self, processor_ref: str) -> PaymentSnapshot:
        """Stop a payment that is still stoppable; raises Conflict where it is too late."""


class Refunding(abc.ABC):
    @abc.abstractmethod
    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Give money back; the same request twice is one refund."""

    @abc.abstractmethod
    async def fetch_refund(self, refund_ref: str) -> RefundSnapshot: ...


class Disputing(abc.ABC):
    @abc.abstractmethod
    async def fetch_dispute(self, dispute_ref: str) -> DisputeSnapshot: ...


class Settling(abc.ABC):
    """Ability: say what was paid out and how it is made up."""

    @abc.abstractmethod
    def settlements(self, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
        """Yield every payout created since then, oldest first; pages are the plugin's matter."""

    @abc.abstractmethod
    def settlement_lines(self, settlement_ref: str) -> AsyncIterator[SettlementLine]:
        """Yield the lines of one payout, without the payout's own row.

        Their nets should add up to the head's amount; where they do not, the platform keeps
        the difference as an unallocated line, so a plugin never invents one.
        """
