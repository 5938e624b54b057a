"""Deliveries over time: changed, shrunken, half and wrong ones, and the control totals."""

import datetime
import hashlib
import json
import os
from pathlib import Path

import pytest

from dueport_erp_generic.plugin import build, register
from dueport_erp_generic.settings import Settings
from dueport_ports import (
    Conflict,
    DueportError,
    Entity,
    ErpConnector,
    Misconfigured,
    Registry,
    Unavailable,
    Unsupported,
    decode_settings,
)
from dueport_ports.testing.context import StillClock, plugin_context
from dueport_ports.testing.erp import pull_all, pull_pages

HEADER = "invoice,account,date,due,amount,open\n"


class Dealer:
    def __init__(self, root: Path) -> None:
        self.clock = StillClock()
        self.folder, self.data = root / "inbox", root / "data"
        self.folder.mkdir()
        self.data.mkdir()
        self.mapping = root / "mapping.toml"
        self.mapping.write_text(
            '[[accounts]]\nfile = "accounts.csv"\n[[documents]]\nfile = "invoices.csv"\n'
        )
        self.put("accounts.csv", "account,name\nA1,Ann\n")

    def put(self, name: str, content: str) -> None:
        path = self.folder / name
        path.write_text(content)
        written_at = self.clock.now().timestamp()
        os.utime(path, (written_at, written_at))
        self.clock.advance(datetime.timedelta(minutes=5))

    def deliver(self, documents: int) -> None:
        rows = (f"I{number},A1,2026-03-01,2026-03-31,2.00,1.00\n" for number in range(documents))
        self.put("invoices.csv", HEADER + "".join(rows))

    def connect(self, **settings: object) -> ErpConnector:
        raw = {"folder": str(self.folder), "mapping": str(self.mapping), **settings}
        return build(decode_settings(raw, Settings), plugin_context(self.data, self.clock))


@pytest.fixture
def dealer(tmp_path: Path) -> Dealer:
    return Dealer(tmp_path)


def test_the_plugin_offers_itself_under_its_name() -> None:
    registry = Registry()
    register(registry)
    (offer,) = registry.offers()
    assert (offer.port, offer.name, offer.settings) == ("erp", "erp_generic", Settings)


async def test_a_shrunken_delivery_stops_before_a_single_row_is_handed_over(dealer: Dealer) -> None:
    dealer.deliver(100)
    await pull_all(dealer.connect(), Entity.DOCUMENTS, 40)
    dealer.deliver(60)
    for entity in (Entity.ACCOUNTS, Entity.DOCUMENTS):
        with pytest.raises(Conflict, match="set confirm_fall = 60"):
            await dealer.connect().pull(entity, None, 40)
    probe = await dealer.connect().probe()
    assert not probe.ok
    assert "confirm_fall = 60" in probe.detail
    confirmed = dealer.connect(confirm_fall=60)
    assert len(await pull_all(confirmed, Entity.DOCUMENTS, 40)) == 60
    assert len(await pull_all(dealer.connect(), Entity.DOCUMENTS, 40)) == 60, "accepted since"


async def test_a_delivery_counts_as_taken_only_when_its_last_page_was_read(dealer: Dealer) -> None:
    dealer.deliver(100)
    await dealer.connect().pull(Entity.DOCUMENTS, None, 40)
    dealer.deliver(10)
    assert len(await pull_all(dealer.connect(), Entity.DOCUMENTS, 40)) == 10


async def test_a_running_pull_stays_with_its_delivery_and_a_restarted_one_begins_again(
    dealer: Dealer,
) -> None:
    dealer.deliver(100)
    running = dealer.connect()
    first = await running.pull(Entity.DOCUMENTS, None, 60)
    dealer.deliver(99)
    rest = await running.pull(Entity.DOCUMENTS, first.cursor, 60)
    assert len(first.records) + len(rest.records) == 100
    with pytest.raises(Conflict, match="start a new one"):
        await dealer.connect().pull(Entity.DOCUMENTS, first.cursor, 60)
    pages = await pull_pages(running, Entity.DOCUMENTS, 60)
    assert sum(len(page.records) for page in pages) == 99, "the next pull sees the new files"


