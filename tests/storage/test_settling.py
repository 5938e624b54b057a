"""Settlements, postings and the journal: once, in balance, and in the order they happened."""

import asyncio
import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.settlement_records import StoredLine, StoredPosting
from dueport_core import journal
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLine, SettlementLineCategory, SettlementState
from dueport_ports.testing.receivables import sample_batch
from tests.storage.samples import (
    NOW,
    TODAY,
    item,
    later,
    payment,
    settlement,
    settlement_line,
    store,
)

Units = SqlUnitOfWorkFactory


def lines(*values: SettlementLine, of: str = "settlement-1") -> list[StoredLine]:
    return [StoredLine(settlement_id=of, line=value) for value in values]


def posting(category: PostingCategory = PostingCategory.INVOICES, **changes: Any) -> StoredPosting:
    values: dict[str, Any] = {
        "batch_key": f"settlement-1:{category}",
        "batch": sample_batch(category),
        "state": PostingState.CLAIMED,
        "receipts": 3,
        "amount_cents": 10_000,
        "claimed_at": NOW,
    }
    return StoredPosting(
        settlement_id="settlement-1",
        category=category,
        **(values | changes),
    )


@pytest.fixture
async def paid(units: Units) -> Units:
    """Two settled payments."""
    await store(units, item("I-1"))
    async with units() as uow:
        for number in (1, 2):
            await uow.payments.add(payment(number, processor="pay_stripe"))
        await uow.commit()
    return units


# Settlements.


async def test_a_settlement_comes_back_with_its_lines_in_order(paid: Units) -> None:
    first = settlement(1, problems=("a sentence",), unexplained_cents=5)
    stored = lines(
        settlement_line(2, payment_id="payment-1", payment_ref="pi_1"),
        settlement_line(1, category=SettlementLineCategory.ADJUSTMENT),
    )
    async with paid() as uow:
        await uow.settlements.save(first, stored)
        assert await uow.settlements.get("settlement-1", for_update=True) == first
        assert await uow.settlements.by_ref("pay_stripe", "po_1", for_update=True) == first
        assert await uow.settlements.by_ref("pay_ach_plaid", "po_1") is None
        assert await uow.settlements.lines("settlement-1") == stored
        assert await uow.settlements.of_payment("payment-1") == "settlement-1"
        assert await uow.settlements.of_payment("payment-2") == ""
        assert await uow.settlements.newest_created_at("pay_stripe") == NOW
        assert await uow.settlements.newest_created_at("other") is None
        with pytest.raises(NotFound):
            await uow.settlements.get("settlement-2")


async def test_a_payout_is_imported_once_and_changed_version_by_version(paid: Units) -> None:
    first = settlement(1)
    second = msgspec.structs.replace(first, state=SettlementState.MATCHED, version=2)
    async with paid() as uow:
        await uow.settlements.save(first)
        await uow.commit()
        for again in (first, msgspec.structs.replace(first, settlement_id="settlement-2")):
            with pytest.raises(Conflict, match="imported already"):
                await uow.settlements.save(again)
        await uow.settlements.save(second)
        with pytest.raises(Conflict, match="changed meanwhile"):
            await uow.settlements.save(second)
        assert await uow.settlements.get("settlement-1") == second


async def test_lines_are_replaced_until_something_of_them_is_posted(paid: Units) -> None:
    before = lines(settlement_line(1), settlement_line(2))
    after = lines(settlement_line(1, gross_cents=10_001))
    state = settlement(1)
    async with paid() as uow:
        await uow.settlements.save(state, before)
        state = msgspec.structs.replace(state, version=2)
        await uow.settlements.save(state, after)
        assert await uow.settlements.lines("settlement-1") == after
        await uow.postings.claim(posting())
        state = msgspec.structs.replace(state, version=3)
        await uow.settlements.save(state, before)
        await uow.postings.save(posting(state=PostingState.POSTED, version=2))
        await uow.commit()
    async with paid() as uow:
        state = msgspec.structs.replace(state, version=4)
        # The same lines once more are no change.
        await uow.settlements.save(state, before)
        state = msgspec.structs.replace(state, version=5)
        with pytest.raises(Conflict, match="can no longer change"):
            await uow.settlements.save(state, after)
        assert await uow.settlements.lines("settlement-1") == before


async def test_the_database_resolves_nothing_that_is_unexplained(paid: Units) -> None:
    async with paid() as uow:
        with pytest.raises(IntegrityError, match="ck_settlement_resolved"):
            await uow.settlements.save(
                settlement(1, state=SettlementState.RESOLVED, unexplained_cents=1, resolved_at=NOW)
            )


async def test_settlements_are_listed_newest_payout_first_with_fees_and_postings(
    paid: Units,
) -> None:
    async with paid() as uow:
        # Imported in another order than they were paid out.
        for number, days in ((1, 0), (2, 2), (3, 1), (4, 1)):
            head = msgspec.structs.replace(settlement(number).head, created_at=later(days=days))
            await uow.settlements.save(settlement(number, head=head))
        await uow.settlements.save(
            settlement(1, version=2),
            lines(
                settlement_line(1, payment_id="payment-1"),
                settlement_line(2, payment_id="payment-2"),
                settlement_line(3, category=SettlementLineCategory.REFUND, payment_id="payment-2"),
                settlement_line(4, category=SettlementLineCategory.FOREIGN, fee_cents=0),
                settlement_line(
                    5,
                    category=SettlementLineCategory.FEE,
                    gross_cents=-25,
                    fee_cents=0,
                    net_cents=-25,
                ),
            ),
        )
        await uow.postings.claim(posting())
        await uow.postings.claim(posting(PostingCategory.DEBITS, state=PostingState.POSTED))
        await uow.commit()
    async with paid() as uow:
        first, cursor = await uow.settlements.rows(None, 3)
        second, end = await uow.settlements.rows(cursor, 3)
    assert end is None
    rows = [*first, *second]
    assert [row.settlement.settlement_id[-1] for row in rows] == ["2", "4", "3", "1"]
    assert (rows[0].payments, rows[0].fee_cents, rows[0].postings) == (0, 0, {})
    assert (rows[3].payments, rows[3].fee_cents) == (2, 925)
    assert rows[3].postings == {
        PostingCategory.INVOICES: PostingState.CLAIMED,
        PostingCategory.DEBITS: PostingState.POSTED,
    }


