"""What the ERP sends is stored once, counted truthfully and never half."""

import asyncio
import datetime
from typing import Any

import msgspec
import pytest

from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.records import StoreCounts
from dueport_core.accounts import AccountKind, AccountStatus, Contact, Job, PostingModel
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.statements import Statement
from dueport_ports import Deleted, Entity, RowGrade, RowProblem
from tests.storage.samples import NOW, TODAY, account, item, later, run, store

Units = SqlUnitOfWorkFactory


def statement(ref: str = "S-1", **changes: Any) -> Statement:
    values: dict[str, Any] = {
        "account_no": "1042",
        "statement_on": TODAY,
        "cutoff_on": TODAY,
        "due_on": TODAY,
        "balance_cents": 10_000,
        "discount_bps": 200,
        "discount_on": TODAY,
        "document_refs": ("I-1", "I-2"),
    }
    return Statement(statement_ref=ref, **(values | changes))


async def test_records_come_back_as_they_were_sent(units: Units) -> None:
    sent = account(
        name="Ærøskøbing & Söhne, \\N\t“Bau”",
        kind=AccountKind.CASH,
        status=AccountStatus.HOLD,
        posting_model=PostingModel.BALANCE_FORWARD,
        contacts=(Contact(name="O'Brien", email="x@y.example", phone="1", role="AP"), Contact()),
        credit_limit_cents=1_000_000,
        address_lines=("1 Main St", "Line\n2"),
        billing_state="OH",
    )
    document = item(
        "I-1",
        posted_on=TODAY,
        statement_ref="S-1",
        discount_eligible=False,
        released=False,
        po_number="PO\t7",
        erp_kind="INV",
    )
    job = Job(account_no="1042", job_no="12", name="Garage", status=AccountStatus.CLOSED)
    async with units() as uow:
        for entity, record in (
            (Entity.ACCOUNTS, sent),
            (Entity.JOBS, job),
            (Entity.DOCUMENTS, document),
            (Entity.STATEMENTS, statement()),
        ):
            counts = await uow.mirror.store_page("run-0", entity, [record], None)
            assert counts == StoreCounts(inserted=1)
        await uow.commit()
    async with units() as uow:
        assert await uow.accounts.get("1042") == sent
        assert await uow.accounts.jobs("1042") == [job]
        assert await uow.items.of_account("1042", released_only=False) == [document]
        assert await uow.items.of_account("1042") == []
        assert await uow.statements.current("1042") == statement()
        assert await uow.statements.of_account("1042") == [statement()]


async def test_the_same_page_again_counts_as_unchanged_and_a_change_as_updated(
    units: Units,
) -> None:
    items = [item("I-1"), item("I-2"), item("C-1", -500)]
    await store(units, *items)
    items[1] = msgspec.structs.replace(items[1], open_amount_cents=4_000)
    async with units() as uow:
        counts = await uow.mirror.store_page("run-0", Entity.DOCUMENTS, [*items, item("I-3")], None)
        assert counts == StoreCounts(inserted=1, updated=1, unchanged=2)
        assert await uow.mirror.open_totals() == (4, 10_000 + 4_000 - 500 + 10_000)


async def test_of_a_row_that_comes_twice_in_a_page_the_last_one_counts(units: Units) -> None:
    await store(units, item("I-1", 100), item("I-1", 200), item("I-2"))
    async with units() as uow:
        counts = await uow.mirror.store_page(
            "run-0", Entity.DOCUMENTS, [item("I-2"), Deleted(Entity.DOCUMENTS, "I-2")], None
        )
        assert counts == StoreCounts(deleted=1)
        (left,) = await uow.items.of_account("1042")
        assert (left.document_ref, left.open_amount_cents) == ("I-1", 200)


