"""Refunds and disputes: what comes back out of the ledger, and what never does."""

from typing import Any

import pytest
import stripe

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.stripe.calls import control, pay


async def ledger(client: stripe.StripeClient) -> list[tuple[str, int, int, int]]:
    rows = await client.v1.balance_transactions.list_async({"limit": 100})
    return [(row.reporting_category, row.amount, row.fee, row.net) for row in rows.data]


async def test_a_partial_refund_leaves_the_fee_with_the_processor(
    client: stripe.StripeClient,
) -> None:
    paid = await pay(client, amount=10_000)
    refund = await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 2_500})
    assert refund.status == "succeeded"
    assert await ledger(client) == [
        ("refund", -2_500, 0, -2_500),
        ("charge", 10_000, 320, 9_680),
    ]
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 7_501})
    assert (too_much.value.param, too_much.value.code) == ("amount", None)
    await client.v1.refunds.create_async({"payment_intent": paid.id})
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert nothing_left.value.code == "charge_already_refunded"


async def test_a_refund_that_the_bank_sends_back_is_money_owed_again(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client, "pm_card_refundFail", amount=10_000)
    refund = await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    await sandbox.frame.clock.advance(seconds=2 * 86_400)
    failed = await client.v1.refunds.retrieve_async(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction is not None
    assert isinstance(paid.latest_charge, str)
    charge = await client.v1.charges.retrieve_async(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    events = await client.v1.events.list_async({"types": ["refund.failed", "refund.updated"]})
    assert [event.type for event in events.data] == ["refund.failed", "refund.updated"]


async def test_a_pending_refund_arrives_later(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client, "pm_card_pendingRefund")
    refund = await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refund.status == "pending"
    await sandbox.frame.clock.advance(seconds=2 * 86_400)
    assert (await client.v1.refunds.retrieve_async(refund.id)).status == "succeeded"


async def test_a_refund_fails_on_demand(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client)
    refund = await client.v1.refunds.create_async({"payment_intent": paid.id})
    await control(sandbox, f"/stripe/refunds/{refund.id}/fail")
    assert (await client.v1.refunds.retrieve_async(refund.id)).status == "failed"


async def test_a_chargeback_takes_amount_and_fee_and_a_win_returns_only_the_amount(
    client: stripe.StripeClient,
) -> None:
    paid = await pay(client, "pm_card_createDispute", amount=7_000)
    (dispute,) = (await client.v1.disputes.list_async({"payment_intent": paid.id})).data
    assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    won = await client.v1.disputes.update_async(dispute.id, evidence)
    assert won.status == "won"
    assert await ledger(client) == [
        ("dispute_reversal", 7_000, 0, 7_000),
        ("dispute", -7_000, 1_500, -8_500),
        ("charge", 7_000, 233, 6_767),
    ]
    by_dispute = await client.v1.balance_transactions.list_async({"source": dispute.id})
    assert by_dispute.data == []
    assert [row.net for row in won.balance_transactions] == [-8_500, 7_000]


async def test_losing_evidence_loses_and_other_evidence_waits(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    first = await pay(client, "pm_card_createDispute")
    second = await pay(client, "pm_card_createDispute")
    (lost,) = (await client.v1.disputes.list_async({"payment_intent": first.id})).data
    (waiting,) = (await client.v1.disputes.list_async({"payment_intent": second.id})).data
    closed = await client.v1.disputes.update_async(
        lost.id, {"evidence": {"uncategorized_text": "losing_evidence"}}
    )
    assert closed.status == "lost"
    reviewed = await client.v1.disputes.update_async(
        waiting.id, {"evidence": {"customer_name": "Builder LLC"}}
    )
    assert reviewed.status == "under_review"
    await control(sandbox, f"/stripe/disputes/{waiting.id}/win")
    assert (await client.v1.disputes.retrieve_async(waiting.id)).status == "won"


async def test_an_inquiry_moves_no_money_and_can_be_refunded(
    client: stripe.StripeClient,
) -> None:
    paid = await pay(client, "pm_card_createDisputeInquiry", amount=7_000)
    (inquiry,) = (await client.v1.disputes.list_async({"payment_intent": paid.id})).data
    assert inquiry.status == "warning_needs_response"
    assert inquiry.is_charge_refundable
    assert await ledger(client) == [("charge", 7_000, 233, 6_767)]
    refund = await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refund.status == "succeeded"


async def test_a_dispute_opens_on_demand_long_after_the_payment(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    paid = await pay(client)
    await sandbox.frame.clock.advance(seconds=40 * 86_400)
    opened = await control(
        sandbox,
        "/stripe/disputes",
        {"payment_intent": paid.id, "reason": "product_not_received", "amount": 5_000},
    )
    dispute = await client.v1.disputes.retrieve_async(opened["id"])
    assert (dispute.amount, dispute.reason) == (5_000, "product_not_received")
    closed = await client.v1.disputes.close_async(dispute.id)
    assert closed.status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        await client.v1.disputes.close_async(dispute.id)