# Postings.


async def test_of_many_who_post_one_category_at_once_one_gets_the_claim(paid: Units) -> None:
    async with paid() as uow:
        await uow.settlements.save(settlement(1))
        await uow.commit()

    async def claim(number: int) -> bool:
        async with paid() as uow:
            claimed = await uow.postings.claim(posting(posted_by=f"operator-{number}"))
            await uow.commit()
            return claimed

    assert sorted(await asyncio.gather(*map(claim, range(8)))) == [False] * 7 + [True]
    async with paid() as uow:
        (only,) = await uow.postings.of_settlement("settlement-1")
        assert (
            await uow.postings.get("settlement-1", PostingCategory.INVOICES, for_update=True)
            == only
        )
        assert await uow.postings.get("settlement-1", PostingCategory.CREDITS) is None


async def test_a_posting_changes_version_by_version(paid: Units) -> None:
    posted = posting(
        state=PostingState.POSTED, posted_at=NOW, erp_refs=("R-1", "R-2"), tries=1, version=2
    )
    async with paid() as uow:
        await uow.settlements.save(settlement(1))
        await uow.postings.claim(posting())
        await uow.postings.save(posted)
        assert await uow.postings.of_settlement("settlement-1") == [posted]
        with pytest.raises(Conflict):
            await uow.postings.save(posted)


# The journal.


async def test_an_event_is_booked_once_and_balances_add_up_to_zero(paid: Units) -> None:
    first = payment(1, processor="pay_stripe")
    settled = journal.payment_settled(first, TODAY)
    returned = journal.ach_return(first, "R01", TODAY)
    fee = journal.processor_fee("txn_1", "pay_stripe", 300, TODAY)
    async with paid() as uow:
        assert await uow.journal.add(settled)
        assert not await uow.journal.add(settled)
        assert await uow.journal.add(fee)
        assert await uow.journal.of_source(settled.source) == settled
        assert await uow.journal.of_source("payment:payment-9:settled") is None
        await uow.commit()
    async with paid() as uow:
        assert await uow.journal.balances() == {
            "ar": -10_000,
            "clearing:pay_stripe": 9_700,
            "processor_fees": 300,
        }
        await uow.journal.add(returned)
        balances = await uow.journal.balances()
        assert balances["ar"] == 0
        assert sum(balances.values()) == 0


async def test_of_many_who_book_one_event_at_once_one_does(paid: Units) -> None:
    entry = journal.payout("po_1", "pay_stripe", 9_700, TODAY)

    async def book() -> bool:
        async with paid() as uow:
            booked = await uow.journal.add(entry)
            await uow.commit()
            return booked

    assert sorted(await asyncio.gather(*(book() for _ in range(8)))) == [False] * 7 + [True]


async def test_a_settlement_shows_its_own_entries_and_those_of_what_it_paid_out(
    paid: Units,
) -> None:
    mine = [
        journal.payment_settled(payment(1, processor="pay_stripe"), TODAY),
        journal.processor_fee("txn_1", "pay_stripe", 300, TODAY),
        journal.dispute_opened("dp_1", "pay_stripe", 500, 15, TODAY),
        journal.suspense("txn_3", "pay_stripe", 7, "unknown", TODAY),
        journal.payout("po_1", "pay_stripe", 9_700, TODAY),
    ]
    others = [
        journal.payment_settled(payment(2, processor="pay_stripe"), TODAY),
        journal.processor_fee("txn_9", "pay_stripe", 1, TODAY),
        journal.payout("po_12", "pay_stripe", 1, TODAY),
    ]
    own = lines(
        settlement_line(1, payment_id="payment-1"),
        settlement_line(2, category=SettlementLineCategory.DISPUTE, dispute_ref="dp_1"),
        settlement_line(3, category=SettlementLineCategory.UNALLOCATED),
    )
    async with paid() as uow:
        await uow.settlements.save(settlement(1), own)
        for entry in [*others, *mine]:
            await uow.journal.add(entry)
        assert await uow.journal.of_settlement("settlement-1") == mine
        with pytest.raises(NotFound):
            await uow.journal.of_settlement("settlement-9")


async def test_an_unbalanced_entry_can_neither_be_built_nor_stored(
    paid: Units, database: Database
) -> None:
    with pytest.raises(Invalid, match="off balance"):
        journal.JournalEntry(
            source="x",
            kind=journal.EntryKind.PAYOUT,
            occurred_on=datetime.date(2026, 1, 1),
            lines=(journal.JournalLine("cash", 1),),
        )
    async with database.transactions.connect() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO journal_entry (source, kind, occurred_on, reason)"
            " VALUES ('x', 'payout', '2026-01-01', '')"
        )
        with pytest.raises(IntegrityError, match="has 0 lines"):
            await connection.commit()
