"""Plaid as the tests see it: the sandbox on a real socket, the plugin as it is built in production."""

import contextlib
import datetime
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from dueport_apps.sandbox import faults as sandbox_faults
from dueport_apps.sandbox.frame import SandboxSettings
from dueport_apps.sandbox.serve import RunningSandbox, serve_sandbox
from dueport_apps.sandbox.webhooks import WebhookTarget
from dueport_pay_ach_plaid.plugin import build
from dueport_pay_ach_plaid.processor import PlaidProcessor
from dueport_pay_ach_plaid.settings import Settings
from dueport_ports import (
    Accepted,
    CollectRequest,
    HttpNotification,
    Instrument,
    PayerRef,
    PaymentAttempt,
    PaymentMethodKind,
    Secret,
)
from dueport_ports.testing.context import plugin_context
from dueport_ports.testing.processor import Behaviour, Call, Fault, ProcessorWorld, new_attempt
from tests.patience import PATIENCE_S
from tests.sandbox.plaid.client import schema_of

START = datetime.datetime(2026, 11, 16, 15, 0, tzinfo=datetime.UTC)
"""A Monday morning in New York, in the week before Thanksgiving."""

CLIENT_ID = "dueport-sandbox"
SECRET = "dueport-sandbox-secret"
PORTAL = "https://pay.dealer.example"
WEBHOOK = f"{PORTAL}/webhooks/pay_ach_plaid"

USERS = {
    Behaviour.APPROVED: "user_business",
    Behaviour.DECLINED: "user_low_balance",
    Behaviour.ACTION_REQUIRED: "user_business",
}
ROUTES = {
    Call.SUBMIT: "POST /transfer/create",
    Call.LOOKUP: "POST /transfer/get",
    Call.FETCH: "POST /transfer/get",
}
KINDS = {
    Fault.CUT_BEFORE: sandbox_faults.FaultKind.CUT_BEFORE,
    Fault.CUT_AFTER: sandbox_faults.FaultKind.CUT_AFTER,
    Fault.STATUS_429: sandbox_faults.FaultKind.TOO_MANY_REQUESTS,
    Fault.STATUS_500: sandbox_faults.FaultKind.SERVER_ERROR,
    Fault.UNKNOWN_ENUM: sandbox_faults.FaultKind.UNKNOWN_ENUM,
    Fault.SLOW: sandbox_faults.FaultKind.DELAY,
}


