"""Plaid's wire protocol: JSON over POST, keys in headers or body, errors in Plaid's shape."""

import json
from typing import Any, Final

from litestar import Request, Response, Router, post
from litestar.params import FromPath

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.frame import SandboxFrame, SandboxSettings
from dueport_apps.sandbox.plaid.bank import Endpoint, SimulatedPlaid
from dueport_apps.sandbox.plaid.control import create_plaid_control_router
from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.pages import create_link_pages_router
from dueport_apps.sandbox.plaid.requests import read_request

_REFUSALS: Final = {
    FaultKind.TOO_MANY_REQUESTS: ("RATE_LIMIT", "rate limit exceeded for attempts to access"),
    FaultKind.SERVER_ERROR: ("INTERNAL_SERVER_ERROR", "an unexpected error occurred"),
    FaultKind.LOCK: ("INTERNAL_SERVER_ERROR", "the object is being changed by another request"),
}


def create_plaid_router(frame: SandboxFrame) -> Router:
    """Return everything of the simulated Plaid: its API, Link's pages and the control routes."""
    plaid = SimulatedPlaid(frame)
    frame.on_start.append(plaid.start)

    def shape(kind: FaultKind) -> tuple[int, dict[str, str], bytes]:
        refusal = PlaidRefusal(*_REFUSALS[kind])
        body = json.dumps(refusal.body(plaid.world.new_request_id())).encode()
        return refusal.status, {"content-type": "application/json"}, body

    frame.faults.shapes["plaid"] = shape
    return Router(
        "/",
        route_handlers=[
            _api_router(plaid, frame.settings),
            create_link_pages_router(plaid),
            create_plaid_control_router(plaid),
        ],
    )


def _api_router(plaid: SimulatedPlaid, settings: SandboxSettings) -> Router:
    endpoints = plaid.endpoints()

    @post("/{call:path}", status_code=200)
    async def answer(request: Request[Any, Any, Any], call: FromPath[str]) -> Response[Any]:
        """Answer one call of the API."""
        request_id = plaid.world.new_request_id()
        try:
            endpoint = endpoints.get(call)
            if endpoint is None:
                raise PlaidRefusal("NOT_FOUND", "the requested resource was not found")
            body = _body(await request.body())
            _check_keys(request, body, settings)
            content = _answer(endpoint, body) | {"request_id": request_id}
            return Response(content)
        except PlaidRefusal as refusal:
            return Response(refusal.body(request_id), status_code=refusal.status)

    return Router("/plaid", route_handlers=[answer])


def _answer(endpoint: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    return endpoint.answer(read_request(endpoint.request, body))


def _body(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as wrong:
        raise PlaidRefusal("INVALID_BODY", "body could not be parsed as JSON") from wrong
    if not isinstance(body, dict):
        raise PlaidRefusal("INVALID_BODY", "body must be an object")
    return body


def _check_keys(
    request: Request[Any, Any, Any], body: dict[str, Any], settings: SandboxSettings
) -> None:
    """Refuse a call without the sandbox's own keys, in the headers or in the body."""
    given = {
        "client_id": request.headers.get("plaid-client-id") or body.get("client_id"),
        "secret": request.headers.get("plaid-secret") or body.get("secret"),
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise PlaidRefusal(
            "MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}"
        )
    if given != {"client_id": settings.plaid_client_id, "secret": settings.plaid_secret}:
        raise PlaidRefusal("INVALID_API_KEYS", "invalid client_id or secret provided")
