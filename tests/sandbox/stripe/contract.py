"""Stripe's published specification as a judge of requests and answers."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = Path(__file__).resolve().parents[2] / "specs" / "stripe.oas31.json"
UNDESCRIBED = ("/v1/test_helpers/", "/v1/confirmation_tokens")
"""Stripe's script and test helpers use operations that the published file leaves out."""


class SpecificationContract:
    """Judges by the published file and remembers every fault it found."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] = json.loads(SPEC.read_text(encoding="utf-8"))
        resource = Resource.from_contents(self.spec, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource("urn:stripe", resource)
        self.faults: list[str] = []
        self.checked = 0

    def request_faults(self, method: str, template: str, params: dict[str, Any]) -> list[str]:
        """Return what is wrong with a decoded request."""
        operation = self._operation(method, template)
        if operation is None:
            return self._note(method, template, self._undescribed(method, template))
        if method == "POST":
            content = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
            schema = content["schema"]
        else:
            given = [p for p in operation.get("parameters", []) if p["in"] == "query"]
            schema = {
                "type": "object",
                "additionalProperties": False,
                "properties": {p["name"]: p["schema"] for p in given},
            }
        return self._note(method, template, self._errors(schema, self._typed(params, schema)))

    def response_faults(self, method: str, template: str, status: int, body: bytes) -> list[str]:
        """Return what is wrong with an answer."""
        operation = self._operation(method, template)
        if operation is None:
            return []
        responses = operation["responses"]
        described = responses.get(str(status), responses["default"])
        schema = described["content"]["application/json"]["schema"]
        self.checked += 1
        return self._note(method, template, self._errors(schema, json.loads(body)))

    def object_faults(self, kind: str, made: dict[str, Any]) -> list[str]:
        """Return what is wrong with an object of one of Stripe's kinds."""
        return self._errors({"$ref": f"#/components/schemas/{kind}"}, made)

    def _operation(self, method: str, template: str) -> dict[str, Any] | None:
        wanted = re.sub(r"\{[^}]+\}", "{}", template)
        for path, operations in self.spec["paths"].items():
            if re.sub(r"\{[^}]+\}", "{}", path) == wanted and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        return None

    def _undescribed(self, method: str, template: str) -> list[str]:
        if template.startswith(UNDESCRIBED):
            return []
        return [f"the specification has no {method} {template}"]

    def _note(self, method: str, template: str, found: list[str]) -> list[str]:
        self.faults += [f"{method} {template}: {fault}" for fault in found]
        return found

    @cache  # noqa: B019 - one instance lives as long as the test session.
    def _validator(self, schema_text: str) -> Draft202012Validator:
        return Draft202012Validator(json.loads(schema_text), registry=self._registry)

    def _errors(self, schema: dict[str, Any], value: Any) -> list[str]:
        rooted = json.dumps(schema).replace('"#/', '"urn:stripe#/')
        errors = self._validator(rooted).iter_errors(value)
        return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in errors]

    def _typed(self, value: Any, schema: dict[str, Any]) -> Any:
        """Return form values as the types that the schema asks for, where they fit."""
        while "$ref" in schema:
            schema = self.spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            for choice in choices:
                typed = self._typed(value, choice)
                if not self._errors(choice, typed):
                    return typed
            return self._typed(value, choices[0])
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if isinstance(value, dict):
            if kind == "array":
                return [self._typed(entry, schema.get("items", {})) for entry in value.values()]
            known = schema.get("properties", {})
            others = schema.get("additionalProperties")
            rest = others if isinstance(others, dict) else {}
            return {name: self._typed(v, known.get(name, rest)) for name, v in value.items()}
        if kind == "integer" and re.fullmatch(r"-?\d+", value):
            return int(value)
        if kind == "boolean" and value in ("true", "false"):
            return value == "true"
        return value
