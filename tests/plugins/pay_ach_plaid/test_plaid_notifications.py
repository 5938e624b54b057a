"""Webhooks are Plaid's and fresh or refused, and the event feed is read to its end once."""

import base64
import datetime
import hashlib
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    Forbidden,
    HttpNotification,
    Invalid,
    SignalKind,
    Unavailable,
)
from tests.plugins.pay_ach_plaid.plaid_world import PlaidWorld, item_of

HEADER = "plaid-verification"


async def genuine(world: PlaidWorld) -> HttpNotification:
    return await world.webhook("TRANSFER", "TRANSFER_EVENTS_UPDATE")


def claims(notification: HttpNotification, world: PlaidWorld) -> dict[str, Any]:
    digest = hashlib.sha256(notification.body).hexdigest()
    return {"iat": int(world.clock.now().timestamp()), "request_body_sha256": digest}


def with_token(notification: HttpNotification, token: str) -> HttpNotification:
    return HttpNotification(headers={HEADER: token}, body=notification.body)


def private_key(world: PlaidWorld) -> Any:
    """Return the key that Plaid signs with, which only Plaid has."""
    return [one["private_pem"] for one in world.table("signing_keys")][-1]


def key_calls(world: PlaidWorld) -> int:
    return [path for path, _ in world.requests].count("/webhook_verification_key/get")


async def test_a_genuine_notification_is_a_hint_to_read_the_feed(world: PlaidWorld) -> None:
    received = await world.plaid.receive(await genuine(world))
    [signal] = received.signals
    assert (signal.kind, signal.ref, received.ack_status) == (SignalKind.FEED, "", 200)
    assert signal.occurred_at == world.clock.now()


async def test_two_notifications_with_the_same_body_are_two(world: PlaidWorld) -> None:
    first = await world.plaid.receive(await genuine(world))
    again = await world.plaid.receive(await genuine(world))
    assert first.signals[0].dedupe_key == again.signals[0].dedupe_key
    await world.advance(datetime.timedelta(seconds=1))
    later = await world.plaid.receive(await genuine(world))
    assert later.signals[0].dedupe_key != first.signals[0].dedupe_key


async def test_the_algorithm_is_not_the_senders_choice(world: PlaidWorld) -> None:
    notification = await genuine(world)
    kid = world.signing_key()
    said = claims(notification, world)
    none = jwt.encode(said, "", algorithm="none", headers={"kid": kid})
    public = world._webhooks().public_key(kid)
    shared = jwt.encode(said, public["x"], algorithm="HS256", headers={"kid": kid})
    other = jwt.encode(
        said, ec.generate_private_key(ec.SECP384R1()), algorithm="ES384", headers={"kid": kid}
    )
    for token in (none, shared, other):
        with pytest.raises(Forbidden, match="ES256"):
            await world.plaid.receive(with_token(notification, token))
    assert key_calls(world) == 0, "nobody is asked about a token of the wrong kind"


async def test_a_strangers_key_is_refused_whatever_it_calls_itself(world: PlaidWorld) -> None:
    notification = await genuine(world)
    stranger = ec.generate_private_key(ec.SECP256R1())
    for kid in (world.signing_key(), "invented"):
        token = jwt.encode(
            claims(notification, world), stranger, algorithm="ES256", headers={"kid": kid}
        )
        with pytest.raises(Forbidden):
            await world.plaid.receive(with_token(notification, token))


async def test_a_body_that_was_swapped_altered_or_written_anew_is_refused(
    world: PlaidWorld,
) -> None:
    notification = await genuine(world)
    again = json.dumps(json.loads(notification.body)).encode()
    other = (await world.webhook("ITEM", "LOGIN_REPAIRED", item_id="x")).body
    for body in (again, other, notification.body + b"\n", b""):
        with pytest.raises(Forbidden, match="not what was signed"):
            await world.plaid.receive(HttpNotification(headers=notification.headers, body=body))


