"""Payment methods: cards, made from a test card's number, token or `pm_card_` name."""

import hashlib
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import cards, customers
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.cards import TestCard
from dueport_apps.sandbox.stripe.errors import StripeError, missing_object
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import (
    BILLING,
    PAGE,
    PAYMENT_METHOD_DATA,
    Spec,
    hash_of_text,
    integer,
    one_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld, instant

_SPENT: Final = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
    "attachment, shared with a connected account without Customer attachment, or was detached "
    "from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
    "attach it to a Customer first."
)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Create a payment method that belongs to nobody yet."""
    made = from_data(world, params)
    return world.add(made)


def from_data(world: StripeWorld, data: dict[str, Any]) -> JsonObject:
    """Return a new payment method, not stored yet, for `payment_method_data`."""
    given = data.get("card")
    if not given:
        raise StripeError(
            400, "Missing required param: card.", code="parameter_missing", param="card"
        )
    card, month, year, cvc = _read_card(world, given)
    made = for_card(world, card, month, year)
    made["allow_redisplay"] = data.get("allow_redisplay", "unspecified")
    made["metadata"] = data.get("metadata", {})
    made["billing_details"] = billing_details(data.get("billing_details"))
    made["card"]["checks"]["cvc_check"] = "unchecked" if cvc else None
    return made


def _read_card(world: StripeWorld, given: dict[str, Any]) -> tuple[TestCard, int, int, str | None]:
    if "token" in given:
        token = given["token"]
        card = cards.BY_NAME.get(token.removeprefix("tok_")) if token.startswith("tok_") else None
        if card is None:
            raise StripeError(400, f"Invalid token id: {token}", param="token")
        return card, *cards.EXPIRES, "123"
    if world.request is not None and not world.request.publishable:
        message = (
            "Sending credit card numbers directly to the Stripe API is generally unsafe. "
            "To continue processing use Stripe.js or test tokens such as pm_card_visa."
        )
        raise StripeError(402, message, kind="card_error")
    for name in ("number", "exp_month", "exp_year"):
        if name not in given:
            full = f"card[{name}]"
            message = f"Missing required param: {full}."
            raise StripeError(400, message, code="parameter_missing", param=full)
    number = given["number"].replace(" ", "")
    if not cards.passes_luhn(number):
        raise _card_error("Your card number is incorrect.", "incorrect_number", "number")
    _check_expiry(world, given["exp_month"], given["exp_year"])
    cvc = given.get("cvc")
    if cvc is not None and not (cvc.isdigit() and len(cvc) in (3, 4)):
        raise _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")
    card = cards.BY_NUMBER.get(number) or cards.stranger(number)
    return card, given["exp_month"], given["exp_year"], cvc


def _check_expiry(world: StripeWorld, month: int, year: int) -> None:
    if not 1 <= month <= 12:
        raise _card_error(
            "Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month"
        )
    today = instant(world.now())
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise _card_error(
            "Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year"
        )


def _card_error(message: str, code: str, param: str) -> StripeError:
    return StripeError(402, message, kind="card_error", code=code, param=param)


def billing_details(given: dict[str, Any] | None) -> JsonObject:
    """Return billing details with every field, as Stripe shows them."""
    details = {name: unset((given or {}).get(name)) for name in ("email", "name", "phone")}
    address = (given or {}).get("address") or {}
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    shown = {part: unset(address.get(part)) for part in parts}
    return {"address": shown, **details, "tax_id": None}


def for_card(
    world: StripeWorld, card: TestCard, month: int = cards.EXPIRES[0], year: int = cards.EXPIRES[1]
) -> JsonObject:
    """Return a new payment method, not stored yet, for a test card."""
    made_id = world.new_id("pm_")
    seed = f"{world.frame.world.seed}:{card.number}"
    world.private(made_id)["number"] = card.number
    return {
        "id": made_id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(None),
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "unchecked",
            },
            "country": card.country,
            "display_brand": {"amex": "american_express"}.get(card.brand, card.brand),
            "exp_month": month,
            "exp_year": year,
            "fingerprint": hashlib.sha256(seed.encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def card_of(world: StripeWorld, method: JsonObject) -> TestCard:
    """Return the test card that a payment method stands for."""
    number = world.fact(method["id"], "number")
    return cards.BY_NUMBER.get(number) or cards.stranger(number)


def named(world: StripeWorld, method_ref: str, param: str = "payment_method") -> JsonObject:
    """Return a stored payment method; a name such as `pm_card_visa` makes a fresh one."""
    card = cards.BY_NAME.get(method_ref.removeprefix("pm_card_"))
    if method_ref.startswith("pm_card_") and card is not None:
        return world.add(for_card(world, card))
    found = world.table("payment_methods").get(method_ref)
    if found is None:
        raise missing_object("PaymentMethod", method_ref, param, 400)
    return found


def usable(world: StripeWorld, method: JsonObject, customer_ref: str | None) -> JsonObject:
    """Return the method when that customer may pay with it, or raise Stripe's refusal."""
    if world.fact(method["id"], "spent"):
        raise StripeError(400, _SPENT)
    if method["customer"] is not None and method["customer"] != customer_ref:
        if customer_ref is None:
            message = (
                "The PaymentMethod provided belongs to a Customer. Please include the Customer "
                "in the `customer` parameter on the PaymentIntent."
            )
        else:
            message = (
                f"The provided PaymentMethod {method['id']} belongs to another Customer, not to "
                f"{customer_ref}."
            )
        raise StripeError(400, message, param="payment_method")
    return method