async def test_deleted_rows_are_closed_or_gone_and_may_come_back(units: Units) -> None:
    job = Job(account_no="1042", job_no="12", name="Garage")
    await store(units, item("I-1"))
    async with units() as uow:
        await uow.mirror.store_page("run-0", Entity.JOBS, [job], None)
        await uow.mirror.store_page("run-0", Entity.STATEMENTS, [statement()], None)
        for entity, key in (
            (Entity.DOCUMENTS, "I-1"),
            (Entity.JOBS, "1042/12"),
            (Entity.STATEMENTS, "S-1"),
        ):
            gone = [Deleted(entity, key), Deleted(entity, "unknown")]
            assert await uow.mirror.store_page("run-0", entity, gone, None) == StoreCounts(
                deleted=1
            )
            assert await uow.mirror.store_page("run-0", entity, gone, None) == StoreCounts()
        await uow.commit()
    async with units() as uow:
        assert await uow.items.of_account("1042") == []
        (closed,) = await uow.items.by_refs("1042", ["I-1"])
        assert (closed.open_amount_cents, closed.original_amount_cents) == (0, 10_000)
        assert await uow.accounts.jobs("1042") == []
        assert await uow.statements.current("1042") is None
        counts = await uow.mirror.store_page("run-0", Entity.DOCUMENTS, [item("I-1")], None)
        assert counts == StoreCounts(updated=1)
        counts = await uow.mirror.store_page("run-0", Entity.JOBS, [job], None)
        assert counts == StoreCounts(updated=1)
        assert await uow.accounts.jobs("1042") == [job]


async def test_rows_of_an_account_that_the_erp_did_not_send_are_refused_by_name(
    units: Units,
) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        with pytest.raises(Invalid, match=r"documents of accounts.*: 77, 78\."):
            await uow.mirror.store_page(
                "run-0",
                Entity.DOCUMENTS,
                [item("I-2"), item("I-3", account_no="78"), item("I-4", account_no="77")],
                None,
            )
        # The refusal leaves the transaction usable, and nothing of the page was stored.
        assert [i.document_ref for i in await uow.items.of_account("1042")] == ["I-1"]
        with pytest.raises(Invalid, match="fix the connector"):
            await uow.mirror.store_page("run-0", Entity.JOBS, [item("I-2")], None)


async def test_an_account_that_has_gone_takes_no_new_documents_until_it_is_back(
    units: Units,
) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1042")], None
        )
        assert await uow.mirror.known_accounts(["1042", "99"]) == frozenset()
        with pytest.raises(Invalid, match="1042"):
            await uow.mirror.store_page("run-0", Entity.DOCUMENTS, [item("I-2")], None)
        counts = await uow.mirror.store_page("run-0", Entity.ACCOUNTS, [account()], None)
        assert counts == StoreCounts(updated=1)
        assert await uow.mirror.known_accounts(["1042", "99"]) == {"1042"}


async def test_what_a_complete_snapshot_did_not_show_is_closed(units: Units) -> None:
    await store(units, item("I-1"), item("I-2"), item("I-3", 0))
    async with units() as uow:
        await uow.mirror.start_run(run())
        await uow.mirror.store_page("run-1", Entity.DOCUMENTS, [item("I-1")], None)
        await uow.mirror.store_page("run-1", Entity.DOCUMENTS, [item("I-4")], None)
        assert await uow.mirror.finish_snapshot("run-1", Entity.DOCUMENTS) == 1
        await uow.commit()
    async with units() as uow:
        assert [i.document_ref for i in await uow.items.of_account("1042")] == ["I-1", "I-4"]
        await uow.mirror.store_page("run-1", Entity.ACCOUNTS, [account("2000")], None)
        assert await uow.mirror.finish_snapshot("run-1", Entity.ACCOUNTS) == 1
        assert await uow.accounts.numbers_after("", 10) == ["2000"]


