"""What every call to Stripe goes through: key, parameters, idempotency, expansion, headers."""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

import msgspec

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.expand import check_paths, expanded
from dueport_apps.sandbox.stripe.params import Raw, Spec, nest
from dueport_apps.sandbox.stripe.world import API_VERSION, RequestContext, StripeWorld

Handler = Callable[..., JsonObject]
"""Takes the world, the checked parameters and the ids in the path."""

KEY_KEPT: Final = timedelta(hours=24)


class Route(msgspec.Struct, frozen=True):
    """One operation: `template` is a path below `/v1` with `{names}` for ids.

    `browser` operations also take the publishable key, as Stripe's script uses it.
    """

    method: str
    template: str
    handler: Handler
    params: Spec
    browser: bool = False


class Contract(Protocol):
    """Checks calls and answers against a published specification; tests pass one in.

    What Stripe's own script sends is not published, so calls with the publishable key are judged
    by their answers alone.
    """

    def request_faults(self, method: str, template: str, params: Raw) -> list[str]:
        """Return what is wrong with a decoded request."""
        ...

    def response_faults(self, method: str, template: str, status: int, body: bytes) -> list[str]:
        """Return what is wrong with an answer."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class StripeApi:
    """Answers HTTP calls below `/stripe/v1`."""

    def __init__(
        self, world: StripeWorld, routes: list[Route], contract: Contract | None = None
    ) -> None:
        self.world = world
        self.contract = contract
        self._routes = [(route, route.template.strip("/").split("/")) for route in routes]
        self._in_flight: set[str] = set()

    async def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Answer one call; `path` starts with `/v1`."""
        request_id = self.world.new_id("req_", 14)
        key = headers.get("idempotency-key") if method == "POST" else None
        shown = {
            "content-type": "application/json",
            "request-id": request_id,
            "stripe-version": headers.get("stripe-version", API_VERSION),
        }
        if key is not None:
            shown["idempotency-key"] = key
        template = ""
        try:
            publishable = self._authenticate(headers)
            route, ids = self._route(method, path)
            template = route.template
            encoded = query if method in ("GET", "DELETE") else body.decode("utf-8")
            raw = nest(encoded)
            params = route.params.read(raw)
            check_paths(params.get("expand", []))
            self._may_browse(route, publishable, params)
            if not publishable:
                self._check_request(route, raw)
            context = RequestContext(request_id, key, publishable)
            status, answered, replayed = await self._once(
                key, f"{method} {path} {encoded}", lambda: self._run(route, ids, params, context)
            )
            if replayed:
                shown["idempotent-replayed"] = "true"
        except StripeError as error:
            status, answered = error.status, error.encoded()
        broken = self._contract_broken(method, template, status, answered)
        if broken is not None:
            status, answered = broken.status, broken.encoded()
        return Answer(status, shown, answered)

    def _authenticate(self, headers: Mapping[str, str]) -> bool:
        """Return whether the key is the publishable one; refuse an unknown key."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                credentials = base64.b64decode(credentials).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                credentials = ""
        settings = self.world.frame.settings
        if credentials in (settings.stripe_secret_key, settings.stripe_publishable_key):
            return credentials == settings.stripe_publishable_key
        if not credentials:
            message = "You did not provide an API key."
        else:
            message = f"Invalid API Key provided: {credentials[:8]}****{credentials[-4:]}"
        raise StripeError(401, message)

    def _route(self, method: str, path: str) -> tuple[Route, list[str]]:
        steps = path.removeprefix("/v1").strip("/").split("/")
        for route, wanted in self._routes:
            if route.method != method or len(wanted) != len(steps):
                continue
            pairs = list(zip(wanted, steps, strict=True))
            if all(want == step or want.startswith("{") for want, step in pairs):
                return route, [step for want, step in pairs if want.startswith("{")]
        raise StripeError(404, f"Unrecognized request URL ({method}: {path}).")

    def _may_browse(self, route: Route, publishable: bool, params: dict[str, Any]) -> None:
        """Let a browser reach what Stripe's script may, with the object's client secret."""
        if not publishable:
            return
        if not route.browser or ("client_secret" in route.params.fields) != (
            "client_secret" in params
        ):
            message = "This API call cannot be made with a publishable API key."
            raise StripeError(403, message, code="secret_key_required")

    def _check_request(self, route: Route, raw: Raw) -> None:
        if self.contract is not None:
            faults = self.contract.request_faults(route.method, f"/v1{route.template}", raw)
            if faults:
                raise StripeError(400, f"Against the published specification: {faults[0]}")

    def _contract_broken(
        self, method: str, template: str, status: int, body: bytes
    ) -> StripeError | None:
        """Return what to answer instead of an answer that the specification does not allow."""
        if self.contract is None or not template:
            return None
        faults = self.contract.response_faults(method, f"/v1{template}", status, body)
        if not faults:
            return None
        message = f"The sandbox answered {status} against the specification: {faults[0]}"
        return StripeError(500, message, kind="api_error")

    async def _once(
        self, key: str | None, call: str, run: Callable[[], tuple[int, bytes]]
    ) -> tuple[int, bytes, bool]:
        """Run a call, or repeat the answer that the same key got before.

        What was executed is kept, declines and server errors included; what was refused before
        it was executed (400, 404, 409) is not.
        """
        if key is None:
            await self._take_time(call)
            return (*run(), False)
        digest = hashlib.sha256(call.encode()).hexdigest()
        kept = self._kept(key)
        if kept is not None and kept["call"] != digest:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they "
                f"were first used with. Try using a key other than '{key}' if you meant to "
                "execute a different request."
            )
            raise StripeError(400, message, kind="idempotency_error")
        if kept is not None:
            return kept["status"], kept["body"].encode(), True
        if key in self._in_flight:
            message = f"There is currently another in-progress request using this key: {key}."
            raise StripeError(409, message, code="idempotency_key_in_use")
        self._in_flight.add(key)
        try:
            await self._take_time(call)
            status, body = run()
        finally:
            self._in_flight.discard(key)
        if status not in (400, 404, 409):
            self.world.table("idempotency")[key] = {
                "call": digest,
                "status": status,
                "body": body.decode(),
                "created": self.world.now(),
            }
        return status, body, False

    def _kept(self, key: str) -> JsonObject | None:
        kept = self.world.table("idempotency").get(key)
        if kept is not None and self.world.now() - kept["created"] > KEY_KEPT.total_seconds():
            del self.world.table("idempotency")[key]
            return None
        return kept

    async def _take_time(self, call: str) -> None:
        """Be slow where that is asked for, while the key is in flight."""
        method, path, _ = call.split(" ", 2)
        for fault in self.world.frame.faults.meet("stripe", f"{method} {path}", FaultKind.SLOW):
            await asyncio.sleep(fault.seconds)

    def _run(
        self, route: Route, ids: list[str], params: dict[str, Any], context: RequestContext
    ) -> tuple[int, bytes]:
        paths = params.pop("expand", [])
        with self.world.answering(context):
            try:
                made = route.handler(self.world, params, *ids)
                shown = expanded(self.world, self.world.view(made), paths)
            except StripeError as error:
                return error.status, error.encoded()
            return 200, _encode(shown)


def _encode(body: JsonObject) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
