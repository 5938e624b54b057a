"""Refunds: money back to the card; the processing fee stays with the processor."""

from datetime import timedelta
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import ledger, payment_methods
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.customers import merged_metadata
from dueport_apps.sandbox.stripe.errors import StripeError, missing_object
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import (
    PAGE,
    RANGE,
    Spec,
    hash_of_text,
    integer,
    one_of,
    text,
)
from dueport_apps.sandbox.stripe.world import StripeWorld, dollars

FAILS_AFTER: Final = timedelta(days=1)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Refund a charge, or what is left of it."""
    charge = _charge(world, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"] and world.fact(charge["id"], "charged_back"):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(400, message, code="charge_disputed")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(400, message, code="charge_already_refunded")
    if not charge["captured"] or charge["status"] != "succeeded":
        message = f"Charge {charge['id']} has not been captured; there is nothing to refund."
        raise StripeError(400, message)
    amount = params.get("amount", left)
    if amount < 1:
        message = "Invalid positive integer"
        raise StripeError(400, message, code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = (
            f"Refund amount ({dollars(amount)}) is greater than unrefunded amount on charge "
            f"({dollars(left)})"
        )
        raise StripeError(400, message, param="amount")
    return _refund(world, charge, amount, params)


def _charge(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    if "charge" in params:
        return world.get("charges", params["charge"], "charge", "id")
    if "payment_intent" not in params:
        message = (
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
        raise StripeError(400, message)
    intent_ref = params["payment_intent"]
    intent = world.table("payment_intents").get(intent_ref)
    if intent is None:
        raise missing_object("payment_intent", intent_ref, "payment_intent")
    charge = world.table("charges").get(intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        message = f"This PaymentIntent ({intent_ref}) does not have a successful charge to refund."
        raise StripeError(400, message, param="payment_intent")
    return charge


def _refund(
    world: StripeWorld, charge: JsonObject, amount: int, params: dict[str, Any]
) -> JsonObject:
    method = world.table("payment_methods")[charge["payment_method"]]
    card = payment_methods.card_of(world, method)
    refund_id = world.new_id("re_")
    row = ledger.record(
        world,
        source=refund_id,
        amount=-amount,
        kind="refund",
        category="refund",
        currency=charge["currency"],
        description=_description(charge),
    )
    refund = world.add(
        {
            "id": refund_id,
            "object": "refund",
            "amount": amount,
            "balance_transaction": row["id"],
            "charge": charge["id"],
            "created": world.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": params.get("metadata", {}),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if card.refund == "pending" else "succeeded",
            "transfer_reversal": None,
        }
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount_captured"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    if card.refund == "fails":
        world.after(FAILS_AFTER, "refund_fails", refund_id)
    elif card.refund == "pending":
        world.after(FAILS_AFTER, "refund_succeeds", refund_id)
    return refund


def _description(charge: JsonObject) -> str:
    about = f" ({charge['description']})" if charge["description"] else ""
    return f"REFUND FOR CHARGE{about}"


def fail(world: StripeWorld, refund_id: str, reason: str = "expired_or_canceled_card") -> None:
    """Let the bank send a refund back: the money returns and the charge is owed again."""
    refund = world.table("refunds")[refund_id]
    if refund["status"] not in ("succeeded", "pending"):
        return
    row = ledger.record(
        world,
        source=refund_id,
        amount=refund["amount"],
        kind="refund_failure",
        category="refund_failure",
        currency=refund["currency"],
        description="REFUND FAILURE",
    )
    charge = world.table("charges")[refund["charge"]]
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    before = {"status": refund["status"]}
    refund["status"] = "failed"
    refund["failure_reason"] = reason
    refund["failure_balance_transaction"] = row["id"]
    world.emit("refund.updated", refund, before)
    world.emit("refund.failed", refund)


def succeed(world: StripeWorld, refund_id: str) -> None:
    """Let a pending refund arrive."""
    refund = world.table("refunds")[refund_id]
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
        world.emit("refund.updated", refund, {"status": "pending"})


def retrieve(world: StripeWorld, params: dict[str, Any], refund_id: str) -> JsonObject:
    """Return a refund."""
    return world.get("refunds", refund_id, "refund", "refund")


def update(world: StripeWorld, params: dict[str, Any], refund_id: str) -> JsonObject:
    """Change a refund's metadata."""
    refund = retrieve(world, {}, refund_id)
    before = {"metadata": refund["metadata"]}
    refund["metadata"] = merged_metadata(refund["metadata"], params.get("metadata", {}))
    world.emit("refund.updated", refund, before)
    return refund


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List refunds."""
    wanted = same(params, "charge", "payment_intent")
    return page(world, "/v1/refunds", "refund", world.newest_first("refunds"), params, wanted)


def fails_on_its_own(world: StripeWorld, refund_id: str) -> None:
    """Fail as the test card said."""
    fail(world, refund_id)


JOBS: Final = {"refund_fails": fails_on_its_own, "refund_succeeds": succeed}
ROUTES: Final = (
    Route(
        "POST",
        "/refunds",
        create,
        Spec(
            amount=integer,
            charge=text,
            payment_intent=text,
            metadata=hash_of_text,
            reason=one_of("duplicate", "fraudulent", "requested_by_customer"),
        ),
    ),
    Route(
        "GET",
        "/refunds",
        listing,
        PAGE.with_fields(created=RANGE, charge=text, payment_intent=text),
    ),
    Route("GET", "/refunds/{refund}", retrieve, Spec()),
    Route("POST", "/refunds/{refund}", update, Spec(metadata=hash_of_text)),
)
