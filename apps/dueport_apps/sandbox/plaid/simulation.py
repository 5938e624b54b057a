"""`/sandbox/*`: what Plaid's own sandbox lets a developer make happen."""

from datetime import timedelta
from typing import Any, Final

from dueport_apps.sandbox.plaid.errors import ITEM_ERROR_TEXTS, PlaidRefusal, error_object
from dueport_apps.sandbox.plaid.refunds import Refunds
from dueport_apps.sandbox.plaid.sandbox_requests import (
    SandboxFireWebhook,
    SandboxRefundSimulate,
    SandboxSweepSimulate,
    SandboxTransferFireWebhook,
    SandboxTransferSimulate,
)
from dueport_apps.sandbox.plaid.sweeps import MOVING, Sweeps
from dueport_apps.sandbox.plaid.transfers import Transfers
from dueport_apps.sandbox.plaid.views import instant, sweep_view
from dueport_apps.sandbox.plaid.webhooks import PlaidWebhooks
from dueport_apps.sandbox.plaid.world import PlaidWorld

TRANSITIONS: Final = frozenset(
    {
        ("pending", "failed"),
        ("pending", "posted"),
        ("posted", "returned"),
        ("posted", "settled"),
        ("settled", "funds_available"),
    }
)
"""The documented table. A return after settlement is not in it; see the control routes."""

DISCONNECT_NOTICE: Final = timedelta(days=7)
_ITEM_CODES: Final = {
    "ERROR": "ITEM",
    "NEW_ACCOUNTS_AVAILABLE": "ITEM",
    "LOGIN_REPAIRED": "ITEM",
    "USER_PERMISSION_REVOKED": "ITEM",
    "USER_ACCOUNT_REVOKED": "ITEM",
    "PENDING_DISCONNECT": "ITEM",
    "PENDING_EXPIRATION": "ITEM",
    "WEBHOOK_UPDATE_ACKNOWLEDGED": "ITEM",
    "DEFAULT_UPDATE": "AUTH",
    "AUTOMATICALLY_VERIFIED": "AUTH",
    "VERIFICATION_EXPIRED": "AUTH",
}


class Simulation:
    """The sandbox's own endpoints for transfers, sweeps and notifications."""

    def __init__(
        self,
        world: PlaidWorld,
        webhooks: PlaidWebhooks,
        transfers: Transfers,
        sweeps: Sweeps,
        refunds: Refunds,
    ) -> None:
        self._world = world
        self._webhooks = webhooks
        self._transfers = transfers
        self._sweeps = sweeps
        self._refunds = refunds

    def transfer(self, request: SandboxTransferSimulate) -> dict[str, Any]:
        """Take one documented step of a transfer at once."""
        transfer = self._world.transfers.get(request.transfer_id)
        if transfer is None:
            raise PlaidRefusal("NOT_FOUND", "transfer not found")
        if (transfer.status, request.event_type) not in TRANSITIONS:
            raise PlaidRefusal(
                "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID",
                f"the provided event type {request.event_type} is incompatible with the current "
                f"transfer status {transfer.status}",
            )
        reason = request.failure_reason
        text = None if reason is None else reason.description
        if request.event_type == "posted":
            self._transfers.post(transfer)
        elif request.event_type == "settled":
            self._transfers.settle(transfer)
        elif request.event_type == "funds_available":
            self._transfers.release(transfer)
        elif request.event_type == "failed":
            self._transfers.fail(transfer, text)
        else:
            code = None if reason is None else reason.ach_return_code or reason.failure_code
            self._transfers.send_back(transfer, code or "R01", text)
        return self._also_tell(request.webhook)

    def refund(self, request: SandboxRefundSimulate) -> dict[str, Any]:
        """Take one documented step of a refund at once."""
        self._refunds.simulate(request)
        return self._also_tell(request.webhook)

    def sweep(self, request: SandboxSweepSimulate) -> dict[str, Any]:
        """Settle the sweeps under way, then sweep everything that is not swept."""
        self._sweeps.settle_open()
        sweep = self._sweeps.run(MOVING)
        self._also_tell(request.webhook)
        return {} if sweep is None else {"sweep": sweep_view(sweep)}

    def transfer_webhook(self, request: SandboxTransferFireWebhook) -> dict[str, Any]:
        """Send TRANSFER_EVENTS_UPDATE to an address."""
        return self._also_tell(request.webhook)

    def item_webhook(self, request: SandboxFireWebhook) -> dict[str, Any]:
        """Send one of an Item's notifications, without changing the Item."""
        item = self._world.item_of(request.access_token)
        code = request.webhook_code
        kind = _ITEM_CODES.get(code)
        if kind is None or request.webhook_type not in (None, kind):
            raise PlaidRefusal(
                "SANDBOX_WEBHOOK_INVALID", f"webhook_code {code} cannot be fired for this Item"
            )
        if item.webhook is None:
            raise PlaidRefusal("SANDBOX_WEBHOOK_INVALID", "the Item has no webhook address")
        fired = self._webhooks.item(item, kind, code, **self._details(item.id, code))
        return {"webhook_fired": fired}

    def _details(self, item_id: str, code: str) -> dict[str, Any]:
        """Return the fields that a notification carries besides the Item's id."""
        account_id = self._world.items[item_id].accounts[0].id
        if code == "DEFAULT_UPDATE":
            updated = {account_id: ["ACCOUNT_NUMBER"]}
            return {
                "account_ids_with_new_auth": [],
                "account_ids_with_updated_auth": updated,
                "error": None,
            }
        if code == "PENDING_DISCONNECT":
            disconnects_at = self._world.now() + DISCONNECT_NOTICE
            return {"reason": "INSTITUTION_MIGRATION", "disconnect_time": instant(disconnects_at)}
        if code == "PENDING_EXPIRATION":
            return {"consent_expiration_time": instant(self._world.now())}
        if code == "NEW_ACCOUNTS_AVAILABLE":
            return {"error": None}
        error_code = "ITEM_LOGIN_REQUIRED" if code == "ERROR" else code
        if error_code in ITEM_ERROR_TEXTS:
            error = error_object(error_code, ITEM_ERROR_TEXTS[error_code])
            return {"error": error | {"status": 400}}
        needs_account = ("USER_ACCOUNT_REVOKED", "AUTOMATICALLY_VERIFIED", "VERIFICATION_EXPIRED")
        return {"account_id": account_id} if code in needs_account else {}

    def _also_tell(self, url: str | None) -> dict[str, Any]:
        if url is not None:
            self._webhooks.transfer_events(url)
        return {}
