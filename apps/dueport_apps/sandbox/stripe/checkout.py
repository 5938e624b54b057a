"""Checkout sessions: a payment or a saved card on the processor's own page."""

from datetime import timedelta
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import customers, payment_intents, setup_intents
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
    list_of,
    one_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld

LIVES: Final = timedelta(hours=24)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Open a session on the hosted page."""
    if "success_url" not in params:
        message = "Missing required param: success_url."
        raise StripeError(400, message, code="parameter_missing", param="success_url")
    if params.get("customer"):
        customers.find(world, params["customer"])
    payment = params["mode"] == "payment"
    lines = params.get("line_items", [])
    if payment and not lines:
        message = "You must provide line_items in payment mode."
        raise StripeError(400, message, code="parameter_missing", param="line_items")
    total = sum(line.get("quantity", 1) * line["price_data"]["unit_amount"] for line in lines)
    session_id = world.new_id("cs_test_", 58)
    expires_at = params.get("expires_at", world.now() + int(LIVES.total_seconds()))
    session = world.add(_blank(world, session_id, params, total, expires_at))
    world.private(session_id).update(
        lines=lines,
        intent={**params.get("payment_intent_data", {}), **params.get("setup_intent_data", {})},
    )
    if not payment:
        made = setup_intents.create(world, _intent_params(world, session))
        session["setup_intent"] = made["id"]
    expires_in = timedelta(seconds=expires_at - world.now())
    world.after(expires_in, "checkout_expires", session_id)
    return session


def _blank(
    world: StripeWorld, session_id: str, params: dict[str, Any], total: int, expires_at: int
) -> JsonObject:
    payment = params["mode"] == "payment"
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_subtotal": total if payment else None,
        "amount_total": total if payment else None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "created": world.now(),
        "currency": "usd" if payment else None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": unset(params.get("customer")),
        "customer_email": unset(params.get("customer_email")),
        "expires_at": expires_at,
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "mode": params["mode"],
        "payment_intent": None,
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "payment_status": "unpaid" if payment else "no_payment_required",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": params.get("ui_mode", "hosted_page"),
        "url": f"{world.frame.settings.base_url}/stripe/checkout/{session_id}",
    }


def _intent_params(world: StripeWorld, session: JsonObject) -> dict[str, Any]:
    given = {**world.fact(session["id"], "intent")}
    if session["customer"] is not None:
        given["customer"] = session["customer"]
    return given


def pay(world: StripeWorld, session: JsonObject, method_ref: str, return_url: str) -> JsonObject:
    """Confirm the session's intent with the card that was typed into the page.

    Returns the intent, which may ask for the bank's challenge first and then leads back to
    `return_url`; raises the decline.
    """
    confirming = {"payment_method": method_ref, "return_url": return_url}
    if session["mode"] == "setup":
        intent = world.table("setup_intents")[session["setup_intent"]]
        setup_intents.confirm(world, confirming, intent["id"])
    else:
        if session["payment_intent"] is None:
            params = {"amount": session["amount_total"], "currency": session["currency"]}
            made = payment_intents.create(world, {**params, **_intent_params(world, session)})
            session["payment_intent"] = made["id"]
        intent = world.table("payment_intents")[session["payment_intent"]]
        payment_intents.confirm(world, confirming, intent["id"])
    complete_if_done(world, session)
    return intent


def complete_if_done(world: StripeWorld, session: JsonObject) -> bool:
    """Complete a session whose intent has succeeded; return whether it is complete."""
    intent = world.find(session["payment_intent"] or session["setup_intent"] or "")
    done = intent is not None and intent["status"] == "succeeded"
    if done and session["status"] == "open":
        session["status"] = "complete"
        session["url"] = None
        if session["mode"] == "payment":
            session["payment_status"] = "paid"
        world.emit("checkout.session.completed", session)
    return done


def success_url(session: JsonObject) -> str:
    """Return where the customer goes after paying."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def retrieve(world: StripeWorld, params: dict[str, Any], session_id: str) -> JsonObject:
    """Return a session."""
    found = world.table("checkout_sessions").get(session_id)
    if found is None:
        raise missing_object("checkout.session", session_id, "session")
    return found


def update(world: StripeWorld, params: dict[str, Any], session_id: str) -> JsonObject:
    """Change a session's metadata."""
    session = retrieve(world, {}, session_id)
    session["metadata"] = merged_metadata(session["metadata"], params.get("metadata", {}))
    return session


def expire(world: StripeWorld, params: dict[str, Any], session_id: str) -> JsonObject:
    """Close an open session."""
    session = retrieve(world, {}, session_id)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of {session['status']}."
        )
        raise StripeError(400, message)
    expires(world, session_id)
    return session


def expires(world: StripeWorld, session_id: str) -> None:
    """Close a session that nobody completed in time."""
    session = world.table("checkout_sessions")[session_id]
    if session["status"] == "open":
        session["status"] = "expired"
        session["url"] = None
        world.emit("checkout.session.expired", session)


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List sessions."""
    wanted = same(params, "customer", "payment_intent", "status")
    rows = world.newest_first("checkout_sessions")
    return page(world, "/v1/checkout/sessions", "checkout.session", rows, params, wanted)


_LINE: Final = Spec(
    "price_data",
    quantity=integer,
    price_data=Spec(
        "currency product_data unit_amount",
        currency=one_of("usd"),
        product_data=Spec("name", name=text, description=text),
        unit_amount=integer,
    ),
)
JOBS: Final = {"checkout_expires": expires}
ROUTES: Final = (
    Route(
        "POST",
        "/checkout/sessions",
        create,
        Spec(
            "mode",
            mode=one_of("payment", "setup"),
            success_url=text,
            cancel_url=text,
            client_reference_id=text,
            currency=one_of("usd"),
            customer=text,
            customer_email=text,
            expires_at=integer,
            line_items=list_of(_LINE),
            metadata=hash_of_text,
            payment_intent_data=Spec(
                description=text,
                metadata=hash_of_text,
                receipt_email=text,
                setup_future_usage=one_of("off_session", "on_session"),
                statement_descriptor_suffix=text,
            ),
            payment_method_types=list_of(one_of("card")),
            setup_intent_data=Spec(description=text, metadata=hash_of_text),
            ui_mode=one_of("hosted_page"),
        ),
    ),
    Route(
        "GET",
        "/checkout/sessions",
        listing,
        PAGE.with_fields(
            created=RANGE,
            customer=text,
            payment_intent=text,
            status=one_of("complete", "expired", "open"),
        ),
    ),
    Route("GET", "/checkout/sessions/{session}", retrieve, Spec()),
    Route("POST", "/checkout/sessions/{session}", update, Spec(metadata=hash_of_text)),
    Route("POST", "/checkout/sessions/{session}/expire", expire, Spec()),
)
