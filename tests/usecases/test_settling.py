"""From payout to books: every cent explained, posted once, resolved by a person."""

import datetime
from collections import Counter

import pytest

from dueport_apps.usecases.post_settlement import PostSettlementCommand
from dueport_apps.usecases.settlement_records import StoredSettlement
from dueport_apps.usecases.show_outstanding import OutstandingQuery
from dueport_core.errors import Conflict
from dueport_core.journal import trial_balance
from dueport_core.payments import Payment
from dueport_core.postings import PostingState
from dueport_core.settlements import SettlementState
from dueport_ports import PostingCategory
from tests.world import PROCESSOR, World, item


async def settled_payment(world: World, *documents: str) -> Payment:
    who = await world.customer("1001")
    return await world.pay(who, *documents)


async def imported(world: World) -> StoredSettlement:
    await world.container.import_settlements()(PROCESSOR)
    async with world.container.uow()() as uow:
        rows, _ = await uow.settlements.rows(None, 10)
    return rows[0].settlement


async def post(world: World, settlement: StoredSettlement) -> StoredSettlement:
    return await world.container.post_settlement()(
        PostSettlementCommand(settlement_id=settlement.settlement_id, by=world.staff)
    )


async def test_a_payout_is_proved_posted_once_and_resolved(world: World) -> None:
    payment = await settled_payment(world, "INV-1", "CR-1", "INV-3")
    world.processor.pay_out()

    settlement = await imported(world)
    assert settlement.state is SettlementState.MATCHED
    assert settlement.unexplained_cents == 0
    posted = await post(world, settlement)
    resolved = await world.container.resolve_settlement()(settlement.settlement_id, world.staff)

    assert posted.state is SettlementState.POSTED
    assert resolved.state is SettlementState.RESOLVED
    assert set(world.erp.posted.values()) == {1}
    applied = sum(
        application.amount_cents
        for receipt in world.erp.receipts
        for application in receipt.applications
    )
    assert applied == payment.principal_cents + payment.credits_cents


async def test_clearing_is_empty_after_the_payout_and_cash_is_what_arrived(world: World) -> None:
    await settled_payment(world, "INV-1")
    world.processor.pay_out()

    settlement = await imported(world)

    balances = await world.balances()
    assert balances[f"clearing:{PROCESSOR}"] == 0
    assert balances["cash"] == settlement.head.amount_cents
    assert balances["cash"] + balances["processor_fees"] == 40_000
    assert sum(balances.values()) == 0


async def test_importing_the_same_payout_again_changes_nothing(world: World) -> None:
    await settled_payment(world, "INV-1")
    world.processor.pay_out()
    first = await imported(world)
    before = await world.balances()

    second = await imported(world)

    assert second == first
    assert await world.balances() == before


async def test_an_unmatched_settlement_cannot_be_posted_and_an_unposted_one_not_resolved(
    world: World,
) -> None:
    await settled_payment(world, "INV-1")
    world.processor.pay_out()
    settlement = await imported(world)

    with pytest.raises(Conflict, match="Post every category"):
        await world.container.resolve_settlement()(settlement.settlement_id, world.staff)


async def test_an_answer_lost_after_the_erp_committed_is_looked_up_and_never_repeated(
    world: World,
) -> None:
    await settled_payment(world, "INV-1")
    world.processor.pay_out()
    settlement = await imported(world)
    world.erp.faults.cut_after_commit = 1

    first = await post(world, settlement)
    second = await post(world, settlement)

    assert first.state is SettlementState.POSTING
    assert second.state is SettlementState.POSTED
    assert set(world.erp.posted.values()) == {1}


async def test_an_erp_that_is_down_loses_nothing(world: World) -> None:
    await settled_payment(world, "INV-1")
    world.processor.pay_out()
    settlement = await imported(world)
    world.erp.faults.unavailable = True
    await post(world, settlement)
    async with world.container.uow()() as uow:
        waiting = await uow.postings.get(settlement.settlement_id, PostingCategory.INVOICES)
    world.erp.faults.unavailable = False

    done = await post(world, settlement)

    assert waiting is not None
    assert waiting.state is PostingState.UNKNOWN
    assert done.state is SettlementState.POSTED


async def test_what_is_settled_cannot_be_paid_again_while_the_erp_still_shows_it_open(
    world: World,
) -> None:
    who = await world.customer("1001")
    await world.pay(who, "INV-1")
    await world.sync()

    with pytest.raises(Conflict, match="INV-1"):
        await world.quote(who, "INV-1")


async def test_once_the_erp_has_applied_the_receipt_the_invoice_is_gone(world: World) -> None:
    payment = await settled_payment(world, "INV-1")
    world.processor.pay_out()
    await post(world, await imported(world))

    world.erp.apply_posted()
    await world.sync()

    async with world.container.uow()() as uow:
        refs = {found.document_ref for found in await uow.items.of_account("1001")}
        reserved = await uow.items.reserved("1001")
    assert "INV-1" not in refs
    assert payment.payment_id not in {entry.payment_id for entry in reserved.values()}


async def test_a_payment_whose_webhooks_were_all_lost_is_healed_by_its_payout(
    world: World,
) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    world.clock.advance(datetime.timedelta(days=6))
    world.processor.notifications()
    await world.processor.health()
    assert payment.processor_ref is not None
    await world.processor.fetch(payment.processor_ref)
    world.processor.pay_out()

    settlement = await imported(world)

    assert settlement.state is SettlementState.MATCHED, settlement.problems


async def test_a_document_voided_in_the_erp_disappears_from_what_is_owed(world: World) -> None:
    world.erp.void("INV-3")
    world.erp.put(item("INV-4", "1001", 500))
    await world.sync()

    async with world.container.uow()() as uow:
        refs = {found.document_ref for found in await uow.items.of_account("1001")}
    assert refs == {"INV-1", "INV-2", "CR-1", "INV-4"}


async def test_what_is_settled_is_no_longer_shown_as_owed(world: World) -> None:
    who = await world.customer("1001")
    before = await world.container.show_outstanding()(OutstandingQuery(account_no="1001"))

    await world.pay(who, "INV-1")
    await world.run_jobs()

    after = await world.container.show_outstanding()(OutstandingQuery(account_no="1001"))
    assert before.aging.total_cents - after.aging.total_cents == 40_000
    assert "INV-1" not in after.payables
    async with world.container.uow()() as uow:
        figures = (await uow.accounts.figures(["1001"]))["1001"]
    assert figures.outstanding_cents == after.aging.total_cents
    assert figures.past_due_cents == 0


async def test_a_payout_of_returns_alone_still_reaches_the_erps_books(world: World) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-2", instrument=world.processor.bank())
    world.clock.advance(datetime.timedelta(days=6))
    await world.container.poll_everything()()
    world.processor.pay_out()
    await post(world, await imported(world))
    settled = await world.payment(payment.payment_id)
    assert settled.processor_ref is not None
    world.clock.advance(datetime.timedelta(days=1))
    world.processor.return_payment(settled.processor_ref, "R01")
    world.processor.pay_out()

    returned = await post(world, await imported(world))

    assert returned.state is SettlementState.POSTED
    sources = Counter(entry.source for entry in world.erp.journal)
    assert set(sources.values()) == {1}
    assert any(source.startswith(f"payment:{payment.payment_id}:returned") for source in sources)
    assert trial_balance(world.erp.journal) == await world.balances()
