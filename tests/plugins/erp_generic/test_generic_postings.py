"""Posting files: by preset, by template, strict where the importer is, written once."""

import csv
import datetime
import io
from pathlib import Path

import msgspec
import pytest

from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.settings import Posting, Settings
from dueport_erp_generic.templates import PostingColumn, PostingFile
from dueport_ports import (
    Entity,
    Misconfigured,
    NamedFile,
    PostingBatch,
    PostingCategory,
    ReceiptOutcome,
    Rejected,
)
from dueport_ports.testing.context import plugin_context
from dueport_ports.testing.receivables import sample_batch, sample_journal
from tests.plugins.erp_generic.worlds import GenericWorld

GL = {"cash": "1010", "clearing:stripe": "1090", "processor_fees": "6210"}


def connector(
    root: Path, posting: Posting | None = None, assume_imported: bool = False
) -> GenericErp:
    world = GenericWorld(root)
    settings = Settings(
        folder=world.inbox,
        mapping=world.mapping,
        outbox=world.outbox,
        posting=posting or Posting(),
        assume_imported=assume_imported,
    )
    return GenericErp(settings, plugin_context(world.data, world.clock))


def rows_of(file: NamedFile) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.content.decode(), newline="")))


def with_check(batch: PostingBatch, check_no: str) -> PostingBatch:
    receipts = tuple(
        msgspec.structs.replace(receipt, check_no=check_no) for receipt in batch.receipts
    )
    return msgspec.structs.replace(batch, receipts=receipts)


async def test_the_plain_layout_has_a_header_and_shows_the_discount(tmp_path: Path) -> None:
    (payments,) = await connector(tmp_path).render_posting(sample_batch())
    header, first, second = rows_of(payments)
    assert payments.name.startswith("payments_po_1_invoices_")
    row = dict(zip(header, first, strict=True))
    assert (row["document_ref"], row["amount"], row["discount"]) == (
        "2603-000102",
        "400.01",
        "7.00",
    )
    assert (row["received_on"], row["deposit_on"]) == ("2026-03-30", "2026-04-02")
    assert second[header.index("amount")] == "0.07"


async def test_credits_go_to_a_list_for_a_person_and_not_among_the_payments(
    tmp_path: Path,
) -> None:
    batch = sample_batch(PostingCategory.CREDITS)
    (worklist,) = await connector(tmp_path).render_posting(batch)
    assert worklist.name.startswith("credits_po_1_credits_")
    header, row = rows_of(worklist)
    shown = dict(zip(header, row, strict=True))
    assert shown["action"] == "apply credit"
    assert (shown["document_ref"], shown["amount"]) == ("2603-000106", "100.25")
    assert shown["against"] == "2603-000101=100.25"


async def test_the_f2_layout_has_five_columns_and_discounts_are_left_to_a_person(
    tmp_path: Path,
) -> None:
    erp = connector(tmp_path, Posting(preset="spruce_f2", check_no="Online"))
    payments, worklist = await erp.render_posting(sample_batch())
    assert payments.content == (
        b"1001,12,Online,400.01,2603-000102\r\n1001,15,Online,0.07,2603-000103\r\n"
    )
    assert rows_of(worklist)[1] == [
        "1001",
        "12",
        "allow discount",
        "2603-000102",
        "7.00",
        "2603-000102",
    ]
    assert not erp.capabilities().takes_discount


async def test_the_journal_names_the_dealers_accounts_and_balances(tmp_path: Path) -> None:
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    erp = connector(tmp_path, Posting(preset="spruce_f2", gl_accounts=GL))
    ledger = next(file for file in await erp.render_posting(batch) if file.name.startswith("gl_"))
    rows = rows_of(ledger)
    assert rows[0] == ["1010", "po_1", "2026-04-02 payout", "400.08", ""]
    assert sum(round(float(row[3] or 0) * 100) for row in rows) == sum(
        round(float(row[4] or 0) * 100) for row in rows
    )


async def test_a_cell_that_the_importer_cannot_take_stops_the_whole_batch(tmp_path: Path) -> None:
    erp = connector(tmp_path, Posting(preset="spruce_f2"))
    batch = with_check(sample_batch(), "not allowed!")
    result = await erp.post(batch)
    assert result.state == "rejected"
    assert "CheckNum 'not allowed!'" in result.receipts[0].reason
    assert {found.outcome for found in result.receipts} == {ReceiptOutcome.REJECTED}
    assert await erp.posting_status(batch.key) is None, "nothing was written"
    with pytest.raises(Rejected, match="CheckNum"):
        await erp.render_posting(batch)
    again = await erp.post(sample_batch())
    assert again.state == "accepted", "the same key may come again once the cause is gone"


