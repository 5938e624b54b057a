"""What we read of Stripe's objects. Everything else in them is ignored.

The readers are tolerant on purpose: Stripe adds fields and enum values at any time, real charges
carry fields that its own specification does not declare, and a reader that stops at one of them
stops the dealer's money. Enums stay text here and are mapped where they mean something.
"""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """An expanded object of which only the id matters."""

    id: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list, the newest object first."""

    data: list[T]
    has_more: bool = False


class Card(msgspec.Struct, frozen=True, kw_only=True):
    brand: str | None = None
    last4: str | None = None
    funding: str | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    type: str = ""
    card: Card | None = None
    customer: str | Ref | None = None


class ConfirmationToken(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    livemode: bool = False
    expires_at: int | None = None
    payment_intent: str | None = None
    setup_intent: str | None = None
    payment_method_preview: PaymentMethod | None = None


class LastError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last confirmation failed; also the body of an error answer."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    param: str | None = None
    payment_method: PaymentMethod | None = None
    payment_intent: "PaymentIntent | None" = None


class BalanceTransaction(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    net: int
    created: int
    fee: int = 0
    currency: str = "usd"
    type: str = ""
    reporting_category: str = ""
    status: str = ""
    available_on: int | None = None
    description: str | None = None
    source: "str | Source | None" = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a balance transaction is about: a charge, a refund, a dispute, a payout, …"""

    id: str = ""
    object: str = ""
    payment_intent: str | Ref | None = None
    metadata: dict[str, Any] | None = None


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    amount_refunded: int = 0
    disputed: bool = False
    balance_transaction: str | BalanceTransaction | None = None


class NextAction(msgspec.Struct, frozen=True, kw_only=True):
    type: str = ""


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: str
    amount: int = 0
    amount_received: int = 0
    currency: str = "usd"
    created: int = 0
    livemode: bool = False
    client_secret: str | None = None
    metadata: dict[str, Any] | None = None
    payment_method: str | PaymentMethod | None = None
    latest_charge: str | Charge | None = None
    last_payment_error: LastError | None = None
    next_action: NextAction | None = None


class SetupIntent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    status: str
    client_secret: str | None = None
    customer: str | Ref | None = None
    payment_method: str | PaymentMethod | None = None
    last_setup_error: LastError | None = None


class CheckoutSession(msgspec.Struct, frozen=True, kw_only=True):
    """A visit to Stripe's own page, where a card is entered and confirmed for later use."""

    id: str
    status: str | None = None
    url: str | None = None
    setup_intent: str | SetupIntent | None = None


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    id: str


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    status: str | None = None
    payment_intent: str | Ref | None = None
    failure_reason: str | None = None
    metadata: dict[str, Any] | None = None


class EvidenceDetails(msgspec.Struct, frozen=True, kw_only=True):
    due_by: int | None = None


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    status: str
    payment_intent: str | Ref | None = None
    balance_transactions: list[BalanceTransaction] = []
    evidence_details: EvidenceDetails | None = None


class TraceId(msgspec.Struct, frozen=True, kw_only=True):
    status: str = ""
    value: str | None = None


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: int
    created: int
    status: str
    currency: str = "usd"
    automatic: bool = False
    reconciliation_status: str = ""
    arrival_date: int | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    trace_id: TraceId | None = None


class EventObject(msgspec.Struct, frozen=True, kw_only=True):
    """The only facts of an event's payload that are used: whom it is about."""

    id: str = ""
    payment_intent: str | Ref | None = None
    payment_method: str | Ref | None = None


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    object: EventObject


class Event(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    created: int
    livemode: bool
    data: EventData
    account: str | None = None


class PayoutSchedule(msgspec.Struct, frozen=True, kw_only=True):
    interval: str = ""


class PayoutSettings(msgspec.Struct, frozen=True, kw_only=True):
    schedule: PayoutSchedule | None = None


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    payouts: PayoutSettings | None = None


class StripeAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    charges_enabled: bool = False
    payouts_enabled: bool = False
    settings: AccountSettings | None = None

    @property
    def pays_out_by_hand(self) -> bool:
        """Whether payouts are made by a person, so that Stripe cannot explain them."""
        payouts = self.settings.payouts if self.settings else None
        schedule = payouts.schedule if payouts else None
        return schedule is not None and schedule.interval == "manual"


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    secret: str | None = None


def ref_of(value: str | Ref | PaymentMethod | SetupIntent | None) -> str:
    """Return the id of something that may be expanded or absent."""
    if value is None:
        return ""
    return value if isinstance(value, str) else value.id
