"""What each endpoint takes. A field that Plaid does not know is refused, as Plaid does.

`passed_over` names real fields that change nothing in the simulation; they are accepted.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field

_KEYS = ("client_id", "secret")


class PlaidRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of one call."""

    passed_over: ClassVar[frozenset[str]] = frozenset()


Request = TypeVar("Request", bound=PlaidRequest)


def read_request(kind: type[Request], body: dict[str, Any]) -> Request:
    """Return a checked request, or refuse it in Plaid's words."""
    given = {name: value for name, value in body.items() if name not in _KEYS}
    fields = msgspec.structs.fields(kind)
    missing = [one.encode_name for one in fields if one.required and one.encode_name not in given]
    if missing:
        raise PlaidRefusal(
            "MISSING_FIELDS",
            f"the following required fields are missing: {', '.join(sorted(missing))}",
        )
    known = {one.encode_name for one in fields}
    unknown = sorted(set(given) - known - kind.passed_over)
    if unknown:
        raise PlaidRefusal(
            "UNKNOWN_FIELDS",
            f"the following fields are not recognized by this endpoint: {', '.join(unknown)}",
        )
    try:
        return msgspec.convert({name: given[name] for name in given if name in known}, kind)
    except msgspec.ValidationError as wrong:
        raise invalid_field(str(wrong)) from wrong


class LinkUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who opens Link; everything but the id is passed over."""

    client_user_id: str


class LinkTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """The authorization that Link is to unblock."""

    authorization_id: str | None = None


class HostedLink(msgspec.Struct, frozen=True, kw_only=True):
    """How a Hosted Link session ends."""

    completion_redirect_uri: str | None = None
    url_lifetime_seconds: int | None = None


class DepositoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which kinds of account may be chosen."""

    account_subtypes: tuple[str, ...] = ()


class AccountFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts Link offers."""

    depository: DepositoryFilter = DepositoryFilter()


class LinkTokenCreate(PlaidRequest, frozen=True, kw_only=True):
    """`/link/token/create`."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        [
            "additional_consented_products",
            "android_package_name",
            "appearance_mode",
            "auth",
            "base_report",
            "card_switch",
            "consumer_report_permissible_purpose",
            "cra_enabled",
            "cra_options",
            "credit_partner_insights",
            "employment",
            "enable_multi_item_link",
            "eu_config",
            "financekit_supported",
            "identity",
            "identity_verification",
            "income_verification",
            "institution_data",
            "institution_id",
            "investments",
            "investments_auth",
            "link_customization_name",
            "optional_products",
            "payment_configuration",
            "payment_initiation",
            "required_if_supported_products",
            "statements",
            "third_party_user_token",
            "transactions",
            "update",
            "user_id",
            "user_token",
            "cashflow_report",
            "access_tokens",
            "cra_report_parameter",
        ]
    )

    client_name: str
    language: str
    country_codes: tuple[str, ...]
    user: LinkUser | None = None
    products: tuple[str, ...] | None = None
    webhook: str | None = None
    redirect_uri: str | None = None
    access_token: str | None = None
    account_filters: AccountFilters = AccountFilters()
    transfer: LinkTransfer = LinkTransfer()
    hosted_link: HostedLink | None = None


class LinkTokenGet(PlaidRequest, frozen=True, kw_only=True):
    """`/link/token/get`."""

    link_token: str


class PublicTokenExchange(PlaidRequest, frozen=True, kw_only=True):
    """`/item/public_token/exchange`."""

    public_token: str


class ItemRequest(PlaidRequest, frozen=True, kw_only=True):
    """Every endpoint that takes an Item alone."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"reason_code", "reason_note"})

    access_token: str


class ItemWebhookUpdate(PlaidRequest, frozen=True, kw_only=True):
    """`/item/webhook/update`."""

    access_token: str
    webhook: str | None = None


class AccountOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts of the Item are wanted."""

    account_ids: tuple[str, ...] | None = None


class AccountsRequest(PlaidRequest, frozen=True, kw_only=True):
    """`/accounts/get`, `/accounts/balance/get` and `/auth/get`."""

    access_token: str
    options: AccountOptions = AccountOptions()


