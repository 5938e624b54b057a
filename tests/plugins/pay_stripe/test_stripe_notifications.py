"""Notifications are hints: genuine ones only, and never the source of a fact about money."""

import datetime
import json
from pathlib import Path

import pytest
import stripe

from dueport_apps.sandbox.faults import FaultKind
from dueport_pay_stripe.webhooks import STALE_AFTER_S, WEBHOOK_EVENTS
from dueport_ports import (
    Accepted,
    Conflict,
    Forbidden,
    HttpNotification,
    Misconfigured,
    ProcessorState,
    SignalKind,
)
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.plugins.pay_stripe.stripe_world import (
    OLDER_SECRET,
    WEBHOOK_SECRET,
    StripeWorld,
    stripe_world,
)
from tests.sandbox.stripe.contract import SpecificationContract


async def paid(world: StripeWorld) -> str:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED))
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, Accepted), answer
    return answer.processor_ref


def signed_by_the_sdk(world: StripeWorld, body: str, secret: str) -> HttpNotification:
    now = int(world.clock.now().timestamp())
    header = stripe.WebhookSignature.generate_signature_header(body, secret, now)
    return HttpNotification(headers={"stripe-signature": header}, body=body.encode())


async def test_what_stripes_own_library_signs_is_accepted(world: StripeWorld) -> None:
    body = (await world.event()).body.decode()
    received = await world.stripe.receive(signed_by_the_sdk(world, body, WEBHOOK_SECRET))
    assert [(s.kind, s.ref, s.dedupe_key) for s in received.signals] == [
        (SignalKind.PAYMENT, "pi_1", "evt_1")
    ]


async def test_the_older_secret_counts_while_it_is_being_rotated(world: StripeWorld) -> None:
    body = (await world.event()).body.decode()
    assert (await world.stripe.receive(signed_by_the_sdk(world, body, OLDER_SECRET))).signals
    now = int(world.clock.now().timestamp())
    both = [
        stripe.WebhookSignature.generate_signature_header(body, secret, now).split(",")[1]
        for secret in ("whsec_of_somebody_else", OLDER_SECRET)
    ]
    header = {"stripe-signature": f"t={now},{','.join(both)}"}
    assert (
        await world.stripe.receive(HttpNotification(headers=header, body=body.encode()))
    ).signals


async def test_a_signature_of_the_test_scheme_alone_is_refused(world: StripeWorld) -> None:
    genuine = await world.event()
    header = genuine.headers["stripe-signature"].replace("v1=", "v0=")
    with pytest.raises(Forbidden, match="not signed"):
        await world.stripe.receive(
            HttpNotification(headers={"stripe-signature": header}, body=genuine.body)
        )


NO_HEADERS = ("", "t=1", "v1=abc", "t=,v1=", "t=-5,v1=a", "t=1,t=2,v1=a", "t=１,v1=a", "é=é,,=,")


async def test_a_header_that_is_none_is_refused(world: StripeWorld) -> None:
    body = (await world.event()).body
    for header in NO_HEADERS:
        with pytest.raises(Forbidden):
            await world.stripe.receive(
                HttpNotification(headers={"stripe-signature": header}, body=body)
            )


async def test_the_edges_of_the_time_a_signature_is_good_for(world: StripeWorld) -> None:
    body = (await world.event()).body
    now = world.clock.now()
    for seconds, good in (
        (-STALE_AFTER_S, True),
        (-STALE_AFTER_S - 1, False),
        (60, True),
        (61, False),
    ):
        moment = await world.sign(body, now + datetime.timedelta(seconds=seconds))
        if good:
            assert (await world.stripe.receive(moment)).signals
        else:
            with pytest.raises(Forbidden):
                await world.stripe.receive(moment)


async def test_a_body_written_anew_is_refused_although_it_says_the_same(
    world: StripeWorld,
) -> None:
    world.arm_kind(FaultKind.WEBHOOK_RESERIALISED, "payment_intent.succeeded")
    world.arm_kind(FaultKind.WEBHOOK_WRONG_SECRET, "payment_intent.created")
    await paid(world)
    refused = []
    for notification in await world.notifications():
        try:
            await world.stripe.receive(notification)
        except Forbidden:
            refused.append(json.loads(notification.body)["type"])
    assert sorted(refused) == ["payment_intent.created", "payment_intent.succeeded"]


async def test_an_event_of_the_live_mode_is_refused_by_a_sandbox(world: StripeWorld) -> None:
    with pytest.raises(Forbidden, match="live mode"):
        await world.stripe.receive(await world.event(livemode=True))


async def test_an_event_of_a_connected_account_is_refused(world: StripeWorld) -> None:
    with pytest.raises(Forbidden, match="connected account"):
        await world.stripe.receive(await world.event(account="acct_1"))


async def test_without_a_secret_nothing_can_be_proved(
    specification: SpecificationContract, tmp_path: Path
) -> None:
    async with stripe_world(specification, tmp_path, webhook_secrets=()) as world:
        with pytest.raises(Misconfigured, match="webhook_secrets"):
            await world.stripe.receive(await world.event())


async def test_an_event_rendered_in_another_api_version_names_the_same_payment(
    world: StripeWorld,
) -> None:
    world.arm_kind(FaultKind.WEBHOOK_OTHER_VERSION, "payment_intent.succeeded")
    ref = await paid(world)
    refs = set()
    for notification in await world.notifications():
        for signal in (await world.stripe.receive(notification)).signals:
            if signal.kind is SignalKind.PAYMENT:
                refs.add(signal.ref)
    assert refs == {ref}


