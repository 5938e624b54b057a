"""What to send instead, for a value that a parameter or a body does not take.

The framework says what it got in the words of its own code: the name of a function's argument, and
that the value is wrong. Whoever calls needs the name that was sent, and what is taken there; both
are read off the signature of the handler that was called.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import Request
from litestar.exceptions import ValidationException
from msgspec import inspect

WHOLE_BODY = "body"
"""Under this name a body is refused that is wrong as a whole."""
_UNKNOWN = re.compile(r"^Object contains unknown field `(.+)`$")
_MISSING = re.compile(r"^Object missing required field `(.+)`$")
_CHOSEN = re.compile(r"^Invalid enum value '?(.+?)'?$")
_STEP = re.compile(r"([^.\[\]]+)")
_SHOWN_MAX = 60
"""Longer values are not repeated; whoever sent them knows them."""


def wrong_values(request: Request[Any, Any, Any], error: ValidationException) -> dict[str, str]:
    """Return a sentence for each wrong parameter and each wrong field of the body, by its name."""
    if not isinstance(error.extra, list):
        return {}
    return dict(_told(request, one) for one in error.extra)


def in_a_sentence(wrong: Mapping[str, str]) -> str:
    """Return all of them in one line, each with the name that it is about."""
    return " ".join(f"{name}: {sentence}" for name, sentence in wrong.items())


def _told(request: Request[Any, Any, Any], one: Mapping[str, str]) -> tuple[str, str]:
    key, message = one.get("key", ""), one.get("message", "")
    model = request.route_handler.signature_model
    if one.get("source") == "body":
        path = "" if key == "data" else key
        kind = _walked(inspect.type_info(model.__annotations__["data"]), path)
        return _field_told(path, kind, message)
    if key not in model.__annotations__:
        return key or "request", message
    definition = request.route_handler.parsed_fn_signature.parameters[key].kwarg_definition
    name = getattr(definition, "name", None) or key
    return name, _told_value(inspect.type_info(model.__annotations__[key]), message)


def _field_told(path: str, kind: inspect.Type | None, message: str) -> tuple[str, str]:
    """Return the name of a body's wrong field, and what is wrong about it."""
    known = kind.fields if isinstance(kind, inspect.StructType) else ()
    if unknown := _UNKNOWN.match(message):
        names = ", ".join(field.encode_name for field in known)
        fields = f" Known are {names}." if names else ""
        return _joined(path, unknown[1]), f"There is no such field.{fields}"
    if missing := _MISSING.match(message):
        wanted = [_wanted(field.type) for field in known if field.encode_name == missing[1]]
        return _joined(path, missing[1]), f"This field is required: send {''.join(wanted)}."
    return path or WHOLE_BODY, _told_value(kind, message)


def _told_value(kind: inspect.Type | None, message: str) -> str:
    wanted = _wanted(kind) if kind is not None else ""
    if not wanted:
        return f"{message}."
    chosen = _CHOSEN.match(message)
    if chosen is None or len(chosen[1]) > _SHOWN_MAX:
        return f"Send {wanted}."
    return f"“{chosen[1]}” is none of the choices; send {wanted}."


def _walked(kind: inspect.Type | None, path: str) -> inspect.Type | None:
    """Return the type of a field such as ``matching.invitation``; of a list, that of its entries."""
    kind = _bare(kind)
    for step in _STEP.findall(path):
        match kind:
            case inspect.StructType():
                kind = next((one.type for one in kind.fields if one.encode_name == step), None)
            case inspect.ListType() | inspect.VarTupleType() | inspect.SetType():
                kind = kind.item_type
            case inspect.DictType():
                kind = kind.value_type
            case _:
                return None
        kind = _bare(kind)
    return kind


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _bare(kind: inspect.Type | None) -> inspect.Type | None:
    """Return a type without what is said about it, and without the null that stands for nothing."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _bare(others[0]) if len(others) == 1 else kind
    return kind


def _wanted(kind: inspect.Type) -> str:
    """Say what is taken, as the end of ``Send …``; empty where only the message says it."""
    bare = _bare(kind)
    if isinstance(bare, inspect.UnionType):
        each = (_wanted(one) for one in bare.types if not isinstance(one, inspect.NoneType))
        return " or ".join(dict.fromkeys(each))
    for one, words in _WORDS.items():
        if isinstance(bare, one):
            return words(bare)
    return ""


def _choices(values: Sequence[object]) -> str:
    names = [str(value) for value in values if value != ""]
    spoken = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{spoken}, or leave it out" if len(names) < len(values) else spoken


def _number(kind: Any) -> str:
    if kind.ge is not None and kind.le is not None:
        return f"a whole number from {kind.ge} to {kind.le}"
    return f"a whole number of at least {kind.ge}" if kind.ge is not None else "a whole number"


def _text(kind: Any) -> str:
    form = f" of the form {kind.pattern}" if kind.pattern else ""
    if kind.min_length and kind.max_length:
        return f"a text of {kind.min_length} to {kind.max_length} characters{form}"
    if kind.max_length:
        return f"a text of at most {kind.max_length:,} characters{form}"
    return f"a text{form}"


def _list(kind: Any) -> str:
    least = f"at least {kind.min_length}" if kind.min_length else ""
    most = f"at most {kind.max_length:,}" if kind.max_length else ""
    size = " and ".join(filter(None, [least, most]))
    return f"a list with {size} entries" if size else "a list"


def _object(kind: Any) -> str:
    return f"an object with the fields {', '.join(field.encode_name for field in kind.fields)}"


_WORDS: Mapping[type[inspect.Type], Callable[[Any], str]] = {
    inspect.LiteralType: lambda kind: _choices(kind.values),
    inspect.EnumType: lambda kind: _choices([member.value for member in kind.cls]),
    inspect.BoolType: lambda _: "true or false",
    inspect.IntType: _number,
    inspect.StrType: _text,
    inspect.DateType: lambda _: "a day such as 2026-11-22",
    inspect.ListType: _list,
    inspect.StructType: _object,
    inspect.DictType: lambda _: "an object",
}
