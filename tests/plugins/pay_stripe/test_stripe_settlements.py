"""Payouts add up to the cent, whatever else happens on the dealer's Stripe account."""

import datetime
from collections.abc import Sequence

import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.stripe import ledger
from dueport_apps.sandbox.stripe.world import StripeWorld as SandboxStripe
from dueport_ports import (
    Accepted,
    NotFound,
    RefundRequest,
    Rejected,
    SettlementHead,
    SettlementLine,
    SettlementLineCategory,
)
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.plugins.pay_stripe.stripe_world import START, StripeWorld

C = SettlementLineCategory


async def paid(world: StripeWorld, total_cents: int) -> str:
    attempt = await new_attempt(world, await world.instrument(Behaviour.APPROVED), total_cents)
    answer = await world.stripe.submit(attempt)
    assert isinstance(answer, Accepted), answer
    return answer.processor_ref


async def heads(world: StripeWorld) -> list[SettlementHead]:
    return [head async for head in world.stripe.settlements(START)]


async def lines(world: StripeWorld, head: SettlementHead) -> list[SettlementLine]:
    return [line async for line in world.stripe.settlement_lines(head.settlement_ref)]


def net(found: Sequence[SettlementLine]) -> int:
    return sum(line.net_cents for line in found)


async def test_a_month_of_everything_adds_up(world: StripeWorld) -> None:
    first, second = await paid(world, 125_050), await paid(world, 50_000)
    foreign = await world.post(
        "/v1/payment_intents",
        amount="7700",
        currency="usd",
        payment_method="pm_card_visa",
        confirm="true",
    )
    refund = await world.stripe.refund(
        RefundRequest(refund_id="R1", processor_ref=first, amount_cents=40_000)
    )
    dispute = await world.control("/disputes", payment_intent=second)
    inner = SandboxStripe(world.sandbox.frame)
    ledger.record(inner, source=None, amount=-2_500, kind="stripe_fee", category="fee")
    await world.settle()
    by_ref: dict[tuple[C, str | None], SettlementLine] = {}
    for head in await heads(world):
        found = await lines(world, head)
        assert head.lines == "complete"
        assert net(found) == head.amount_cents
        by_ref |= {(line.category, line.payment_ref): line for line in found}
    fee = by_ref[C.PAYMENT, first].fee_cents
    assert fee == (125_050 * 290 + 5_000) // 10_000 + 30
    assert by_ref[C.PAYMENT, first].net_cents == 125_050 - fee
    assert by_ref[C.REFUND, first].net_cents == -40_000
    assert by_ref[C.REFUND, first].refund_ref == refund.refund_ref
    lost = by_ref[C.DISPUTE, second]
    assert (lost.gross_cents, lost.fee_cents, lost.net_cents) == (-50_000, 1_500, -51_500)
    assert lost.dispute_ref == dispute["id"]
    assert by_ref[C.FOREIGN, foreign["id"]].gross_cents == 7_700
    assert by_ref[C.FEE, None].net_cents == -2_500
    assert C.PRIOR_SETTLEMENT not in {category for category, _ in by_ref}


async def test_a_won_dispute_brings_the_amount_back_in_a_later_payout(world: StripeWorld) -> None:
    disputed = await paid(world, 30_000)
    await paid(world, 90_000)
    opened = await world.control("/disputes", payment_intent=disputed)
    await world.settle()
    await world.control(f"/disputes/{opened['id']}/win")
    await world.settle()
    [_, later] = await heads(world)
    [line] = await lines(world, later)
    assert (line.category, line.net_cents, line.fee_cents) == (C.DISPUTE_REVERSAL, 30_000, 0)
    assert line.payment_ref == disputed


async def test_a_payout_of_more_than_one_page_is_read_whole(world: StripeWorld) -> None:
    inner = SandboxStripe(world.sandbox.frame)
    # With the payout's own row this is one row past the end of the second page.
    for cents in range(1, 201):
        ledger.record(
            inner, source=None, amount=cents, kind="adjustment", category="other_adjustment"
        )
    await world.settle()
    [head] = await heads(world)
    found = await lines(world, head)
    assert len({line.line_ref for line in found}) == 200
    assert net(found) == head.amount_cents == sum(range(1, 201))


async def test_a_payout_that_fails_after_it_was_paid_is_failed_and_explained(
    world: StripeWorld,
) -> None:
    ref = await paid(world, 80_000)
    await world.settle()
    [head] = await heads(world)
    assert (head.state, head.arrival_on is not None) == ("paid", True)
    assert head.bank_trace
    await world.control(f"/payouts/{head.settlement_ref}/fail")
    await world.settle()
    failed, again = await heads(world)
    assert (failed.settlement_ref, failed.state) == (head.settlement_ref, "failed")
    assert failed.failure
    assert again.amount_cents == head.amount_cents
    assert [line.payment_ref for line in await lines(world, again)] == [ref]
    assert net(await lines(world, again)) == again.amount_cents


async def test_a_payout_can_take_money_back(world: StripeWorld) -> None:
    ref = await paid(world, 30_000)
    await world.settle()
    await world.stripe.refund(RefundRequest(refund_id="R1", processor_ref=ref, amount_cents=20_000))
    await world.advance(datetime.timedelta(days=4))
    await world.control("/payouts", collect_negative=True)
    await world.advance(datetime.timedelta(hours=2))
    [_, back] = await heads(world)
    found = await lines(world, back)
    assert back.amount_cents == net(found) == -20_000


async def test_lines_are_partial_until_stripe_has_reconciled(world: StripeWorld) -> None:
    await paid(world, 30_000)
    await world.settle()
    [head] = await heads(world)
    world.arm_kind(FaultKind.RECONCILIATION_IN_PROGRESS, head.settlement_ref)
    [early] = await heads(world)
    [later] = await heads(world)
    assert (early.lines, later.lines) == ("partial", "complete")


async def test_what_the_rows_do_not_explain_is_left_to_the_platform(world: StripeWorld) -> None:
    await paid(world, 30_000)
    world.arm_kind(FaultKind.PAYOUT_RESIDUAL, "*", value=137, times=None)
    await world.settle()
    [head] = await heads(world)
    found = await lines(world, head)
    assert head.amount_cents - net(found) == 137
    assert C.UNALLOCATED not in {line.category for line in found}


async def test_a_manual_payout_cannot_say_what_it_is_made_of_and_health_warns(
    world: StripeWorld,
) -> None:
    assert (await world.stripe.health()).ok
    await paid(world, 30_000)
    await world.control("/payouts/schedule", interval="manual")
    await world.advance(datetime.timedelta(days=4))
    await world.post("/v1/payouts", amount="1000", currency="usd")
    [head] = await heads(world)
    assert (head.lines, head.amount_cents) == ("none", 1_000)
    with pytest.raises(Rejected, match="automatic"):
        await lines(world, head)
    health = await world.stripe.health()
    assert not health.ok
    assert "payout schedule" in health.detail


async def test_a_past_manual_payout_warns_even_when_the_schedule_is_automatic_again(
    world: StripeWorld,
) -> None:
    await paid(world, 30_000)
    await world.control("/payouts/schedule", interval="manual")
    await world.advance(datetime.timedelta(days=4))
    await world.post("/v1/payouts", amount="1000", currency="usd")
    await world.control("/payouts/schedule", interval="daily")
    assert not (await world.stripe.health()).ok


async def test_a_payout_of_nobody_is_not_found(world: StripeWorld) -> None:
    with pytest.raises(NotFound):
        [line async for line in world.stripe.settlement_lines("po_unknown")]
