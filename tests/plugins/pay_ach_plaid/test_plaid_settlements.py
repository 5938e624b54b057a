"""Sweeps: signs, lines that add up, returns of money already paid out, pages, and ledgers."""

import datetime
from typing import Any

import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.plaid.records import Sweep
from dueport_apps.sandbox.plaid.world import PlaidWorld as Simulated
from dueport_ports import RefundRequest, SettlementHead, SettlementLine, SettlementLineCategory
from tests.plugins.pay_ach_plaid.plaid_world import START, PlaidWorld

DAY = datetime.timedelta(days=1)


async def heads(world: PlaidWorld) -> list[SettlementHead]:
    return [head async for head in world.plaid.settlements(START)]


async def lines(world: PlaidWorld, ref: str) -> list[SettlementLine]:
    return [line async for line in world.plaid.settlement_lines(ref)]


async def test_a_sweep_to_the_dealers_bank_is_positive_and_names_its_debits(
    world: PlaidWorld,
) -> None:
    refs = [await world.paid(125_050), await world.paid(89_925)]
    await world.settle()
    [head] = await heads(world)
    assert (head.kind, head.lines, head.state) == ("sweep", "complete", "paid")
    assert head.amount_cents == 214_975
    assert len(head.bank_trace) == 15
    assert head.arrival_on == datetime.date(2026, 11, 23)
    found = await lines(world, head.settlement_ref)
    assert [(line.payment_ref, line.net_cents) for line in found] == [
        (refs[0], 125_050),
        (refs[1], 89_925),
    ]
    assert {line.category for line in found} == {SettlementLineCategory.PAYMENT}
    assert {line.fee_cents for line in found} == {0}
    assert world.plaid.capabilities().fees_in == "none"


async def test_a_sweep_goes_from_pending_to_paid(world: PlaidWorld) -> None:
    await world.paid()
    seen: list[str] = []
    for _ in range(24 * 9):
        for head in await heads(world):
            if head.state not in seen:
                seen.append(head.state)
        await world.advance(datetime.timedelta(hours=1))
    assert seen == ["pending", "in_transit", "paid"]


async def test_a_debit_that_comes_back_after_it_was_paid_out_is_a_negative_line_of_a_later_sweep(
    world: PlaidWorld,
) -> None:
    ref = await world.paid(30_000)
    await world.settle()
    await world.control(f"/transfers/{ref}/return", code="R10")
    await world.settle()
    first, second = await heads(world)
    assert (first.amount_cents, second.amount_cents) == (30_000, -30_000)
    [line] = await lines(world, second.settlement_ref)
    assert (line.category, line.payment_ref) == (SettlementLineCategory.RETURN, ref)
    assert (line.gross_cents, line.net_cents) == (-30_000, -30_000)
    assert second.state == "paid", "the dealer's bank account was debited"


async def test_refunds_and_refused_refunds_are_lines_with_their_signs(world: PlaidWorld) -> None:
    ref = await world.paid(60_000)
    await world.settle()
    made = await world.plaid.refund(
        RefundRequest(refund_id="r1", processor_ref=ref, amount_cents=15_000)
    )
    await world.advance(4 * DAY)
    await world.control(f"/refunds/{made.refund_ref}/return", code="R23")
    await world.paid(1_000)
    await world.settle()
    found = [
        (line.category, line.refund_ref, line.net_cents)
        for head in await heads(world)
        for line in await lines(world, head.settlement_ref)
    ]
    assert (SettlementLineCategory.REFUND, made.refund_ref, -15_000) in found
    assert (SettlementLineCategory.REFUND_FAILURE, made.refund_ref, 15_000) in found
    for head in await heads(world):
        assert sum(one.net_cents for one in await lines(world, head.settlement_ref)) == (
            head.amount_cents
        )


async def test_a_share_that_settled_later_is_not_counted_twice(world: PlaidWorld) -> None:
    await world.paid(48_213)
    await world.settle()
    [head] = await heads(world)
    kinds = [one["kind"] for one in world.table("events") if one["sweep_id"]]
    assert kinds == ["swept", "swept_settled"]
    assert sum(one.net_cents for one in await lines(world, head.settlement_ref)) == 48_213


async def test_a_share_that_nobody_knows_is_left_to_a_person(world: PlaidWorld) -> None:
    await world.paid(48_213)
    await world.settle()
    [head] = await heads(world)
    strange = [
        {"event_id": 90, "event_type": "goodwill", "sweep_id": "s", "sweep_amount": "1.00"},
        {"event_id": 91, "event_type": "sweep.settled", "sweep_id": "s", "sweep_amount": "2.00"},
        {"event_id": 92, "event_type": "swept", "sweep_id": "s", "sweep_amount": None},
    ]
    world.arm_kind(
        FaultKind.UNKNOWN_ENUM,
        "POST /transfer/event/list",
        path="transfer_events",
        value=strange,
    )
    [line] = await lines(world, head.settlement_ref)
    assert (line.category, line.net_cents) == (SettlementLineCategory.UNALLOCATED, 100)
    assert line.raw_type == "goodwill"