async def test_rows_seen_by_an_earlier_interrupted_run_do_not_count_as_seen(
    units: Units, database: Database
) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        await uow.mirror.start_run(run(1))
        await uow.mirror.store_page("run-1", Entity.DOCUMENTS, [item("I-1")], None)
        await uow.commit()
    async with units() as uow:
        await uow.mirror.start_run(run(2, started_at=later(hours=3)))
        await uow.mirror.store_page("run-2", Entity.DOCUMENTS, [item("I-2")], None)
        assert await uow.mirror.finish_snapshot("run-2", Entity.DOCUMENTS) == 1
        await uow.commit()
    async with database.transactions.connect() as connection:
        left = await connection.exec_driver_sql("SELECT count(*) FROM sync_seen")
        assert left.scalar_one() == 0


async def test_a_cursor_is_saved_with_its_rows_or_not_at_all(units: Units) -> None:
    async with units() as uow:
        await uow.mirror.start_run(run())
        await uow.commit()
    async with units() as uow:
        await uow.mirror.store_page("run-1", Entity.ACCOUNTS, [account()], "page 2")
        assert await uow.mirror.cursor(Entity.ACCOUNTS) == "page 2"
    async with units() as uow:
        assert await uow.mirror.cursor(Entity.ACCOUNTS) is None
        assert await uow.accounts.find("1042") is None
        await uow.mirror.store_page("run-1", Entity.ACCOUNTS, [account()], "page 2")
        await uow.mirror.store_page("run-1", Entity.ACCOUNTS, [], "page 3")
        await uow.commit()
    async with units() as uow:
        assert await uow.mirror.cursor(Entity.ACCOUNTS) == "page 3"
        assert await uow.mirror.cursor(Entity.JOBS) is None


async def test_another_source_does_not_continue_at_the_old_ones_cursor(units: Units) -> None:
    async with units() as uow:
        await uow.mirror.start_run(run(1))
        await uow.mirror.store_page("run-1", Entity.ACCOUNTS, [], "page 2")
        await uow.mirror.start_run(run(2, source="erp_spruce"))
        assert await uow.mirror.cursor(Entity.ACCOUNTS) is None


async def test_one_run_of_a_source_at_a_time(units: Units) -> None:
    async with units() as uow:
        await uow.mirror.start_run(run(1))
        await uow.commit()
    async with units() as uow:
        with pytest.raises(Conflict, match="being read right now"):
            await uow.mirror.start_run(run(2, started_at=later(minutes=119)))
    async with units() as uow:
        await uow.mirror.start_run(run(3, started_at=later(hours=2)))
        await uow.commit()
    async with units() as uow:
        newest, oldest = await uow.mirror.runs(10)
        assert (newest.run_id, newest.state) == ("run-3", "running")
        assert (oldest.run_id, oldest.state) == ("run-1", "failed")
        assert "interrupted" in oldest.failure


async def test_of_two_runs_started_at_once_one_is_refused(units: Units) -> None:
    async def start(number: int) -> str:
        async with units() as uow:
            try:
                await uow.mirror.start_run(run(number))
            except Conflict:
                return "refused"
            await uow.commit()
            return "started"

    outcomes = await asyncio.gather(*(start(number) for number in range(1, 6)))
    assert sorted(outcomes) == ["refused"] * 4 + ["started"]


async def test_runs_and_their_problems_are_kept_for_the_report(units: Units) -> None:
    problems = [
        RowProblem(grade=RowGrade.REFUSED, source="items.csv", line=line, reason="no date")
        for line in (2, 3, 4)
    ]
    done = run(
        state="done",
        finished_at=later(seconds=9),
        counts={"documents": StoreCounts(inserted=3, updated=1)},
        problems=3,
        as_of=NOW,
    )
    async with units() as uow:
        assert await uow.mirror.last_run() is None
        await uow.mirror.start_run(run())
        await uow.mirror.add_problems("run-1", Entity.DOCUMENTS, problems)
        assert await uow.mirror.last_good_run() is None
        await uow.mirror.finish_run(done)
        await uow.mirror.start_run(run(2))
        await uow.mirror.finish_run(run(2, state="failed", failure="no such folder"))
        await uow.commit()
    async with units() as uow:
        assert await uow.mirror.last_good_run() == done
        newest = await uow.mirror.last_run()
        assert newest is not None
        assert newest.failure == "no such folder"
        first, second = await uow.mirror.problems("run-1", 0, 2)
        (third,) = await uow.mirror.problems("run-1", second.problem_id, 2)
        assert [first.problem, second.problem, third.problem] == problems
        assert first.entity == "documents"
        with pytest.raises(NotFound):
            await uow.mirror.finish_run(run(9))


