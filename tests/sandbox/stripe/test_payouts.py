"""Payouts: what arrives at the bank, what it is made of, and what goes wrong with it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import stripe

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.stripe.calls import control, pay


async def payouts(client: stripe.StripeClient) -> list[stripe.Payout]:
    """Return all payouts, oldest first."""
    return list(reversed((await client.v1.payouts.list_async({"limit": 100})).data))


async def rows(client: stripe.StripeClient, payout: stripe.Payout) -> list[Any]:
    params: Any = {"payout": payout.id, "limit": 3, "expand": ["data.source"]}
    listed = await client.v1.balance_transactions.list_async(params)
    return [row async for row in listed.auto_paging_iter()]


def day(timestamp: int) -> date:
    return datetime.fromtimestamp(timestamp, UTC).date()


async def days_later(sandbox: RunningSandbox, days: float) -> None:
    await sandbox.frame.clock.advance(seconds=timedelta(days=days).total_seconds())


async def test_an_automatic_payout_is_explained_to_the_cent_by_its_rows(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = [await pay(client, amount=1_000 + cents) for cents in range(6)]
    await client.v1.refunds.create_async({"payment_intent": paid[0].id, "amount": 400})
    await days_later(sandbox, 2.5)
    (payout,) = await payouts(client)
    assert payout.automatic
    assert payout.reconciliation_status == "completed"
    found = await rows(client, payout)
    assert len(found) == 8
    assert sum(row.net for row in found) == 0
    assert sum(row.net for row in found if row.type != "payout") == payout.amount
    assert {row.source.object for row in found} == {"charge", "refund", "payout"}
    kinds = [row.reporting_category for row in found]
    assert (kinds.count("charge"), kinds.count("refund"), kinds.count("payout")) == (6, 1, 1)


async def test_a_payout_leaves_on_a_banking_day_and_arrives_on_the_next(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    # 2026-11-23 is a Monday; the money of that day is available on Wednesday the 25th, leaves
    # that morning, and Thursday the 26th is Thanksgiving.
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    await pay(client)
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 26, 23, 0, tzinfo=UTC))
    (payout,) = await payouts(client)
    assert payout.status == "in_transit"
    assert day(payout.created) == date(2026, 11, 25)
    assert day(payout.arrival_date) == date(2026, 11, 27)
    assert payout.trace_id is not None
    assert payout.trace_id.status == "pending"
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
    (payout,) = await payouts(client)
    assert payout.status == "paid"
    assert payout.trace_id is not None
    assert payout.trace_id.value is not None
    assert payout.trace_id.value.isdigit()


async def test_money_of_a_friday_goes_out_after_the_weekend(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    await pay(client)
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 23, 23, 0, tzinfo=UTC))
    assert await payouts(client) == []
    await sandbox.frame.clock.advance(to=datetime(2026, 11, 24, 1, 0, tzinfo=UTC))
    (payout,) = await payouts(client)
    assert payout.amount == 9_971


async def test_events_tell_a_payouts_life_in_order(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await pay(client)
    await days_later(sandbox, 4)
    events = (await client.v1.events.list_async({"type": "payout.*"})).data
    assert [event.type for event in reversed(events)] == [
        "payout.created",
        "payout.reconciliation_completed",
        "payout.updated",
        "payout.paid",
    ]


async def test_a_payout_that_the_bank_sends_back_goes_out_again_with_its_rows(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await pay(client)
    sandbox.frame.faults.arm(Fault(kind=FaultKind.PAYOUT_FAILS_AFTER_PAID))
    await days_later(sandbox, 4)
    (first,) = await payouts(client)
    assert first.status == "paid"
    charged = {row.id for row in await rows(client, first) if row.type == "charge"}
    await days_later(sandbox, 6)
    first, second = await payouts(client)
    assert (first.status, first.failure_code) == ("failed", "account_closed")
    assert first.failure_balance_transaction is not None
    assert (second.status, second.amount) == ("paid", first.amount)
    assert {row.id for row in await rows(client, second) if row.type == "charge"} == charged
    assert [row.type for row in await rows(client, first)] == ["payout_failure", "payout"]
    assert sum(row.net for row in await rows(client, first)) == 0


async def test_a_payout_can_hold_a_cent_that_no_row_explains(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await pay(client)
    sandbox.frame.faults.arm(Fault(kind=FaultKind.PAYOUT_RESIDUAL, value=-37))
    await days_later(sandbox, 2.5)
    (payout,) = await payouts(client)
    assert payout.amount == 9_971 - 37
    assert sum(row.net for row in await rows(client, payout)) == 37


async def test_a_payout_may_not_be_reconciled_yet_when_it_is_read(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await pay(client)
    await days_later(sandbox, 2.5)
    (payout,) = await payouts(client)
    sandbox.frame.faults.arm(
        Fault(kind=FaultKind.RECONCILIATION_IN_PROGRESS, route=payout.id, times=2)
    )
    seen = [
        (await client.v1.payouts.retrieve_async(payout.id)).reconciliation_status for _ in range(3)
    ]
    assert seen == ["in_progress", "in_progress", "completed"]


async def test_a_manual_payout_has_no_list_of_rows(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    await control(sandbox, "/stripe/payouts/schedule", {"interval": "manual"})
    await pay(client)
    await days_later(sandbox, 5)
    assert await payouts(client) == []
    made = await client.v1.payouts.create_async({"amount": 9_000, "currency": "usd"})
    assert not made.automatic
    assert made.reconciliation_status == "not_applicable"
    with pytest.raises(stripe.InvalidRequestError, match="automatic transfers"):
        await client.v1.balance_transactions.list_async({"payout": made.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payouts.create_async({"amount": 972, "currency": "usd"})
    assert refused.value.code == "balance_insufficient"
    cancelled = await client.v1.payouts.cancel_async(made.id)
    assert cancelled.status == "canceled"
    assert (await client.v1.balance.retrieve_async()).available[0].amount == 9_971


async def test_a_negative_balance_waits_unless_it_is_collected(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client, amount=10_000)
    await days_later(sandbox, 4)
    await client.v1.refunds.create_async({"payment_intent": paid.id})
    await days_later(sandbox, 6)
    assert len(await payouts(client)) == 1
    collected = await control(sandbox, "/stripe/payouts", {"collect_negative": True})
    assert collected["amount"] == -10_000
    assert collected["status"] == "in_transit"


async def test_payouts_are_found_by_their_arrival(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    for _ in range(3):
        await pay(client)
        await days_later(sandbox, 1)
    await days_later(sandbox, 5)
    made = await payouts(client)
    assert len(made) == 3
    found = await client.v1.payouts.list_async(
        {"arrival_date": {"gte": made[1].arrival_date}, "status": "paid"}
    )
    assert [payout.id for payout in found.data] == [made[2].id, made[1].id]