async def test_an_event_type_of_next_year_is_acknowledged_and_names_nothing_known(
    world: StripeWorld,
) -> None:
    strange = await world.event(type="billing.moon_phase.changed", data={"object": {}})
    received = await world.stripe.receive(strange)
    assert [s.kind for s in received.signals] == [SignalKind.OTHER]
    thin = await world.sign(b'{"id": "evt_2", "object": "v2.core.event"}', world.clock.now())
    received = await world.stripe.receive(thin)
    assert [s.kind for s in received.signals] == [SignalKind.OTHER]
    assert received.ack_status == 200


async def test_every_event_we_ask_for_says_whom_it_is_about(world: StripeWorld) -> None:
    about = {"id": "xx_1", "payment_intent": "pi_7", "payment_method": {"id": "pm_7"}}
    expected = {
        "payment_intent": (SignalKind.PAYMENT, "xx_1"),
        "charge": (SignalKind.PAYMENT, "pi_7"),
        "charge.dispute": (SignalKind.DISPUTE, "xx_1"),
        "refund": (SignalKind.REFUND, "xx_1"),
        "payout": (SignalKind.SETTLEMENT, "xx_1"),
        "payment_method": (SignalKind.INSTRUMENT, "xx_1"),
        "setup_intent": (SignalKind.INSTRUMENT, "pm_7"),
        "radar.early_fraud_warning": (SignalKind.PAYMENT, "pi_7"),
    }
    for kind in WEBHOOK_EVENTS:
        event = await world.event(type=kind, data={"object": about})
        [signal] = (await world.stripe.receive(event)).signals
        assert (signal.kind, signal.ref) == expected[kind.rsplit(".", 1)[0]]
        assert signal.occurred_at is not None


async def test_a_charge_without_a_payment_of_ours_is_nobodys_signal(world: StripeWorld) -> None:
    event = await world.event(
        type="charge.updated", data={"object": {"id": "ch_1", "payment_intent": None}}
    )
    [signal] = (await world.stripe.receive(event)).signals
    assert (signal.kind, signal.ref) == (SignalKind.OTHER, "")


async def test_a_stale_payload_does_not_turn_a_payment_back(world: StripeWorld) -> None:
    ref = await paid(world)
    about = {"id": ref, "status": "processing", "amount": 1}
    late = await world.event(type="payment_intent.processing", data={"object": about})
    [signal] = (await world.stripe.receive(late)).signals
    snapshot = await world.stripe.fetch(signal.ref)
    assert (snapshot.state, snapshot.amount_cents) == (ProcessorState.SUCCEEDED, 48_213)


# The feed.


async def test_the_feed_starts_three_days_back_and_reads_on_from_its_cursor(
    world: StripeWorld,
) -> None:
    long_ago = await paid(world)
    await world.advance(datetime.timedelta(days=4))
    refs = [await paid(world) for _ in range(3)]
    page = await world.stripe.changes(None, 2)
    assert (len(page.signals), page.more) == (2, True)
    seen = list(page.signals)
    while page.more:
        page = await world.stripe.changes(page.cursor, 2)
        seen += page.signals
    payments = [s.ref for s in seen if s.kind is SignalKind.PAYMENT]
    assert list(dict.fromkeys(payments)) == refs
    assert long_ago not in payments
    instants = [s.occurred_at for s in seen]
    assert instants == sorted(instants, key=lambda at: at or world.clock.now())


async def test_a_feed_at_its_end_keeps_its_cursor(world: StripeWorld) -> None:
    await paid(world)
    page = await world.stripe.changes(None, 100)
    again = await world.stripe.changes(page.cursor, 100)
    assert (again.signals, again.cursor, again.more) == ((), page.cursor, False)
    await paid(world)
    assert (await world.stripe.changes(again.cursor, 100)).signals


async def test_a_feed_without_any_event_begins_again(world: StripeWorld) -> None:
    empty = await world.stripe.changes(None, 10)
    assert (empty.signals, empty.more) == ((), False)
    ref = await paid(world)
    assert ref in {s.ref for s in (await world.stripe.changes(empty.cursor, 10)).signals}


async def test_a_cursor_that_stripe_has_forgotten_starts_the_feed_again(
    world: StripeWorld,
) -> None:
    ref = await paid(world)
    page = await world.stripe.changes("evt_of_two_months_ago", 100)
    assert ref in {s.ref for s in page.signals}
    assert page.cursor.startswith("evt_")


# Installing.


async def test_an_installed_webhook_delivers_events_that_its_secret_proves(
    world: StripeWorld,
) -> None:
    url = "https://pay.dealer.example/webhooks/pay_stripe"
    secret = await world.stripe.install_webhook(url)
    [endpoint] = world.table("webhook_endpoints")
    assert endpoint["enabled_events"] == list(WEBHOOK_EVENTS)
    assert endpoint["api_version"] == "2026-08-26.dahlia"
    await world.notifications()
    await paid(world)
    bodies = await world.notifications()
    proved = 0
    for notification in bodies:
        try:
            stripe.WebhookSignature.verify_header(
                notification.body, notification.headers["stripe-signature"], secret
            )
            proved += 1
        except stripe.SignatureVerificationError:
            continue
    assert proved
    with pytest.raises(Conflict, match="already"):
        await world.stripe.install_webhook(url)
