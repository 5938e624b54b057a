"""Disputes: a cardholder takes the money back, or only asks; evidence wins or loses."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import ledger
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.customers import merged_metadata
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import PAGE, RANGE, Spec, boolean, hash_of_text, text, unset
from dueport_apps.sandbox.stripe.world import StripeWorld, instant

ANSWER_WITHIN: Final = timedelta(days=9)
NETWORK_REASONS: Final = {"fraudulent": "10.4", "product_not_received": "13.1"}
CLOSED: Final = ("won", "lost", "warning_closed", "prevented")
EVIDENCE: Final = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def open_on(
    world: StripeWorld, charge: JsonObject, reason: str, amount: int | None = None
) -> JsonObject:
    """Open a dispute; `reason` is Stripe's, or `inquiry`, which moves no money."""
    inquiry = reason == "inquiry"
    reason = "fraudulent" if inquiry else reason
    dispute: JsonObject = {
        "id": world.new_id("du_"),
        "object": "dispute",
        "amount": charge["amount_captured"] if amount is None else amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": _due_by(world),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": charge["payment_method_details"]["card"]["network"],
                "network_reason_code": "10" if inquiry else NETWORK_REASONS.get(reason, "13.3"),
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    charge["disputed"] = True
    world.private(charge["id"])["dispute"] = dispute["id"]
    if not inquiry:
        _withdraw(world, charge, dispute)
    world.add(dispute)
    world.emit("charge.dispute.created", dispute)
    # Replicas of the real API show this event for an inquiry too, although no money moves.
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _due_by(world: StripeWorld) -> int:
    day = (instant(world.now()) + ANSWER_WITHIN).date()
    return int(datetime.combine(day, time(23, 59, 59), UTC).timestamp())


def _withdraw(world: StripeWorld, charge: JsonObject, dispute: JsonObject) -> None:
    world.private(charge["id"])["charged_back"] = True
    row = ledger.record(
        world,
        source=dispute["id"],
        amount=-dispute["amount"],
        kind="adjustment",
        category="dispute",
        currency=dispute["currency"],
        fee=ledger.DISPUTE_FEE,
        fee_name="Dispute fee",
        description=f"Chargeback withdrawal for {charge['id']}",
    )
    dispute["balance_transactions"].append(ledger.copy_of(row))


def win(world: StripeWorld, dispute: JsonObject) -> None:
    """Give the money back to the merchant; the fee stays paid."""
    _must_be_open(dispute)
    charge = world.table("charges")[dispute["charge"]]
    inquiry = dispute["status"].startswith("warning")
    if not inquiry:
        row = ledger.record(
            world,
            source=dispute["id"],
            amount=dispute["amount"],
            kind="adjustment",
            category="dispute_reversal",
            currency=dispute["currency"],
            description=f"Chargeback reversal for {charge['id']}",
        )
        dispute["balance_transactions"].append(ledger.copy_of(row))
        world.private(charge["id"])["charged_back"] = False
    dispute["status"] = "warning_closed" if inquiry else "won"
    dispute["is_charge_refundable"] = True
    world.emit("charge.updated", charge)
    if not inquiry:
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", dispute)


def lose(world: StripeWorld, dispute: JsonObject) -> None:
    """Leave the money with the cardholder."""
    _must_be_open(dispute)
    charge = world.table("charges")[dispute["charge"]]
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "lost"
    world.emit("charge.dispute.closed", dispute)
    world.emit("charge.updated", charge)


def _must_be_open(dispute: JsonObject) -> None:
    if dispute["status"] in CLOSED:
        raise StripeError(400, "This dispute is already closed")


def retrieve(world: StripeWorld, params: dict[str, Any], dispute_id: str) -> JsonObject:
    """Return a dispute."""
    return world.get("disputes", dispute_id, "dispute", "dispute")


def update(world: StripeWorld, params: dict[str, Any], dispute_id: str) -> JsonObject:
    """Give evidence. `winning_evidence` and `losing_evidence` decide at once, as in test mode."""
    dispute = retrieve(world, {}, dispute_id)
    _must_be_open(dispute)
    if "metadata" in params:
        dispute["metadata"] = merged_metadata(dispute["metadata"], params["metadata"])
    evidence = params.get("evidence", {})
    for name, value in evidence.items():
        dispute["evidence"][name] = unset(value)
    details = dispute["evidence_details"]
    details["has_evidence"] = any(dispute["evidence"][name] for name in EVIDENCE)
    verdict = dispute["evidence"]["uncategorized_text"]
    submitted = bool(evidence) and params.get("submit", True)
    if submitted:
        details["submission_count"] += 1
    if not submitted or verdict not in ("winning_evidence", "losing_evidence"):
        if submitted:
            inquiry = dispute["status"].startswith("warning")
            dispute["status"] = "warning_under_review" if inquiry else "under_review"
        world.emit("charge.dispute.updated", dispute)
        return dispute
    world.emit("charge.dispute.updated", dispute)
    (win if verdict == "winning_evidence" else lose)(world, dispute)
    return dispute


def close(world: StripeWorld, params: dict[str, Any], dispute_id: str) -> JsonObject:
    """Give in."""
    dispute = retrieve(world, {}, dispute_id)
    lose(world, dispute)
    return dispute


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List disputes."""
    wanted = same(params, "charge", "payment_intent")
    return page(world, "/v1/disputes", "dispute", world.newest_first("disputes"), params, wanted)


_EVIDENCE_SPEC: Final = Spec("", **dict.fromkeys(EVIDENCE, text))
ROUTES: Final = (
    Route(
        "GET",
        "/disputes",
        listing,
        PAGE.with_fields(created=RANGE, charge=text, payment_intent=text),
    ),
    Route("GET", "/disputes/{dispute}", retrieve, Spec()),
    Route(
        "POST",
        "/disputes/{dispute}",
        update,
        Spec(evidence=_EVIDENCE_SPEC, metadata=hash_of_text, submit=boolean),
    ),
    Route("POST", "/disputes/{dispute}/close", close, Spec()),
)
