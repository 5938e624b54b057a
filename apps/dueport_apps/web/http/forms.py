"""From a posted form to a frozen struct, with every wrong field reported at once.

Forms have no types, and the framework's own binding fails on the ordinary: one ticked box of a list
arrives as a text and not as a list, an empty optional date as `''`, a ticked box as `on`. Here the
struct decides: list fields take all values of a name, blanks count as absent, everything else is
converted by msgspec. Fields that the struct does not know are refused, so nobody adds one.

Names that begin with `_` (`_csrf`, `_idempotency_key`) belong to the page and are left out.
"""

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from litestar.datastructures import FormMultiDict, UploadFile

from dueport_core.errors import Invalid
from dueport_core.money import parse_cents

T = TypeVar("T", bound=msgspec.Struct)

Dollars = Annotated[int, msgspec.Meta(extra={"form": "dollars"})]
"""A field in which people write `1,234.56` (with or without `$`) and the struct holds cents."""

_LISTS = (list, tuple, set, frozenset)
_SENTENCES = (
    (re.compile(r"length >= 1$"), "Fill in this field."),
    (re.compile(r"length >= (\d+)"), r"Use at least \1 characters."),
    (re.compile(r"length <= (\d+)"), r"Use at most \1 characters."),
    (re.compile(r">= (-?\d+)"), r"Must be \1 or more."),
    (re.compile(r"<= (-?\d+)"), r"Must be \1 or less."),
    (re.compile(r"Expected `(?:int|float|decimal)"), "Write a number."),
    (re.compile(r"[Ii]nvalid RFC3339|Expected `date"), "Write a date such as 2026-01-31."),
    (re.compile(r"Invalid enum value"), "Choose one of the options."),
    (re.compile(r"Expected `bool"), "Choose yes or no."),
    (re.compile(r"matching regex"), "This does not have the expected form."),
)


class FormErrors(Invalid):
    """What is wrong with a form: sentences per field, and what was typed, to show both again."""

    def __init__(self, fields: Mapping[str, str], values: Mapping[str, Any]) -> None:
        super().__init__("Please correct the marked fields.", fields)
        self.values = dict(values)


def bind(form: FormMultiDict, into: type[T]) -> T:
    """Return the struct that a form describes; raises `FormErrors` naming every wrong field."""
    known = {field.encode_name: field for field in msgspec.structs.fields(into)}
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, field in known.items():
        given = [value for value in form.getall(name, []) if value != ""]
        if not given:
            if field.required and not _takes_list(field.type):
                errors[name] = "Fill in this field."
            elif field.required:
                errors[name] = "Choose at least one."
            continue
        try:
            values[name] = _converted(given, field.type)
        except Invalid as error:
            errors[name] = error.message
        except msgspec.ValidationError as error:
            errors[name] = sentence(str(error))
    for name in form:
        if name not in known and not name.startswith("_"):
            errors[name] = "This form has no such field."
    if errors:
        raise FormErrors(errors, typed(form, into))
    try:
        return msgspec.convert(values, into)
    except msgspec.ValidationError as error:
        # The struct's own check (`__post_init__`) spoke; it belongs to no single field.
        raise FormErrors({"": str(error)}, typed(form, into)) from error


def typed(form: FormMultiDict, into: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what was typed, to fill the form again; passwords and files are left out."""
    return {
        field.encode_name: (
            form.getall(field.encode_name) if _takes_list(field.type) else form[field.encode_name]
        )
        for field in msgspec.structs.fields(into)
        if field.encode_name in form
        and "password" not in field.encode_name
        and not isinstance(form[field.encode_name], UploadFile)
    }


def sentence(message: str) -> str:
    """Say in a person's words what msgspec found wrong."""
    plain = message.split(" - at ")[0]
    for pattern, words in _SENTENCES:
        found = pattern.search(plain)
        if found:
            return found.expand(words)
    return "This was not understood; please type it again."


def _converted(given: list[Any], wanted: Any) -> Any:
    if any(isinstance(value, str) and "\0" in value for value in given):
        # No keyboard types it, and the database keeps no text with it.
        raise Invalid("There is a character in this that cannot be kept; please type it again.")
    if _takes_list(wanted):
        return msgspec.convert(given, wanted, strict=False)
    if len(given) > 1:
        raise Invalid("Give this field only once.")
    value = given[0]
    if isinstance(value, UploadFile):
        return value
    if _is_dollars(wanted):
        return msgspec.convert(parse_cents(_plain_amount(value)), wanted)
    if value == "on" and bool in _plain_types(wanted):
        return True
    return msgspec.convert(value, wanted, strict=False)


def _plain_amount(text: str) -> str:
    """Take the currency sign and correctly placed thousands separators off an amount."""
    plain = text.strip().removeprefix("$").strip()
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    return plain


def _is_dollars(wanted: Any) -> bool:
    if get_origin(wanted) is Annotated:
        return any(
            isinstance(one, msgspec.Meta) and (one.extra or {}).get("form") == "dollars"
            for one in wanted.__metadata__
        ) or _is_dollars(get_args(wanted)[0])
    return any(_is_dollars(one) for one in get_args(wanted) if one is not type(None))


def _takes_list(wanted: Any) -> bool:
    return any(one in _LISTS or get_origin(one) in _LISTS for one in _plain_types(wanted))


def _plain_types(wanted: Any) -> tuple[Any, ...]:
    """Return the alternatives of a type, without `Annotated` and `None`."""
    if get_origin(wanted) is Annotated:
        return _plain_types(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        return tuple(
            plain
            for one in get_args(wanted)
            if one is not type(None)
            for plain in _plain_types(one)
        )
    return (wanted,)
