"""Notifications as a verifier sees them: signed over the exact bytes, with keys that rotate."""

import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver
from tests.sandbox.plaid.test_transfers import control


async def verify(api: PlaidClient, headers: dict[str, str], body: bytes) -> Any:
    """Check a notification the way that Plaid documents, and return its content."""
    token = headers["plaid-verification"]
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "ES256"
    answer = await api("webhook_verification_key_get", key_id=header["kid"])
    key = jwt.PyJWK(answer["key"], "ES256").key
    claims = jwt.decode(token, key, algorithms=["ES256"], options={"verify_iat": False})
    if abs(time.time() - claims["iat"]) > 300:
        raise jwt.InvalidTokenError("too old or too new")
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), claims["request_body_sha256"]):
        raise jwt.InvalidTokenError("another body")
    return json.loads(body)


async def test_many_events_of_one_instant_are_one_signed_notification_without_content(
    linked: Linked, receiver: Receiver
) -> None:
    await linked.pay("10.00")
    await receiver.wait_for(1)
    headers, body = receiver.heard[0]
    assert await verify(linked.api, headers, body) == {
        "webhook_type": "TRANSFER",
        "webhook_code": "TRANSFER_EVENTS_UPDATE",
        "environment": "sandbox",
    }
    assert body.startswith(b'{\n  "webhook_type": "TRANSFER",\n')


async def test_a_settled_sweep_of_three_transfers_is_told_once(
    sandbox: RunningSandbox, linked: Linked, receiver: Receiver
) -> None:
    for _ in range(3):
        await linked.pay("10.00")
    await linked.api("sandbox_transfer_sweep_simulate")
    await sandbox.frame.clock.run_due()
    before = len(receiver.heard)
    await linked.api("sandbox_transfer_sweep_simulate")
    await sandbox.frame.clock.run_due()
    assert len(receiver.heard) == before + 1


async def test_keys_rotate_and_old_ones_expire(
    sandbox: RunningSandbox, linked: Linked, receiver: Receiver
) -> None:
    await linked.pay("10.00")
    await receiver.wait_for(1)
    new = await control(sandbox, "POST", "/signing-keys/rotate", {"expire_old_after_s": 60})
    await control(sandbox, "POST", "/notify", None)
    await receiver.wait_for(2)
    kids = [
        jwt.get_unverified_header(headers["plaid-verification"])["kid"]
        for headers, _ in receiver.heard
    ]
    assert kids[1] == new.json()["kid"] != kids[0]
    old = (await linked.api("webhook_verification_key_get", key_id=kids[0]))["key"]
    assert old["expired_at"] == sandbox.frame.clock.timestamp() + 60
    await verify(linked.api, *receiver.heard[1])
    refusal = await linked.api.refused("webhook_verification_key_get", key_id="nobody")
    assert refusal["error_code"] == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


@pytest.mark.parametrize(
    "kind",
    [FaultKind.WEBHOOK_WRONG_SECRET, FaultKind.WEBHOOK_RESERIALISED, FaultKind.WEBHOOK_FUTURE],
)
async def test_a_spoiled_notification_fails_verification(
    sandbox: RunningSandbox, linked: Linked, receiver: Receiver, kind: FaultKind
) -> None:
    sandbox.frame.faults.arm(Fault(kind=kind, vendor="plaid"))
    await control(sandbox, "POST", "/notify", None)
    await receiver.wait_for(1)
    with pytest.raises(jwt.InvalidTokenError):
        await verify(linked.api, *receiver.heard[0])


async def test_a_notification_that_is_not_taken_is_sent_again(
    sandbox: RunningSandbox, linked: Linked, receiver: Receiver
) -> None:
    receiver.statuses = [500, 503]
    await control(sandbox, "POST", "/notify", None)
    await receiver.wait_for(1)
    await sandbox.frame.clock.advance(seconds=4 * 3600)
    assert len(receiver.heard) == 3
    await verify(linked.api, *receiver.heard[2])


async def test_a_developer_fires_the_transfer_notification_at_an_address(
    linked: Linked, receiver: Receiver
) -> None:
    await linked.api("sandbox_transfer_fire_webhook", webhook=f"{receiver.url}/other")
    await receiver.wait_for(1)
    assert (await verify(linked.api, *receiver.heard[0]))["webhook_type"] == "TRANSFER"