@pytest.mark.parametrize("change", [{"iat": None}, {"iat": "now"}, {"iat": True}, {"iat": 1.5}])
async def test_a_signature_without_a_proper_time_is_refused(
    world: PlaidWorld, change: dict[str, Any]
) -> None:
    notification = await genuine(world)
    said = {k: v for k, v in (claims(notification, world) | change).items() if v is not None}
    # PyJWT itself would refuse to write some of these, so the token is put together by hand.
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    head = {"alg": "ES256", "kid": world.signing_key(), "typ": "JWT"}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, said)
    ]
    signed = b".".join(parts)
    private = algorithm.prepare_key(private_key(world))
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    signature = algorithm.sign(signed, private)
    token = b".".join([signed, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    with pytest.raises(Forbidden, match="what was signed and when"):
        await world.plaid.receive(with_token(notification, token))


async def test_a_signature_is_good_for_five_minutes_and_a_minute_ahead(world: PlaidWorld) -> None:
    body = (await genuine(world)).body
    now = world.clock.now()
    for seconds in (0, -300, 60):
        at = now + datetime.timedelta(seconds=seconds)
        assert (await world.plaid.receive(await world.sign(body, at))).signals
    for seconds in (-301, 61, -86_400, 86_400):
        at = now + datetime.timedelta(seconds=seconds)
        with pytest.raises(Forbidden, match=r"replay|future"):
            await world.plaid.receive(await world.sign(body, at))


@pytest.mark.parametrize(
    "token", ["", "garbage", "a.b.c", "é.é.é", "eyJhbGciOiJFUzI1NiJ9..", "null", "." * 5000]
)
async def test_what_is_no_token_is_refused(world: PlaidWorld, token: str) -> None:
    with pytest.raises(Forbidden):
        await world.plaid.receive(with_token(await genuine(world), token))
    assert key_calls(world) == 0


async def test_a_header_nested_without_end_is_refused(world: PlaidWorld) -> None:
    nested = b'{"alg": "ES256", "kid": ' + b"[" * 20_000
    token = base64.urlsafe_b64encode(nested).rstrip(b"=").decode() + ".e30.AAAA"
    with pytest.raises(Forbidden):
        await world.plaid.receive(with_token(await genuine(world), token))


async def test_a_key_is_fetched_once_and_again_after_a_day(world: PlaidWorld) -> None:
    for _ in range(3):
        await world.plaid.receive(await genuine(world))
    assert key_calls(world) == 1
    await world.advance(datetime.timedelta(hours=25))
    await world.plaid.receive(await genuine(world))
    assert key_calls(world) == 2


async def test_a_new_key_is_taken_and_an_ended_one_refused(world: PlaidWorld) -> None:
    before = await genuine(world)
    old = world.signing_key()
    await world.plaid.receive(before)
    await world.control("/signing-keys/rotate", expire_old_after_s=60)
    assert (await world.plaid.receive(await genuine(world))).signals
    await world.advance(datetime.timedelta(hours=25))
    body = before.body
    with pytest.raises(Forbidden, match="ended"):
        await world.plaid.receive(world.signed(body, world.clock.now(), old))


async def test_invented_key_ids_do_not_make_us_flood_plaid(world: PlaidWorld) -> None:
    notification = await genuine(world)
    stranger = ec.generate_private_key(ec.SECP256R1())
    for number in range(30):
        token = jwt.encode(
            claims(notification, world),
            stranger,
            algorithm="ES256",
            headers={"kid": f"invented-{number}"},
        )
        with pytest.raises((Forbidden, Unavailable)):
            await world.plaid.receive(with_token(notification, token))
    assert key_calls(world) == 10
    await world.advance(datetime.timedelta(minutes=2))
    fresh = await world.sign(notification.body, world.clock.now())
    assert (await world.plaid.receive(fresh)).signals


async def test_a_key_that_cannot_be_had_now_has_the_notification_sent_again(
    world: PlaidWorld,
) -> None:
    notification = await genuine(world)
    world.arm_kind(FaultKind.CUT_AFTER, "POST /webhook_verification_key/get")
    with pytest.raises(Unavailable):
        await world.plaid.receive(notification)
    assert (await world.plaid.receive(notification)).signals


@pytest.mark.parametrize(
    "kind",
    [FaultKind.WEBHOOK_WRONG_SECRET, FaultKind.WEBHOOK_FUTURE, FaultKind.WEBHOOK_RESERIALISED],
)
async def test_what_goes_wrong_on_the_way_is_refused(world: PlaidWorld, kind: FaultKind) -> None:
    await world.notifications()
    world.arm_kind(kind, "TRANSFER_EVENTS_UPDATE")
    await world.paid()
    [notification] = await world.notifications()
    with pytest.raises(Forbidden):
        await world.plaid.receive(notification)


async def test_a_notification_of_production_is_refused_in_a_sandbox(world: PlaidWorld) -> None:
    foreign = await world.webhook("TRANSFER", "TRANSFER_EVENTS_UPDATE", environment="production")
    with pytest.raises(Forbidden, match="production"):
        await world.plaid.receive(foreign)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ITEM", "ERROR"),
        ("ITEM", "LOGIN_REPAIRED"),
        ("ITEM", "PENDING_DISCONNECT"),
        ("ITEM", "USER_PERMISSION_REVOKED"),
        ("ITEM", "USER_ACCOUNT_REVOKED"),
        ("ITEM", "NEXT_YEARS_CODE"),
        ("AUTH", "AUTOMATICALLY_VERIFIED"),
        ("AUTH", "VERIFICATION_EXPIRED"),
        ("AUTH", "DEFAULT_UPDATE"),
    ],
)
async def test_news_of_a_bank_names_the_item_of_the_instrument(
    world: PlaidWorld, kind: str, code: str
) -> None:
    instrument = await world.bank()
    told = await world.webhook(kind, code, item_id=item_of(instrument))
    [signal] = (await world.plaid.receive(told)).signals
    assert (signal.kind, signal.ref) == (SignalKind.INSTRUMENT, item_of(instrument))
    assert signal.ref in instrument.instrument_ref


