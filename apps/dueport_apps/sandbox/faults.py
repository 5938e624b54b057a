"""What can go wrong, on request: per vendor, per route, on the n-th call.

A fault is armed (by a test or through `/_control/faults`), is met by matching calls, and wears
off. Faults on the wire are applied by one middleware, `FaultMiddleware`; faults of webhooks are
asked for by `webhooks.py`, and faults in a vendor's behaviour by that vendor's own code.
"""

import asyncio
import json
from collections.abc import Callable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class FaultKind(StrEnum):
    """Every fault the sandbox knows."""

    # On the wire.
    DELAY = "delay"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    LOCK = "lock"
    HTML = "html"
    UNKNOWN_ENUM = "unknown_enum"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    # Of webhooks.
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_REORDER = "webhook_reorder"
    WEBHOOK_DELAY = "webhook_delay"
    WEBHOOK_WRONG_SECRET = "webhook_wrong_secret"  # noqa: S105 - the name of a fault.
    WEBHOOK_FUTURE = "webhook_future"
    WEBHOOK_OTHER_VERSION = "webhook_other_version"
    WEBHOOK_RESERIALISED = "webhook_reserialised"
    WEBHOOK_DROPPED = "webhook_dropped"
    # In the vendor's behaviour.
    SLOW = "slow"
    BALANCE_TRANSACTION_NULL = "balance_transaction_null"
    RECONCILIATION_IN_PROGRESS = "reconciliation_in_progress"
    PAYOUT_FAILS_AFTER_PAID = "payout_fails_after_paid"
    PAYOUT_RESIDUAL = "payout_residual"


REFUSALS: Final = (
    FaultKind.TOO_MANY_REQUESTS,
    FaultKind.SERVER_ERROR,
    FaultKind.LOCK,
    FaultKind.HTML,
)
TWISTS: Final = (FaultKind.UNKNOWN_ENUM, FaultKind.UNKNOWN_FIELD, FaultKind.MISSING_FIELD)
WEBHOOK_FAULTS: Final = tuple(kind for kind in FaultKind if kind.startswith("webhook_"))


class Fault(msgspec.Struct, kw_only=True):
    """One armed fault.

    `vendor` is `stripe`, `plaid` or `*`. `route` is a shell pattern over `"POST /v1/refunds"` for
    faults on the wire, over the event's type for webhooks, and over an object id for behaviour
    (`slow`, a call that is accepted and then takes long, goes by its route).
    The fault is met by the `nth` matching call and the `times - 1` after it; `times` None means
    until it is cleared. `seconds` is how long a delay lasts (wall time on the wire, virtual time
    for webhooks); `path` is the dotted place in the answer that is twisted (`*` for every entry
    of a list) and `value` what is written there; for a residual, `value` is its cents, and for a
    refusal more headers, such as `{"stripe-should-retry": "false"}`.
    """

    kind: FaultKind
    vendor: str = "*"
    route: str = "*"
    nth: int = 1
    times: int | None = 1
    seconds: float = 0.0
    path: str = ""
    value: Any = None
    id: int = 0
    seen: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        """Whether the fault has been met as often as it was armed for."""
        return self.times is not None and self.fired >= self.times


ErrorShape = Callable[[FaultKind], tuple[int, dict[str, str], bytes]]


