"""Refusals in Plaid's shape: a type, a code, a text for developers and one for the person."""

from typing import Any, Final

_TYPES: Final = {
    "MISSING_FIELDS": "INVALID_REQUEST",
    "UNKNOWN_FIELDS": "INVALID_REQUEST",
    "INVALID_FIELD": "INVALID_REQUEST",
    "INVALID_BODY": "INVALID_REQUEST",
    "NOT_FOUND": "INVALID_REQUEST",
    "INVALID_API_KEYS": "INVALID_INPUT",
    "INVALID_ACCESS_TOKEN": "INVALID_INPUT",
    "INVALID_PUBLIC_TOKEN": "INVALID_INPUT",
    "INVALID_LINK_TOKEN": "INVALID_INPUT",
    "INVALID_ACCOUNT_ID": "INVALID_INPUT",
    "INVALID_INSTITUTION": "INVALID_INPUT",
    "INVALID_WEBHOOK_VERIFICATION_KEY_ID": "INVALID_INPUT",
    "ITEM_NOT_FOUND": "ITEM_ERROR",
    "ITEM_LOGIN_REQUIRED": "ITEM_ERROR",
    "ITEM_LOCKED": "ITEM_ERROR",
    "INVALID_CREDENTIALS": "ITEM_ERROR",
    "PRODUCT_NOT_READY": "ITEM_ERROR",
    "PRODUCTS_NOT_SUPPORTED": "ITEM_ERROR",
    "USER_PERMISSION_REVOKED": "ITEM_ERROR",
    "INSTITUTION_DOWN": "INSTITUTION_ERROR",
    "RATE_LIMIT": "RATE_LIMIT_EXCEEDED",
    "INTERNAL_SERVER_ERROR": "API_ERROR",
    "TRANSFER_NETWORK_LIMIT_EXCEEDED": "TRANSFER_ERROR",
    "TRANSFER_ACCOUNT_BLOCKED": "TRANSFER_ERROR",
    "TRANSFER_NOT_CANCELLABLE": "TRANSFER_ERROR",
    "TRANSFER_UNSUPPORTED_ACCOUNT_TYPE": "TRANSFER_ERROR",
    "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID": "SANDBOX_ERROR",
    "SANDBOX_WEBHOOK_INVALID": "SANDBOX_ERROR",
}
_STATUSES: Final = {"NOT_FOUND": 404, "RATE_LIMIT": 429, "INTERNAL_SERVER_ERROR": 500}
_DISPLAYED: Final = {
    "INVALID_CREDENTIALS": "The provided credentials were not correct. Please try again.",
    "ITEM_LOCKED": "This account is locked. Unlock it with your bank, then try again.",
    "ITEM_LOGIN_REQUIRED": "The login details of this account have changed. Please sign in again.",
    "INSTITUTION_DOWN": "This bank cannot be reached right now. Please try again later.",
}
LOGIN_REQUIRED_TEXT: Final = (
    "the login details of this item have changed (credentials, MFA, or required user action) and "
    "a user login is required to update this information. use Link's update mode to restore the "
    "item to a good state"
)

REVOKED_TEXT: Final = (
    "the holder of this account has revoked their permission for your application to access it"
)
ITEM_ERROR_TEXTS: Final = {
    "ITEM_LOGIN_REQUIRED": LOGIN_REQUIRED_TEXT,
    "USER_PERMISSION_REVOKED": REVOKED_TEXT,
}


class PlaidRefusal(Exception):
    """An answer that refuses the request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = _STATUSES.get(code, 400)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {**error_object(self.code, self.message), "request_id": request_id}


def error_object(code: str, message: str) -> dict[str, Any]:
    """Return an error as it stands in answers, in an Item and in webhooks."""
    return {
        "error_type": _TYPES[code],
        "error_code": code,
        "error_message": message,
        "display_message": _DISPLAYED.get(code),
        "documentation_url": "https://plaid.com/docs/errors/",
        "suggested_action": None,
    }


def invalid_field(message: str) -> PlaidRefusal:
    """Return the refusal of a field whose value cannot be meant."""
    return PlaidRefusal("INVALID_FIELD", message)
