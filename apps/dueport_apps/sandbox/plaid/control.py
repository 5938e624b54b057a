"""`/_control/plaid`: what no bank does on request and every rehearsal needs.

Return a transfer on any day with any code, plan the next decisions and returns, break or repair
an Item, change a balance, choose how money reaches the dealer, rotate the signing key.
"""

from typing import Any, Literal

import msgspec
from litestar import Response, Router, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec.structs import replace

from dueport_apps.sandbox.plaid.answers import answered
from dueport_apps.sandbox.plaid.bank import SimulatedPlaid
from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.records import BankAccount, Item, PlannedDecision, PlannedReturn
from dueport_apps.sandbox.plaid.views import refund_view, sweep_view
from dueport_apps.sandbox.plaid.world import LEDGER_ID


class ReturnNow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ACH return: at once, or `in_days` calendar days from now."""

    code: str = "R01"
    in_days: int = 0


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change on a bank account."""

    available_cents: int | None = None
    verification_status: str | None = None
    blocked: bool | None = None


class SettingsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of the Dashboard's settings and of the rehearsal's plans."""

    transfer_webhook_urls: tuple[str, ...] | None = None
    sweeps: Literal["automatic_aggregate", "ledger"] | None = None
    hold_banking_days: int | None = None
    transfer_limit_cents: int | None = None


class KeyRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the key used so far expires; None keeps it valid."""

    expire_old_after_s: int | None = None


def create_plaid_control_router(plaid: SimulatedPlaid) -> Router:
    """Return the control routes of the simulated Plaid."""

    return Router(
        "/_control/plaid",
        route_handlers=[
            *_transfer_routes(plaid),
            *_plan_routes(plaid),
            *_item_routes(plaid),
            *_key_routes(plaid),
        ],
    )


def _transfer_routes(plaid: SimulatedPlaid) -> list[Any]:
    @get("/transfers")
    async def transfers() -> list[dict[str, Any]]:
        """Return every transfer, oldest first."""
        return [plaid.transfers.view(one) for one in plaid.world.transfers]

    @post("/transfers/{transfer_id:str}/return", status_code=200)
    async def return_transfer(
        transfer_id: FromPath[str], data: JSONBody[ReturnNow]
    ) -> Response[Any]:
        """Send a transfer back, now or later, whatever state past `posted` it is in."""
        return answered(plaid.world, lambda: _return(plaid, transfer_id, data))

    @post("/refunds/{refund_id:str}/return", status_code=200)
    async def return_refund(refund_id: FromPath[str], data: JSONBody[ReturnNow]) -> Response[Any]:
        """Have the receiving bank refuse a refund, even after it settled."""
        return answered(
            plaid.world,
            lambda: refund_view(plaid.refunds.give_back(refund_id, data.code), LEDGER_ID),
        )

    @post("/sweep", status_code=200)
    async def sweep_now() -> dict[str, Any] | None:
        """Run the daily aggregate sweep now; null when nothing waits for it."""
        sweep = plaid.sweeps.run()
        return None if sweep is None else sweep_view(sweep)

    return [transfers, return_transfer, return_refund, sweep_now]


def _plan_routes(plaid: SimulatedPlaid) -> list[Any]:
    @get("/settings")
    async def settings() -> dict[str, Any]:
        """Return the settings and what is planned."""
        shown: dict[str, Any] = msgspec.to_builtins(plaid.world.settings)
        return shown

    @patch("/settings")
    async def change_settings(data: JSONBody[SettingsChange]) -> dict[str, Any]:
        """Change some of the settings."""
        wanted = {name: getattr(data, name) for name in data.__struct_fields__}
        given = {name: value for name, value in wanted.items() if value is not None}
        changed = plaid.world.change_settings(replace(plaid.world.settings, **given))
        shown: dict[str, Any] = msgspec.to_builtins(changed)
        return shown

    @post("/next-decisions")
    async def plan_decision(data: JSONBody[PlannedDecision]) -> dict[str, int]:
        """Plan what the next authorizations are told."""
        now = plaid.world.settings
        changed = replace(now, decisions=(*now.decisions, data))
        return {"planned": len(plaid.world.change_settings(changed).decisions)}

    @post("/next-returns")
    async def plan_return(data: JSONBody[PlannedReturn]) -> dict[str, int]:
        """Plan that the next transfer to settle comes back."""
        now = plaid.world.settings
        changed = replace(now, returns=(*now.returns, data))
        return {"planned": len(plaid.world.change_settings(changed).returns)}

    return [settings, change_settings, plan_decision, plan_return]


