"""A row that the ERP connector cannot read takes nothing away that was stored before."""

import datetime
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from dueport_apps.adapters.configured import ConfiguredErp
from dueport_apps.usecases.records import SyncRun
from dueport_apps.usecases.sync_erp import SyncErp, SyncErpCommand
from dueport_core.accounts import Job
from dueport_core.statements import Statement
from dueport_erp_generic.plugin import build
from dueport_erp_generic.settings import Settings
from dueport_ports import Entity, RowGrade, RowProblem
from dueport_ports.files.connector import MAX_PROBLEMS
from dueport_ports.testing.context import plugin_context
from tests.world import START, World, account, item

TODAY = START.date()


def refused(key: str = "", line: int = 9) -> RowProblem:
    return RowProblem(
        grade=RowGrade.REFUSED, source="rows", line=line, reason="'x' is no amount", key=key
    )


def statement(ref: str) -> Statement:
    return Statement(
        statement_ref=ref,
        account_no="1001",
        statement_on=TODAY,
        cutoff_on=TODAY,
        due_on=TODAY,
        balance_cents=40_000,
        is_current=True,
    )


async def sync(world: World) -> SyncRun:
    run = await world.container.sync_erp()(SyncErpCommand(by=world.system))
    assert run.state == "done", run.failure
    return run


async def open_cents(world: World, account_no: str) -> dict[str, int]:
    async with world.container.uow()() as uow:
        items = await uow.items.of_account(account_no)
    return {found.document_ref: found.open_amount_cents for found in items}


async def reasons(world: World, run: SyncRun, entity: Entity) -> list[str]:
    async with world.container.uow()() as uow:
        stored = await uow.mirror.problems(run.run_id, 0, 10_000)
    return [found.problem.reason for found in stored if found.entity == entity]


async def test_a_document_stays_open_as_it_was_when_its_row_turns_bad(world: World) -> None:
    world.erp.void("INV-1")
    world.erp.void("INV-2")
    world.erp.problems[Entity.DOCUMENTS] = (refused("INV-1"),)
    run = await sync(world)
    assert await open_cents(world, "1001") == {"INV-1": 40_000, "INV-3": 60_000, "CR-1": -10_025}
    assert run.counts["documents"].deleted == 1, "INV-2 was in no row at all, so it is paid"


async def test_a_document_closes_once_its_row_is_gone_for_good(world: World) -> None:
    world.erp.void("INV-1")
    world.erp.problems[Entity.DOCUMENTS] = (refused("INV-1"),)
    await sync(world)
    world.erp.problems.clear()
    await sync(world)
    assert "INV-1" not in await open_cents(world, "1001")


async def test_accounts_jobs_and_statements_stay_when_their_rows_turn_bad(world: World) -> None:
    job, kept = Job(account_no="1001", job_no="12", name="Garage"), statement("S-1")
    world.erp.put(job, kept)
    await sync(world)
    world.erp._accounts.pop("1003")
    world.erp._jobs.clear()
    world.erp._statements.clear()
    world.erp.problems = {
        Entity.ACCOUNTS: (refused("1003"),),
        Entity.JOBS: (refused("1001/12"),),
        Entity.STATEMENTS: (refused("S-1"),),
    }
    await sync(world)
    async with world.container.uow()() as uow:
        assert await uow.mirror.known_accounts(["1003"]) == {"1003"}
        assert await uow.accounts.jobs("1001") == [job]
        assert await uow.statements.current("1001") == kept


async def test_nothing_closes_while_a_refused_row_does_not_say_what_it_is(world: World) -> None:
    world.erp.void("INV-1")
    world.erp.problems[Entity.DOCUMENTS] = (refused(),)
    run = await sync(world)
    assert "INV-1" in await open_cents(world, "1001")
    (_, told) = await reasons(world, run, Entity.DOCUMENTS)
    assert "nothing was closed" in told
    assert run.problems == 2, "the notice is counted with the rest"


async def test_rows_that_were_merely_noted_do_not_keep_anything_open(world: World) -> None:
    world.erp.void("INV-1")
    world.erp.problems[Entity.DOCUMENTS] = (
        RowProblem(
            grade=RowGrade.WARNING, source="rows", line=9, reason="no due date", key="INV-1"
        ),
        RowProblem(grade=RowGrade.IGNORED, source="rows", line=9, reason="stands twice"),
    )
    await sync(world)
    assert "INV-1" not in await open_cents(world, "1001")