class IdentityMatch(AccountsRequest, frozen=True, kw_only=True):
    """`/identity/match`."""

    user: dict[str, Any] | None = None


class TransferUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns the account."""

    legal_name: str
    phone_number: str | None = None
    email_address: str | None = None
    address: dict[str, Any] | None = None


class AuthorizationCreate(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/authorization/create`."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        [
            "beacon_session_id",
            "credit_funds_source",
            "custom_attributes",
            "device",
            "funding_account_id",
            "origination_account_id",
            "originator_client_id",
            "payment_profile_token",
            "request_guarantee",
            "ruleset_key",
            "test_clock_id",
            "user_attributes",
            "user_present",
            "wire_details",
            "with_guarantee",
        ]
    )

    access_token: str
    account_id: str
    type: Literal["debit", "credit"]
    network: Literal["ach", "same-day-ach", "rtp", "wire"]
    amount: str
    user: TransferUser
    ach_class: Literal["ccd", "ppd", "tel", "web"] | None = None
    iso_currency_code: str = "USD"
    idempotency_key: str | None = None
    ledger_id: str | None = None


class AuthorizationCancel(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/authorization/cancel`."""

    authorization_id: str


class TransferCreate(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/create`."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        [
            "ach_class",
            "facilitator_fee",
            "idempotency_key",
            "iso_currency_code",
            "network",
            "origination_account_id",
            "test_clock_id",
            "type",
            "user",
        ]
    )

    access_token: str
    account_id: str
    authorization_id: str
    description: str
    amount: str | None = None
    metadata: dict[str, str] | None = None


class TransferGet(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/get`: by one of the two ids."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"originator_client_id"})

    transfer_id: str | None = None
    authorization_id: str | None = None


class Listing(PlaidRequest, frozen=True, kw_only=True):
    """What every list takes."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        {"origination_account_id", "originator_client_id", "funding_account_id"}
    )

    start_date: datetime | None = None
    end_date: datetime | None = None
    count: int | None = None
    offset: int | None = None


class TransferList(Listing, frozen=True, kw_only=True):
    """`/transfer/list`."""


class TransferCancel(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/cancel`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"originator_client_id", "reason_code"})

    transfer_id: str


class EventSync(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/event/sync`."""

    after_id: int
    count: int | None = None


class EventList(Listing, frozen=True, kw_only=True):
    """`/transfer/event/list`."""

    transfer_id: str | None = None
    account_id: str | None = None
    transfer_type: Literal["debit", "credit"] | None = None
    event_types: tuple[str, ...] = ()
    sweep_id: str | None = None


SweepStatus = Literal["pending", "posted", "settled", "funds_available", "returned", "failed"]
SweepTrigger = Literal["manual", "incoming", "balance_threshold", "automatic_aggregate"]


class SweepGet(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/sweep/get`."""

    sweep_id: str


class SweepList(Listing, frozen=True, kw_only=True):
    """`/transfer/sweep/list`."""

    amount: str | None = None
    status: SweepStatus | None = None
    transfer_id: str | None = None
    trigger: SweepTrigger | None = None


class LedgerGet(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/ledger/get`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"originator_client_id"})

    ledger_id: str | None = None


class LedgerMove(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/ledger/deposit` and `/transfer/ledger/withdraw`."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        {"originator_client_id", "funding_account_id"}
    )

    amount: str
    idempotency_key: str
    network: Literal["ach", "same-day-ach", "rtp", "wire"]
    description: str | None = None
    ledger_id: str | None = None


class LedgerEventList(Listing, frozen=True, kw_only=True):
    """`/transfer/ledger/event/list`."""

    ledger_id: str | None = None
    ledger_event_id: str | None = None
    source_type: Literal["TRANSFER", "SWEEP", "REFUND"] | None = None
    source_id: str | None = None


class RefundCreate(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/refund/create`."""

    transfer_id: str
    amount: str
    idempotency_key: str


class RefundRequest(PlaidRequest, frozen=True, kw_only=True):
    """`/transfer/refund/get` and `/transfer/refund/cancel`."""

    refund_id: str


class VerificationKeyGet(PlaidRequest, frozen=True, kw_only=True):
    """`/webhook_verification_key/get`."""

    key_id: str
