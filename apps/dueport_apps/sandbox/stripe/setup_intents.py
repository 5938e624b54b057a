"""Setup intents: save a card for later payments, with the bank's agreement."""

import copy
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import authorise, customers, payment_methods
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.errors import StripeError, unexpected_state
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import (
    AUTOMATIC_METHODS,
    MANDATE_DATA,
    PAGE,
    PAYMENT_METHOD_DATA,
    RANGE,
    Spec,
    boolean,
    hash_of_text,
    list_of,
    one_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.payment_intents import OPEN, check_secret
from dueport_apps.sandbox.stripe.world import StripeWorld


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Create a setup intent and, with `confirm`, ask the bank at once."""
    confirm_now = params.pop("confirm", False)
    if params.get("customer"):
        customers.find(world, params["customer"])
    intent_id = world.new_id("seti_")
    automatic = params.get("automatic_payment_methods")
    if automatic is not None:
        automatic = {"allow_redirects": "always", **automatic}
    intent: JsonObject = {
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": automatic,
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{world.new_id('', 25)}",
        "created": world.now(),
        "customer": unset(params.get("customer")),
        "customer_account": None,
        "description": unset(params.get("description")),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "managed_payments": None,
        "mandate": None,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    intent["payment_method"] = authorise.chosen_method(world, intent, params)
    if intent["payment_method"] is not None:
        intent["status"] = "requires_confirmation"
    elif confirm_now:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise StripeError(400, message, code="setup_intent_unexpected_state")
    world.add(intent)
    world.emit("setup_intent.created", intent)
    return _confirm(world, intent, params) if confirm_now else intent


def retrieve(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Return a setup intent; a browser must know its client secret."""
    intent = world.get("setup_intents", intent_id, "setupintent", "intent")
    check_secret(intent, params)
    return intent


def update(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Change an intent that is still open."""
    intent = retrieve(world, {}, intent_id)
    if intent["status"] not in OPEN and set(params) - {"metadata", "description"}:
        message = f"This SetupIntent cannot be updated: it has a status of {intent['status']}."
        raise unexpected_state(message, intent)
    if params.get("customer"):
        customers.find(world, params["customer"])
        intent["customer"] = params["customer"]
    method_ref = authorise.chosen_method(world, intent, params)
    if method_ref is not None:
        intent["payment_method"] = method_ref
        intent["status"] = "requires_confirmation"
        intent["next_action"] = None
    if "metadata" in params:
        intent["metadata"] = customers.merged_metadata(intent["metadata"], params["metadata"])
    if "description" in params:
        intent["description"] = unset(params["description"])
    return intent


def confirm(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Ask the bank."""
    intent = retrieve(world, params, intent_id)
    if intent["status"] not in OPEN:
        message = (
            f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        )
        raise unexpected_state(message, intent)
    method_ref = authorise.chosen_method(world, intent, params)
    if method_ref is not None:
        intent["payment_method"] = method_ref
    if intent["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise unexpected_state(message, intent)
    return _confirm(world, intent, params)


def _confirm(world: StripeWorld, intent: JsonObject, params: dict[str, Any]) -> JsonObject:
    method = world.table("payment_methods")[intent["payment_method"]]
    payment_methods.usable(world, method, intent["customer"])
    card = payment_methods.card_of(world, method)
    intent["latest_attempt"] = world.new_id("setatt_")
    intent["last_setup_error"] = None
    if authorise.must_be_challenged(world, card, method):
        facts = world.private(intent["id"])
        return_url = params.get("return_url") or facts.get("return_url")
        in_script = bool(params.get("use_stripe_sdk", facts.get("in_script", False)))
        intent["status"] = "requires_action"
        intent["next_action"] = authorise.next_action(
            world, intent, return_url, in_script=in_script
        )
        world.emit("setup_intent.requires_action", intent)
        return intent
    return _save(world, intent, method)


def _save(world: StripeWorld, intent: JsonObject, method: JsonObject) -> JsonObject:
    card = payment_methods.card_of(world, method)
    intent["next_action"] = None
    if card.decline and card.declines_at == "attach":
        error = payment_methods.decline_error(card.decline, payment_method=copy.deepcopy(method))
        raise _failed(world, intent, error)
    intent["status"] = "succeeded"
    world.private(method["id"])["set_up"] = True
    if intent["customer"] is not None and method["customer"] is None:
        payment_methods.save_to(world, method, intent["customer"])
    world.emit("setup_intent.succeeded", intent)
    return intent


def _failed(world: StripeWorld, intent: JsonObject, error: StripeError) -> StripeError:
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["next_action"] = None
    intent["last_setup_error"] = authorise.last_error(error)
    world.emit("setup_intent.setup_failed", intent)
    error.extra["setup_intent"] = world.view(intent)
    return error


def finish_challenge(world: StripeWorld, intent: JsonObject, *, passed: bool) -> None:
    """Go on after the customer has answered the bank's question, or failed to."""
    if intent["status"] != "requires_action":
        return
    method = world.table("payment_methods")[intent["payment_method"]]
    try:
        if passed:
            _save(world, intent, method)
        else:
            _failed(world, intent, authorise.authentication_failed("SetupIntent", method))
    except StripeError as declined:
        if declined.status != 402:
            raise


def cancel(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Cancel a setup intent that is still open."""
    intent = retrieve(world, {}, intent_id)
    if intent["status"] not in OPEN:
        message = (
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}. "
            f"Only a SetupIntent with one of the following statuses may be canceled: "
            f"{', '.join(OPEN)}."
        )
        raise unexpected_state(message, intent)
    intent["status"] = "canceled"
    intent["next_action"] = None
    intent["cancellation_reason"] = params.get("cancellation_reason")
    world.emit("setup_intent.canceled", intent)
    return intent


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List setup intents."""
    rows = world.newest_first("setup_intents")
    wanted = same(params, "customer", "payment_method")
    return page(world, "/v1/setup_intents", "setupintent", rows, params, wanted)


_CHANGE: Final = Spec(
    customer=text,
    description=text,
    metadata=hash_of_text,
    payment_method=text,
    payment_method_data=PAYMENT_METHOD_DATA,
    payment_method_types=list_of(one_of("card")),
)
_CONFIRM: Final = Spec(
    confirmation_token=text, mandate_data=MANDATE_DATA, return_url=text, use_stripe_sdk=boolean
)
_CREATE: Final = _CHANGE.with_fields(**_CONFIRM.fields).with_fields(
    automatic_payment_methods=AUTOMATIC_METHODS,
    confirm=boolean,
    usage=one_of("off_session", "on_session"),
)
_CONFIRM_LATER: Final = _CONFIRM.with_fields(
    client_secret=text, payment_method=text, payment_method_data=PAYMENT_METHOD_DATA
)
_REASONS: Final = one_of("abandoned", "duplicate", "requested_by_customer")
ROUTES: Final = (
    Route("POST", "/setup_intents", create, _CREATE),
    Route(
        "GET",
        "/setup_intents",
        listing,
        PAGE.with_fields(created=RANGE, customer=text, payment_method=text),
    ),
    Route("GET", "/setup_intents/{intent}", retrieve, Spec(client_secret=text), browser=True),
    Route("POST", "/setup_intents/{intent}", update, _CHANGE),
    Route("POST", "/setup_intents/{intent}/confirm", confirm, _CONFIRM_LATER, browser=True),
    Route("POST", "/setup_intents/{intent}/cancel", cancel, Spec(cancellation_reason=_REASONS)),
)
