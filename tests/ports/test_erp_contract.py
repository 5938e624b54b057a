"""The fake ERP keeps the connectors' contract, and the contract cannot be softened."""

import datetime
from collections import Counter
from collections.abc import Mapping

import msgspec
import pytest

from dueport_ports import (
    Conflict,
    Entity,
    OpenItem,
    OpenItemKind,
    Page,
    PostingBatch,
    PostingCategory,
    PostingResult,
    ReceiptOutcome,
    RowGrade,
    RowProblem,
    Unavailable,
)
from dueport_ports.testing.erp import ErpContract, ErpWorld, pull_all
from dueport_ports.testing.fakes_erp import FakeErp
from dueport_ports.testing.receivables import (
    Receivables,
    sample_batch,
    sample_journal,
    sample_receivables,
)


class FakeErpWorld(ErpWorld):
    def __init__(self) -> None:
        self.fake = FakeErp()

    async def load(self, receivables: Receivables) -> None:
        for item in self.fake.items:
            self.fake.void(item.document_ref)
        self.fake.put(
            *receivables.accounts, *receivables.jobs, *receivables.items, *receivables.statements
        )

    def connect(self) -> FakeErp:
        return self.fake

    async def applied_cents(self) -> Mapping[str, int]:
        applied: Counter[str] = Counter()
        for receipt in self.fake.receipts:
            if receipt.amount_cents:
                for application in receipt.applications:
                    times = self.fake.posted[receipt.key]
                    applied[application.document_ref] += application.amount_cents * times
        return dict(applied)

    async def cut_after_commit(self) -> None:
        self.fake.faults.cut_after_commit = 1

    async def break_connection(self) -> None:
        self.fake.faults.unavailable = True

    async def plant_bad_row(self) -> bool:
        self.fake.problems[Entity.DOCUMENTS] = (
            RowProblem(
                grade=RowGrade.REFUSED,
                source="documents",
                line=9,
                reason="'abc' is not an amount",
                key="2603-000999",
            ),
        )
        return True


class TestFakeErp(ErpContract):
    @pytest.fixture
    def world(self) -> ErpWorld:
        return FakeErpWorld()


class ForgetfulErp(FakeErp):
    """Posts whatever comes, as often as it comes."""

    async def post(self, batch: PostingBatch) -> PostingResult:
        for receipt in batch.receipts:
            self.posted[receipt.key] += 1
            self._taken[receipt.key] = receipt
        if self.faults.cut_after_commit:
            self.faults.cut_after_commit -= 1
            raise Unavailable("the line went dead")
        return PostingResult(key=batch.key, state="posted")


class HastyErp(FakeErp):
    """Says on its first page that it has shown everything, and shows credits as debts."""

    async def pull(self, entity: Entity, cursor: str | None, limit: int) -> Page:
        page = await super().pull(entity, cursor, limit)
        records = tuple(
            msgspec.structs.replace(
                record,
                kind=OpenItemKind.DEBIT,
                open_amount_cents=abs(record.open_amount_cents),
                original_amount_cents=abs(record.original_amount_cents),
            )
            if isinstance(record, OpenItem)
            else record
            for record in page.records
        )
        return msgspec.structs.replace(page, records=records, complete_snapshot=True, problems=())


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (ForgetfulErp, "test_posting_twice_has_one_effect"),
        (ForgetfulErp, "test_a_posted_batch_can_be_looked_up"),
        (ForgetfulErp, "test_a_cut_after_the_commit_is_looked_up_and_never_posted_twice"),
        (ForgetfulErp, "test_a_key_that_comes_again_with_other_content_is_refused"),
        (HastyErp, "test_only_the_last_page_of_a_snapshot_says_that_it_is_complete"),
        (HastyErp, "test_documents_come_as_the_erp_has_them_to_the_cent"),
        (HastyErp, "test_a_row_that_does_not_load_is_told_with_its_place_and_reason"),
    ],
)
async def test_the_contract_notices_a_connector_that_breaks_it(
    broken: type[FakeErp], promise: str
) -> None:
    world = FakeErpWorld()
    world.fake = broken()
    await world.load(sample_receivables())
    with pytest.raises(AssertionError):
        await getattr(ErpContract(), promise)(world)


def sample_erp() -> FakeErp:
    sample = sample_receivables()
    return FakeErp(sample.accounts, sample.jobs, sample.items, sample.statements)


def open_cents(erp: FakeErp, document_ref: str) -> int | None:
    return {item.document_ref: item.open_amount_cents for item in erp.items}.get(document_ref)


