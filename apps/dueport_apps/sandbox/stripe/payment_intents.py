"""Payment intents: one payment from its amount to the money, through declines and challenges."""

import copy
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import authorise, charges, customers, disputes, payment_methods
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.errors import StripeError, unexpected_state
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import (
    AUTOMATIC_METHODS,
    MANDATE_DATA,
    PAGE,
    PAYMENT_METHOD_DATA,
    RANGE,
    SHIPPING,
    Spec,
    boolean,
    hash_of_text,
    integer,
    list_of,
    one_of,
    text,
    true_or_word,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld

AMOUNT_MIN: Final = 50
AMOUNT_MAX: Final = 99_999_999
CURRENCIES: Final = ("usd",)
OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE: Final = (*OPEN, "requires_capture", "processing")
_TOO_SMALL: Final = (
    "The amount must be greater than or equal to the minimum charge amount allowed for your "
    "account and the currency set."
)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Create a payment intent and, with `confirm`, take the payment at once."""
    confirm = params.pop("confirm", False)
    _check_amount(params["amount"])
    if params["currency"].lower() not in CURRENCIES:
        message = f"Invalid currency: {params['currency']}. The sandbox's account takes usd."
        raise StripeError(400, message, param="currency")
    for only_confirming in ("off_session", "confirmation_token", "mandate_data", "return_url"):
        if only_confirming in params and not confirm:
            message = f"`{only_confirming}` can only be passed with `confirm` set to true."
            raise StripeError(400, message, param=only_confirming)
    if params.get("customer"):
        customers.find(world, params["customer"])
    intent = _blank(world, params)
    method_ref = authorise.chosen_method(world, intent, params)
    if confirm and method_ref is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise StripeError(400, message, code="payment_intent_unexpected_state")
    intent["payment_method"] = method_ref
    if method_ref is not None:
        intent["status"] = "requires_confirmation"
    world.add(intent)
    world.emit("payment_intent.created", intent)
    return _confirm(world, intent, params) if confirm else intent


def _check_amount(amount: int) -> None:
    if amount < 1:
        code = "parameter_invalid_integer"
        raise StripeError(400, _TOO_SMALL, code=code, param="amount")
    if amount < AMOUNT_MIN:
        message = "Amount must be at least $0.50 usd"
        raise StripeError(400, message, code="amount_too_small", param="amount")
    if amount > AMOUNT_MAX:
        message = "Amount must be no more than $999,999.99"
        raise StripeError(400, message, code="amount_too_large", param="amount")


def _blank(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    intent_id = world.new_id("pi_")
    automatic = params.get("automatic_payment_methods")
    if automatic is not None:
        automatic = {"allow_redirects": "always", **automatic}
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{world.new_id('', 25)}",
        "confirmation_method": "automatic",
        "created": world.now(),
        "currency": params["currency"].lower(),
        "customer": unset(params.get("customer")),
        "customer_account": None,
        "description": unset(params.get("description")),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "processing": None,
        "receipt_email": unset(params.get("receipt_email")),
        "review": None,
        "setup_future_usage": unset(params.get("setup_future_usage")),
        "shipping": unset(params.get("shipping")),
        "statement_descriptor": unset(params.get("statement_descriptor")),
        "statement_descriptor_suffix": unset(params.get("statement_descriptor_suffix")),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def retrieve(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Return a payment intent; a browser must know its client secret."""
    intent = world.get("payment_intents", intent_id, "payment_intent", "intent")
    check_secret(intent, params)
    return intent


def check_secret(intent: JsonObject, params: dict[str, Any]) -> None:
    """Refuse a client secret that is not the intent's."""
    if "client_secret" in params and params["client_secret"] != intent["client_secret"]:
        message = "The client_secret provided does not match any associated intent on this account."
        raise StripeError(400, message, param="client_secret")


def update(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Change an intent that has not been paid yet; its metadata at any time."""
    intent = retrieve(world, {}, intent_id)
    fixed = [name for name in params if name not in ("metadata", "description", "receipt_email")]
    if fixed and intent["status"] not in OPEN:
        message = (
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of "
            f"{intent['status']}. You may only update the {fixed[0]} of a PaymentIntent with one "
            f"of the following statuses: {', '.join(OPEN)}."
        )
        raise unexpected_state(message, intent)
    if "amount" in params:
        _check_amount(params["amount"])
    if params.get("customer"):
        customers.find(world, params["customer"])
        intent["customer"] = params.pop("customer")
    method_ref = authorise.chosen_method(world, intent, params)
    if method_ref is not None:
        intent["payment_method"] = method_ref
        intent["status"] = "requires_confirmation"
        intent["next_action"] = None
    for name, value in params.items():
        if name == "metadata":
            intent["metadata"] = customers.merged_metadata(intent["metadata"], value)
        elif name not in ("payment_method", "payment_method_data", "customer"):
            intent[name] = unset(value)
    return intent


def confirm(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Take the payment."""
    intent = retrieve(world, params, intent_id)
    if intent["status"] not in OPEN:
        message = (
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        )
        raise unexpected_state(message, intent)
    method_ref = authorise.chosen_method(world, intent, params)
    if method_ref is not None:
        intent["payment_method"] = method_ref
    if intent["payment_method"] is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise unexpected_state(message, intent)
    for name in ("receipt_email", "setup_future_usage", "shipping", "capture_method"):
        if name in params:
            intent[name] = unset(params[name])
    return _confirm(world, intent, params)


def _confirm(world: StripeWorld, intent: JsonObject, params: dict[str, Any]) -> JsonObject:
    method = world.table("payment_methods")[intent["payment_method"]]
    payment_methods.usable(world, method, intent["customer"])
    card = payment_methods.card_of(world, method)
    off_session = params.get("off_session") not in (None, False)
    intent["last_payment_error"] = None
    if authorise.must_be_challenged(world, card, method):
        if off_session or params.get("error_on_requires_action"):
            raise _failed(world, intent, authorise.authentication_required(method))
        facts = world.private(intent["id"])
        return_url = params.get("return_url") or facts.get("return_url")
        in_script = bool(params.get("use_stripe_sdk", facts.get("in_script", False)))
        intent["status"] = "requires_action"
        intent["next_action"] = authorise.next_action(
            world, intent, return_url, in_script=in_script
        )
        world.emit("payment_intent.requires_action", intent)
        return intent
    return _charge(world, intent, method)


def _charge(world: StripeWorld, intent: JsonObject, method: JsonObject) -> JsonObject:
    card = payment_methods.card_of(world, method)
    captured = intent["capture_method"] != "manual"
    intent["next_action"] = None
    charge = charges.create(
        world, intent, method, card, captured=captured, declined=bool(card.decline)
    )
    intent["latest_charge"] = charge["id"]
    if card.decline:
        world.emit("charge.failed", charge)
        error = payment_methods.decline_error(
            card.decline, charge=charge["id"], payment_method=copy.deepcopy(method)
        )
        raise _failed(world, intent, error)
    if intent["customer"] is None:
        world.private(method["id"])["spent"] = True
    elif intent["setup_future_usage"] and method["customer"] is None:
        payment_methods.save_to(world, method, intent["customer"])
        world.private(method["id"])["set_up"] = True
    if captured:
        charges.book(
            world, charge, charge["amount"], at_once=intent["capture_method"] == "automatic"
        )
    world.emit("charge.succeeded", charge)
    if card.dispute:
        disputes.open_on(world, charge, card.dispute)
    if captured:
        intent["status"] = "succeeded"
        intent["amount_received"] = intent["amount"]
        world.emit("payment_intent.succeeded", intent)
    else:
        intent["status"] = "requires_capture"
        intent["amount_capturable"] = intent["amount"]
        world.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def _failed(world: StripeWorld, intent: JsonObject, error: StripeError) -> StripeError:
    """Put an intent back to where another method can be given, and return the 402 with it."""
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["next_action"] = None
    intent["last_payment_error"] = authorise.last_error(error)
    world.emit("payment_intent.payment_failed", intent)
    error.extra["payment_intent"] = world.view(intent)
    return error


def finish_challenge(world: StripeWorld, intent: JsonObject, *, passed: bool) -> None:
    """Go on after the customer has answered the bank's question, or failed to."""
    if intent["status"] != "requires_action":
        return
    method = world.table("payment_methods")[intent["payment_method"]]
    try:
        if passed:
            world.private(intent["id"])["authenticated"] = True
            _charge(world, intent, method)
        else:
            _failed(world, intent, authorise.authentication_failed("PaymentIntent", method))
    except StripeError as declined:
        if declined.status != 402:
            raise


def capture(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Take what was held, or a part of it; the rest is let go."""
    intent = retrieve(world, {}, intent_id)
    if intent["status"] == "succeeded" and intent["capture_method"] == "manual":
        message = (
            "The remaining amount on this PaymentIntent could not be captured because the "
            "remainder of the authorized amount has been released."
        )
        raise unexpected_state(message, intent)
    if intent["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture."
        )
        raise unexpected_state(message, intent)
    asked = params.get("amount_to_capture")
    amount: int = intent["amount_capturable"] if asked is None else asked
    if not 0 < amount <= intent["amount_capturable"]:
        message = "The amount to capture must be positive and no more than what is held."
        raise StripeError(400, message, code="amount_too_large", param="amount_to_capture")
    charge = world.table("charges")[intent["latest_charge"]]
    charge["captured"] = True
    charge["amount_captured"] = amount
    charge["payment_method_details"]["card"].pop("capture_before", None)
    intent["amount_capturable"] = 0
    intent["amount_received"] = amount
    intent["status"] = "succeeded"
    charges.book(world, charge, amount, at_once=True)
    world.emit("charge.captured", charge)
    world.emit("payment_intent.succeeded", intent)
    return intent


def cancel(world: StripeWorld, params: dict[str, Any], intent_id: str) -> JsonObject:
    """Cancel an intent that has not been paid; what was held is let go."""
    intent = retrieve(world, {}, intent_id)
    if intent["status"] not in CANCELLABLE:
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be canceled: "
            f"{', '.join(CANCELLABLE)}."
        )
        raise unexpected_state(message, intent)
    if intent["status"] == "requires_capture":
        charge = world.table("charges")[intent["latest_charge"]]
        charge["refunded"] = True
        charge["amount_refunded"] = charge["amount"]
        world.emit("charge.refunded", charge)
    intent["status"] = "canceled"
    intent["amount_capturable"] = 0
    intent["next_action"] = None
    intent["canceled_at"] = world.now()
    intent["cancellation_reason"] = params.get("cancellation_reason")
    world.emit("payment_intent.canceled", intent)
    return intent


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List payment intents."""
    rows = world.newest_first("payment_intents")
    return page(
        world, "/v1/payment_intents", "payment_intent", rows, params, same(params, "customer")
    )


_FUTURE: Final = one_of("off_session", "on_session", "")
_CHANGE: Final = Spec(
    amount=integer,
    customer=text,
    description=text,
    metadata=hash_of_text,
    payment_method=text,
    payment_method_data=PAYMENT_METHOD_DATA,
    payment_method_types=list_of(one_of("card")),
    receipt_email=text,
    setup_future_usage=_FUTURE,
    shipping=SHIPPING,
    statement_descriptor=text,
    statement_descriptor_suffix=text,
)
_CONFIRM: Final = Spec(
    capture_method=one_of("automatic", "automatic_async", "manual"),
    confirmation_token=text,
    error_on_requires_action=boolean,
    mandate_data=MANDATE_DATA,
    off_session=true_or_word,
    return_url=text,
    use_stripe_sdk=boolean,
)
_CREATE: Final = (
    _CHANGE.with_fields(**_CONFIRM.fields)
    .with_fields(
        automatic_payment_methods=AUTOMATIC_METHODS,
        confirm=boolean,
        currency=text,
    )
    .requiring("amount currency")
)
_CONFIRM_LATER: Final = _CONFIRM.with_fields(
    client_secret=text,
    payment_method=text,
    payment_method_data=PAYMENT_METHOD_DATA,
    receipt_email=text,
    setup_future_usage=_FUTURE,
    shipping=SHIPPING,
)
_REASONS: Final = one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")
ROUTES: Final = (
    Route("POST", "/payment_intents", create, _CREATE),
    Route("GET", "/payment_intents", listing, PAGE.with_fields(created=RANGE, customer=text)),
    Route("GET", "/payment_intents/{intent}", retrieve, Spec(client_secret=text), browser=True),
    Route("POST", "/payment_intents/{intent}", update, _CHANGE),
    Route("POST", "/payment_intents/{intent}/confirm", confirm, _CONFIRM_LATER, browser=True),
    Route("POST", "/payment_intents/{intent}/capture", capture, Spec(amount_to_capture=integer)),
    Route("POST", "/payment_intents/{intent}/cancel", cancel, Spec(cancellation_reason=_REASONS)),
)
