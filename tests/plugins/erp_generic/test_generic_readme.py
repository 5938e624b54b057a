"""What the README shows works as it is shown."""

import os
import re
import tomllib
from pathlib import Path

from dueport_erp_generic.connector import GenericErp
from dueport_erp_generic.settings import Settings
from dueport_ports import Account, Entity, OpenItem, OpenItemKind, decode_settings
from dueport_ports.testing.context import StillClock, plugin_context
from dueport_ports.testing.erp import pull_all

README = Path(__file__).parents[3] / "plugins" / "erp_generic" / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


async def test_the_worked_example_loads_as_the_text_says(tmp_path: Path) -> None:
    section, mapping, layout = blocks("toml")
    jobs, items = blocks("csv")
    inbox, data = tmp_path / "inbox", tmp_path / "data"
    inbox.mkdir()
    data.mkdir()
    for name, content in (("jobs.csv", jobs), ("open_items.csv", items)):
        (inbox / name).write_text(content)
        os.utime(inbox / name, (1_700_000_000, 1_700_000_000))
    (tmp_path / "mapping.toml").write_text(mapping)
    raw = tomllib.loads(section + layout)["plugins"]["erp_generic"]
    raw |= {"folder": str(inbox), "mapping": str(tmp_path / "mapping.toml")}
    erp = GenericErp(decode_settings(raw, Settings), plugin_context(data, StillClock()))

    probe = await erp.probe()
    assert probe.ok, probe.detail
    accounts = await pull_all(erp, Entity.ACCOUNTS, 10)
    assert [one.name for one in accounts if isinstance(one, Account)] == [
        "Harbor Builders, LLC",
        "Depot Inc",
    ]
    found = [one for one in await pull_all(erp, Entity.DOCUMENTS, 10) if isinstance(one, OpenItem)]
    assert [(one.document_ref, one.kind, one.open_amount_cents) for one in found] == [
        ("000101", OpenItemKind.INVOICE, 120_050),
        ("000102", OpenItemKind.CREDIT, -5_025),
    ]
    assert [one.account_no for one in found] == ["C001", "C002"]
    assert len(await pull_all(erp, Entity.JOBS, 10)) == 2
