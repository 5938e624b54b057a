"""JSON Schemas derived from the installed plaid-python models: the contract of the very version.

The models name their required fields, their enumerations and their nesting; that is enough to
judge every request and every answer without any file beside the installed package.
"""

import datetime
import inspect
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator
from plaid.model_utils import ModelComposed, ModelNormal, ModelSimple

_PRIMITIVES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
    dict: "object",
    datetime.date: "string",
    datetime.datetime: "string",
}


class SdkSchema:
    """Collects the definitions that one model needs."""

    def __init__(self, root: type) -> None:
        self._definitions: dict[str, Any] = {}
        schema = self._reference(root)
        self._validator = Draft202012Validator({"$defs": self._definitions, **schema})

    def problems(self, instance: Any) -> list[str]:
        """Return what is wrong with an instance, in words."""
        found = self._validator.iter_errors(instance)
        return [f"{'/'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in found]

    def _reference(self, model: Any) -> dict[str, Any]:
        name = model.__name__
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self._model(model)
        return {"$ref": f"#/$defs/{name}"}

    def _one(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, list):
            return {"type": "array", "items": self._any(kind)}
        if isinstance(kind, dict):
            return {"type": "object"}
        if inspect.isclass(kind) and issubclass(kind, (ModelNormal, ModelComposed, ModelSimple)):
            return self._reference(kind)
        return {"type": _PRIMITIVES[kind]} if kind in _PRIMITIVES else {}

    def _any(self, kinds: Iterable[Any]) -> dict[str, Any]:
        kinds = list(kinds)
        if len(kinds) == 1 and isinstance(kinds[0], tuple):
            kinds = list(kinds[0])
        schemas = [self._one(kind) for kind in kinds]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _model(self, model: Any) -> dict[str, Any]:
        if issubclass(model, ModelSimple):
            return self._simple(model)
        names = model.attribute_map
        properties = {
            names.get(key, key): self._any(kinds) for key, kinds in model.openapi_types.items()
        }
        for (key,), values in model.allowed_values.items():
            properties[names.get(key, key)] = {"enum": [*values.values(), None]}
        nullable = bool(getattr(model, "_nullable", False))
        schema: dict[str, Any] = {
            "type": ["object", "null"] if nullable else "object",
            "properties": properties,
        }
        if not issubclass(model, ModelComposed):
            schema["required"] = [names.get(key, key) for key in _required(model)]
        return schema

    def _simple(self, model: Any) -> dict[str, Any]:
        schema = self._any(model.openapi_types["value"])
        values = model.allowed_values.get(("value",))
        if values:
            schema = {"enum": [None if key == "None" else one for key, one in values.items()]}
        longest = model.validations.get(("value",), {}).get("max_length")
        if longest is not None:
            schema = {**schema, "maxLength": longest}
        if getattr(model, "_nullable", False):
            schema = {"anyOf": [schema, {"type": "null"}]}
        return schema


def _required(model: Any) -> list[str]:
    build = getattr(model._from_openapi_data, "__wrapped__", model._from_openapi_data)
    return [
        one.name
        for one in inspect.signature(build).parameters.values()
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "cls"
    ]
