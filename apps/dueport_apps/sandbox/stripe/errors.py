"""Stripe's error answers: `{"error": {...}}` with a type, often a code, sometimes a parameter."""

import json
from typing import Any

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.state import JsonObject

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is not 200. `extra` holds objects that Stripe puts inside the error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.extra = extra

    def details(self) -> JsonObject:
        """Return the inside of the error, as `last_payment_error` also shows it."""
        found: JsonObject = {"type": self.kind, "message": self.message}
        if self.code is not None:
            found["code"] = self.code
            found["doc_url"] = DOCS + self.code.replace("_", "-")
        if self.decline_code is not None:
            found["decline_code"] = self.decline_code
        if self.param is not None:
            found["param"] = self.param
        return {**found, **self.extra}

    def body(self) -> JsonObject:
        """Return the whole answer."""
        return {"error": self.details()}

    def encoded(self) -> bytes:
        """Return the whole answer as JSON."""
        return json.dumps(self.body(), separators=(",", ":")).encode()


def missing_object(label: str, object_id: str, param: str, status: int = 404) -> StripeError:
    """Return Stripe's answer for an id it does not know."""
    message = f"No such {label}: '{object_id}'"
    return StripeError(status, message, code="resource_missing", param=param)


def unexpected_state(message: str, intent: JsonObject) -> StripeError:
    """Return the answer for an action that an intent's status does not allow."""
    kind = intent["object"]
    error = StripeError(400, message, code=f"{kind}_unexpected_state")
    error.extra[kind] = intent
    return error


def refusal(kind: FaultKind) -> StripeError:
    """Return what Stripe says when it is asked to fail on purpose."""
    if kind is FaultKind.TOO_MANY_REQUESTS:
        message = "Too many requests hit the API too quickly. Back off and try again."
        return StripeError(429, message, code="rate_limit")
    if kind is FaultKind.LOCK:
        message = "This object cannot be accessed right now because another request holds it."
        return StripeError(409, message, code="lock_timeout")
    message = "An unknown error occurred. It has been reported; try again later."
    return StripeError(500, message, kind="api_error")
