"""The demo ERP imports every receipt exactly once, whatever happens to the files."""

import datetime
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from dueport_apps.demo.records import Document
from dueport_apps.sandbox.demo_erp.ledger import Ledger
from dueport_apps.sandbox.demo_erp.routes import create_erp_router
from dueport_ports import CreditUsed, Entity, OpenItem, PostingCategory
from tests.demo.worlds import ErpWorld, batch, pays, receipt


@pytest.fixture
def world(tmp_path: Path) -> ErpWorld:
    return ErpWorld(tmp_path)


def documents_of(world: ErpWorld, kind: str, account_no: str = "1001") -> list[Document]:
    return [
        one
        for one in world.dealer.open_documents
        if one.account_no == account_no and one.kind == kind
    ]


async def open_now(world: ErpWorld) -> dict[str, int]:
    """What Dueport reads from the newest delivery."""
    page = await world.connector.pull(Entity.DOCUMENTS, None, 20_000)
    return {
        one.document_ref: one.open_amount_cents for one in page.records if isinstance(one, OpenItem)
    }


async def test_a_posted_receipt_lowers_its_documents_and_is_shown_once(world: ErpWorld) -> None:
    first, second = documents_of(world, "invoice")[:2]
    await world.connector.post(
        batch(
            "s1-invoices",
            [
                receipt(
                    "p1:invoices:1",
                    "1001",
                    pays(first.document_id, first.open_cents - 100, discount=100),
                    pays(second.document_id, 500),
                )
            ],
        )
    )
    world.later()

    assert await world.erp.look()

    after = await open_now(world)
    assert first.document_id not in after
    assert after[second.document_id] == second.open_cents - 500
    assert [(entry.document_id, entry.amount_cents) for _, entry in world.erp.receipts()] == [
        (first.document_id, first.open_cents - 100),
        (second.document_id, 500),
    ]


async def test_the_same_file_again_changes_nothing_under_whatever_name(world: ErpWorld) -> None:
    invoice = documents_of(world, "invoice")[0]
    await world.connector.post(
        batch("s1-invoices", [receipt("p1:invoices:1", "1001", pays(invoice.document_id, 700))])
    )
    name = next(path.name for path in world.settings.outbox.glob("payments_*.csv"))
    world.erp.import_new()
    content = (world.settings.outbox / "imported" / name).read_bytes()

    (world.settings.outbox / name).write_bytes(content)
    (world.settings.outbox / "payments_resent.csv").write_bytes(content)
    assert world.erp.import_new() == 2

    assert len(world.erp.receipts()) == 1
    assert world.erp.books.open_cents(invoice.document_id) == invoice.open_cents - 700
    assert sorted(one.repeated for one in world.erp.imports) == [0, 1, 1]
    assert len(list((world.settings.outbox / "imported").iterdir())) == 3


async def test_a_row_that_stands_twice_in_one_file_counts_once(world: ErpWorld) -> None:
    invoice = documents_of(world, "invoice")[0]
    world.settings.outbox.mkdir(exist_ok=True)
    row = f"1001,CHK1,{invoice.document_id},3.00\r\n"
    (world.settings.outbox / "payments_x.csv").write_text(
        f"account_no,check_no,document_ref,amount\r\n{row}{row}", newline=""
    )

    world.erp.import_new()

    assert world.erp.books.open_cents(invoice.document_id) == invoice.open_cents - 300


async def test_a_receipt_with_another_amount_than_before_is_refused(world: ErpWorld) -> None:
    invoice = documents_of(world, "invoice")[0]
    for key, cents in (("s1-invoices", 700), ("s2-invoices", 900)):
        await world.connector.post(
            batch(key, [receipt("p1:invoices:1", "1001", pays(invoice.document_id, cents))])
        )
        world.erp.import_new()

    assert len(world.erp.receipts()) == 1
    assert world.erp.books.open_cents(invoice.document_id) == invoice.open_cents - 700
    assert "another amount" in world.erp.refusals[0].refused
    assert len(list((world.settings.outbox / "refused").iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"who,knows\r\n1,2\r\n",
        b"account_no,check_no,document_ref,amount\r\n1,2,3,x\r\n",
        b"",
    ],
)
async def test_a_file_that_cannot_be_read_is_put_aside_with_its_reason(
    world: ErpWorld, content: bytes
) -> None:
    world.settings.outbox.mkdir(exist_ok=True)
    (world.settings.outbox / "payments_odd.csv").write_bytes(content)

    world.erp.import_new()

    assert world.erp.refusals[0].refused
    assert world.erp.receipts() == []
    assert world.started().refusals == world.erp.refusals


async def test_credits_are_used_up_on_the_documents_they_were_applied_to(world: ErpWorld) -> None:
    invoice = documents_of(world, "invoice")[0]
    credit = (documents_of(world, "credit_memo") + documents_of(world, "credit_adjustment"))[0]
    used = min(credit.open_cents, invoice.open_cents)
    await world.connector.post(
        batch(
            "s1-credits",
            [
                receipt(
                    "p1:credits:1",
                    "1001",
                    pays(invoice.document_id, used),
                    credits_used=(CreditUsed(document_ref=credit.document_id, amount_cents=used),),
                )
            ],
            PostingCategory.CREDITS,
        )
    )

    world.erp.import_new()

    assert world.erp.books.open_cents(credit.document_id) == credit.open_cents - used
    assert world.erp.books.open_cents(invoice.document_id) == invoice.open_cents - used
    assert {entry.kind for _, entry in world.erp.receipts()} == {"credit_used", "credit_applied"}


