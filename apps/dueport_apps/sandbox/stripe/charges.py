"""Charges: what a payment intent leaves behind each time the card network is asked."""

import copy
from datetime import timedelta
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import ledger
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.cards import DECLINES, TestCard
from dueport_apps.sandbox.stripe.customers import merged_metadata
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import PAGE, RANGE, Spec, hash_of_text, text, unset
from dueport_apps.sandbox.stripe.world import StripeWorld

HOLD_S: Final = 7 * 86400
FEE_KNOWN_AFTER: Final = timedelta(seconds=2)


def create(
    world: StripeWorld,
    intent: JsonObject,
    method: JsonObject,
    card: TestCard,
    *,
    captured: bool,
    declined: bool,
) -> JsonObject:
    """Ask the network and return the charge, succeeded or failed."""
    if method["card"]["checks"]["cvc_check"] == "unchecked":
        method["card"]["checks"]["cvc_check"] = "pass"
    charge_id = world.new_id("ch_")
    receipt = f"{world.frame.settings.base_url}/stripe/receipts/{charge_id}"
    decline = DECLINES[card.decline] if declined else None
    charge: JsonObject = {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured and not declined else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": copy.deepcopy(method["billing_details"]),
        "calculated_statement_descriptor": "DUEPORT SANDBOX",
        "captured": captured and not declined,
        "created": world.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if decline is None else decline.code,
        "failure_message": None if decline is None else decline.message,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(card if declined else None),
        "paid": not declined,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(world, intent, method, captured or declined),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None if declined else receipt,
        "refunded": False,
        "review": None,
        "shipping": copy.deepcopy(intent["shipping"]),
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed" if declined else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    return world.add(charge)


def _outcome(declined: TestCard | None) -> JsonObject:
    unknown = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
    }
    if declined is None:
        return {
            **unknown,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        **unknown,
        "network_status": "declined_by_network",
        "reason": DECLINES[declined.decline].decline_code,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def _details(world: StripeWorld, intent: JsonObject, method: JsonObject, final: bool) -> JsonObject:
    card = method["card"]
    challenged = world.fact(intent["id"], "authenticated")
    details = {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "brand": card["brand"],
        "checks": dict(card["checks"]),
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {
            "maximum_amount_capturable": intent["amount"],
            "status": "unavailable",
        },
        "regulated_status": card["regulated_status"],
        "three_d_secure": _three_d_secure() if challenged else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if not final:
        details["capture_before"] = world.now() + HOLD_S
    return {"card": details, "type": "card"}


def _three_d_secure() -> JsonObject:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def book(world: StripeWorld, charge: JsonObject, amount: int, *, at_once: bool) -> None:
    """Write a captured charge into the ledger.

    With asynchronous capture, which is the default, the call that captured still shows no
    balance transaction; later reads do, and `charge.updated` tells it two seconds later.
    """
    row = ledger.record(
        world,
        source=charge["id"],
        amount=amount,
        kind="charge",
        category="charge",
        currency=charge["currency"],
        fee=ledger.card_fee(amount),
        description=charge["description"],
    )
    if at_once:
        charge["balance_transaction"] = row["id"]
        return

    def fee_is_known() -> None:
        charge["balance_transaction"] = row["id"]

    world.afterwards(fee_is_known)
    world.after(FEE_KNOWN_AFTER, "charge_fee_known", charge["id"])


def fee_known(world: StripeWorld, charge_id: str) -> None:
    """Tell that a charge's balance transaction, and with it the fee, is known."""
    charge = world.table("charges")[charge_id]
    world.emit("charge.updated", charge, {"balance_transaction": None})


def retrieve(world: StripeWorld, params: dict[str, Any], charge_id: str) -> JsonObject:
    """Return a charge."""
    return world.get("charges", charge_id, "charge", "charge")


def update(world: StripeWorld, params: dict[str, Any], charge_id: str) -> JsonObject:
    """Change a charge's description, receipt address or metadata."""
    charge = retrieve(world, {}, charge_id)
    before = {name: charge[name] for name in params}
    for name, value in params.items():
        if name == "metadata":
            charge["metadata"] = merged_metadata(charge["metadata"], value)
        else:
            charge[name] = unset(value)
    world.emit("charge.updated", charge, before)
    return charge


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List charges."""
    wanted = same(params, "customer", "payment_intent")
    return page(world, "/v1/charges", "charge", world.newest_first("charges"), params, wanted)


JOBS: Final = {"charge_fee_known": fee_known}
ROUTES: Final = (
    Route(
        "GET",
        "/charges",
        listing,
        PAGE.with_fields(created=RANGE, customer=text, payment_intent=text),
    ),
    Route("GET", "/charges/{charge}", retrieve, Spec()),
    Route(
        "POST",
        "/charges/{charge}",
        update,
        Spec(description=text, receipt_email=text, metadata=hash_of_text),
    ),
)