@pytest.mark.parametrize("count", [25, 26, 51])
async def test_lines_beyond_one_page_are_all_there(world: PlaidWorld, count: int) -> None:
    simulated = Simulated(world.sandbox.frame)
    ref = await world.paid(100)
    sweep = new_sweep(simulated, 0, count * 100)
    for _ in range(count):
        simulated.record_event("swept", transfer_id=ref, sweep_id=sweep.id, sweep_amount_cents=100)
    found = await lines(world, sweep.id)
    assert len({line.line_ref for line in found}) == count
    assert sum(line.net_cents for line in found) == count * 100


@pytest.mark.parametrize("count", [25, 26, 60])
async def test_sweeps_beyond_one_page_come_once_and_oldest_first(
    world: PlaidWorld, count: int
) -> None:
    simulated = Simulated(world.sandbox.frame)
    made = [new_sweep(simulated, number, number + 1).id for number in range(count)]
    found = await heads(world)
    assert [head.settlement_ref for head in found] == made


async def test_a_sweep_made_while_the_pages_are_read_loses_none(world: PlaidWorld) -> None:
    simulated = Simulated(world.sandbox.frame)
    made = {new_sweep(simulated, number, 100).id for number in range(30)}
    send = world.plaid._api._client.rest_client.pool_manager.request
    asked = 0

    def meanwhile(method: str, url: str, **options: object) -> object:
        nonlocal asked
        answer = send(method, url, **options)
        if url.endswith("/transfer/sweep/list") and asked == 0:
            asked += 1
            new_sweep(simulated, 40, 100)
        return answer

    world.plaid._api._client.rest_client.pool_manager.request = meanwhile
    found = [head.settlement_ref for head in await heads(world)]
    assert made <= set(found)
    assert len(set(found)) == len(found)


async def test_a_ledgers_withdrawal_names_no_debits(world: PlaidWorld) -> None:
    simulated = Simulated(world.sandbox.frame)
    new_sweep(simulated, 0, 50_000, trigger="manual")
    new_sweep(simulated, 1, -20_000, trigger="manual", status="failed", failure_code="R02")
    first, second = await heads(world)
    assert (first.kind, first.lines, first.amount_cents) == ("ledger_withdrawal", "none", 50_000)
    assert (second.state, second.amount_cents) == ("failed", -20_000)
    assert "R02" in second.failure


async def test_a_sweep_of_nothing_and_a_status_of_next_year_can_be_read(world: PlaidWorld) -> None:
    new_sweep(Simulated(world.sandbox.frame), 0, 100)
    for path, kind in (
        ("sweeps.0.amount", FaultKind.MISSING_FIELD),
        ("sweeps.0.status", FaultKind.UNKNOWN_ENUM),
    ):
        world.arm_kind(kind, "POST /transfer/sweep/list", path=path)
    [head] = await heads(world)
    assert (head.amount_cents, head.state) == (0, "pending")
    assert "never_seen_before" in head.failure


async def test_a_ledger_below_zero_is_not_healthy(world: PlaidWorld) -> None:
    assert (await world.plaid.health()).ok
    await world.change_settings(sweeps="ledger")
    ref = await world.paid(30_000)
    await world.settle()
    health = await world.plaid.health()
    assert health.ok
    assert "$300.00" in health.detail
    simulated = Simulated(world.sandbox.frame)
    balances = simulated.ledger_events.get(str(len(simulated.ledger_events)))
    assert balances is not None
    from dueport_apps.sandbox.plaid.agenda import Agenda
    from dueport_apps.sandbox.plaid.ledger import Ledger

    ledger = Ledger(simulated, Agenda(simulated))
    ledger.move("Withdrawal", available_cents=-30_000, sweep_id="s1")
    await world.control(f"/transfers/{ref}/return", code="R10")
    health = await world.plaid.health()
    assert not health.ok
    assert "$300.00 below zero" in health.detail


async def test_a_plaid_that_does_not_answer_is_not_healthy(world: PlaidWorld) -> None:
    world.arm_kind(FaultKind.SERVER_ERROR, "POST /transfer/ledger/get")
    health = await world.plaid.health()
    assert not health.ok
    assert "did not answer" in health.detail


def new_sweep(
    simulated: Simulated,
    minute: int,
    amount_cents: int,
    trigger: str = "automatic_aggregate",
    **more: Any,
) -> Sweep:
    """Put a sweep into the vendor's books."""
    return simulated.sweeps.put(
        Sweep(
            id=simulated.new_uuid(),
            created_at=START + datetime.timedelta(minutes=minute),
            amount_cents=amount_cents,
            trigger=trigger,
            description="PLAID",
            **more,
        )
    )