async def test_the_control_totals_show_both_numbers(dealer: Dealer) -> None:
    dealer.deliver(3)
    good = await dealer.connect(control_open_documents=3, control_open_amount="3.00").probe()
    assert good.ok
    assert (good.open_documents, good.open_amount_cents) == (3, 300)
    bad = await dealer.connect(control_open_documents=4, control_open_amount="3.50").probe()
    assert not bad.ok
    assert "4 open documents and the files hold 3" in bad.detail
    assert "3.50 and the files add up to 3.00" in bad.detail
    with pytest.raises(Misconfigured, match="control_open_amount"):
        dealer.connect(control_open_amount="3,50")


async def test_a_file_that_is_still_arriving_is_waited_for(dealer: Dealer) -> None:
    dealer.deliver(3)
    now = dealer.clock.now().timestamp()
    os.utime(dealer.folder / "invoices.csv", (now - 2, now - 2))
    with pytest.raises(Unavailable) as caught:
        await dealer.connect().pull(Entity.ACCOUNTS, None, 10)
    assert caught.value.retry_after_s == 9
    assert (await dealer.connect(stable_s=1).probe()).ok


async def test_a_manifest_that_does_not_fit_stops_the_delivery(dealer: Dealer) -> None:
    dealer.deliver(3)

    def manifest(rows: int) -> str:
        files = [
            {
                "name": name,
                "rows": count,
                "sha256": hashlib.sha256((dealer.folder / name).read_bytes()).hexdigest(),
            }
            for name, count in (("accounts.csv", 1), ("invoices.csv", rows))
        ]
        told = {"batch": f"b{rows}", "generated_at": "2026-03-02T05:00:00Z", "files": files}
        return json.dumps(told)

    dealer.put("manifest.json", manifest(4))
    with pytest.raises(Misconfigured, match=r"names 4 rows for invoices\.csv and it holds 3"):
        await dealer.connect(complete_when="manifest").pull(Entity.ACCOUNTS, None, 10)
    dealer.put("manifest.json", manifest(3))
    page = await dealer.connect(complete_when="manifest").pull(Entity.ACCOUNTS, None, 10)
    assert page.as_of == datetime.datetime(2026, 3, 2, 5, 0, tzinfo=datetime.UTC)


async def test_a_flood_of_bad_rows_is_cut_off_with_its_number(dealer: Dealer) -> None:
    rows = (f"I{number},A1,2026-03-01,2026-03-31,2.00,x\n" for number in range(6_000))
    dealer.put("invoices.csv", HEADER + "".join(rows))
    page = await dealer.connect().pull(Entity.DOCUMENTS, None, 10)
    assert len(page.problems) == 5_001
    assert page.problems[-1].reason.startswith("1000 more rows")


async def test_a_cursor_of_nonsense_is_a_conflict(dealer: Dealer) -> None:
    dealer.deliver(1)
    for cursor in ("", "x", "1.2.3", "abc.-1"):
        with pytest.raises(DueportError):
            await dealer.connect().pull(Entity.DOCUMENTS, cursor, 10)


async def test_an_entity_without_files_is_unsupported_and_not_an_empty_snapshot(
    dealer: Dealer,
) -> None:
    dealer.deliver(1)
    assert Entity.JOBS not in dealer.connect().capabilities().entities
    with pytest.raises(Unsupported, match="no jobs"):
        await dealer.connect().pull(Entity.JOBS, None, 10)


async def test_editing_the_mapping_in_the_inbox_is_no_delivery(dealer: Dealer) -> None:
    dealer.deliver(1)
    (dealer.folder / "mapping.toml").write_bytes(dealer.mapping.read_bytes())
    page = await dealer.connect(mapping=str(dealer.folder / "mapping.toml")).pull(
        Entity.DOCUMENTS, None, 10
    )
    assert len(page.records) == 1
