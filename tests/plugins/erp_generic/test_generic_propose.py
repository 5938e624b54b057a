"""A mapping is proposed from headers, works as it stands, and says what to look at."""

import os
from pathlib import Path

import pytest

from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.propose import propose_mapping
from dueport_erp_generic.settings import Settings
from dueport_ports import Entity, Misconfigured, OpenItem
from dueport_ports.testing.context import StillClock, plugin_context
from dueport_ports.testing.erp import pull_all


def folder_with(root: Path, **files: str) -> Path:
    folder = root / "inbox"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
        os.utime(folder / f"{name}.csv", (1_700_000_000, 1_700_000_000))
    return folder


async def documents(root: Path, folder: Path, text: str) -> dict[str, OpenItem]:
    (root / "mapping.toml").write_text(text, encoding="utf-8")
    (root / "data").mkdir()
    settings = Settings(folder=folder, mapping=root / "mapping.toml")
    erp = GenericErp(settings, plugin_context(root / "data", StillClock()))
    records = await pull_all(erp, Entity.DOCUMENTS, 100)
    return {item.document_ref: item for item in records if isinstance(item, OpenItem)}


async def test_the_proposal_for_a_full_set_loads_as_it_stands(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        customers="Cust #,Customer No.,Company Name,E-mail\n1,C1,Ann GmbH,a@x.com\n",
        jobs="Job ID,Customer No.,Project Name\nJ1,C1,Shed\n",
        open_items="Document No,Job ID,Doc Date,Due Date,Amount,Open Balance\n"
        'D1,J1,31.01.2026,28.02.2026,"1.234,50","1.000,25"\n',
        statements="Statement No,Account,Statement Date,Balance\nS1,C1,31.01.2026,5\n",
        notes="hello,world\n1,2\n",
    )
    proposal = propose_mapping(folder)
    found = await documents(tmp_path, folder, proposal.text)
    assert found["D1"].open_amount_cents == 100_025
    assert found["D1"].account_no == "C1"
    assert found["D1"].due_on.isoformat() == "2026-02-28"
    assert any("notes.csv is not used" in note for note in proposal.notes)
    assert any("taken from jobs.csv by the job" in note for note in proposal.notes)
    assert "[[statements]]" in proposal.text


async def test_invoices_alone_are_enough_to_start(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        bills="Invoice Number,Customer ID,Invoice Date,Due Date,Invoice Amount\n"
        "0001,C1,2026-01-31,2026-02-28,12.50\n0002,C1,2026-01-31,2026-02-28,-2.50\n",
    )
    proposal = propose_mapping(folder)
    found = await documents(tmp_path, folder, proposal.text)
    assert {ref: item.open_amount_cents for ref, item in found.items()} == {"0001": 1250}
    assert any("drawn from bills.csv" in note for note in proposal.notes)
    assert any("open in full" in note for note in proposal.notes)
    assert any("negative amounts" in note for note in proposal.notes)


def test_what_cannot_be_decided_is_asked(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        bills="Invoice,Account,Date,Due,Amount,Open\n1,C1,01/02/2026,03/04/2026,5,5\n",
    )
    proposal = propose_mapping(folder)
    assert any("date_formats.issued_on" in note for note in proposal.notes)
    assert proposal.text.startswith("# Look at this:")


def test_a_folder_without_documents_is_no_start(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, customers="Customer No,Name\nC1,Ann\n")
    with pytest.raises(Misconfigured, match="no file in"):
        propose_mapping(folder)
