"""Records as Plaid writes them in its answers."""

from datetime import date, datetime
from typing import Any

from dueport_apps.sandbox.plaid.banking_days import (
    CUT_OFF,
    SAME_DAY_CUT_OFF,
    banking_day_after,
    eastern_day,
    next_at,
)
from dueport_apps.sandbox.plaid.errors import ITEM_ERROR_TEXTS, error_object
from dueport_apps.sandbox.plaid.institutions import INSTITUTIONS
from dueport_apps.sandbox.plaid.money import decimal
from dueport_apps.sandbox.plaid.records import (
    Authorization,
    BankAccount,
    Event,
    Item,
    LedgerEvent,
    LinkToken,
    Refund,
    Sweep,
    Transfer,
)
from dueport_apps.sandbox.plaid.world import FUNDING_ACCOUNT_ID, LEDGER_ID

RATIONALES = {
    "NSF": "Transaction likely to result in a return due to insufficient funds.",
    "RISK": "Transaction is high-risk.",
    "TRANSFER_LIMIT_REACHED": "Transaction was declined because a transfer limit was reached.",
    "MANUALLY_VERIFIED_ITEM": "Item was created manually, so the risk check could not be run.",
    "ITEM_LOGIN_REQUIRED": "Unable to collect the account information due to Item staleness.",
    "MIGRATED_ACCOUNT_ITEM": "Item was created from a migrated account.",
    "PAYMENT_PROFILE_LOGIN_REQUIRED": "Unable to collect the account information.",
    "ERROR": "Unable to collect the account information due to an unspecified error.",
    "ADMIN": "Transaction was declined by an administrator.",
    "FRAUD": "Transaction is likely fraudulent.",
}
PRODUCTS_LEFT = ("balance", "identity")


def instant(moment: datetime) -> str:
    """Return an instant as Plaid writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def item_error(item: Item) -> dict[str, Any] | None:
    """Return what is wrong with an Item, or None."""
    code = item.error_code
    return None if code is None else error_object(code, ITEM_ERROR_TEXTS[code])


def item_view(item: Item) -> dict[str, Any]:
    """Return an Item as it stands beside accounts."""
    manual = any(account.verification_status for account in item.accounts)
    return {
        "item_id": item.id,
        "institution_id": item.institution_id,
        "institution_name": INSTITUTIONS[item.institution_id].name,
        "webhook": item.webhook,
        "auth_method": "SAME_DAY_MICRODEPOSITS" if manual else "INSTANT_AUTH",
        "error": item_error(item),
        "available_products": [one for one in PRODUCTS_LEFT if one not in item.products],
        "billed_products": list(item.products),
        "products": list(item.products),
        "consented_products": list(item.products),
        "consent_expiration_time": None,
        "update_type": "background",
        "created_at": instant(item.created_at),
    }


def account_view(account: BankAccount) -> dict[str, Any]:
    """Return one bank account. Balances are numbers here, as they are in Plaid's API."""
    view: dict[str, Any] = {
        "account_id": account.id,
        "balances": {
            "available": account.available_cents / 100,
            "current": account.current_cents / 100,
            "limit": None,
            "iso_currency_code": "USD",
            "unofficial_currency_code": None,
        },
        "mask": account.mask,
        "name": account.name,
        "official_name": account.official_name,
        "type": "depository",
        "subtype": account.subtype,
        "holder_category": account.holder_category,
    }
    if account.verification_status is not None:
        view["verification_status"] = account.verification_status
    return view


def link_account_view(account: BankAccount) -> dict[str, Any]:
    """Return one account as Link's metadata holds it."""
    return {
        "id": account.id,
        "name": account.name,
        "mask": account.mask,
        "type": "depository",
        "subtype": account.subtype,
        "verification_status": account.verification_status,
        "class_type": None,
    }


def link_token_view(token: LinkToken) -> dict[str, Any]:
    """Return what `/link/token/create` was told."""
    filters = {"depository": {"account_subtypes": list(token.account_subtypes)}}
    return {
        "initial_products": list(token.products),
        "webhook": token.webhook,
        "country_codes": list(token.country_codes),
        "language": token.language,
        "redirect_uri": token.redirect_uri,
        "client_name": token.client_name,
        **({"account_filters": filters} if token.account_subtypes else {}),
    }


def user_view(user: dict[str, Any]) -> dict[str, Any]:
    """Return the payer with every field that answers always carry."""
    address = user.get("address")
    if address is not None:
        names = ("street", "city", "region", "postal_code", "country")
        address = {name: address.get(name) for name in names}
    return {
        "legal_name": user["legal_name"],
        "phone_number": user.get("phone_number"),
        "email_address": user.get("email_address"),
        "address": address,
    }


def authorization_view(authorization: Authorization) -> dict[str, Any]:
    """Return a decision about a proposed transfer."""
    code = authorization.rationale_code
    return {
        "id": authorization.id,
        "created": instant(authorization.created_at),
        "decision": authorization.decision,
        "decision_rationale": (
            None if code is None else {"code": code, "description": RATIONALES.get(code, code)}
        ),
        "guarantee_decision": None,
        "guarantee_decision_rationale": None,
        "payment_risk": None,
        "proposed_transfer": {
            "ach_class": authorization.ach_class,
            "account_id": authorization.account_id,
            "funding_account_id": FUNDING_ACCOUNT_ID,
            "ledger_id": authorization.ledger_id,
            "type": "debit",
            "user": user_view(authorization.user),
            "amount": decimal(authorization.amount_cents),
            "requested_amount": decimal(authorization.requested_cents),
            "network": authorization.network,
            "iso_currency_code": "USD",
            "origination_account_id": "",
            "originator_client_id": None,
            "credit_funds_source": None,
        },
    }