class SandboxTime:
    """The plugin's clock is the sandbox's."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._clock = sandbox.frame.clock

    def now(self) -> datetime.datetime:
        return self._clock.now()

    def today(self) -> datetime.date:
        return self._clock.now().date()


class PlaidWorld(ProcessorWorld):
    """The plugin as it is built in production, on the sandbox."""

    kind = PaymentMethodKind.ACH

    def __init__(self, sandbox: RunningSandbox, folder: Path, **changes: Any) -> None:
        self.sandbox = sandbox
        self.clock = SandboxTime(sandbox)
        self.folder = folder
        self.settings = new_settings(sandbox.base_url, **changes)
        self.plaid = self.another(**changes)
        self.processor = self.plaid
        self.secrets = (SECRET,)
        self.problems: list[str] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        """What went over the wire: the path and the body."""
        self._watch(self.plaid)
        self._came: list[HttpNotification] = []
        self._receiver = httpx.AsyncClient(transport=httpx.MockTransport(self._receive))
        sandbox.frame.webhooks.client = self._receiver
        self._controls = httpx.AsyncClient(
            base_url=sandbox.base_url, trust_env=False, timeout=PATIENCE_S
        )

    def another(self, **changes: Any) -> PlaidProcessor:
        """Build a processor on the same folder, as another process of the deployment has it."""
        built = build(
            new_settings(self.sandbox.base_url, **changes),
            plugin_context(self.folder, clock=self.clock, public_url=PORTAL),
        )
        assert isinstance(built, PlaidProcessor)
        return built

    async def close(self) -> None:
        await self.plaid.close()
        await self._controls.aclose()
        await self._receiver.aclose()

    async def instrument(self, behaviour: Behaviour) -> Instrument:
        instrument = await self.bank(USERS[behaviour])
        if behaviour is Behaviour.ACTION_REQUIRED:
            await self.control(f"/items/{item_of(instrument)}/require-login")
        return instrument

    async def bank(self, username: str = "user_business", **request: Any) -> Instrument:
        """Link a bank account the way that a customer does, without the browser."""
        session = await self.plaid.begin_collect(await self.collect_request(**request))
        payload = await self.link(session.bootstrap["link_token"], username)
        result = await self.plaid.finish_collect(session.session_ref, msgspec.json.encode(payload))
        self._keep_secret(result.instrument)
        return result.instrument

    async def collect_request(self, **changes: Any) -> CollectRequest:
        request = CollectRequest(
            payer=await self.payer(),
            kind=PaymentMethodKind.ACH,
            amount_cents=48_213,
            return_url=f"{PORTAL}/payments/return",
        )
        return msgspec.structs.replace(request, **changes)

    async def link(
        self, link_token: str, username: str = "user_business", accounts: tuple[int, ...] = (0,)
    ) -> dict[str, str]:
        """Go through Link's pages as a person would and return what the adapter hands back."""
        started = await self.page("start", link_token=link_token)
        visit = {"link_token": link_token, "link_session_id": started["link_session_id"]}
        offered = await self.page(
            "sign-in",
            institution_id="ins_109508",
            username=username,
            password="pass_good",
            **visit,
        )
        chosen = [offered["accounts"][index]["id"] for index in accounts]
        done = await self.page("finish", account_ids=chosen, **visit)
        return {"public_token": done["public_token"] or "", "account_id": chosen[0]}

    async def page(self, path: str, **fields: Any) -> dict[str, Any]:
        """Make a call that Link's own pages make."""
        answer = await self._controls.post(f"/plaid-link/{path}", json=fields)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def control(self, path: str, method: str = "POST", **body: Any) -> Any:
        """Do what a customer, a bank or Plaid itself would do."""
        answer = await self._controls.request(method, f"/_control/plaid{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def change_settings(self, **changes: Any) -> None:
        await self.control("/settings", "PATCH", **changes)

    async def decide(self, decision: str, **plan: Any) -> None:
        """Plan what Plaid decides about the next debit."""
        await self.control("/next-decisions", decision=decision, **plan)

    def table(self, name: str) -> list[dict[str, Any]]:
        """Read what the vendor really has."""
        return list(self.sandbox.frame.world.table(f"plaid.{name}").values())

    async def payer(self) -> PayerRef:
        return PayerRef(payer_id="payer-1", name="Hofmann Framing LLC", email="ap@hofmann.example")

    async def paid(self, total_cents: int = 48_213, username: str = "user_business") -> str:
        """Charge a fresh account and return the debit's reference."""
        attempt = await new_attempt(self, await self.bank(username), total_cents)
        answer = await self.plaid.submit(attempt)
        assert isinstance(answer, Accepted), answer
        return answer.processor_ref

    async def arm(self, fault: Fault, call: Call) -> None:
        self.arm_kind(
            KINDS[fault],
            ROUTES[call],
            seconds=0.2 if fault is Fault.SLOW else 0.0,
            path="transfer.status" if fault is Fault.UNKNOWN_ENUM else "",
        )

    def arm_kind(self, kind: sandbox_faults.FaultKind, route: str, **more: Any) -> None:
        """Arm any fault that the sandbox knows."""
        self.sandbox.frame.faults.arm(
            sandbox_faults.Fault(kind=kind, vendor="plaid", route=route, **more)
        )

    async def disarm(self) -> None:
        self.sandbox.frame.faults.clear()

    async def charges(self, attempt: PaymentAttempt) -> int:
        return sum(
            (transfer["metadata"] or {}).get("attempt_id") == attempt.attempt_id
            and transfer["status"] not in ("failed", "cancelled")
            for transfer in self.table("transfers")
        )

    async def notifications(self) -> tuple[HttpNotification, ...]:
        await self.sandbox.frame.clock.run_due()
        came, self._came = self._came, []
        return tuple(came)

    async def sign(
        self, body: bytes, at: datetime.datetime, *, genuine: bool = True
    ) -> HttpNotification:
        return self.signed(body, at, "" if not genuine else self.signing_key())

    def signing_key(self) -> str:
        """Return the id of the key that Plaid signs with now."""
        valid = [key["id"] for key in self.table("signing_keys") if not key["expired_at"]]
        return str(valid[-1])

    def signed(self, body: bytes, at: datetime.datetime, key_id: str) -> HttpNotification:
        """Sign with one of Plaid's keys; an id that is none signs with a stranger's."""
        headers = self._webhooks().signed(body, key_id, int(at.timestamp()))
        lowered = {name.lower(): value for name, value in headers.items()}
        return HttpNotification(headers=lowered, body=body)

    async def webhook(self, kind: str, code: str, **more: Any) -> HttpNotification:
        """Sign a made-up notification, the body of which may be anything."""
        self._webhooks().current_key()
        body = {"webhook_type": kind, "webhook_code": code, "environment": "sandbox", **more}
        return await self.sign(json.dumps(body, indent=2).encode(), self.clock.now())

    async def advance(self, duration: datetime.timedelta) -> None:
        await self.sandbox.frame.clock.advance(seconds=duration.total_seconds())

    async def settle(self) -> None:
        # Three banking days of hold, a sweep in the evening, and its own way to the bank.
        await self.advance(datetime.timedelta(days=12))

    def _webhooks(self) -> Any:
        """The simulated Plaid's signer, with its keys from the world's table."""
        from dueport_apps.sandbox.plaid.webhooks import PlaidWebhooks
        from dueport_apps.sandbox.plaid.world import PlaidWorld as Simulated

        return PlaidWebhooks(Simulated(self.sandbox.frame))

    def _receive(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._came.append(HttpNotification(headers=headers, body=request.content))
        return httpx.Response(200)

    def _keep_secret(self, instrument: Instrument) -> None:
        tokens = [item["access_token"] for item in self.table("items")]
        self.secrets = (SECRET, *tokens)

    def _watch(self, processor: PlaidProcessor) -> None:
        """Judge every exchange by the models of the very SDK, whose typed reader is not used."""
        manager = processor._api._client.rest_client.pool_manager
        send = manager.request

        def kept(method: str, url: str, **options: Any) -> Any:
            path = url.partition("/plaid")[2]
            body = json.loads(options["body"])
            self.requests.append((path, body))
            call = path.strip("/").replace("/", "_")
            model = getattr(processor._api.calls, f"{call}_endpoint").openapi_types[
                f"{call}_request"
            ][0]
            self.problems += [f"{path}: {one}" for one in schema_of(model).problems(body)]
            limit = options["timeout"]
            if (limit.connect_timeout, limit.read_timeout) != (3.05, 20):
                self.problems.append(f"{path}: a call without its time limits")
            return send(method, url, **options)

        manager.request = kept


def item_of(instrument: Instrument) -> str:
    """Return the Item that an instrument was linked with."""
    return str(json.loads(instrument.instrument_ref)["item_id"])


def account_of(instrument: Instrument) -> str:
    """Return Plaid's account behind an instrument."""
    return str(json.loads(instrument.instrument_ref)["account_id"])


def new_settings(base_url: str, **changes: Any) -> Settings:
    """The settings of a sandbox deployment."""
    facts: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "secret": Secret(SECRET),
        "api_url": f"{base_url}/plaid",
        "script_url": f"{base_url}/js/link-initialize.js",
    }
    return Settings(**(facts | changes))


@contextlib.asynccontextmanager
async def plaid_world(folder: Path, **changes: Any) -> AsyncIterator[PlaidWorld]:
    """Run one world. A request that Plaid's SDK itself would not describe fails the test."""
    settings = SandboxSettings(
        start_at=START,
        plaid_webhooks=(WebhookTarget(WEBHOOK, ""),),
        runs_by_itself=False,
        sign_at_wall_time=False,
    )
    async with serve_sandbox(settings) as sandbox:
        world = PlaidWorld(sandbox, folder, **changes)
        try:
            yield world
        finally:
            await world.close()
    assert world.problems == []
