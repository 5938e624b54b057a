"""The description of the API, generated from its own handlers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response import Response

from dueport_apps.web.api import (
    accounts,
    bounces,
    campaigns,
    customer,
    invitations,
    operator,
    papers,
)
from dueport_apps.web.api.examples import EXAMPLES
from dueport_apps.web.api.shapes import Taken
from dueport_apps.web.bridge import USE_CASES
from dueport_apps.web.http.errors import HTTP_KINDS, INTERNAL, KINDS

VERSION = "1"
OPERATOR_PATH = "/api/v1"
CUSTOMER_PATH = "/api/v1/customer"
DESCRIPTION = """\
Receivables of one dealer, for the operators' and the customers' programs. Amounts are integer cents
in fields that end in `_cents`. Lists come in pages: send `next` as `after`. Errors are RFC 9457
problem details with a stable `type`. Calls that change something take an `Idempotency-Key`.

Operators' programs send an API key as `Authorization: Bearer …`; people's browsers send their session
cookie and, with calls that change something, the form token as `x-csrf-token`. The customers' part
lives under `/api/v1/customer` and knows sessions alone.
"""

OPERATOR_HANDLERS: Sequence[Any] = (
    accounts.accounts,
    accounts.account,
    accounts.timeline,
    accounts.disable,
    accounts.restore,
    invitations.rehearse,
    invitations.invite,
    invitations.invitations,
    invitations.funnel,
    invitations.preview,
    invitations.send_test,
    invitations.nudge_pending,
    invitations.invitation,
    invitations.resend,
    invitations.nudge,
    invitations.revoke,
    invitations.link,
    campaigns.campaigns,
    campaigns.campaign,
    campaigns.mails,
    campaigns.refusals,
    campaigns.pause,
    campaigns.resume,
    campaigns.cancel,
    bounces.bounces,
    bounces.receive,
    bounces.clear,
    papers.enrolment_codes,
    papers.renew_code,
    papers.announcement,
    operator.payments,
    operator.payment,
    operator.settlements,
    operator.settlement,
    operator.post_to_erp,
    operator.resolve,
    operator.audit_log,
    operator.plugins,
    operator.sync_runs,
    operator.sync_now,
)
CUSTOMER_HANDLERS: Sequence[Any] = (
    customer.me,
    customer.outstanding,
    customer.quote,
    customer.pay,
    customer.payments,
    customer.payment,
    customer.receipt,
    customer.methods,
    customer.statements,
)


PROBLEM_TYPES = sorted(
    {
        f"urn:dueport:problem:{kind.name}"
        for kind in (*KINDS.values(), *HTTP_KINDS.values(), INTERNAL)
    }
)
PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details; `errors` names wrong fields.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "enum": PROBLEM_TYPES},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        "code": {"type": "string"},
    },
}


def _descendants(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


REFUSING_BODIES = frozenset(kind.__name__ for kind in _descendants(Taken))
_TYPE = re.compile(r":str(?=})")


@get(
    f"{OPERATOR_PATH}/openapi.json",
    opt={"public": True},
    include_in_schema=False,
    sync_to_thread=False,
)
def document() -> Response[bytes]:
    """Send the description; it says nothing about anybody, so nobody has to sign in for it."""
    return Response(
        _document(), media_type="application/json", headers={"cache-control": "max-age=300"}
    )


@cache
def _document() -> bytes:
    return msgspec.json.encode(schema())


def schema() -> Mapping[str, Any]:
    """Return the OpenAPI 3.1 description of both parts of the API."""
    app = Litestar(
        route_handlers=[
            Router(OPERATOR_PATH, route_handlers=list(OPERATOR_HANDLERS), tags=["Operators"]),
            Router(CUSTOMER_PATH, route_handlers=list(CUSTOMER_HANDLERS), tags=["Customers"]),
        ],
        # Known by name, so that they are not taken for query parameters; never called.
        dependencies={name: Provide(lambda: None, sync_to_thread=False) for name in USE_CASES},
        openapi_config=OpenAPIConfig(
            title="Dueport",
            version=VERSION,
            description=DESCRIPTION,
            components=Components(
                security_schemes={
                    "apiKey": SecurityScheme(type="http", scheme="bearer"),
                    "session": SecurityScheme(
                        type="apiKey", security_scheme_in="cookie", name="dueport"
                    ),
                }
            ),
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )
    described: dict[str, Any] = app.openapi_schema.to_schema()
    described["components"]["schemas"]["Problem"] = PROBLEM
    for name, body in described["components"]["schemas"].items():
        if name in REFUSING_BODIES:
            body["additionalProperties"] = False
    for prefix, handlers in (
        (OPERATOR_PATH, OPERATOR_HANDLERS),
        (CUSTOMER_PATH, CUSTOMER_HANDLERS),
    ):
        for handler in handlers:
            (method,) = handler.http_methods - {"HEAD", "OPTIONS"}
            (path,) = handler.paths
            called = _TYPE.sub("", path)
            operation = described["paths"][prefix + called][method.lower()]
            _complete(operation, handler.opt.get("idempotency"), by_key=prefix == OPERATOR_PATH)
            _exemplify(operation, handler.opt, called.removeprefix("/") if method == "POST" else "")
    return described


def _complete(operation: dict[str, Any], idempotency: str | None, *, by_key: bool) -> None:
    """Say what the framework cannot know: our errors, our header, who may call."""
    answers = operation["responses"]
    answers.pop("400", None)
    answers["default"] = {
        "description": "What went wrong, as problem details",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    operation["security"] = [{"apiKey": []}, {"session": []}] if by_key else [{"session": []}]
    if idempotency is not None:
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": idempotency == "required",
                "description": "The same key gives the same answer, and one effect.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{8,128}$"},
            }
        )


def _exemplify(operation: dict[str, Any], opt: Mapping[str, Any], path: str) -> None:
    """Show what to send, and name bodies and answers that are not JSON."""
    if body := operation.get("requestBody", {}).get("content", {}).get("application/json"):
        if {"type": "null"} in body["schema"].get("oneOf", ()):
            operation["requestBody"]["required"] = False
        body["examples"] = {
            name: {"value": value} for name, value in EXAMPLES.get(path, {}).items()
        }
    if kinds := opt.get("raw_body"):
        text = {"schema": {"type": "string"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(kinds, text)}
    if kinds := opt.get("raw_answer"):
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["responses"]["200"]["content"] = dict.fromkeys(kinds, file)