def retrieve(world: StripeWorld, params: dict[str, Any], method_id: str) -> JsonObject:
    """Return a payment method."""
    return world.get("payment_methods", method_id, "PaymentMethod", "payment_method")


def update(world: StripeWorld, params: dict[str, Any], method_id: str) -> JsonObject:
    """Change what may be changed of a payment method."""
    method = retrieve(world, {}, method_id)
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise StripeError(400, message)
    before = {name: method[name] for name in params}
    for name, value in params.items():
        if name == "metadata":
            method["metadata"] = customers.merged_metadata(method["metadata"], value)
        elif name == "billing_details":
            merged = {**method["billing_details"], **value}
            method["billing_details"] = billing_details(merged)
        elif name == "card":
            method["card"].update(value)
        else:
            method[name] = value
    world.emit("payment_method.updated", method, before)
    return method


def attach(world: StripeWorld, params: dict[str, Any], method_ref: str) -> JsonObject:
    """Save a payment method to a customer; the bank is asked whether the card is good."""
    customer = customers.find(world, params["customer"])
    method = named(world, method_ref)
    if world.fact(method["id"], "spent"):
        raise StripeError(400, _SPENT)
    if method["customer"] is not None:
        message = "The payment method you provided has already been attached to a customer."
        raise StripeError(400, message)
    card = card_of(world, method)
    if card.decline and card.declines_at == "attach":
        raise decline_error(card.decline)
    return save_to(world, method, customer["id"])


def save_to(world: StripeWorld, method: JsonObject, customer_ref: str) -> JsonObject:
    """Attach without asking the bank again."""
    method["customer"] = customer_ref
    if method["card"]["checks"]["cvc_check"] == "unchecked":
        method["card"]["checks"]["cvc_check"] = "pass"
    world.emit("payment_method.attached", method)
    return method


def decline_error(key: str, **extra: Any) -> StripeError:
    """Return the bank's refusal as Stripe words it."""
    decline = cards.DECLINES[key]
    return StripeError(
        402,
        decline.message,
        kind="card_error",
        code=decline.code,
        decline_code=decline.decline_code,
        **extra,
    )


def detach(world: StripeWorld, params: dict[str, Any], method_id: str) -> JsonObject:
    """Remove a payment method from its customer, for good."""
    method = retrieve(world, {}, method_id)
    if method["customer"] is None:
        message = (
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
        raise StripeError(400, message)
    before = {"customer": method["customer"]}
    method["customer"] = None
    world.private(method_id)["spent"] = True
    world.emit("payment_method.detached", method, before)
    return method


def listing(
    world: StripeWorld, params: dict[str, Any], customer_id: str | None = None
) -> JsonObject:
    """List saved payment methods, of one customer or of all."""
    url = "/v1/payment_methods"
    if customer_id is not None:
        customers.retrieve(world, {}, customer_id)
        params = {**params, "customer": customer_id}
        url = f"/v1/customers/{customer_id}/payment_methods"
    wanted = same(params, "customer", "type", "allow_redisplay")
    rows = (row for row in world.newest_first("payment_methods") if row["customer"] is not None)
    return page(world, url, "PaymentMethod", rows, params, wanted)


def of_customer(
    world: StripeWorld, params: dict[str, Any], customer_id: str, method_id: str
) -> JsonObject:
    """Return one payment method of one customer."""
    method = retrieve(world, {}, method_id)
    if method["customer"] != customer_id:
        raise missing_object("PaymentMethod", method_id, "payment_method")
    return method


_LIST: Final = PAGE.with_fields(
    type=one_of("card", "us_bank_account", "link", "sepa_debit"),
    allow_redisplay=one_of("always", "limited", "unspecified"),
)
_UPDATE: Final = Spec(
    allow_redisplay=one_of("always", "limited", "unspecified"),
    billing_details=BILLING,
    card=Spec(exp_month=integer, exp_year=integer),
    metadata=hash_of_text,
)
ROUTES: Final = (
    Route("POST", "/payment_methods", create, PAYMENT_METHOD_DATA, browser=True),
    Route("GET", "/payment_methods", listing, _LIST.with_fields(customer=text)),
    Route("GET", "/payment_methods/{payment_method}", retrieve, Spec()),
    Route("POST", "/payment_methods/{payment_method}", update, _UPDATE),
    Route(
        "POST", "/payment_methods/{payment_method}/attach", attach, Spec("customer", customer=text)
    ),
    Route("POST", "/payment_methods/{payment_method}/detach", detach, Spec()),
    Route("GET", "/customers/{customer}/payment_methods", listing, _LIST),
    Route("GET", "/customers/{customer}/payment_methods/{payment_method}", of_customer, Spec()),
)