async def test_an_account_read_live_replaces_its_open_items(units: Units) -> None:
    await store(
        units,
        item("I-1"),
        item("I-2"),
        item("X-1", account_no="2000"),
        accounts=[account(), account("2000")],
    )
    async with units() as uow:
        assert not await uow.mirror.store_account(account(), [item("I-1"), item("I-2")], None)
        assert await uow.mirror.store_account(account(), [item("I-1", 9_000)], None)
        assert await uow.mirror.store_account(account(), [item("I-1", 9_000)], statement())
        assert not await uow.mirror.store_account(account(), [item("I-1", 9_000)], statement())
        await uow.commit()
    async with units() as uow:
        (left,) = await uow.items.of_account("1042")
        assert left.open_amount_cents == 9_000
        assert len(await uow.items.of_account("2000")) == 1


async def test_an_account_without_any_open_item_is_emptied(units: Units) -> None:
    await store(units, item("I-1"))
    async with units() as uow:
        assert await uow.mirror.store_account(account(), [], None)
        assert await uow.items.of_account("1042") == []


async def test_items_come_oldest_first_and_only_of_the_account_asked_for(units: Units) -> None:
    def due(ref: str, day: int, **changes: Any) -> OpenItem:
        return item(ref, due_on=datetime.date(2026, 3, day), **changes)

    await store(
        units,
        due("B", 20),
        due("A", 20),
        due("C", 10),
        due("D", 20, posted_on=datetime.date(2026, 2, 1)),
        due("Z", 1, account_no="2000"),
        due("H", 1, released=False),
        due("P", 1, cents=0),
    )
    async with units() as uow:
        found = await uow.items.of_accounts(["1042", "2000", "3000"])
        assert {no: [i.document_ref for i in items] for no, items in found.items()} == {
            "1042": ["C", "D", "A", "B"],
            "2000": ["Z"],
            "3000": [],
        }
        mine = await uow.items.by_refs("1042", ["Z", "P", "A", "unknown"])
        assert [i.document_ref for i in mine] == ["P", "A"]


async def test_the_current_statement_is_the_newest_of_the_whole_account(units: Units) -> None:
    def drawn(ref: str, day: int, **changes: Any) -> Statement:
        return statement(ref, cutoff_on=datetime.date(2026, 3, day), **changes)

    await store(units, item("I-1"))
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0",
            Entity.STATEMENTS,
            [
                drawn("old", 1),
                drawn("new", 2),
                drawn("job", 3, job_no="12"),
                drawn("past", 4, is_current=False),
            ],
            None,
        )
        current = await uow.statements.current("1042")
        assert current is not None
        assert current.statement_ref == "new"
        assert [s.statement_ref for s in await uow.statements.of_account("1042", 3)] == [
            "past",
            "job",
            "new",
        ]


async def test_thousands_of_rows_in_one_page_are_stored_at_once(units: Units) -> None:
    items = [
        item(
            f"D-{number:06}",
            100 if number % 7 else -100,
            kind=OpenItemKind.INVOICE if number % 7 else OpenItemKind.CREDIT,
            account_no=str(1000 + number % 50),
        )
        for number in range(12_000)
    ]
    accounts = [account(str(1000 + number)) for number in range(50)]
    await store(units, *items, accounts=accounts)
    async with units() as uow:
        changed = [msgspec.structs.replace(i, open_amount_cents=0) for i in items[:10]]
        counts = await uow.mirror.store_page(
            "run-0", Entity.DOCUMENTS, [*changed, *items[10:]], None
        )
        assert counts == StoreCounts(updated=10, unchanged=11_990)