async def test_what_belongs_to_a_new_account_that_was_refused_is_left_out_and_told(
    world: World,
) -> None:
    world.erp.put(item("INV-77", "2000", 5_000), Job(account_no="2000", job_no="1"))
    world.erp.problems[Entity.ACCOUNTS] = (refused("2000"),)
    run = await sync(world)
    for entity in (Entity.JOBS, Entity.DOCUMENTS):
        (told,) = await reasons(world, run, entity)
        assert "account 2000" in told
    assert len(await open_cents(world, "1001")) == 4, "everybody else's data came in"
    world.erp.problems.clear()
    world.erp.put(account("2000", "New Customer"))
    await sync(world)
    assert await open_cents(world, "2000") == {"INV-77": 5_000}


class Files:
    """A dealer's folder, read by the real connector."""

    HEADER = "Invoice,Account,Date,Due,Amount,Open,Name\n"

    def __init__(self, world: World, root: Path) -> None:
        self._world = world
        self._inbox = root / "inbox"
        self._inbox.mkdir()
        data = root / "data"
        data.mkdir()
        mapping = root / "mapping.toml"
        mapping.write_text(
            '[[accounts]]\nfile = "accounts.csv"\n[[documents]]\nfile = "invoices.csv"\n'
        )
        self._put("accounts.csv", "account,name\n1001,Harbor\n1002,Mueller\n1003,Third\n")
        connector = build(
            Settings(folder=self._inbox, mapping=mapping), plugin_context(data, world.clock)
        )
        self._sync = SyncErp(
            world.container.uow(),
            ConfiguredErp("files", connector),
            world.clock,
            world.container.ids(),
        )

    async def deliver(self, rows: Iterable[str]) -> SyncRun:
        self._put("invoices.csv", self.HEADER + "".join(f"{row}\n" for row in rows))
        run = await self._sync(SyncErpCommand(by=self._world.system))
        assert run.state == "done", run.failure
        return run

    def _put(self, name: str, content: str) -> None:
        path = self._inbox / name
        path.write_text(content)
        written_at = self._world.clock.now().timestamp()
        os.utime(path, (written_at, written_at))
        self._world.clock.advance(datetime.timedelta(minutes=5))


def row(number: int, opened: str = "1.00", name: str = "Harbor") -> str:
    return f"D-{number},1001,2026-03-01,2026-03-31,2.00,{opened},{name}"


@pytest.fixture
def files(world: World, tmp_path: Path) -> Files:
    return Files(world, tmp_path)


async def test_a_files_bad_amount_keeps_its_document_and_closes_the_paid_one(
    world: World, files: Files
) -> None:
    await files.deliver([row(1), row(2), row(3)])
    await files.deliver([row(1), row(2, "twelve")])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-2": 100}


async def test_a_row_that_was_cut_off_keeps_its_document(world: World, files: Files) -> None:
    await files.deliver([row(1), row(2), row(3)])
    await files.deliver([row(1), row(2)[:24]])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-2": 100}


async def test_a_row_cut_off_within_its_number_closes_nothing(world: World, files: Files) -> None:
    await files.deliver([row(1), row(22), row(3)])
    run = await files.deliver([row(1), row(22)[:3]])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-22": 100, "D-3": 100}
    assert "nothing was closed" in (await reasons(world, run, Entity.DOCUMENTS))[-1].casefold()


async def test_a_row_with_a_comma_too_many_keeps_its_document(world: World, files: Files) -> None:
    await files.deliver([row(1), row(2)])
    await files.deliver([row(1), row(2, name="Harbor, LLC")])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-2": 100}


async def test_contradicting_rows_of_one_document_leave_the_stored_one(
    world: World, files: Files
) -> None:
    await files.deliver([row(1), row(2)])
    await files.deliver([row(1), row(2, "1.50"), row(2, "1.25")])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-2": 100}


async def test_a_delivery_with_more_refusals_than_are_kept_closes_nothing(
    world: World, files: Files
) -> None:
    await files.deliver([row(1), row(2)])
    bad = [row(number, "twelve") for number in range(10, 11 + MAX_PROBLEMS)]
    run = await files.deliver([row(1), *bad])
    assert await open_cents(world, "1001") == {"D-1": 100, "D-2": 100}
    assert "nothing was closed" in (await reasons(world, run, Entity.DOCUMENTS))[-1].casefold()


async def test_warnings_beyond_what_is_kept_hide_no_refusal(world: World, files: Files) -> None:
    noted = [f"W-{number},1001,2026-03-01,,2.00,1.00,x" for number in range(MAX_PROBLEMS + 10)]
    await files.deliver([*noted, row(1), row(2), row(3)])
    run = await files.deliver([*noted, row(1), row(2, "twelve")])
    found = await open_cents(world, "1001")
    assert ("D-2" in found, "D-3" in found) == (True, False)
    assert any("twelve" in reason for reason in await reasons(world, run, Entity.DOCUMENTS))
