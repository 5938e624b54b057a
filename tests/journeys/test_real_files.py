"""Real receivables files, which nobody here wrote, go through the whole loop.

The files lie beside a checkout or not at all; they have no e-mail addresses, so one is added to the
copy that is invited.
"""

import datetime
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dependency_injector import providers

from dueport_apps.adapters.configured import ConfiguredErp
from dueport_apps.usecases.post_settlement import PostSettlementCommand
from dueport_apps.usecases.records import PortalUser, Principal, StoredProblem
from dueport_apps.usecases.show_outstanding import OutstandingQuery
from dueport_apps.usecases.sign_in import SignInCommand
from dueport_core.payments import PaymentState
from dueport_core.settlements import SettlementState
from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.settings import Posting, Settings
from dueport_ports import Entity, OpenItem, RowGrade
from dueport_ports.testing.context import StillClock, plugin_context
from tests.databases import TestDatabases
from tests.shared import shared_path
from tests.world import PASSWORD, PROCESSOR, World, open_world

MAPPINGS = Path(__file__).resolve().parents[1] / "plugins" / "erp_generic" / "mappings"
LATE = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
"""Long after any checkout wrote its files, so that they lie still."""

GL_ACCOUNTS = {
    "cash": "1010",
    f"clearing:{PROCESSOR}": "1090",
    "ar": "1200",
    "processor_fees": "6200",
}


@asynccontextmanager
async def dealer_on(
    databases: TestDatabases, folder: Path, data: Path, mapping: str
) -> AsyncIterator[World]:
    """A dealer whose ERP is a folder of files read by the generic connector."""
    async with open_world(databases, folder) as world:
        connector = GenericErp(
            Settings(
                folder=data,
                mapping=MAPPINGS / mapping,
                outbox=folder / "outbox",
                assume_imported=True,
                posting=Posting(preset="spruce_f2", gl_accounts=GL_ACCOUNTS),
            ),
            plugin_context(folder, StillClock(LATE)),
        )
        world.container.erp.override(providers.Object(ConfiguredErp("erp_generic", connector)))
        await world.sync()
        yield world


async def open_totals(world: World) -> tuple[int, int]:
    async with world.container.uow()() as uow:
        return await uow.mirror.open_totals()


async def problems(world: World) -> list[StoredProblem]:
    async with world.container.uow()() as uow:
        run = await uow.mirror.last_good_run()
        assert run is not None
        return await uow.mirror.problems(run.run_id, 0, 10_000)


async def due_dates(world: World) -> list[tuple[str, datetime.date, int]]:
    connector = world.container.erp().connector
    page = await connector.pull(Entity.DOCUMENTS, None, 10_000)
    return sorted(
        (item.document_ref.lstrip("0").replace("-", ""), item.due_on, item.open_amount_cents)
        for item in page.records
        if isinstance(item, OpenItem)
    )


async def test_clearwip_is_mirrored_with_its_jobs_and_adjustments(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    data = shared_path("data/clearwip_o2c")
    async with dealer_on(test_databases, tmp_path, data, "clearwip_o2c.toml") as world:
        documents, cents = await open_totals(world)

        assert documents == 599 + 93 + 23
        assert cents == (14_681_373 + 683_628 - 47_195) * 100
        assert await problems(world) == []


async def test_poulomis_dirt_is_refused_row_by_row_and_the_rest_is_there(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    data = shared_path("data/poulomi_ar")
    async with dealer_on(test_databases, tmp_path, data, "poulomi_ar.toml") as world:
        documents, _ = await open_totals(world)
        refused = [
            found.problem
            for found in await problems(world)
            if found.problem.grade is RowGrade.REFUSED
        ]

        # Three unpaid invoices have a blank amount, one a date in another format than its column.
        assert len(refused) == 4
        assert documents == 2_069 - len(refused)
        assert all(problem.line > 1 and problem.reason for problem in refused)


@pytest.mark.parametrize("twin", ["mdy", "dmy"])
async def test_both_ibm_twins_load_whole(
    test_databases: TestDatabases, tmp_path: Path, twin: str
) -> None:
    data = shared_path("data/ibm_late")
    async with dealer_on(test_databases, tmp_path, data, f"ibm_late_{twin}.toml") as world:
        assert await open_totals(world) == (2_466, 14_770_318)


async def test_the_day_first_twin_has_the_same_due_dates_as_the_month_first_one(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    data = shared_path("data/ibm_late")
    found = []
    for twin in ("mdy", "dmy"):
        async with dealer_on(test_databases, tmp_path, data, f"ibm_late_{twin}.toml") as world:
            found.append(await due_dates(world))

    assert found[0] == found[1]


async def test_a_clearwip_customer_is_invited_pays_and_is_posted_once(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    data = tmp_path / "clearwip"
    shutil.copytree(shared_path("data/clearwip_o2c"), data)
    data.chmod(0o755)
    clients = data / "clients.csv"
    clients.chmod(0o644)
    head, *rows = clients.read_text().splitlines()
    with_email = [f"{row},{row.split(',')[0].lower()}@client.example" for row in rows]
    clients.write_text("\n".join([f"{head},email", *with_email]) + "\n")
    async with dealer_on(test_databases, tmp_path, data, "clearwip_o2c.toml") as world:
        async with world.container.uow()() as uow:
            account_no = (await uow.accounts.numbers_after("", 1))[0]
        user = await world.register(await world.invite(account_no))
        signed_in = await world.container.sign_in_customer()(
            SignInCommand(login=user.email, password=PASSWORD, client_ip="127.0.0.1")
        )
        assert isinstance(signed_in, PortalUser)
        who = Principal(
            kind="customer",
            principal_id=signed_in.user_id,
            name=signed_in.name,
            account_no=account_no,
        )
        outstanding = await world.container.show_outstanding()(
            OutstandingQuery(account_no=account_no)
        )
        oldest = [
            item.document_ref
            for job in outstanding.jobs
            for item in job.items
            if not item.is_credit
        ][:2]
        owed = sum(outstanding.payables[ref].payable_cents for ref in oldest)

        payment = await world.pay(who, *oldest)
        world.processor.pay_out()
        await world.container.import_settlements()(PROCESSOR)
        async with world.container.uow()() as uow:
            rows_found, _ = await uow.settlements.rows(None, 5)
        command = PostSettlementCommand(
            settlement_id=rows_found[0].settlement.settlement_id, by=world.staff
        )
        posted = [await world.container.post_settlement()(command) for _ in range(2)][-1]
        async with world.container.uow()() as uow:
            reasons = [p.reason for p in await uow.postings.of_settlement(command.settlement_id)]

        assert payment.state is PaymentState.SETTLED
        assert payment.total_cents == owed
        assert posted.state is SettlementState.POSTED, reasons
        lines = [
            line.split(",")
            for file in sorted((tmp_path / "outbox").rglob("*.csv"))
            for line in file.read_text().splitlines()
            if line.split(",")[-1] in oldest
        ]
        assert sorted(line[-1] for line in lines) == sorted(oldest)
        assert {line[0] for line in lines} == {account_no}
