"""Confirming an intent: choose the payment method, ask its bank, and do what the bank says.

Payment intents and setup intents share the choice of a method and the challenge by the bank.
"""

import copy
from typing import Any

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import confirmation_tokens, payment_methods
from dueport_apps.sandbox.stripe.cards import TestCard
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.world import StripeWorld

AUTHENTICATION_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data "
    "or a new PaymentMethod to attempt to fulfill this PaymentIntent again."
)


def chosen_method(world: StripeWorld, intent: JsonObject, params: dict[str, Any]) -> str | None:
    """Return the id of the method that the parameters name, made when it is given as data."""
    given = [
        name
        for name in ("payment_method", "payment_method_data", "confirmation_token")
        if params.get(name)
    ]
    if len(given) > 1:
        message = f"You may only specify one of these parameters: {', '.join(given)}."
        raise StripeError(400, message)
    if "payment_method_data" in params:
        return str(payment_methods.create(world, params["payment_method_data"])["id"])
    if "confirmation_token" in params:
        return confirmation_tokens.spend(world, params["confirmation_token"], intent)
    if params.get("payment_method"):
        method = payment_methods.named(world, params["payment_method"])
        return str(payment_methods.usable(world, method, intent["customer"])["id"])
    return None


def must_be_challenged(world: StripeWorld, card: TestCard, method: JsonObject) -> bool:
    """Whether the bank wants to ask its customer before it agrees."""
    if card.challenge == "unless_set_up":
        return not world.fact(method["id"], "set_up")
    return card.challenge == "always"


def next_action(
    world: StripeWorld, intent: JsonObject, return_url: str | None, *, in_script: bool
) -> JsonObject:
    """Return how the customer gets to the bank's question: by redirect, or inside the script."""
    base = world.frame.settings.base_url
    url = f"{base}/stripe/challenge/{intent['id']}?client_secret={intent['client_secret']}"
    if return_url and not in_script:
        return {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": url},
        }
    details = {"type": "three_d_secure_redirect", "stripe_js": url}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": details}


def authentication_required(method: JsonObject) -> StripeError:
    """Return the refusal of a card whose bank wants to ask a customer who is not there."""
    return StripeError(
        402,
        "Your card was declined. This transaction requires authentication.",
        kind="card_error",
        code="authentication_required",
        decline_code="authentication_required",
        payment_method=copy.deepcopy(method),
    )


def authentication_failed(kind: str, method: JsonObject) -> StripeError:
    """Return the outcome of a challenge that the customer did not pass."""
    return StripeError(
        402,
        AUTHENTICATION_FAILED.replace("PaymentIntent", kind),
        code=f"{'payment' if kind == 'PaymentIntent' else 'setup'}_intent_authentication_failure",
        payment_method=copy.deepcopy(method),
    )


def last_error(error: StripeError) -> JsonObject:
    """Return an error as an intent keeps it."""
    method_type = error.extra.get("payment_method", {}).get("type")
    kept = {key: value for key, value in error.details().items() if key != "payment_intent"}
    if kept["type"] == "card_error" and method_type is not None:
        kept["payment_method_type"] = method_type
    return kept