async def test_news_that_nobody_knows_is_acknowledged_and_names_nothing(
    world: PlaidWorld,
) -> None:
    for told in (
        await world.webhook("LINK", "SESSION_FINISHED", link_token="link-sandbox-1"),
        await world.webhook("MOON", "PHASE"),
        await world.webhook("ITEM", "ERROR"),
        await world.sign(b"[1, 2]", world.clock.now()),
        await world.sign(b"\xff", world.clock.now()),
    ):
        received = await world.plaid.receive(told)
        assert [(s.kind, s.ref) for s in received.signals] == [(SignalKind.OTHER, "")]
        assert received.ack_status == 200


# The feed.


async def test_the_cursor_is_the_greatest_event_seen(world: PlaidWorld) -> None:
    refs = [await world.paid() for _ in range(3)]
    page = await world.plaid.changes(None, 2)
    assert [s.ref for s in page.signals] == refs[:2]
    assert (page.cursor, page.more) == ("2", True)
    page = await world.plaid.changes(page.cursor, 2)
    assert ([s.ref for s in page.signals], page.cursor, page.more) == (refs[2:], "3", False)
    again = await world.plaid.changes(page.cursor, 2)
    assert (again.signals, again.cursor, again.more) == ((), "3", False)


async def test_one_notification_stands_for_many_events(world: PlaidWorld) -> None:
    await world.notifications()
    refs = {await world.paid() for _ in range(3)}
    assert len(await world.notifications()) == 1
    assert {s.ref for s in (await world.plaid.changes(None, 100)).signals} == refs


async def test_the_feed_tells_of_payments_refunds_and_sweeps(world: PlaidWorld) -> None:
    ref = await world.paid()
    await world.settle()
    page = await world.plaid.changes(None, 500)
    [sweep] = world.table("sweeps")
    kinds = {(signal.kind, signal.ref) for signal in page.signals}
    assert kinds == {(SignalKind.PAYMENT, ref), (SignalKind.SETTLEMENT, sweep["id"])}
    keys = [signal.dedupe_key for signal in page.signals]
    assert len(set(keys)) == len(keys)
    assert all(signal.occurred_at for signal in page.signals)


async def test_the_steps_of_a_ledgers_withdrawal_are_about_a_settlement(world: PlaidWorld) -> None:
    event = {"event_id": 7, "event_type": "sweep.settled", "transfer_id": "", "sweep_id": "s1"}
    world.arm_kind(
        FaultKind.UNKNOWN_ENUM,
        "POST /transfer/event/sync",
        path="transfer_events",
        value=[event, {"event_id": 8, "event_type": "guaranteed"}, {"event_id": 9}],
    )
    page = await world.plaid.changes("6", 10)
    assert [(s.kind, s.ref) for s in page.signals] == [
        (SignalKind.SETTLEMENT, "s1"),
        (SignalKind.OTHER, ""),
        (SignalKind.OTHER, ""),
    ]
    assert page.cursor == "9"


async def test_a_feed_beyond_one_page_of_plaids_is_read_to_its_end(world: PlaidWorld) -> None:
    ref = await world.paid()
    from dueport_apps.sandbox.plaid.world import PlaidWorld as Simulated

    simulated = Simulated(world.sandbox.frame)
    for _ in range(500):
        simulated.record_event("pending", transfer_id=ref)
    page = await world.plaid.changes(None, 10_000)
    assert (len(page.signals), page.cursor, page.more) == (500, "500", True)
    page = await world.plaid.changes(page.cursor, 10_000)
    assert (len(page.signals), page.cursor, page.more) == (1, "501", False)


async def test_a_cursor_that_is_none_is_refused(world: PlaidWorld) -> None:
    for cursor in ("evt_1", "-1", "", "٣"):
        with pytest.raises(Invalid):
            await world.plaid.changes(cursor, 10)
