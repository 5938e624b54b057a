"""Spruce's import files open in a strict importer as they are; the rest is a list for a person."""

import csv
import datetime
import io
import re
from pathlib import Path

import msgspec
import pytest

from dueport_ports import (
    Misconfigured,
    NamedFile,
    PostingBatch,
    PostingCategory,
    Receipt,
    ReceiptOutcome,
)
from dueport_ports.testing.receivables import sample_batch, sample_journal
from tests.plugins.erp_spruce.worlds import SpruceWorld

GL = {"cash": "1010.00", "clearing:stripe": "1090.00", "processor_fees": "6210.00"}


def import_payments(content: bytes) -> list[tuple[str, str, str, int, str]]:
    """Import as Payment Entry does: five bare columns, no header, nothing quoted."""
    rows = []
    for line in content.decode("ascii").split("\r\n")[:-1]:
        found = re.fullmatch(
            r"([A-Za-z0-9._-]+),([A-Za-z0-9._-]+),([A-Za-z0-9]{1,15}),(\d+)\.(\d\d),([A-Za-z0-9._-]+)",
            line,
        )
        assert found, f"the importer stops at {line!r}"
        customer, job, check, whole, fraction, document = found.groups()
        rows.append((customer, job, check, int(whole + fraction), document))
    return rows


def import_journal(content: bytes) -> list[tuple[str, int]]:
    """Import as Journal Entry does: no header, no quotes, no commas in texts, no negatives."""
    lines = []
    for line in content.decode("ascii").split("\r\n")[:-1]:
        found = re.fullmatch(r"([0-9.]+),([^,\"]+),([^,\"]+),(\d+\.\d\d)?,(\d+\.\d\d)?", line)
        assert found, f"the importer stops at {line!r}"
        debit, credit = found[4], found[5]
        assert bool(debit) != bool(credit), "one side of a line"
        cents = int((debit or credit).replace(".", ""))
        lines.append((found[1], cents if debit else -cents))
    return lines


async def rendered(world: SpruceWorld, batch: PostingBatch) -> dict[str, NamedFile]:
    files = await world.connect().render_posting(batch)
    return {file.name.partition("_po_1_")[0]: file for file in files}


def changed(batch: PostingBatch, **fields: object) -> PostingBatch:
    receipts: tuple[Receipt, ...] = tuple(
        msgspec.structs.replace(receipt, **fields) for receipt in batch.receipts
    )
    return msgspec.structs.replace(batch, receipts=receipts)


@pytest.fixture
def world(tmp_path: Path) -> SpruceWorld:
    return SpruceWorld(tmp_path)


async def test_payments_import_without_a_touch_one_row_for_each_job_and_document(
    world: SpruceWorld,
) -> None:
    files = await rendered(world, sample_batch())
    assert import_payments(files["payments"].content) == [
        ("1001", "12", "DP0000000000001", 40_001, "2603-000102"),
        ("1001", "15", "DP0000000000001", 7, "2603-000103"),
    ]


async def test_debits_are_payments_too(world: SpruceWorld) -> None:
    files = await rendered(world, sample_batch(PostingCategory.DEBITS))
    assert list(files) == ["payments"]
    assert sum(row[3] for row in import_payments(files["payments"].content)) == 1_810


async def test_a_constant_check_number_lets_spruce_post_online_receipts_by_itself(
    tmp_path: Path,
) -> None:
    world = SpruceWorld(tmp_path, check_no="Online")
    files = await rendered(world, sample_batch())
    assert {row[2] for row in import_payments(files["payments"].content)} == {"Online"}


def test_a_check_number_template_that_names_nothing_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="check_no"):
        SpruceWorld(tmp_path, check_no="{payment}").connect()


async def test_credits_are_a_work_list_and_never_a_payment_row(world: SpruceWorld) -> None:
    files = await rendered(world, sample_batch(PostingCategory.CREDITS))
    assert list(files) == ["credit_worklist"]
    header, row = csv.reader(io.StringIO(files["credit_worklist"].content.decode(), newline=""))
    assert header[0] == "Customer", "a person reads it, so it has a header"
    assert row == [
        "1001", "12", "apply credit", "2603-000106", "100.25", "2603-000101=100.25", "2026-03-30",
    ]  # fmt: skip


async def test_a_discount_is_told_to_a_person_because_the_import_has_no_column_for_it(
    world: SpruceWorld,
) -> None:
    files = await rendered(world, sample_batch())
    assert b"allow discount,2603-000102,7.00" in files["credit_worklist"].content


async def test_the_journal_imports_and_balances(tmp_path: Path) -> None:
    world = SpruceWorld(tmp_path, gl_accounts=GL)
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    files = await rendered(world, batch)
    lines = import_journal(files["gl"].content)
    assert sum(cents for _, cents in lines) == 0
    assert lines[0] == ("1010.00", 40_008)
    assert b"2026-04-02 processor fee" in files["gl"].content


async def test_a_ledger_account_without_a_gl_account_is_asked_for(world: SpruceWorld) -> None:
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    with pytest.raises(Misconfigured, match="'cash' has no GL account"):
        await world.connect().post(batch)
    assert await world.connect().posting_status(batch.key) is None


async def test_an_entry_outside_the_open_cycle_is_refused(tmp_path: Path) -> None:
    world = SpruceWorld(tmp_path, gl_accounts=GL, gl_open_from=datetime.date(2026, 4, 3))
    batch = msgspec.structs.replace(sample_batch(), journal=sample_journal())
    result = await world.connect().post(batch)
    assert result.state == "rejected"
    assert "outside the open GL cycle" in result.reason
    assert await world.applied_cents() == {}, "the payments of that batch are not written either"


@pytest.mark.parametrize(
    ("field", "value", "column"),
    [
        ("account_no", "10,01", "Customer"),
        ("account_no", "=1001", "Customer"),
        ("job_no", "", "JobID"),
        ("job_no", "Pier 12", "JobID"),
        ("check_no", "DP-1", "CheckNum"),
        ("check_no", "X" * 16, "CheckNum"),
    ],
)
async def test_a_field_outside_its_pattern_refuses_the_batch_and_writes_nothing(
    world: SpruceWorld, field: str, value: str, column: str
) -> None:
    connector = world.connect()
    batch = changed(sample_batch(), **{field: value})
    result = await connector.post(batch)
    assert result.state == "rejected"
    assert column in result.receipts[0].reason
    assert {found.outcome for found in result.receipts} == {ReceiptOutcome.REJECTED}
    assert await world.applied_cents() == {}
    assert await connector.posting_status(batch.key) is None


async def test_a_credit_within_a_payment_batch_is_refused(world: SpruceWorld) -> None:
    credit = sample_batch(PostingCategory.CREDITS)
    batch = msgspec.structs.replace(sample_batch(), receipts=credit.receipts)
    result = await world.connect().post(batch)
    assert result.state == "rejected"
    assert "credit" in result.receipts[0].reason


async def test_written_files_wait_for_a_person(world: SpruceWorld) -> None:
    result = await world.connect().post(sample_batch())
    assert result.state == "accepted"
    assert sorted(path.name for path in world.outbox.glob("*.csv")) == sorted(
        result.reason.rpartition(": ")[2].split()
    )


async def test_written_files_are_posted_where_that_is_agreed(tmp_path: Path) -> None:
    world = SpruceWorld(tmp_path, assume_imported=True)
    result = await world.connect().post(sample_batch())
    assert result.state == "posted"
    assert len(result.receipts) == 2