class Faults:
    """The armed faults, and how each vendor words a refusal."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.shapes: dict[str, ErrorShape] = {}
        self._last_id = 0

    def arm(self, fault: Fault) -> Fault:
        """Arm a fault and return it with its id."""
        self._last_id += 1
        armed = msgspec.structs.replace(fault, id=self._last_id, seen=0, fired=0)
        self.armed.append(armed)
        return armed

    def clear(self, fault_id: int | None = None) -> None:
        """Disarm one fault, or all of them."""
        self.armed = [f for f in self.armed if fault_id is not None and f.id != fault_id]

    def meet(self, vendor: str, route: str, *kinds: FaultKind) -> list[Fault]:
        """Count a call and return the faults of these kinds that it meets, in order of arming."""
        met = []
        for fault in self.armed:
            if fault.kind not in kinds or fault.vendor not in ("*", vendor):
                continue
            if not fnmatchcase(route, fault.route):
                continue
            fault.seen += 1
            if fault.seen >= fault.nth and not fault.spent:
                fault.fired += 1
                met.append(fault)
        return met

    def refusal(self, vendor: str, kind: FaultKind) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of a refusal in the vendor's own words."""
        if kind is FaultKind.HTML:
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return 502, {"content-type": "text/html"}, page
        return self.shapes[vendor](kind)


class FaultMiddleware(ASGIMiddleware):
    """Applies the faults on the wire to every call below `/stripe` and `/plaid`.

    A cut answer announces a body and then ends without one, which every HTTP client reports as a
    broken connection.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Meet the armed faults before the handler runs and after it has answered."""
        vendor, route = _vendor_and_route(scope)
        if not self._faults.armed or vendor not in self._faults.shapes:
            await next_app(scope, receive, send)
            return
        for fault in self._faults.meet(vendor, route, FaultKind.DELAY):
            await asyncio.sleep(fault.seconds)
        if self._faults.meet(vendor, route, FaultKind.CUT_BEFORE):
            await _cut(send)
            return
        for fault in self._faults.meet(vendor, route, *REFUSALS):
            status, headers, body = self._faults.refusal(vendor, fault.kind)
            if isinstance(fault.value, dict):
                headers = {**headers, **fault.value}
            await _answer(send, status, _raw_headers(headers), body)
            return
        cut_after = self._faults.meet(vendor, route, FaultKind.CUT_AFTER)
        twists = self._faults.meet(vendor, route, *TWISTS)
        if not cut_after and not twists:
            await next_app(scope, receive, send)
            return
        status, raw_headers, body = await _capture(scope, receive, next_app)
        if cut_after:
            await _cut(send)
            return
        for fault in twists:
            body = twisted(body, fault)
        await _answer(send, status, raw_headers, body)


def _vendor_and_route(scope: Scope) -> tuple[str, str]:
    """Split `/stripe/v1/refunds` into the vendor and `"POST /v1/refunds"`."""
    vendor, _, path = scope["path"].lstrip("/").partition("/")
    method = scope.get("method", "")
    return vendor, f"{method} /{path.rstrip('/')}"


def _raw_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _cut(send: Send) -> None:
    headers = _raw_headers({"content-type": "application/json", "content-length": "512"})
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    kept.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _capture(
    scope: Scope, receive: Receive, next_app: ASGIApp
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Run the handler and keep its answer instead of sending it."""
    status = 500
    headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message["body"])

    await next_app(scope, receive, keep)
    return status, headers, b"".join(parts)


def twisted(body: bytes, fault: Fault) -> bytes:
    """Return a JSON answer with one place changed, added or missing."""
    document = json.loads(body)
    *parents, last = fault.path.split(".") if fault.path else ["sandbox_unknown_field"]
    for holder in _holders(document, parents):
        if fault.kind is FaultKind.MISSING_FIELD:
            holder.pop(last, None)
        elif fault.kind is FaultKind.UNKNOWN_FIELD:
            holder[last] = fault.value if fault.value is not None else {"nobody": "knows"}
        elif last in holder:
            holder[last] = fault.value if fault.value is not None else "never_seen_before"
    return json.dumps(document).encode()


def _holders(document: Any, parents: list[str]) -> list[dict[str, Any]]:
    found: list[Any] = [document]
    for step in parents:
        deeper: list[Any] = []
        for node in found:
            if isinstance(node, list):
                deeper += node if step == "*" else node[int(step) : int(step) + 1]
            elif isinstance(node, dict) and step in node:
                deeper.append(node[step])
        found = deeper
    return [node for node in found if isinstance(node, dict)]
