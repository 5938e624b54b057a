"""Stripe as the tests see it: the sandbox on a real socket, judged by Stripe's own specification."""

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
from dueport_apps.sandbox.stripe.events import signed
from dueport_apps.sandbox.webhooks import WebhookTarget
from dueport_pay_stripe.plugin import build
from dueport_pay_stripe.processor import StripeProcessor
from dueport_pay_stripe.settings import Settings
from dueport_ports import (
    CollectRequest,
    HttpNotification,
    Instrument,
    PayerRef,
    PaymentAttempt,
    PaymentMethodKind,
    Secret,
)
from dueport_ports.testing.context import plugin_context
from dueport_ports.testing.processor import Behaviour, Call, Fault, ProcessorWorld
from tests.patience import PATIENCE_S
from tests.sandbox.stripe.contract import SpecificationContract

START = datetime.datetime(2026, 11, 16, 15, 0, tzinfo=datetime.UTC)
WEBHOOK_SECRET = "whsec_the_one_in_use"
OLDER_SECRET = "whsec_the_one_before"
SECRET_KEY = "sk_test_dueport_sandbox"

CARDS = {
    Behaviour.APPROVED: "pm_card_visa",
    Behaviour.DECLINED: "pm_card_visa_chargeDeclined",
    Behaviour.ACTION_REQUIRED: "pm_card_threeDSecure2Required",
}
ROUTES = {
    Call.SUBMIT: "POST /v1/payment_intents",
    Call.LOOKUP: "GET /v1/payment_intents",
    Call.FETCH: "GET /v1/payment_intents/*",
}
KINDS = {
    Fault.CUT_BEFORE: sandbox_faults.FaultKind.CUT_BEFORE,
    Fault.CUT_AFTER: sandbox_faults.FaultKind.CUT_AFTER,
    Fault.STATUS_429: sandbox_faults.FaultKind.TOO_MANY_REQUESTS,
    Fault.STATUS_500: sandbox_faults.FaultKind.SERVER_ERROR,
    Fault.UNKNOWN_ENUM: sandbox_faults.FaultKind.UNKNOWN_ENUM,
    Fault.SLOW: sandbox_faults.FaultKind.SLOW,
}