def test_overriding_a_contract_test_is_refused() -> None:
    with pytest.raises(TypeError, match="test_posting_twice_has_one_effect"):

        class Softened(ErpContract):
            async def test_posting_twice_has_one_effect(self, erp: ErpWorld) -> None:
                pass


def test_adding_a_test_to_the_contract_is_welcome() -> None:
    class Extended(ErpContract):
        async def test_our_own_promise(self) -> None:
            pass

    assert issubclass(Extended, ErpContract)


async def test_posted_money_shows_only_after_the_end_of_day() -> None:
    erp = sample_erp()
    await erp.post(sample_batch())
    assert open_cents(erp, "2603-000102") == 40_001, "the ERP still shows it open"
    erp.apply_posted()
    assert open_cents(erp, "2603-000102") is None
    assert open_cents(erp, "2603-000103") is None
    assert erp.overapplied == {"2603-000102": 700}, "a discount beyond the open amount is seen"


async def test_the_end_of_day_consumes_credits_on_both_sides() -> None:
    erp = sample_erp()
    await erp.post(sample_batch(PostingCategory.CREDITS, "credits:1"))
    erp.apply_posted()
    assert open_cents(erp, "2603-000106") is None, "the credit is used up"
    assert open_cents(erp, "2603-000101") == 20_000 - 10_025
    assert not erp.overapplied


async def test_a_second_end_of_day_changes_nothing() -> None:
    erp = sample_erp()
    await erp.post(sample_batch(PostingCategory.DEBITS, "debits:1"))
    erp.apply_posted()
    before = erp.items
    erp.apply_posted()
    assert erp.items == before


async def test_the_same_receipt_under_another_batch_key_is_a_duplicate() -> None:
    erp = sample_erp()
    await erp.post(sample_batch(key="a"))
    result = await erp.post(sample_batch(key="b"))
    assert {found.outcome for found in result.receipts} == {ReceiptOutcome.DUPLICATE}
    assert set(erp.posted.values()) == {1}


async def test_a_cut_before_the_commit_leaves_nothing_behind() -> None:
    erp = sample_erp()
    erp.faults.cut_before_commit = 1
    with pytest.raises(Unavailable):
        await erp.post(sample_batch())
    assert await erp.posting_status(sample_batch().key) is None
    assert not erp.posted


async def test_one_refused_receipt_leaves_the_others_posted() -> None:
    erp = sample_erp()
    erp.faults.reject = {"pay_1:invoices:15": "the job is closed"}
    result = await erp.post(sample_batch())
    assert result.state == "partial"
    assert [found.outcome for found in result.receipts] == [
        ReceiptOutcome.POSTED,
        ReceiptOutcome.REJECTED,
    ]
    assert erp.posted == {"pay_1:invoices:12": 1}


async def test_a_batch_of_refused_receipts_is_rejected_and_may_come_again() -> None:
    erp = sample_erp()
    keys = [receipt.key for receipt in sample_batch().receipts]
    erp.faults.reject = dict.fromkeys(keys, "closing day")
    assert (await erp.post(sample_batch())).state == "rejected"
    erp.faults.reject.clear()
    assert (await erp.post(sample_batch())).state == "posted"


async def test_the_journal_of_a_batch_is_kept_once() -> None:
    erp = sample_erp()
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    await erp.post(batch)
    await erp.post(batch)
    assert tuple(erp.journal) == sample_journal()


async def test_a_change_in_the_erp_expires_a_running_pull() -> None:
    erp = sample_erp()
    page = await erp.pull(Entity.DOCUMENTS, None, 2)
    erp.void("2603-000107")
    with pytest.raises(Conflict):
        await erp.pull(Entity.DOCUMENTS, page.cursor, 2)
    records = await pull_all(erp, Entity.DOCUMENTS, 100)
    assert "2603-000107" not in {
        record.document_ref for record in records if isinstance(record, OpenItem)
    }


async def test_a_live_account_carries_its_current_statement_and_the_clocks_time() -> None:
    now = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)
    sample = sample_receivables()
    erp = FakeErp(sample.accounts, sample.jobs, sample.items, sample.statements, now=lambda: now)
    snapshot = await erp.account_snapshot("1001")
    assert snapshot is not None
    assert snapshot.as_of == now
    assert snapshot.statement == sample.statements[0]


async def test_a_slow_erp_answers_late_and_right() -> None:
    erp = sample_erp()
    erp.faults.slow_s = 0.01
    assert (await erp.probe()).open_documents == len(sample_receivables().items)