def _item_routes(plaid: SimulatedPlaid) -> list[Any]:
    @get("/items")
    async def items() -> list[dict[str, Any]]:
        """Return every Item with its accounts; access tokens stay out."""
        return [_item_line(one) for one in plaid.world.items]

    @post("/items/{item_id:str}/{change:str}", status_code=200)
    async def change_item(item_id: FromPath[str], change: FromPath[str]) -> Response[Any]:
        """`require-login`, `revoke` or `repair` an Item, as its owner would elsewhere."""
        return answered(plaid.world, lambda: _change_item(plaid, item_id, change))

    @patch("/accounts/{account_id:str}")
    async def change_account(
        account_id: FromPath[str], data: JSONBody[AccountChange]
    ) -> Response[Any]:
        """Change a balance, a verification or a block."""
        return answered(plaid.world, lambda: _change_account(plaid, account_id, data))

    return [items, change_item, change_account]


def _key_routes(plaid: SimulatedPlaid) -> list[Any]:
    @post("/signing-keys/rotate", status_code=200)
    async def rotate(data: JSONBody[KeyRotation]) -> dict[str, str]:
        """Sign with a new key from now on."""
        return {"kid": plaid.webhooks.rotate(data.expire_old_after_s).id}

    @post("/notify", status_code=200)
    async def notify() -> dict[str, int]:
        """Send TRANSFER_EVENTS_UPDATE to every address, though nothing happened."""
        return {"sent_to": plaid.webhooks.transfer_events()}

    return [rotate, notify]


def _return(plaid: SimulatedPlaid, transfer_id: str, data: ReturnNow) -> dict[str, Any]:
    transfer = plaid.world.transfers.get(transfer_id)
    if transfer is None:
        raise PlaidRefusal("NOT_FOUND", "transfer not found")
    if data.in_days > 0:
        plaid.transfers.plan_return(transfer, data.code, data.in_days)
        return plaid.transfers.view(transfer)
    return plaid.transfers.view(plaid.transfers.send_back(transfer, data.code))


def _change_item(plaid: SimulatedPlaid, item_id: str, change: str) -> dict[str, Any]:
    item = plaid.world.items.get(item_id)
    if item is None:
        raise PlaidRefusal("ITEM_NOT_FOUND", f"there is no Item {item_id}")
    if change == "require-login":
        plaid.items.break_off(item, "ITEM_LOGIN_REQUIRED")
    elif change == "revoke":
        plaid.items.break_off(item, "USER_PERMISSION_REVOKED")
    elif change == "repair":
        plaid.webhooks.item(plaid.items.repair(item), "ITEM", "LOGIN_REPAIRED")
    else:
        raise PlaidRefusal("NOT_FOUND", f"an Item cannot {change}")
    return _item_line(plaid.world.items[item_id])


def _change_account(plaid: SimulatedPlaid, account_id: str, data: AccountChange) -> dict[str, Any]:
    item, account = _account(plaid, account_id)
    if data.available_cents is not None:
        account = replace(account, available_cents=data.available_cents)
    if data.blocked is not None:
        account = replace(account, blocked=data.blocked)
    item = plaid.world.change_account(item, account)
    if data.verification_status is not None:
        plaid.items.verify(item, account, data.verification_status)
    return _item_line(plaid.world.items[item.id])


def _account(plaid: SimulatedPlaid, account_id: str) -> tuple[Item, BankAccount]:
    for item in plaid.world.items:
        for account in item.accounts:
            if account.id == account_id:
                return item, account
    raise PlaidRefusal("INVALID_ACCOUNT_ID", f"there is no account {account_id}")


def _item_line(item: Item) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(item)
    del shown["access_token"]
    return shown