class SandboxTime:
    """The plugin's clock is the sandbox's."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._clock = sandbox.frame.clock

    def now(self) -> datetime.datetime:
        return self._clock.now()

    def today(self) -> datetime.date:
        return self._clock.now().date()


class StripeWorld(ProcessorWorld):
    """The plugin as it is built in production, on the sandbox."""

    secrets = (SECRET_KEY, WEBHOOK_SECRET, OLDER_SECRET)
    kind = PaymentMethodKind.CARD

    def __init__(self, sandbox: RunningSandbox, folder: Path, **changes: Any) -> None:
        self.sandbox = sandbox
        self.clock = SandboxTime(sandbox)
        self.settings = new_settings(sandbox.base_url, **changes)
        self.stripe: StripeProcessor = build(
            self.settings, plugin_context(folder, clock=self.clock)
        )
        self.processor = self.stripe
        self._came: list[HttpNotification] = []
        self._receiver = httpx.AsyncClient(transport=httpx.MockTransport(self._receive))
        sandbox.frame.webhooks.client = self._receiver
        self.http = httpx.AsyncClient(
            base_url=sandbox.stripe_url, auth=(SECRET_KEY, ""), trust_env=False, timeout=PATIENCE_S
        )
        self._controls = httpx.AsyncClient(
            base_url=sandbox.base_url, trust_env=False, timeout=PATIENCE_S
        )

    async def close(self) -> None:
        await self.stripe.close()
        await self.http.aclose()
        await self._controls.aclose()
        await self._receiver.aclose()

    async def instrument(self, behaviour: Behaviour) -> Instrument:
        return await self.card(CARDS[behaviour])

    async def card(self, name: str, **request: Any) -> Instrument:
        """Take one of Stripe's test cards the way that a customer gives one."""
        wanted = CollectRequest(
            payer=await self.payer(),
            kind=PaymentMethodKind.CARD,
            amount_cents=48_213,
            return_url="https://pay.dealer.example/payments/return",
            **request,
        )
        session = await self.stripe.begin_collect(wanted)
        payload = msgspec.json.encode({"confirmation_token": await self.token(name)})
        return (await self.stripe.finish_collect(session.session_ref, payload)).instrument

    async def token(self, card: str) -> str:
        """Make a confirmation token, as Stripe's script does in the browser."""
        made = await self.post("/v1/test_helpers/confirmation_tokens", payment_method=card)
        return str(made["id"])

    async def post(self, path: str, **form: str) -> dict[str, Any]:
        """Call Stripe as the dealer's other programs, its Dashboard or a browser would."""
        answer = await self.http.post(path, data=form)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Do what a cardholder, a bank or Stripe itself would do."""
        answer = await self._controls.post(f"/_control/stripe{path}", json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def table(self, name: str) -> list[dict[str, Any]]:
        """Read what the vendor really has."""
        return list(self.sandbox.frame.world.table(f"stripe.{name}").values())

    async def payer(self) -> PayerRef:
        return PayerRef(
            payer_id="payer-1",
            name="Hofmann Framing LLC",
            email="ap@hofmann.example",
            processor_customer_ref=self.table("customers")[0]["id"]
            if self.table("customers")
            else "",
        )

    async def arm(self, fault: Fault, call: Call) -> None:
        path = "data.*.status" if call is Call.LOOKUP else "status"
        # The SDK repeats everything but a 429, so the fault must outlast its repetitions.
        repeated = fault not in (Fault.STATUS_429, Fault.UNKNOWN_ENUM, Fault.SLOW)
        self.arm_kind(
            KINDS[fault],
            ROUTES[call],
            times=1 + self.settings.network_retries if repeated else 1,
            seconds=0.2 if fault is Fault.SLOW else 0.0,
            path=path if fault is Fault.UNKNOWN_ENUM else "",
        )

    def arm_kind(self, kind: sandbox_faults.FaultKind, route: str, **more: Any) -> None:
        """Arm any fault that the sandbox knows."""
        self.sandbox.frame.faults.arm(
            sandbox_faults.Fault(kind=kind, vendor="stripe", route=route, **more)
        )

    async def disarm(self) -> None:
        self.sandbox.frame.faults.clear()

    async def charges(self, attempt: PaymentAttempt) -> int:
        return sum(
            charge["metadata"].get("attempt_id") == attempt.attempt_id
            and charge["status"] in ("succeeded", "pending")
            for charge in self.table("charges")
        )

    async def notifications(self) -> tuple[HttpNotification, ...]:
        await self.sandbox.frame.clock.run_due()
        came, self._came = self._came, []
        return tuple(came)

    async def sign(
        self, body: bytes, at: datetime.datetime, *, genuine: bool = True
    ) -> HttpNotification:
        secret = WEBHOOK_SECRET if genuine else "whsec_of_somebody_else"
        return HttpNotification(headers=signed(body, secret, int(at.timestamp())), body=body)

    async def event(self, **changes: Any) -> HttpNotification:
        """Sign a made-up event, the body of which may be anything."""
        body = {
            "id": "evt_1",
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": int(self.clock.now().timestamp()),
            "livemode": False,
            "data": {"object": {"id": "pi_1"}},
        }
        return await self.sign(json.dumps(body | changes).encode(), self.clock.now())

    async def advance(self, duration: datetime.timedelta) -> None:
        await self.sandbox.frame.clock.advance(seconds=duration.total_seconds())

    async def settle(self) -> None:
        # Cards are available after two days; payouts are made on banking days.
        await self.advance(datetime.timedelta(days=6))

    def _receive(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._came.append(HttpNotification(headers=headers, body=request.content))
        return httpx.Response(200)


def new_settings(base_url: str, **changes: Any) -> Settings:
    """The settings of a sandbox deployment; no repetitions by the SDK unless asked for."""
    facts: dict[str, Any] = {
        "secret_key": Secret(SECRET_KEY),
        "publishable_key": "pk_test_dueport_sandbox",
        "webhook_secrets": (Secret(WEBHOOK_SECRET), Secret(OLDER_SECRET)),
        "api_url": f"{base_url}/stripe",
        "script_url": f"{base_url}/js/stripe.js",
        "timeout_s": PATIENCE_S,
        "network_retries": 0,
    }
    return Settings(**(facts | changes))


@contextlib.asynccontextmanager
async def stripe_world(
    contract: SpecificationContract | None, folder: Path, **changes: Any
) -> AsyncIterator[StripeWorld]:
    """Run one world. Whatever broke Stripe's published specification fails the test."""
    if contract is not None:
        contract.faults.clear()
    settings = SandboxSettings(
        start_at=START,
        stripe_webhooks=(WebhookTarget("http://receiver.example/stripe", WEBHOOK_SECRET),),
        runs_by_itself=False,
        sign_at_wall_time=False,
    )
    async with serve_sandbox(settings, stripe_contract=contract) as sandbox:
        world = StripeWorld(sandbox, folder, **changes)
        try:
            yield world
        finally:
            await world.close()
    if contract is not None:
        assert not contract.faults, contract.faults