async def test_money_above_what_is_open_stays_on_account_and_is_delivered_as_a_credit(
    world: ErpWorld,
) -> None:
    invoice = documents_of(world, "invoice")[0]
    _, before = world.erp.books.totals()
    await world.connector.post(
        batch(
            "s1-invoices",
            [receipt("p1:invoices:1", "1001", pays(invoice.document_id, invoice.open_cents + 250))],
        )
    )
    world.later()
    await world.erp.look()

    after = await open_now(world)
    assert [cents for ref, cents in after.items() if ref.startswith("OA-")] == [-250]
    assert sum(after.values()) == before - invoice.open_cents - 250


async def test_a_start_after_a_crash_knows_everything_and_imports_nothing_again(
    world: ErpWorld,
) -> None:
    invoice = documents_of(world, "invoice")[0]
    await world.connector.post(
        batch("s1-invoices", [receipt("p1:invoices:1", "1001", pays(invoice.document_id, 700))])
    )
    name = next(path.name for path in world.settings.outbox.glob("payments_*.csv"))
    world.erp.import_new()
    # The crash came after the ledger was written and before the file was moved.
    (world.settings.outbox / "imported" / name).rename(world.settings.outbox / name)

    restarted = world.started()
    restarted.import_new()

    assert len(restarted.receipts()) == 1
    assert restarted.books.open_cents(invoice.document_id) == invoice.open_cents - 700


async def test_a_ledger_line_that_was_cut_off_is_imported_anew(world: ErpWorld) -> None:
    invoice = documents_of(world, "invoice")[0]
    await world.connector.post(
        batch("s1-invoices", [receipt("p1:invoices:1", "1001", pays(invoice.document_id, 700))])
    )
    name = next(path.name for path in world.settings.outbox.glob("payments_*.csv"))
    world.erp.import_new()
    ledger = world.settings.ledger.read_bytes()
    world.settings.ledger.write_bytes(ledger[: len(ledger) // 2])
    (world.settings.outbox / "imported" / name).rename(world.settings.outbox / name)

    restarted = world.started()
    assert restarted.receipts() == []
    restarted.import_new()

    assert restarted.books.open_cents(invoice.document_id) == invoice.open_cents - 700
    assert len(Ledger(world.settings.ledger).imports) == 1


async def test_an_erp_that_waits_for_the_end_of_the_day_lowers_nothing_before(
    tmp_path: Path,
) -> None:
    world = ErpWorld(tmp_path, applies="end_of_day")
    invoice = documents_of(world, "invoice")[0]
    await world.connector.post(
        batch("s1-invoices", [receipt("p1:invoices:1", "1001", pays(invoice.document_id, 700))])
    )
    world.later()
    await world.erp.look()
    assert (await open_now(world))[invoice.document_id] == invoice.open_cents
    assert world.erp.waiting == 1
    assert len(world.erp.receipts()) == 1

    world.later()
    await world.erp.end_day()

    assert (await open_now(world))[invoice.document_id] == invoice.open_cents - 700
    assert world.started().books.open_cents(invoice.document_id) == invoice.open_cents - 700


async def test_it_delivers_again_every_hour_so_that_balances_do_not_look_old(
    world: ErpWorld,
) -> None:
    assert not await world.erp.look()
    world.clock.advance(datetime.timedelta(minutes=61))

    assert await world.erp.look()
    page = await world.connector.pull(Entity.ACCOUNTS, None, 1)
    assert page.as_of == world.clock.now()


async def test_the_page_and_the_json_show_the_receipt_and_the_search_finds_it(
    world: ErpWorld,
) -> None:
    invoice = documents_of(world, "invoice")[0]
    await world.connector.post(
        batch("s1-invoices", [receipt("p1:invoices:1", "1001", pays(invoice.document_id, 700))])
    )
    await world.erp.look()
    app = Litestar([create_erp_router(world.erp, datetime.UTC)], openapi_config=None)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar narrows ASGI's types.

    async with httpx.AsyncClient(transport=transport, base_url="http://erp.test") as client:
        receipts = (await client.get("/erp/receipts.json")).json()
        page = (await client.get("/erp")).text
        by_check = (await client.get("/erp", params={"q": "p1invoices1"})).text
        nothing = (await client.get("/erp", params={"q": "no such thing"})).text
        last = (await client.get("/erp", params={"page": 8})).text
        account = (await client.get("/erp/accounts/1001")).text
        missing = await client.get("/erp/accounts/no")

    assert [(one["check_no"], one["document_id"], one["amount"]) for one in receipts] == [
        ("P1INVOICES1", invoice.document_id, "7.00")
    ]
    assert page.count("P1INVOICES1") == 1
    assert "P1INVOICES1" in by_check
    assert "No receipt matches" in nothing
    assert "Page 8 of 8" in last
    assert "P1INVOICES1" in account
    assert missing.status_code == 404
