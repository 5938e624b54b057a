"""What a caller may rely on when calls are repeated, lost, refused or garbled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S, until
from tests.sandbox.stripe.calls import pay
from tests.sandbox.stripe.conftest import stripe_client

PAYMENTS = "POST /v1/payment_intents"
PAYMENT: Any = {
    "amount": 10_300,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "payment_method_types": ["card"],
    "confirm": True,
}


@pytest.fixture
async def stubborn(sandbox: RunningSandbox) -> AsyncIterator[stripe.StripeClient]:
    """A client that repeats a lost call, as production is set up."""
    async with stripe_client(sandbox, retries=2) as made:
        yield made


async def charges(client: stripe.StripeClient) -> int:
    return len((await client.v1.charges.list_async({"limit": 100})).data)


async def test_the_same_key_pays_once_and_answers_the_same(client: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "attempt-1"}
    first = await client.v1.payment_intents.create_async(PAYMENT, options)
    second = await client.v1.payment_intents.create_async(PAYMENT, options)
    assert first.id == second.id
    assert second.last_response is not None
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert await charges(client) == 1
    other: Any = {**PAYMENT, "amount": 10_301}
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.payment_intents.create_async(other, options)


async def test_a_decline_is_replayed_under_its_key(client: stripe.StripeClient) -> None:
    params: Any = {**PAYMENT, "payment_method": "pm_card_chargeDeclined"}
    options: Any = {"idempotency_key": "attempt-1"}
    found = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await client.v1.payment_intents.create_async(params, options)
        error: Any = declined.value.error
        found.append(error.charge)
    assert found[0] == found[1]
    assert await charges(client) == 1


async def test_a_refused_request_does_not_use_its_key_up(client: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "attempt-1"}
    too_small: Any = {**PAYMENT, "amount": 1}
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.create_async(too_small, options)
    paid = await client.v1.payment_intents.create_async(PAYMENT, options)
    assert paid.status == "succeeded"


async def test_a_key_is_forgotten_after_a_day(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    options: Any = {"idempotency_key": "attempt-1"}
    await client.v1.payment_intents.create_async(PAYMENT, options)
    await sandbox.frame.clock.advance(seconds=24 * 3600 + 1)
    await client.v1.payment_intents.create_async(PAYMENT, options)
    assert await charges(client) == 2


async def test_a_second_call_during_the_first_is_told_to_wait(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    slow = sandbox.frame.faults.arm(Fault(kind=FaultKind.SLOW, route=PAYMENTS, seconds=1.5))
    options: Any = {"idempotency_key": "attempt-1"}
    first = asyncio.create_task(client.v1.payment_intents.create_async(PAYMENT, options))
    await until(lambda: slow.fired == 1, "the first call is under way")
    with pytest.raises(stripe.APIError) as conflict:
        await client.v1.payment_intents.create_async(PAYMENT, options)
    assert conflict.value.http_status == 409
    assert (await first).status == "succeeded"
    assert await charges(client) == 1


async def test_an_answer_lost_after_the_charge_is_repeated_without_a_second_charge(
    stubborn: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.CUT_AFTER, route=PAYMENTS))
    paid = await pay(stubborn)
    assert paid.status == "succeeded"
    assert await charges(stubborn) == 1


async def test_a_caller_that_gives_up_after_a_cut_may_have_paid(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.CUT_AFTER, route=PAYMENTS))
    with pytest.raises(stripe.APIConnectionError):
        await pay(client)
    assert await charges(client) == 1
    sandbox.frame.faults.arm(Fault(kind=FaultKind.CUT_BEFORE, route=PAYMENTS))
    with pytest.raises(stripe.APIConnectionError):
        await pay(client)
    assert await charges(client) == 1


async def test_a_slow_call_takes_effect_after_its_caller_has_gone(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    slow = sandbox.frame.faults.arm(Fault(kind=FaultKind.SLOW, route=PAYMENTS, seconds=1.5))
    async with stripe_client(sandbox) as hurried:
        call = asyncio.create_task(pay(hurried))
        await until(lambda: slow.fired == 1, "the call is under way")
        call.cancel()
        await asyncio.wait({call})
    assert await charges(client) == 0

    async def is_charged() -> bool:
        return await charges(client) == 1

    await until(is_charged, "the charge that nobody waits for")


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        (FaultKind.TOO_MANY_REQUESTS, stripe.RateLimitError, 429),
        (FaultKind.SERVER_ERROR, stripe.APIError, 500),
        (FaultKind.LOCK, stripe.APIError, 409),
        (FaultKind.HTML, stripe.APIError, 502),
    ],
)
async def test_a_refusal_has_the_processors_own_shape(
    client: stripe.StripeClient,
    sandbox: RunningSandbox,
    kind: FaultKind,
    error: type[stripe.StripeError],
    status: int,
) -> None:
    sandbox.frame.faults.arm(Fault(kind=kind, vendor="stripe", route=PAYMENTS))
    with pytest.raises(error) as refused:
        await pay(client)
    assert refused.value.http_status == status
    assert await charges(client) == 0
    assert (await pay(client)).status == "succeeded"


async def test_a_refusal_may_forbid_to_try_again(
    stubborn: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    never_again = {"stripe-should-retry": "false"}
    sandbox.frame.faults.arm(
        Fault(kind=FaultKind.SERVER_ERROR, vendor="stripe", route=PAYMENTS, value=never_again)
    )
    with pytest.raises(stripe.APIError):
        await pay(stubborn)
    sandbox.frame.faults.arm(Fault(kind=FaultKind.SERVER_ERROR, vendor="stripe", route=PAYMENTS))
    assert (await pay(stubborn)).status == "succeeded"


async def test_only_the_named_call_meets_a_fault(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    fault = Fault(kind=FaultKind.SERVER_ERROR, route=PAYMENTS, nth=2, times=2)
    sandbox.frame.faults.arm(fault)
    outcomes = []
    for _ in range(4):
        try:
            outcomes.append((await pay(client)).status)
        except stripe.APIError:
            outcomes.append("refused")
    assert outcomes == ["succeeded", "refused", "refused", "succeeded"]


async def test_unknown_words_and_missing_fields_reach_the_caller(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    faults = sandbox.frame.faults
    faults.arm(Fault(kind=FaultKind.UNKNOWN_ENUM, route=PAYMENTS, path="status"))
    faults.arm(Fault(kind=FaultKind.UNKNOWN_FIELD, route=PAYMENTS, path="from_the_future"))
    faults.arm(Fault(kind=FaultKind.MISSING_FIELD, route=PAYMENTS, path="latest_charge"))
    odd = (await pay(client)).to_dict()
    assert odd["status"] == "never_seen_before"
    assert odd["from_the_future"] == {"nobody": "knows"}
    assert "latest_charge" not in odd
    faults.arm(Fault(kind=FaultKind.UNKNOWN_ENUM, route="GET /v1/charges", path="data.*.status"))
    listed = await client.v1.charges.list_async()
    assert [row.status for row in listed.data] == ["never_seen_before"]


async def test_a_delayed_answer_comes_in_the_end(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.DELAY, route=PAYMENTS, seconds=0.3))
    loop = asyncio.get_running_loop()
    started = loop.time()
    await pay(client)
    assert loop.time() - started >= 0.3


async def test_a_fee_can_stay_unknown_for_some_reads(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client)
    assert isinstance(paid.latest_charge, str)
    sandbox.frame.faults.arm(Fault(kind=FaultKind.BALANCE_TRANSACTION_NULL, times=2))
    seen = [
        (await client.v1.charges.retrieve_async(paid.latest_charge)).balance_transaction is None
        for _ in range(3)
    ]
    assert seen == [True, True, False]


async def test_faults_are_armed_listed_and_cleared_over_http(sandbox: RunningSandbox) -> None:
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control", timeout=PATIENCE_S
    ) as http:
        armed = await http.post("/faults", json={"kind": "lock", "route": PAYMENTS})
        assert armed.status_code == 201
        await http.post("/faults", json={"kind": "html"})
        listed = (await http.get("/faults")).json()
        assert [fault["kind"] for fault in listed] == ["lock", "html"]
        await http.delete(f"/faults/{armed.json()['id']}")
        assert [fault["kind"] for fault in (await http.get("/faults")).json()] == ["html"]
        await http.delete("/faults")
        assert (await http.get("/faults")).json() == []
        wrong = await http.post("/faults", json={"kind": "earthquake"})
        assert wrong.status_code == 400
