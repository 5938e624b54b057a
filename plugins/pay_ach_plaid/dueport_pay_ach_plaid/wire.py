"""What we read of Plaid's answers. Everything else in them is ignored.

The readers are tolerant on purpose: Plaid adds fields and enum values at any time, and the SDK's
typed reader stops at what it does not expect, after the money has moved. Enums and dates stay text
here and are mapped where they mean something.
"""

import datetime
from typing import Any

import msgspec


class PlaidError(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal, and what is wrong with an Item."""

    error_type: str = ""
    error_code: str = ""
    error_message: str | None = None
    display_message: str | None = None
    request_id: str | None = None


class Rationale(msgspec.Struct, frozen=True, kw_only=True):
    code: str | None = None


class ProposedTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """What was authorised, which may be less than what was asked for."""

    amount: str
    iso_currency_code: str = "USD"


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    decision: str
    proposed_transfer: ProposedTransfer
    created: str = ""
    decision_rationale: Rationale | None = None


class AuthorizationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    authorization: Authorization


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a transfer, a refund or a sweep failed or came back."""

    failure_code: str | None = None
    ach_return_code: str | None = None
    description: str | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    transfer_id: str
    amount: str
    status: str = ""
    failure_reason: Reason | None = None


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    refund: Refund


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    amount: str
    status: str
    iso_currency_code: str = "USD"
    metadata: dict[str, Any] | None = None
    failure_reason: Reason | None = None
    refunds: list[Refund] | None = None
    expected_funds_available_date: str | None = None


class TransferAnswer(msgspec.Struct, frozen=True, kw_only=True):
    transfer: Transfer


class TransferPage(msgspec.Struct, frozen=True, kw_only=True):
    transfers: list[Transfer]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the event feed. Sweeps' own events name no transfer."""

    event_id: int
    event_type: str = ""
    timestamp: str = ""
    transfer_id: str | None = None
    refund_id: str | None = None
    sweep_id: str | None = None
    sweep_amount: str | None = None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    transfer_events: list[Event]
    has_more: bool = False


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """Money between Plaid and the dealer's bank. Without an amount it came to nothing."""

    id: str
    created: datetime.datetime
    amount: str | None = None
    status: str | None = None
    trigger: str | None = None
    iso_currency_code: str = "USD"
    settled: str | None = None
    network_trace_id: str | None = None
    failure_reason: Reason | None = None


class SweepPage(msgspec.Struct, frozen=True, kw_only=True):
    sweeps: list[Sweep]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    account_id: str
    mask: str | None = None
    type: str = ""
    subtype: str | None = None
    verification_status: str | None = None
    holder_category: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in at one bank."""

    item_id: str = ""
    institution_id: str | None = None
    institution_name: str | None = None
    consent_expiration_time: str | None = None
    error: PlaidError | None = None


class ItemAnswer(msgspec.Struct, frozen=True, kw_only=True):
    item: Item


class AccountsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    accounts: list[Account]
    item: Item


class LinkTokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    link_token: str
    expiration: datetime.datetime
    hosted_link_url: str | None = None


class LinkedAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""


class LinkedItem(msgspec.Struct, frozen=True, kw_only=True):
    public_token: str = ""
    accounts: list[LinkedAccount] = []


class LinkResults(msgspec.Struct, frozen=True, kw_only=True):
    item_add_results: list[LinkedItem] = []


class LinkEvent(msgspec.Struct, frozen=True, kw_only=True):
    event_name: str = ""


class LinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """One visit to Link and what it came to."""

    results: LinkResults | None = None
    events: list[LinkEvent] | None = None


class LinkSessionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    link_sessions: list[LinkSession] | None = None


class ExchangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    item_id: str


class VerificationKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that Plaid signs webhooks with."""

    kid: str
    kty: str
    crv: str
    x: str
    y: str
    alg: str = ""
    expired_at: int | None = None


class VerificationKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    key: VerificationKey


class LedgerBalance(msgspec.Struct, frozen=True, kw_only=True):
    available: str
    pending: str = "0.00"


class LedgerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    balance: LedgerBalance


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that says no more than that it was done."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    webhook_type: str
    webhook_code: str
    environment: str = ""
    item_id: str | None = None