async def test_a_ledger_account_without_a_number_is_refused_by_the_strict_layout(
    tmp_path: Path,
) -> None:
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    result = await connector(tmp_path, Posting(preset="spruce_f2")).post(batch)
    assert result.state == "rejected"
    assert "'cash'" in result.reason


async def test_written_is_accepted_until_a_person_confirms(tmp_path: Path) -> None:
    erp = connector(tmp_path)
    result = await erp.post(sample_batch())
    assert (result.state, result.receipts) == ("accepted", ())
    assert "payments_po_1" in result.reason
    status = await erp.posting_status(sample_batch().key)
    assert status == result
    assert erp.capabilities().async_posting


async def test_written_is_posted_where_the_import_runs_by_itself(tmp_path: Path) -> None:
    erp = connector(tmp_path, assume_imported=True)
    result = await erp.post(sample_batch())
    assert result.state == "posted"
    assert [found.outcome for found in result.receipts] == [ReceiptOutcome.POSTED] * 2
    again = await erp.post(sample_batch())
    assert {found.outcome for found in again.receipts} == {ReceiptOutcome.DUPLICATE}
    assert not erp.capabilities().async_posting


async def test_two_batches_of_one_settlement_never_share_a_file(tmp_path: Path) -> None:
    erp = connector(tmp_path)
    first = await erp.render_posting(sample_batch(key="a"))
    second = await erp.render_posting(sample_batch(key="b"))
    assert first[0].name != second[0].name


async def test_a_formula_in_a_name_is_shown_and_not_run(tmp_path: Path) -> None:
    batch = with_check(sample_batch(), "=HYPERLINK(1)")
    (payments,) = await connector(tmp_path).render_posting(batch)
    header, row, _ = rows_of(payments)
    assert row[header.index("check_no")] == "'=HYPERLINK(1)"


async def test_an_own_layout_is_written_as_it_is_described(tmp_path: Path) -> None:
    own = PostingFile(
        name="cash_{settlement}_{batch}.txt",
        rows="receipt",
        delimiter="\t",
        date_format="%m/%d/%Y",
        line_end="\n",
        columns=(
            PostingColumn(field="text", header="Type", text="ACH"),
            PostingColumn(field="account_no", header="Cust"),
            PostingColumn(field="amount", header="Amt"),
            PostingColumn(field="deposit_on", header="Date"),
            PostingColumn(field="documents", header="Docs"),
        ),
    )
    (file,) = await connector(tmp_path, Posting(files=(own,))).render_posting(sample_batch())
    assert file.content.decode().splitlines() == [
        "Type\tCust\tAmt\tDate\tDocs",
        "ACH\t1001\t400.01\t04/02/2026\t2603-000102",
        "ACH\t1001\t0.07\t04/02/2026\t2603-000103",
    ]


@pytest.mark.parametrize(
    ("posting", "reason"),
    [
        (Posting(check_no="{receipt}"), "posting.check_no"),
        (Posting(check_no="{check_no.x}"), "posting.check_no"),
        (
            Posting(
                files=(
                    PostingFile(
                        name="a_{batch}.csv", rows="receipt", columns=(PostingColumn(field="x"),)
                    ),
                )
            ),
            "'x' is no field of receipt rows",
        ),
        (
            Posting(
                files=(
                    PostingFile(
                        name="a.csv", rows="receipt", columns=(PostingColumn(field="amount"),)
                    ),
                )
            ),
            "needs {batch}",
        ),
        (
            Posting(
                files=(
                    PostingFile(
                        name="a_{batch}.csv",
                        rows="receipt",
                        columns=(PostingColumn(field="amount", pattern="("),),
                    ),
                )
            ),
            "pattern",
        ),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_the_start(
    tmp_path: Path, posting: Posting, reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason):
        connector(tmp_path, posting)


async def test_the_capabilities_follow_the_mapping(tmp_path: Path) -> None:
    told = connector(tmp_path).capabilities()
    assert set(told.entities) == set(Entity)
    assert told.statements == "native"
    assert told.takes_discount
    assert not told.consumes_credits, "a person consumes credits, from the list"
    assert datetime.timedelta(seconds=told.min_poll_s) == datetime.timedelta(minutes=15)
