"""The life of a debit: through the network, stopped, given back, sent back."""

import datetime
from typing import Any

import httpx
import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    Accepted,
    Conflict,
    DeclineCode,
    DeclinedAttempt,
    NotFound,
    ProcessorState,
    RefundRequest,
    RefundState,
    Rejected,
    Unavailable,
)
from dueport_ports.testing.processor import new_attempt
from tests.patience import PATIENCE_S
from tests.plugins.pay_ach_plaid.plaid_world import CLIENT_ID, SECRET, PlaidWorld

HOUR = datetime.timedelta(hours=1)


async def simulate(world: PlaidWorld, path: str, **body: Any) -> None:
    """Use Plaid's own sandbox calls."""
    keys = {"client_id": CLIENT_ID, "secret": SECRET}
    async with httpx.AsyncClient(
        base_url=world.sandbox.plaid_url, trust_env=False, timeout=PATIENCE_S
    ) as client:
        answer = await client.post(f"/sandbox/{path}", json=keys | body)
    assert answer.is_success, answer.text


async def states(world: PlaidWorld, ref: str, hours: int) -> list[ProcessorState]:
    """Return the states that a debit goes through, each once."""
    seen: list[ProcessorState] = []
    for _ in range(hours // 3):
        state = (await world.plaid.fetch(ref)).state
        if state not in seen:
            seen.append(state)
        await world.advance(3 * HOUR)
    return seen


async def test_a_debit_goes_through_the_network_and_is_available_later(world: PlaidWorld) -> None:
    ref = await world.paid()
    assert await states(world, ref, 24 * 9) == [
        ProcessorState.SUBMITTED,
        ProcessorState.IN_NETWORK,
        ProcessorState.SUCCEEDED,
        ProcessorState.AVAILABLE,
    ]


async def test_the_date_of_the_money_is_plaids_and_skips_thanksgiving(world: PlaidWorld) -> None:
    snapshot = await world.plaid.fetch(await world.paid())
    assert snapshot.expected_available_on == datetime.date(2026, 11, 20)
    await world.advance(datetime.timedelta(days=7))
    snapshot = await world.plaid.fetch(await world.paid())
    assert snapshot.expected_available_on == datetime.date(2026, 11, 30)
    assert snapshot.fee_cents is None, "Plaid's fees are not known, which is not zero"


async def test_a_failed_debit_moved_no_money(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    made = await world.plaid.submit(attempt)
    assert isinstance(made, Accepted)
    await simulate(world, "transfer/simulate", transfer_id=made.processor_ref, event_type="failed")
    snapshot = await world.plaid.fetch(made.processor_ref)
    assert (snapshot.state, snapshot.return_code) == (ProcessorState.FAILED, "")
    assert snapshot.failure_code is DeclineCode.PROCESSING_ERROR
    again = await world.plaid.submit(attempt)
    assert isinstance(again, DeclinedAttempt), again
    assert again.processor_ref == made.processor_ref


async def test_a_customer_without_funds_returns_a_debit_that_had_settled(
    world: PlaidWorld,
) -> None:
    ref = await world.paid(username="user_r01")
    assert (await states(world, ref, 24 * 6))[-1] is ProcessorState.RETURNED
    snapshot = await world.plaid.fetch(ref)
    assert (snapshot.return_code, snapshot.failure_code) == (
        "R01",
        DeclineCode.INSUFFICIENT_FUNDS,
    )


async def test_an_unauthorised_debit_comes_back_weeks_after_its_money_was_available(
    world: PlaidWorld,
) -> None:
    ref = await world.paid(username="user_good")
    await world.control(f"/transfers/{ref}/return", code="R10", in_days=61)
    await world.advance(datetime.timedelta(days=60))
    assert (await world.plaid.fetch(ref)).state is ProcessorState.AVAILABLE
    await world.advance(datetime.timedelta(days=2))
    snapshot = await world.plaid.fetch(ref)
    assert (snapshot.state, snapshot.return_code) == (ProcessorState.RETURNED, "R10")
    assert snapshot.failure_code is DeclineCode.AUTHORIZATION_REVOKED


async def test_a_return_code_that_nobody_knows_is_still_a_return(world: PlaidWorld) -> None:
    ref = await world.paid()
    await world.advance(datetime.timedelta(days=2))
    await world.control(f"/transfers/{ref}/return", code="R99")
    snapshot = await world.plaid.fetch(ref)
    assert (snapshot.state, snapshot.return_code) == (ProcessorState.RETURNED, "R99")
    assert snapshot.failure_code is DeclineCode.UNKNOWN


@pytest.mark.parametrize(
    "path", ["transfer.failure_reason", "transfer.metadata", "transfer.refunds"]
)
async def test_a_debit_without_its_optional_parts_can_be_read(world: PlaidWorld, path: str) -> None:
    ref = await world.paid()
    world.arm_kind(FaultKind.MISSING_FIELD, "POST /transfer/get", path=path)
    assert (await world.plaid.fetch(ref)).state is ProcessorState.SUBMITTED


async def test_an_amount_that_cannot_be_read_is_no_answer(world: PlaidWorld) -> None:
    ref = await world.paid()
    for value in ("1,234.00", "12.345", "NaN", "1e3", ""):
        world.arm_kind(
            FaultKind.UNKNOWN_ENUM, "POST /transfer/get", path="transfer.amount", value=value
        )
        with pytest.raises(Unavailable, match="cannot be read"):
            await world.plaid.fetch(ref)


async def test_a_reference_that_is_none_is_not_found(world: PlaidWorld) -> None:
    with pytest.raises(NotFound):
        await world.plaid.fetch("pi_of_another_processor")
    with pytest.raises(NotFound):
        await world.plaid.fetch_refund("nothing")


# Stopping.


async def test_a_debit_can_be_stopped_until_the_cut_off_and_stopping_again_is_harmless(
    world: PlaidWorld,
) -> None:
    ref = await world.paid()
    assert (await world.plaid.cancel(ref)).state is ProcessorState.CANCELED
    assert (await world.plaid.cancel(ref)).state is ProcessorState.CANCELED
    late = await world.paid()
    await world.advance(datetime.timedelta(hours=12))
    with pytest.raises(Conflict, match="posted"):
        await world.plaid.cancel(late)


async def test_a_stop_whose_answer_got_lost_can_be_repeated(world: PlaidWorld) -> None:
    ref = await world.paid()
    world.arm_kind(FaultKind.CUT_AFTER, "POST /transfer/cancel")
    with pytest.raises(Unavailable):
        await world.plaid.cancel(ref)
    assert (await world.plaid.cancel(ref)).state is ProcessorState.CANCELED


# Giving back.


async def refund(world: PlaidWorld, ref: str, amount_cents: int, name: str = "r1") -> Any:
    return await world.plaid.refund(
        RefundRequest(refund_id=name, processor_ref=ref, amount_cents=amount_cents)
    )


async def test_a_refund_settles_days_later(world: PlaidWorld) -> None:
    ref = await world.paid(60_000)
    await world.settle()
    made = await refund(world, ref, 15_000)
    assert made.state is RefundState.PENDING
    await world.advance(datetime.timedelta(days=5))
    assert (await world.plaid.fetch_refund(made.refund_ref)).state is RefundState.SUCCEEDED
    assert (await world.plaid.fetch(ref)).refunded_cents == 15_000


async def test_a_refund_that_the_customers_bank_refuses_fails_after_it_had_settled(
    world: PlaidWorld,
) -> None:
    ref = await world.paid(60_000)
    await world.settle()
    made = await refund(world, ref, 15_000)
    await world.advance(datetime.timedelta(days=5))
    await world.control(f"/refunds/{made.refund_ref}/return", code="R23")
    refused = await world.plaid.fetch_refund(made.refund_ref)
    assert (refused.state, refused.failure_reason) == (RefundState.FAILED, "R23")
    assert (await world.plaid.fetch(ref)).refunded_cents == 0


async def test_a_refund_whose_answer_got_lost_is_one_refund(world: PlaidWorld) -> None:
    ref = await world.paid(60_000)
    await world.settle()
    world.arm_kind(FaultKind.CUT_AFTER, "POST /transfer/refund/create")
    with pytest.raises(Unavailable):
        await refund(world, ref, 15_000)
    first = await refund(world, ref, 15_000)
    other = world.another()
    asked = len(world.requests)
    again = await other.refund(
        RefundRequest(refund_id="r1", processor_ref=ref, amount_cents=15_000)
    )
    assert again.refund_ref == first.refund_ref
    assert len(world.table("refunds")) == 1
    assert len(world.requests) == asked
    await other.close()


async def test_more_than_was_paid_cannot_be_given_back(world: PlaidWorld) -> None:
    ref = await world.paid(60_000)
    await world.settle()
    await refund(world, ref, 50_000, "r1")
    with pytest.raises(Rejected):
        await refund(world, ref, 10_001, "r2")
    assert (await world.plaid.fetch(ref)).refunded_cents == 50_000
