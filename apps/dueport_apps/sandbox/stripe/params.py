"""Reading Stripe's bracket form (`metadata[a]=b&expand[0]=x`) into checked parameters.

The checks are written by hand and name what the simulation acts on; a parameter that is not
named is refused as unknown, so that nothing is silently ignored.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dueport_apps.sandbox.stripe.errors import StripeError

Kind = Callable[[Any, str], Any]
"""Takes a raw value and the parameter's full name; returns the value or raises StripeError."""

Raw = dict[str, Any]


def nest(encoded: str) -> Raw:
    """Return the nested form of one encoded body or query; leaves are strings."""
    root: Raw = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        steps = [key.split("[", 1)[0], *re.findall(r"\[([^\]]*)\]", key)]
        node = root
        for step in steps[:-1]:
            deeper = node.setdefault(step or str(len(node)), {})
            if not isinstance(deeper, dict):
                raise StripeError(400, f"Invalid {key}: used both as a value and as a hash")
            node = deeper
        node[steps[-1] or str(len(node))] = value
    return root


def text(value: Any, name: str) -> str:
    """A string; the empty string unsets."""
    if isinstance(value, dict):
        raise StripeError(400, f"Invalid string: {value}", param=name)
    return str(value)


def integer(value: Any, name: str) -> int:
    """A whole number."""
    if isinstance(value, dict) or not re.fullmatch(r"-?\d{1,15}", str(value)):
        message = f"Invalid integer: {value}"
        raise StripeError(400, message, code="parameter_invalid_integer", param=name)
    return int(value)


def boolean(value: Any, name: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise StripeError(400, f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def true_or_word(value: Any, name: str) -> bool | str:
    """`true`, `false` or one of the words that the older parameter of that name takes."""
    return value == "true" if value in ("true", "false") else text(value, name)


def hash_of_text(value: Any, name: str) -> dict[str, str]:
    """A flat hash such as metadata; the empty string empties it."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise StripeError(400, "Invalid hash", param=name)
    if len(value) > 50:
        raise StripeError(400, "Metadata can have up to 50 keys.", param=name)
    for key, entry in value.items():
        if len(key) > 40:
            message = f"Metadata keys can have up to 40 characters; '{key}' is too long."
            raise StripeError(400, message, param=name)
        if len(str(entry)) > 500:
            message = f"Metadata values can have up to 500 characters; '{key}' is too long."
            raise StripeError(400, message, param=f"{name}[{key}]")
    return {key: text(entry, f"{name}[{key}]") for key, entry in value.items()}


def anything(value: Any, name: str) -> Any:
    """A hash that is kept and shown, never acted on."""
    return value


def one_of(*words: str) -> Kind:
    """One of these words."""

    def read(value: Any, name: str) -> str:
        if value not in words:
            raise StripeError(400, f"Invalid {name}: must be one of {', '.join(words)}", param=name)
        return str(value)

    return read


def list_of(kind: Kind) -> Kind:
    """An array of values of one kind."""

    def read(value: Any, name: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict):
            raise StripeError(400, "Invalid array", param=name)
        return [kind(entry, f"{name}[{index}]") for index, entry in enumerate(value.values())]

    return read


def one_or(kind: Kind, other: Kind) -> Kind:
    """The second kind for hashes, the first for plain values."""
    return lambda value, name: (other if isinstance(value, dict) else kind)(value, name)


class Spec:
    """The parameters that one call takes; also usable as the kind of a nested hash."""

    def __init__(self, required: str = "", /, **fields: Kind) -> None:
        self.required = required.split()
        self.fields: Mapping[str, Kind] = {"expand": list_of(text), **fields}

    def requiring(self, required: str) -> "Spec":
        """Return these parameters with some of them required."""
        return Spec(required, **self.fields)

    def with_fields(self, **fields: Kind) -> "Spec":
        """Return these parameters and some more."""
        return Spec(" ".join(self.required), **{**self.fields, **fields})

    def read(self, raw: Raw, prefix: str = "") -> dict[str, Any]:
        """Return checked values for the parameters that were given."""
        for name in raw:
            if name not in self.fields:
                full = _full_name(prefix, name)
                message = f"Received unknown parameter: {full}"
                raise StripeError(400, message, code="parameter_unknown", param=full)
        for name in self.required:
            if name not in raw:
                full = _full_name(prefix, name)
                message = f"Missing required param: {full}."
                raise StripeError(400, message, code="parameter_missing", param=full)
        return {
            name: self.fields[name](value, _full_name(prefix, name)) for name, value in raw.items()
        }

    def __call__(self, value: Any, name: str) -> dict[str, Any]:
        """Read a nested hash."""
        if not isinstance(value, dict):
            raise StripeError(400, "Invalid hash", param=name)
        return self.read(value, name)


def _full_name(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


RANGE = one_or(integer, Spec(gt=integer, gte=integer, lt=integer, lte=integer))
"""A filter over an instant: one second, or bounds."""

PAGE = Spec(limit=integer, starting_after=text, ending_before=text)
"""What every list takes."""

ADDRESS = Spec(city=text, country=text, line1=text, line2=text, postal_code=text, state=text)
BILLING = Spec(address=one_or(text, ADDRESS), email=text, name=text, phone=text, tax_id=text)
SHIPPING = one_or(
    text,
    Spec(
        "address name", address=ADDRESS, name=text, phone=text, carrier=text, tracking_number=text
    ),
)
CARD_INPUT = Spec(number=text, exp_month=integer, exp_year=integer, cvc=text, token=text)
PAYMENT_METHOD_DATA = Spec(
    "type",
    type=one_of("card"),
    card=CARD_INPUT,
    billing_details=BILLING,
    metadata=hash_of_text,
    allow_redisplay=one_of("always", "limited", "unspecified"),
)
AUTOMATIC_METHODS = Spec("enabled", enabled=boolean, allow_redirects=one_of("always", "never"))
MANDATE_DATA = one_or(
    text,
    Spec(
        "customer_acceptance",
        customer_acceptance=Spec(
            "type",
            type=one_of("offline", "online"),
            accepted_at=integer,
            offline=anything,
            online=Spec(ip_address=text, user_agent=text),
        ),
    ),
)


def unset(value: Any) -> Any:
    """Return None for the empty string, by which Stripe's callers clear a field."""
    return None if value == "" else value