def failure_view(code: str | None, text: str | None) -> dict[str, Any] | None:
    """Return why something failed or came back, or None."""
    if text is None:
        return None
    return {"failure_code": code, "ach_return_code": code, "description": text}


def transfer_view(
    transfer: Transfer, refunds: list[Refund], hold_banking_days: int
) -> dict[str, Any]:
    """Return a transfer with the dates that its network promises."""
    settles = transfer.settled_on or _settles_on(transfer)
    return {
        "id": transfer.id,
        "authorization_id": transfer.authorization_id,
        "ach_class": transfer.ach_class,
        "account_id": transfer.account_id,
        "funding_account_id": FUNDING_ACCOUNT_ID,
        "ledger_id": transfer.ledger_id,
        "type": "debit",
        "user": user_view(transfer.user),
        "amount": decimal(transfer.amount_cents),
        "description": transfer.description,
        "created": instant(transfer.created_at),
        "status": transfer.status,
        "sweep_status": transfer.sweep_status,
        "network": transfer.network,
        "cancellable": transfer.status == "pending",
        "failure_reason": failure_view(transfer.failure_code, transfer.failure_text),
        "metadata": transfer.metadata,
        "origination_account_id": "",
        "guarantee_decision": None,
        "guarantee_decision_rationale": None,
        "iso_currency_code": "USD",
        "standard_return_window": banking_day_after(settles, 3).isoformat(),
        "unauthorized_return_window": banking_day_after(settles, 61).isoformat(),
        "expected_settlement_date": settles.isoformat(),
        "expected_funds_available_date": banking_day_after(settles, hold_banking_days).isoformat(),
        "originator_client_id": None,
        "refunds": [refund_view(refund, transfer.ledger_id) for refund in refunds],
        "recurring_transfer_id": None,
        "credit_funds_source": None,
        "network_trace_id": transfer.trace,
    }


def _settles_on(transfer: Transfer) -> date:
    """Return the day on which a transfer settles when it takes the next cut-off."""
    if transfer.network == "same-day-ach":
        return eastern_day(next_at(transfer.created_at, SAME_DAY_CUT_OFF))
    return banking_day_after(eastern_day(next_at(transfer.created_at, CUT_OFF)))


def refund_view(refund: Refund, ledger_id: str) -> dict[str, Any]:
    """Return a refund."""
    return {
        "id": refund.id,
        "transfer_id": refund.transfer_id,
        "amount": decimal(refund.amount_cents),
        "status": refund.status,
        "failure_reason": failure_view(refund.failure_code, refund.failure_text),
        "ledger_id": ledger_id,
        "created": instant(refund.created_at),
        "network_trace_id": refund.trace,
    }


def event_view(event: Event, transfer: Transfer | None) -> dict[str, Any]:
    """Return one entry of the event feed; a ledger sweep's names no transfer and no account."""
    view: dict[str, Any] = {
        "event_id": int(event.id),
        "timestamp": instant(event.at),
        "event_type": event.kind,
        "funding_account_id": FUNDING_ACCOUNT_ID,
        "ledger_id": LEDGER_ID,
        "transfer_id": event.transfer_id or "",
        "origination_account_id": "",
        "failure_reason": failure_view(event.failure_code, event.failure_text),
        "sweep_id": event.sweep_id,
        "sweep_amount": (
            None if event.sweep_amount_cents is None else decimal(event.sweep_amount_cents)
        ),
        "refund_id": event.refund_id,
        "originator_client_id": None,
    }
    if transfer is not None:
        view["account_id"] = transfer.account_id
        view["transfer_type"] = "debit"
        view["transfer_amount"] = decimal(transfer.amount_cents)
    return view


def sweep_view(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep; its amount is positive when money reaches the dealer's bank."""
    return {
        "id": sweep.id,
        "funding_account_id": FUNDING_ACCOUNT_ID,
        "ledger_id": None if sweep.trigger == "automatic_aggregate" else LEDGER_ID,
        "created": instant(sweep.created_at),
        "amount": decimal(sweep.amount_cents),
        "iso_currency_code": "USD",
        "settled": None if sweep.settled_on is None else sweep.settled_on.isoformat(),
        "expected_funds_available_date": (
            None if sweep.available_on is None else sweep.available_on.isoformat()
        ),
        "status": sweep.status,
        "trigger": sweep.trigger,
        "description": sweep.description,
        "network_trace_id": sweep.trace,
        "failure_reason": (
            None
            if sweep.failure_code is None
            else {"failure_code": sweep.failure_code, "description": "The sweep failed."}
        ),
    }


def ledger_event_view(event: LedgerEvent) -> dict[str, Any]:
    """Return one movement of the ledger."""
    return {
        "ledger_event_id": event.id,
        "ledger_id": LEDGER_ID,
        "amount": decimal(event.amount_cents),
        "type": event.kind,
        "description": event.description,
        "transfer_id": event.transfer_id,
        "refund_id": event.refund_id,
        "sweep_id": event.sweep_id,
        "pending_balance": decimal(event.pending_cents),
        "available_balance": decimal(event.available_cents),
        "timestamp": instant(event.at),
    }
