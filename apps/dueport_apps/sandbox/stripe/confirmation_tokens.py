"""Confirmation tokens: a card that the browser has typed in, shown to the server before it pays."""

import copy
from datetime import timedelta
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import payment_methods
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.errors import StripeError, missing_object
from dueport_apps.sandbox.stripe.params import (
    MANDATE_DATA,
    PAYMENT_METHOD_DATA,
    SHIPPING,
    Spec,
    boolean,
    one_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld

LIVES: Final = timedelta(hours=12)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Create a token from typed-in data, or from a saved method in the test helpers."""
    if "payment_method_data" in params:
        method = payment_methods.from_data(world, params["payment_method_data"])
    elif "payment_method" in params:
        method = payment_methods.named(world, params["payment_method"])
    else:
        message = "Missing required param: payment_method_data."
        raise StripeError(400, message, code="parameter_missing", param="payment_method_data")
    token_id = world.new_id("ctoken_")
    world.private(token_id)["payment_method"] = copy.deepcopy(method)
    preview = {
        key: copy.deepcopy(method[key])
        for key in ("allow_redisplay", "billing_details", "card", "customer", "type")
    }
    preview["customer_account"] = None
    return world.add(
        {
            "id": token_id,
            "object": "confirmation_token",
            "created": world.now(),
            "expires_at": world.now() + int(LIVES.total_seconds()),
            "livemode": False,
            "mandate_data": unset(params.get("mandate_data")),
            "payment_intent": None,
            "payment_method_options": {"card": {"cvc_token": None}},
            "payment_method_preview": preview,
            "return_url": params.get("return_url"),
            "setup_future_usage": params.get("setup_future_usage"),
            "setup_intent": None,
            "shipping": unset(params.get("shipping")),
            "use_stripe_sdk": params.get("use_stripe_sdk", True),
        }
    )


def retrieve(world: StripeWorld, params: dict[str, Any], token_id: str) -> JsonObject:
    """Return a token."""
    return world.get("confirmation_tokens", token_id, "confirmation_token", "confirmation_token")


def spend(world: StripeWorld, token_ref: str, intent: JsonObject) -> str:
    """Use a token up for an intent and return the id of its payment method."""
    token = world.table("confirmation_tokens").get(token_ref)
    if token is None:
        raise missing_object("confirmation_token", token_ref, "confirmation_token", 400)
    if token["payment_intent"] is not None or token["setup_intent"] is not None:
        message = f"The ConfirmationToken {token_ref} has already been used."
        raise StripeError(400, message, param="confirmation_token")
    if token["expires_at"] <= world.now():
        message = f"The ConfirmationToken {token_ref} has expired."
        raise StripeError(400, message, param="confirmation_token")
    token[intent["object"]] = intent["id"]
    if token["setup_future_usage"] is not None and intent["object"] == "payment_intent":
        intent["setup_future_usage"] = token["setup_future_usage"]
    if token["return_url"] is not None:
        world.private(intent["id"])["return_url"] = token["return_url"]
    world.private(intent["id"])["in_script"] = token["use_stripe_sdk"]
    method: JsonObject = copy.deepcopy(world.fact(token_ref, "payment_method"))
    world.table("payment_methods").setdefault(method["id"], method)
    return str(method["id"])


_BROWSER: Final = Spec(
    payment_method_data=PAYMENT_METHOD_DATA,
    return_url=text,
    setup_future_usage=one_of("off_session", "on_session"),
    shipping=SHIPPING,
    mandate_data=MANDATE_DATA,
    use_stripe_sdk=boolean,
)
ROUTES: Final = (
    Route("POST", "/confirmation_tokens", create, _BROWSER, browser=True),
    Route(
        "POST",
        "/test_helpers/confirmation_tokens",
        create,
        _BROWSER.with_fields(payment_method=text),
    ),
    Route("GET", "/confirmation_tokens/{confirmation_token}", retrieve, Spec()),
)
