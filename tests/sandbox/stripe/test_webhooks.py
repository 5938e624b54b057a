"""Webhooks as Stripe sends them: signed, at least once, and in every way that goes wrong."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.stripe.calls import pay
from tests.sandbox.stripe.receiver import Receiver, receiving

CREATED: Any = {"email": "ap@builder.example"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
async def secret(client: stripe.StripeClient, receiver: Receiver) -> str:
    endpoint = await client.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": ["*"], "api_version": "2026-08-26.dahlia"}
    )
    assert endpoint.secret is not None
    return endpoint.secret


async def settle(sandbox: RunningSandbox) -> None:
    await sandbox.frame.clock.run_due()


def kinds(events: list[stripe.Event]) -> list[str]:
    return [event.type for event in events]


async def test_events_arrive_in_order_with_a_signature_that_the_sdk_accepts(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    paid = await pay(client)
    await settle(sandbox)
    events = receiver.events(client, secret)
    assert kinds(events) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    assert events[-1].data.object["id"] == paid.id
    assert events[-1].api_version == "2026-08-26.dahlia"
    assert not events[-1].livemode


async def test_a_still_clock_delivers_by_itself(
    client: stripe.StripeClient, receiver: Receiver, secret: str
) -> None:
    await pay(client)
    await receiver.wait_for(3)
    assert len(receiver.events(client, secret)) == 3


async def test_the_secret_is_shown_once(client: stripe.StripeClient, secret: str) -> None:
    (endpoint,) = (await client.v1.webhook_endpoints.list_async()).data
    assert "secret" not in endpoint.to_dict()
    assert "secret" not in (await client.v1.webhook_endpoints.retrieve_async(endpoint.id)).to_dict()


async def test_an_address_hears_only_what_it_asked_for(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    endpoint = await client.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": ["payment_intent.succeeded"]}
    )
    await pay(client)
    await settle(sandbox)
    assert endpoint.secret is not None
    assert kinds(receiver.events(client, endpoint.secret)) == ["payment_intent.succeeded"]
    await client.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await pay(client)
    await settle(sandbox)
    assert len(receiver.arrived) == 1
    await client.v1.webhook_endpoints.delete_async(endpoint.id)
    assert (await client.v1.webhook_endpoints.list_async()).data == []


async def test_an_unanswered_webhook_is_sent_again_for_three_days(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    receiver.status = 500
    await client.v1.customers.create_async(CREATED)
    await settle(sandbox)
    undelivered = await client.v1.events.list_async({"delivery_success": False})
    assert kinds(undelivered.data) == ["customer.created"]
    await sandbox.frame.clock.advance(seconds=3600)
    assert len(receiver.arrived) == 3
    receiver.status = 204
    await sandbox.frame.clock.advance(seconds=6 * 3600)
    assert len(receiver.arrived) == 4
    assert len({event.id for event in receiver.events(client, secret)}) == 1
    assert (await client.v1.events.list_async({"delivery_success": False})).data == []
    statuses = [entry["status"] for entry in sandbox.frame.webhooks.log()]
    assert statuses == [500, 500, 500, 204]
    receiver.status = 500
    await client.v1.customers.create_async(CREATED)
    await sandbox.frame.clock.advance(seconds=30 * 86_400)
    assert len(receiver.arrived) == 4 + 10


async def test_an_address_that_is_not_there_is_logged_and_tried_again(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await client.v1.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:9/nobody", "enabled_events": ["*"]}
    )
    await client.v1.customers.create_async(CREATED)
    await sandbox.frame.clock.advance(seconds=400)
    first, second = sandbox.frame.webhooks.log()
    assert (first["status"], first["tries"], second["tries"]) == (None, 1, 2)
    assert "ConnectError" in first["error"]


async def test_a_webhook_can_come_twice(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_DUPLICATE))
    await client.v1.customers.create_async(CREATED)
    await settle(sandbox)
    first, second = receiver.events(client, secret)
    assert first.id == second.id


async def test_a_later_webhook_can_overtake(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_REORDER, route="payment_intent.created"))
    await pay(client)
    await settle(sandbox)
    assert kinds(receiver.events(client, secret)) == [
        "charge.succeeded",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_REORDER, route="customer.created"))
    await client.v1.customers.create_async(CREATED)
    await settle(sandbox)
    assert len(receiver.arrived) == 3
    await sandbox.frame.clock.advance(seconds=300)
    assert kinds(receiver.events(client, secret))[-1] == "customer.created"


async def test_a_webhook_can_be_late_or_lost(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_DELAY, seconds=7200))
    await client.v1.customers.create_async(CREATED)
    await sandbox.frame.clock.advance(seconds=7100)
    assert receiver.arrived == []
    await sandbox.frame.clock.advance(seconds=200)
    assert len(receiver.arrived) == 1
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_DROPPED))
    await client.v1.customers.create_async(CREATED)
    await sandbox.frame.clock.advance(seconds=10 * 86_400)
    assert len(receiver.arrived) == 1
    undelivered = await client.v1.events.list_async({"delivery_success": False})
    assert kinds(undelivered.data) == ["customer.created"]


@pytest.mark.parametrize("kind", [FaultKind.WEBHOOK_WRONG_SECRET, FaultKind.WEBHOOK_RESERIALISED])
async def test_a_forged_or_rewritten_webhook_fails_its_signature(
    client: stripe.StripeClient,
    sandbox: RunningSandbox,
    receiver: Receiver,
    secret: str,
    kind: FaultKind,
) -> None:
    sandbox.frame.faults.arm(Fault(kind=kind))
    await client.v1.customers.create_async(CREATED)
    await settle(sandbox)
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.events(client, secret)


async def test_a_webhook_can_come_from_the_future_or_in_another_version(
    client: stripe.StripeClient, sandbox: RunningSandbox, receiver: Receiver, secret: str
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_FUTURE))
    sandbox.frame.faults.arm(Fault(kind=FaultKind.WEBHOOK_OTHER_VERSION, nth=2))
    await client.v1.customers.create_async(CREATED)
    await client.v1.customers.create_async(CREATED)
    await settle(sandbox)
    future, old = receiver.arrived
    signed_at = int(future[1].split(",")[0].removeprefix("t="))
    assert signed_at > sandbox.frame.webhooks.signing_time() + 80_000
    assert json.loads(old[0])["api_version"] == "2017-08-15"
    assert len(receiver.events(client, secret)) == 2
