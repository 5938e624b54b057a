"""What Spruce's CSV set means, and what of it is refused."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from dueport_erp_spruce.plugin import register
from dueport_erp_spruce.settings import Settings
from dueport_ports import (
    Account,
    AccountStatus,
    BillingLevel,
    Conflict,
    Entity,
    Misconfigured,
    OpenItem,
    OpenItemKind,
    Page,
    PostingModel,
    Registry,
    RowGrade,
    Statement,
    SyncShape,
    Unavailable,
)
from dueport_ports.testing.erp import pull_all
from dueport_ports.testing.receivables import sample_receivables
from tests.plugins.erp_spruce.worlds import SpruceWorld, manifest_of, spruce_files

DOCUMENTS = (
    "document_id,kind,account_no,job_no,issued_on,due_on,amount,open_amount,status,"
    "discount_amount,discount_last_day,posted_on\n"
)


@pytest.fixture
def world(tmp_path: Path) -> SpruceWorld:
    return SpruceWorld(tmp_path)


def deliver(world: SpruceWorld, **changes: str) -> None:
    """Deliver the sample with some files replaced; a name without its ending is a keyword."""
    files: dict[str, bytes] = spruce_files(sample_receivables())
    for name, text in changes.items():
        files[f"{name}.csv"] = text.encode()
    deliver_with_manifest(world, files)


def deliver_with_manifest(
    world: SpruceWorld, files: Mapping[str, bytes], **changes: object
) -> None:
    now = world.clock.now()
    told = {"batch": f"drop-{now:%H%M}", "generated_at": now.isoformat(), **changes}
    manifest = manifest_of(files, **told)
    world.deliver({**files, "manifest.json": manifest})


async def documents(world: SpruceWorld, *rows: str) -> tuple[dict[str, OpenItem], Page]:
    deliver(world, documents=DOCUMENTS + "\n".join(rows) + "\n")
    page = await world.connect().pull(Entity.DOCUMENTS, None, 500)
    items = [record for record in page.records if isinstance(record, OpenItem)]
    return {item.document_ref: item for item in items}, page


def test_the_plugin_offers_itself_under_its_name() -> None:
    registry = Registry()
    register(registry)
    (offer,) = registry.offers()
    assert (offer.port, offer.name, offer.settings) == ("erp", "erp_spruce", Settings)


async def test_spruce_delivers_everything_as_snapshots_and_never_takes_a_posting_back(
    world: SpruceWorld,
) -> None:
    told = world.connect().capabilities()
    assert set(told.entities.values()) == {SyncShape.SNAPSHOT}
    assert set(told.entities) == set(Entity)
    assert not told.reversals
    assert not told.consumes_credits
    assert not told.live_account


async def test_the_kind_gives_the_side_and_the_sign_of_a_document(world: SpruceWorld) -> None:
    words = {
        "invoice": OpenItemKind.INVOICE,
        "ticket": OpenItemKind.INVOICE,
        "installed_sale": OpenItemKind.INVOICE,
        "finance_charge": OpenItemKind.FINANCE_CHARGE,
        "debit_adjustment": OpenItemKind.DEBIT,
        "credit_adjustment": OpenItemKind.CREDIT,
        "credit_memo": OpenItemKind.CREDIT,
        "payment_on_account": OpenItemKind.CREDIT,
        "balance_forward": OpenItemKind.BALANCE_FORWARD,
    }
    rows = [f"D-{word},{word},1001,12,2026-03-01,2026-03-31,9.00,5.00,open,,," for word in words]
    items, page = await documents(world, *rows)
    assert page.problems == ()
    for word, kind in words.items():
        item = items[f"D-{word}"]
        assert (item.kind, item.erp_kind) == (kind, word)
        assert item.open_amount_cents == (-500 if kind is OpenItemKind.CREDIT else 500)


async def test_paid_and_void_documents_are_gone_and_held_ones_are_not_shown(
    world: SpruceWorld,
) -> None:
    items, page = await documents(
        world,
        "D1,invoice,1001,12,2026-03-01,2026-03-31,9.00,9.00,void,,,",
        "D2,invoice,1001,12,2026-03-01,2026-03-31,9.00,0.00,paid,,,",
        "D3,invoice,1001,12,2026-03-01,2026-03-31,9.00,9.00,held,,,",
        "D4,invoice,1001,,2026-03-01,2026-03-31,9.00,9.00,,1.00,2026-03-10,2026-03-02",
    )
    assert page.problems == ()
    assert list(items) == ["D3", "D4"]
    assert not items["D3"].released
    assert items["D4"].job_no == "0", "a document without a job belongs to the master job"
    assert items["D4"].discount_eligible
    assert items["D4"].posted_on == datetime.date(2026, 3, 2)
    assert items["D3"].discount_eligible is None, "no word is not a no"


async def test_what_cannot_be_a_document_is_refused_by_line(world: SpruceWorld) -> None:
    items, page = await documents(
        world,
        ",invoice,1001,12,2026-03-01,2026-03-31,9.00,9.00,open,,,",
        "D2,mystery,1001,12,2026-03-01,2026-03-31,9.00,9.00,open,,,",
        "D3,invoice,9999,12,2026-03-01,2026-03-31,9.00,9.00,open,,,",
        "D4,invoice,1001,12,03/01/2026,2026-03-31,9.00,9.00,open,,,",
        "D5,invoice,1001,12,2026-03-01,2026-03-31,9.00,-9.00,open,,,",
        "D6,invoice,1001,12,2026-03-01,2026-03-31,9.005,9.00,open,,,",
        "D7,invoice,1001,12,2026-03-01,2026-03-31,9.00,9.00,open,,,",
        "D7,invoice,1001,12,2026-03-01,2026-03-31,9.00,0.00,paid,,,",
        "D8,invoice,1001,12,2026-03-01,,9.00,9.00,open,,,",
        "D8,invoice,1001,12,2026-03-01,,9.00,9.00,open,,,",
    )
    assert list(items) == ["D8"]
    refused = [problem for problem in page.problems if problem.grade is RowGrade.REFUSED]
    assert sorted(problem.line for problem in refused) == [2, 3, 4, 5, 6, 7, 8, 9]
    columns = [problem.column for problem in refused[:6]]
    assert columns == ["document_id", "kind", "account_no", "issued_on", "open_amount", "amount"]
    keys = [problem.key for problem in refused]
    assert keys == ["", "D2", "D3", "D4", "D5", "D6", "D7", "D7"], "what they are, they say"
    grades = {problem.grade for problem in page.problems if problem.line in (10, 11)}
    assert grades == {RowGrade.WARNING, RowGrade.IGNORED}
    assert items["D8"].due_on == datetime.date(2026, 3, 31)


async def test_accounts_carry_spruces_own_words(world: SpruceWorld) -> None:
    deliver(
        world,
        accounts="account_no,name,status,posting_model,billing_level,contacts,address,credit_limit\n"
        '1001,Harbor,hold,balance_forward,job,"[{""name"":""Ana"",""email"":""a@x.com"",'
        '""primary"":true}]","1 Pier\nPortland",2500.00\n'
        "0042,Müller,sleeping,,,not json,,\n",
    )
    page = await world.connect().pull(Entity.ACCOUNTS, None, 10)
    harbor, mueller = (one for one in page.records if isinstance(one, Account))
    assert harbor.status is AccountStatus.HOLD
    assert harbor.posting_model is PostingModel.BALANCE_FORWARD
    assert harbor.billing_level is BillingLevel.JOB
    assert harbor.primary_email == "a@x.com"
    assert harbor.address_lines == ("1 Pier", "Portland")
    assert harbor.credit_limit_cents == 250_000
    assert mueller.status is AccountStatus.ACTIVE
    assert [problem.column for problem in page.problems] == ["status", "contacts"]


async def test_a_statement_keeps_the_last_day_of_its_discount(world: SpruceWorld) -> None:
    deliver(world)
    records = await pull_all(world.connect(), Entity.STATEMENTS, 10)
    assert records == list(sample_receivables().statements)
    (statement,) = records
    assert isinstance(statement, Statement)
    assert statement.discount_on == datetime.date(2026, 4, 5), "no grace days are added"


async def test_a_delivery_without_one_of_its_files_is_refused(world: SpruceWorld) -> None:
    files = spruce_files(sample_receivables())
    del files["jobs.csv"]
    deliver_with_manifest(world, files)
    with pytest.raises(Misconfigured, match=r"lacks jobs\.csv"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)


async def test_a_file_without_a_needed_column_is_refused(world: SpruceWorld) -> None:
    deliver(world, jobs="account_no,name\n1001,Master\n")
    with pytest.raises(Misconfigured, match=r"jobs\.csv has no column 'job_no'"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)


async def test_nothing_is_read_before_the_manifest_or_the_mark(tmp_path: Path) -> None:
    world = SpruceWorld(tmp_path)
    world.deliver(spruce_files(sample_receivables()))
    with pytest.raises(Unavailable, match=r"manifest\.json"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)
    world.settings["complete_when"] = "done"
    with pytest.raises(Unavailable, match="_DONE"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)
    world.deliver({"_DONE": b""})
    assert (await world.connect().probe()).ok


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"totals": {"open_documents": 9}}, "names 9 open documents and the files hold 8"),
        ({"totals": {"open_amount": "1.00"}}, "names an open amount of 1.00"),
        ({"full": False}, "only full deliveries"),
    ],
)
async def test_a_manifest_that_does_not_fit_its_files_stops_the_delivery(
    world: SpruceWorld, changes: dict[str, object], reason: str
) -> None:
    deliver_with_manifest(world, spruce_files(sample_receivables()), **changes)
    with pytest.raises(Misconfigured, match=reason):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)


async def test_a_row_count_that_is_wrong_stops_the_delivery(world: SpruceWorld) -> None:
    files = spruce_files(sample_receivables())
    deliver_with_manifest(world, files)
    manifest = (world.inbox / "manifest.json").read_bytes()
    world.deliver({"manifest.json": manifest.replace(b'"rows": 8', b'"rows": 7')})
    with pytest.raises(Misconfigured, match=r"names 7 rows for documents\.csv and it holds 8"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)


async def test_an_old_delivery_does_not_replace_a_newer_one(world: SpruceWorld) -> None:
    files = spruce_files(sample_receivables())
    deliver_with_manifest(world, files)
    await pull_all(world.connect(), Entity.DOCUMENTS, 500)
    deliver_with_manifest(world, files, generated_at="2020-01-01T00:00:00Z", batch="old")
    with pytest.raises(Misconfigured, match="older than the last one"):
        await world.connect().pull(Entity.ACCOUNTS, None, 10)


async def test_a_fall_of_the_open_documents_needs_a_person(world: SpruceWorld) -> None:
    rows = [f"D{n},invoice,1001,12,2026-03-01,2026-03-31,9.00,9.00,open,,," for n in range(20)]
    await documents(world, *rows)
    with pytest.raises(Conflict, match="confirm_fall = 5"):
        await documents(world, *rows[:5])
    world.settings["confirm_fall"] = 5
    found, _ = await documents(world, *rows[:5])
    assert len(found) == 5
