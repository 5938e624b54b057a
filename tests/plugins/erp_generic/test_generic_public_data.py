"""Three public data sets, each by its mapping file: counts, totals and refusals to the cent."""

import datetime
from collections import Counter
from pathlib import Path

from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.propose import propose_mapping
from dueport_erp_generic.settings import Settings
from dueport_ports import (
    Account,
    AccountStatus,
    Entity,
    Job,
    OpenItem,
    OpenItemKind,
    RowGrade,
    RowProblem,
)
from dueport_ports.testing.context import StillClock, plugin_context
from dueport_ports.testing.erp import pull_pages
from tests.shared import shared_path

MAPPINGS = Path(__file__).parent / "mappings"


LATE = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
"""Long after any checkout wrote its files, so that they lie still."""


def connector(data: str, mapping: Path, root: Path) -> GenericErp:
    settings = Settings(folder=shared_path(f"data/{data}"), mapping=mapping)
    return GenericErp(settings, plugin_context(root, StillClock(LATE)))


async def items_of(erp: GenericErp) -> tuple[dict[str, OpenItem], list[RowProblem]]:
    pages = await pull_pages(erp, Entity.DOCUMENTS, 700)
    items = {
        record.document_ref: record
        for page in pages
        for record in page.records
        if isinstance(record, OpenItem)
    }
    return items, [problem for page in pages for problem in page.problems]


def total(items: dict[str, OpenItem], *kinds: OpenItemKind) -> int:
    return sum(item.open_amount_cents for item in items.values() if item.kind in kinds)


async def test_clearwip_invoices_find_their_customers_through_the_jobs(tmp_path: Path) -> None:
    erp = connector("clearwip_o2c", MAPPINGS / "clearwip_o2c.toml", tmp_path)
    items, problems = await items_of(erp)
    assert problems == []
    invoices = [item for item in items.values() if item.kind is OpenItemKind.INVOICE]
    assert len(invoices) == 599
    assert total(items, OpenItemKind.INVOICE) == 14_681_373_00
    assert len({item.job_no for item in invoices}) == 106
    assert all(item.account_no.startswith("CL") for item in invoices)


async def test_clearwip_adjustments_are_split_by_their_sign(tmp_path: Path) -> None:
    erp = connector("clearwip_o2c", MAPPINGS / "clearwip_o2c.toml", tmp_path)
    items, _ = await items_of(erp)
    kinds = Counter(item.kind for item in items.values())
    assert (kinds[OpenItemKind.DEBIT], kinds[OpenItemKind.CREDIT]) == (93, 23)
    assert total(items, OpenItemKind.DEBIT) == 683_628_00
    assert total(items, OpenItemKind.CREDIT) == -47_195_00


async def test_clearwip_closed_jobs_still_owe(tmp_path: Path) -> None:
    erp = connector("clearwip_o2c", MAPPINGS / "clearwip_o2c.toml", tmp_path)
    items, _ = await items_of(erp)
    accounts = (await erp.pull(Entity.ACCOUNTS, None, 500)).records
    jobs = [job for job in (await erp.pull(Entity.JOBS, None, 500)).records if isinstance(job, Job)]
    assert (len(accounts), len(jobs)) == (40, 106)
    owing = {item.job_no for item in items.values() if item.kind is OpenItemKind.INVOICE}
    closed = {job.job_no for job in jobs if job.status is AccountStatus.CLOSED}
    assert len(owing & closed) == 51


async def test_poulomi_unpaid_balance_is_the_invoices_less_their_payments(tmp_path: Path) -> None:
    erp = connector("poulomi_ar", MAPPINGS / "poulomi_ar.toml", tmp_path)
    items, problems = await items_of(erp)
    refused = [problem for problem in problems if problem.grade is RowGrade.REFUSED]
    blank = [problem for problem in refused if problem.reason == "the amount is blank"]
    other = [problem for problem in refused if problem not in blank]
    assert len(blank) == 3
    assert [(one.column, one.value, one.proposal) for one in other] == [
        ("Invoice_Date", "23/10/2024", "2024-10-23")
    ]
    assert len(items) + len(refused) == 2_069
    # The published balance counts the row whose date is in the minority; it is read next.
    assert total(items, OpenItemKind.INVOICE) == 39_949_060_00


async def test_poulomi_is_whole_once_a_person_has_agreed_to_the_second_date_format(
    tmp_path: Path,
) -> None:
    mapping = tmp_path / "mapping.toml"
    agreed = (MAPPINGS / "poulomi_ar.toml").read_text() + 'date_format = ["iso", "dmy"]\n'
    mapping.write_text(agreed)
    items, _ = await items_of(connector("poulomi_ar", mapping, tmp_path))
    assert total(items, OpenItemKind.INVOICE) == 39_964_527_00
    assert items["INV06659"].issued_on.isoformat() == "2024-10-23"


async def test_poulomi_exact_duplicates_count_once(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    text = (MAPPINGS / "poulomi_ar.toml").read_text()
    mapping.write_text(text.partition("where =")[0])
    erp = connector("poulomi_ar", mapping, tmp_path)
    accounts = await erp.pull(Entity.ACCOUNTS, None, 1_000)
    assert len(accounts.records) == 500
    assert [problem.grade for problem in accounts.problems] == [RowGrade.IGNORED] * 3
    _, problems = await items_of(erp)
    grades = Counter(problem.grade for problem in problems)
    reasons = Counter(problem.column for problem in problems if problem.grade is RowGrade.REFUSED)
    assert grades[RowGrade.IGNORED] <= 5, "paid duplicates are no open items and no problem"
    # Six blank amounts and three negative invoices; nine of the ten odd dates are paid already.
    assert reasons["Invoice_Amount"] == 9
    assert reasons["Invoice_Date"] == 1


async def test_ibm_twins_give_the_same_documents_whichever_way_the_dates_are_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    us, no_problems = await items_of(
        connector("ibm_late", MAPPINGS / "ibm_late_mdy.toml", tmp_path / "a")
    )
    twin, no_twin_problems = await items_of(
        connector("ibm_late", MAPPINGS / "ibm_late_dmy.toml", tmp_path / "b")
    )
    assert no_problems == no_twin_problems == []
    assert us == twin, "every due date, amount and number is the same"
    assert len(us) == 2_466
    assert total(us, OpenItemKind.INVOICE) == 147_703_18
    assert {(item.due_on - item.issued_on).days for item in us.values()} == {30}


async def test_ibm_customers_are_drawn_from_the_invoices(tmp_path: Path) -> None:
    erp = connector("ibm_late", MAPPINGS / "ibm_late_mdy.toml", tmp_path)
    page = await erp.pull(Entity.ACCOUNTS, None, 500)
    assert len(page.records) == 100
    assert page.problems == ()
    assert all(isinstance(record, Account) for record in page.records)


async def test_a_proposed_mapping_is_a_working_start_for_all_three(tmp_path: Path) -> None:
    found = {}
    for data in ("clearwip_o2c", "poulomi_ar"):
        mapping = tmp_path / f"{data}.toml"
        mapping.write_text(propose_mapping(shared_path(f"data/{data}")).text)
        (tmp_path / data).mkdir()
        items, _ = await items_of(connector(data, mapping, tmp_path / data))
        found[data] = items
    invoices = [item for item in found["clearwip_o2c"].values() if item.reference == ""]
    assert sum(item.document_ref.startswith("INV") for item in invoices) == 599
    assert len(found["poulomi_ar"]) > 2_000
    both = propose_mapping(shared_path("data/ibm_late")).text
    assert 'issued_on = "mdy"' in both
    assert 'issued_on = "dmy"' in both
