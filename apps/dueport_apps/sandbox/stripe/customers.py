"""Customers."""

from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import (
    ADDRESS,
    PAGE,
    RANGE,
    SHIPPING,
    Spec,
    hash_of_text,
    one_or,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld

_FIELDS: Final = Spec(
    address=one_or(text, ADDRESS),
    description=text,
    email=text,
    invoice_settings=Spec(default_payment_method=text),
    metadata=hash_of_text,
    name=text,
    phone=text,
    shipping=SHIPPING,
)
CREATE: Final = _FIELDS.with_fields(payment_method=text)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Create a customer, with a payment method where one is named."""
    from dueport_apps.sandbox.stripe import payment_methods

    method_ref = params.pop("payment_method", None)
    made: JsonObject = {
        "id": world.new_id("cus_", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": world.new_id("", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _change(made, params)
    world.add(made)
    world.emit("customer.created", made)
    if method_ref is not None:
        payment_methods.attach(world, {"customer": made["id"]}, method_ref)
    return made


def _change(customer: JsonObject, params: dict[str, Any]) -> None:
    for name, value in params.items():
        if name == "metadata":
            customer["metadata"] = merged_metadata(customer["metadata"], value)
        elif name == "invoice_settings":
            customer[name].update({key: unset(entry) for key, entry in value.items()})
        elif name == "address" and isinstance(value, dict):
            customer[name] = {key: value.get(key) for key in ADDRESS.fields if key != "expand"}
        else:
            customer[name] = unset(value)


def merged_metadata(kept: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Return metadata after an update: keys are merged, empty values remove theirs."""
    return {key: value for key, value in {**kept, **given}.items() if value != ""}


def find(world: StripeWorld, customer_ref: str, param: str = "customer") -> JsonObject:
    """Return a customer that another call names."""
    return world.get("customers", customer_ref, "customer", param, 400)


def retrieve(world: StripeWorld, params: dict[str, Any], customer_id: str) -> JsonObject:
    """Return a customer."""
    return world.get("customers", customer_id, "customer", "id")


def update(world: StripeWorld, params: dict[str, Any], customer_id: str) -> JsonObject:
    """Change a customer."""
    customer = retrieve(world, {}, customer_id)
    before = {name: customer[name] for name in params}
    _change(customer, params)
    world.emit("customer.updated", customer, before)
    return customer


def delete(world: StripeWorld, params: dict[str, Any], customer_id: str) -> JsonObject:
    """Delete a customer and detach what it had saved."""
    customer = retrieve(world, {}, customer_id)
    for method in world.table("payment_methods").values():
        if method["customer"] == customer_id:
            method["customer"] = None
            world.private(method["id"])["spent"] = True
    del world.table("customers")[customer_id]
    world.emit("customer.deleted", customer)
    return {"id": customer_id, "object": "customer", "deleted": True}


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List customers."""
    rows = world.newest_first("customers")
    return page(world, "/v1/customers", "customer", rows, params, same(params, "email"))


ROUTES: Final = (
    Route("POST", "/customers", create, CREATE),
    Route("GET", "/customers", listing, PAGE.with_fields(created=RANGE, email=text)),
    Route("GET", "/customers/{customer}", retrieve, Spec()),
    Route("POST", "/customers/{customer}", update, _FIELDS),
    Route("DELETE", "/customers/{customer}", delete, Spec()),
)
