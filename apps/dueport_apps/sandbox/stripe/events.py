"""Events and the addresses that hear of them, signed as Stripe signs."""

import hashlib
import hmac
import json
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.customers import merged_metadata
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.paging import page
from dueport_apps.sandbox.stripe.params import (
    PAGE,
    RANGE,
    Spec,
    boolean,
    hash_of_text,
    list_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld
from dueport_apps.sandbox.webhooks import Notice, WebhookTarget

OTHER_VERSION: Final = "2017-08-15"


def signed(body: bytes, secret: str, at: int) -> dict[str, str]:
    """Return the `Stripe-Signature` header: HMAC-SHA256 over the time, a dot and the body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={mac}", "user-agent": "Stripe/1.0 (sandbox)"}


def _targets(world: StripeWorld) -> list[WebhookTarget]:
    registered = [
        WebhookTarget(
            endpoint["url"],
            world.fact(endpoint["id"], "secret"),
            tuple(endpoint["enabled_events"]),
        )
        for endpoint in world.table("webhook_endpoints").values()
        if endpoint["status"] == "enabled"
    ]
    return [*world.frame.settings.stripe_webhooks, *registered]


def announce(world: StripeWorld, event: JsonObject) -> None:
    """Send an event to every address that listens for its type."""
    listening = [target for target in _targets(world) if target.hears(event["type"])]
    event["pending_webhooks"] = len(listening)
    body = _encode(event)
    for target in listening:

        def delivered() -> None:
            event["pending_webhooks"] -= 1
            world.frame.world.touch()

        notice = Notice(
            vendor="stripe",
            kind=event["type"],
            event_ref=event["id"],
            url=target.url,
            secret=target.secret,
            body=body,
            sign=signed,
            other_version_body=_encode({**event, "api_version": OTHER_VERSION}),
            delivered=delivered,
        )
        world.frame.webhooks.announce(notice)


def announce_again(world: StripeWorld) -> None:
    """Send what a saved world had not delivered yet."""
    waiting = [e for e in world.table("events").values() if e["pending_webhooks"] > 0]
    for event in waiting:
        announce(world, event)


def _encode(event: JsonObject) -> bytes:
    return json.dumps(event, indent=2).encode()


def retrieve(world: StripeWorld, params: dict[str, Any], event_id: str) -> JsonObject:
    """Return an event."""
    return world.get("events", event_id, "event", "id")


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List events, of all types or of some; `delivery_success` false lists the undelivered."""
    kinds = params.get("types") or ([params["type"]] if "type" in params else None)
    delivered = params.get("delivery_success")

    def keep(event: JsonObject) -> bool:
        if delivered is not None and (event["pending_webhooks"] == 0) != delivered:
            return False
        return kinds is None or any(_is_of_kind(event["type"], kind) for kind in kinds)

    return page(world, "/v1/events", "event", world.newest_first("events"), params, keep)


def _is_of_kind(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def create_endpoint(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Register an address. Its secret is shown in this answer and never again."""
    if not params["enabled_events"]:
        message = "Missing required param: enabled_events."
        raise StripeError(400, message, code="parameter_missing", param="enabled_events")
    if not params["url"].startswith(("http://", "https://")):
        message = "Invalid URL: an address starts with http:// or https://."
        raise StripeError(400, message, code="url_invalid", param="url")
    endpoint = world.add(
        {
            "id": world.new_id("we_"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "application": None,
            "created": world.now(),
            "description": unset(params.get("description")),
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": params.get("metadata", {}),
            "status": "enabled",
            "url": params["url"],
        }
    )
    secret = world.new_id("whsec_", 32)
    world.private(endpoint["id"])["secret"] = secret
    return {**endpoint, "secret": secret}


def retrieve_endpoint(world: StripeWorld, params: dict[str, Any], endpoint_id: str) -> JsonObject:
    """Return a registered address, without its secret."""
    return world.get("webhook_endpoints", endpoint_id, "webhook endpoint", "webhook_endpoint")


def update_endpoint(world: StripeWorld, params: dict[str, Any], endpoint_id: str) -> JsonObject:
    """Change a registered address."""
    endpoint = retrieve_endpoint(world, {}, endpoint_id)
    if "disabled" in params:
        endpoint["status"] = "disabled" if params.pop("disabled") else "enabled"
    for name, value in params.items():
        if name == "metadata":
            endpoint["metadata"] = merged_metadata(endpoint["metadata"], value)
        else:
            endpoint[name] = unset(value)
    return endpoint


def delete_endpoint(world: StripeWorld, params: dict[str, Any], endpoint_id: str) -> JsonObject:
    """Forget an address."""
    retrieve_endpoint(world, {}, endpoint_id)
    del world.table("webhook_endpoints")[endpoint_id]
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List registered addresses."""
    rows = world.newest_first("webhook_endpoints")
    return page(world, "/v1/webhook_endpoints", "webhook endpoint", rows, params)


_ENDPOINT: Final = Spec(
    url=text, enabled_events=list_of(text), description=text, metadata=hash_of_text
)
ROUTES: Final = (
    Route(
        "GET",
        "/events",
        listing,
        PAGE.with_fields(created=RANGE, type=text, types=list_of(text), delivery_success=boolean),
    ),
    Route("GET", "/events/{id}", retrieve, Spec()),
    Route(
        "POST",
        "/webhook_endpoints",
        create_endpoint,
        _ENDPOINT.with_fields(api_version=text).requiring("url enabled_events"),
    ),
    Route("GET", "/webhook_endpoints", list_endpoints, PAGE),
    Route("GET", "/webhook_endpoints/{webhook_endpoint}", retrieve_endpoint, Spec()),
    Route(
        "POST",
        "/webhook_endpoints/{webhook_endpoint}",
        update_endpoint,
        _ENDPOINT.with_fields(disabled=boolean),
    ),
    Route("DELETE", "/webhook_endpoints/{webhook_endpoint}", delete_endpoint, Spec()),
)
