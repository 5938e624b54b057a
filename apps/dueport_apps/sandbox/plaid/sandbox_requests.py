"""What Plaid's own `/sandbox/*` endpoints take."""

from typing import ClassVar, Literal

import msgspec

from dueport_apps.sandbox.plaid.requests import PlaidRequest


class PublicTokenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in, and where the Item's notifications go."""

    webhook: str | None = None
    override_username: str | None = None
    override_password: str | None = None


class SandboxPublicTokenCreate(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/public_token/create`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"user_token", "user_id"})

    institution_id: str
    initial_products: tuple[str, ...]
    options: PublicTokenOptions = PublicTokenOptions()


class SandboxFireWebhook(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/item/fire_webhook`."""

    access_token: str
    webhook_code: str
    webhook_type: str | None = None


class SandboxSetVerificationStatus(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/item/set_verification_status`."""

    access_token: str
    account_id: str
    verification_status: Literal["automatically_verified", "verification_expired"]


class FailureReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a simulated transfer fails or comes back."""

    failure_code: str | None = None
    ach_return_code: str | None = None
    description: str | None = None


class SandboxTransferSimulate(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/simulate`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"test_clock_id"})

    transfer_id: str
    event_type: str
    failure_reason: FailureReason | None = None
    webhook: str | None = None


class SandboxRefundSimulate(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/refund/simulate`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"test_clock_id"})

    refund_id: str
    event_type: str
    failure_reason: FailureReason | None = None
    webhook: str | None = None


class SandboxSweepSimulate(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/sweep/simulate`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"test_clock_id"})

    webhook: str | None = None


class SandboxTransferFireWebhook(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/fire_webhook`."""

    webhook: str


class SandboxLedgerSimulate(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/ledger/simulate_available`."""

    passed_over: ClassVar[frozenset[str]] = frozenset(
        {"test_clock_id", "originator_client_id", "webhook"}
    )

    ledger_id: str | None = None


class SandboxSweepMove(PlaidRequest, frozen=True, kw_only=True):
    """`/sandbox/transfer/ledger/deposit/simulate` and `.../withdraw/simulate`."""

    passed_over: ClassVar[frozenset[str]] = frozenset({"test_clock_id"})

    sweep_id: str
    event_type: str
    failure_reason: FailureReason | None = None
