"""The files load through the generic connector as a real dealer's would, dirt included."""

from pathlib import Path

import pytest

from dueport_apps.demo.files import PLANNED_IGNORED, PLANNED_REFUSALS, PLANNED_WARNINGS
from dueport_ports import Account, Entity, Job, OpenItem, Record, RowGrade, RowProblem, Statement
from tests.demo.worlds import ErpWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> ErpWorld:
    return ErpWorld(tmp_path_factory.mktemp("dealer"))


async def loaded(world: ErpWorld, entity: Entity) -> tuple[list[Record], list[RowProblem]]:
    records: list[Record] = []
    problems: list[RowProblem] = []
    cursor = None
    while True:
        page = await world.connector.pull(entity, cursor, 5_000)
        records += page.records
        problems += page.problems
        if not page.more:
            return records, problems
        cursor = page.cursor


async def test_only_the_planned_rows_are_refused(world: ErpWorld) -> None:
    found = [problem for entity in Entity for problem in (await loaded(world, entity))[1]]
    grades = [problem.grade for problem in found]

    assert grades.count(RowGrade.REFUSED) == PLANNED_REFUSALS
    assert grades.count(RowGrade.WARNING) == PLANNED_WARNINGS
    assert grades.count(RowGrade.IGNORED) == PLANNED_IGNORED


async def test_everything_that_was_drawn_arrives(world: ErpWorld) -> None:
    dealer = world.dealer
    accounts = {
        one.account_no: one
        for one in (await loaded(world, Entity.ACCOUNTS))[0]
        if isinstance(one, Account)
    }
    jobs = [one for one in (await loaded(world, Entity.JOBS))[0] if isinstance(one, Job)]
    items = {
        one.document_ref: one
        for one in (await loaded(world, Entity.DOCUMENTS))[0]
        if isinstance(one, OpenItem)
    }

    assert len(accounts) == len(dealer.customers)
    assert len(jobs) == sum(len(one.jobs) for one in dealer.customers)
    assert items.keys() == {one.document_id for one in dealer.open_documents}
    for document in dealer.open_documents:
        item = items[document.document_id]
        assert item.open_amount_cents == document.sign * document.open_cents
        assert item.original_amount_cents == document.sign * document.amount_cents
        assert (item.account_no, item.job_no) == (document.account_no, document.job_no)
    for one in dealer.customers:
        arrived = accounts[one.account_no]
        assert arrived.name == one.name
        assert arrived.ship_to_zip == one.place.zip_code
        assert arrived.posting_model.value == one.posting_model
        assert [contact.phone for contact in arrived.contacts if contact.phone] == [
            person.phone for person in one.contacts if person.phone
        ]


async def test_statements_arrive_with_their_discounts(world: ErpWorld) -> None:
    arrived = {
        one.statement_ref: one
        for one in (await loaded(world, Entity.STATEMENTS))[0]
        if isinstance(one, Statement)
    }

    assert len(arrived) == len(world.dealer.statements)
    for one in world.dealer.statements:
        found = arrived[one.statement_id]
        assert found.balance_cents == one.balance_cents
        assert found.document_refs == one.document_ids
        assert found.is_current is one.is_current
        assert (found.discount_on, found.discount_bps, found.discount_cents) == (
            one.discount_on, one.discount_bps, one.discount_cents,
        )  # fmt: skip
        assert found.job_no == (one.job_no or None)


async def test_the_connector_counts_what_the_erp_counts(world: ErpWorld) -> None:
    probe = await world.connector.probe()
    count, cents = world.erp.books.totals()

    assert probe.ok, probe.detail
    assert probe.open_documents == count == len(world.dealer.open_documents)
    assert probe.open_amount_cents == cents


async def test_the_same_dealer_is_written_the_same_byte_for_byte(
    world: ErpWorld, tmp_path: Path
) -> None:
    again = ErpWorld(tmp_path)

    for name in ("accounts.csv", "contacts.csv", "jobs.csv", "documents.csv", "statements.csv"):
        assert (again.settings.books / name).read_bytes() == (
            world.settings.books / name
        ).read_bytes()
