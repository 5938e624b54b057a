"""What the README shows works as it is shown."""

import re
import tomllib
from pathlib import Path

from dueport_erp_spruce.settings import Settings
from dueport_ports import Entity, OpenItem, decode_settings
from dueport_ports.testing.erp import pull_all
from dueport_ports.testing.receivables import sample_receivables
from tests.plugins.erp_spruce.worlds import SpruceWorld, manifest_of, spruce_files

README = Path(__file__).parents[3] / "plugins" / "erp_spruce" / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def test_the_configuration_section_is_valid() -> None:
    (section,) = blocks("toml")
    settings = decode_settings(tomllib.loads(section)["plugins"]["erp_spruce"], Settings)
    assert settings.check_no == "Online"
    assert settings.gl_accounts["clearing:stripe"] == "1090.00"


async def test_the_example_file_is_what_the_text_says(tmp_path: Path) -> None:
    (documents,) = blocks("csv")
    world = SpruceWorld(tmp_path)
    files = {**spruce_files(sample_receivables()), "documents.csv": documents.encode()}
    manifest = manifest_of(files, batch="b", generated_at=world.clock.now().isoformat())
    world.deliver({**files, "manifest.json": manifest})
    records = await pull_all(world.connect(), Entity.DOCUMENTS, 10)
    assert [one.open_amount_cents for one in records if isinstance(one, OpenItem)] == [
        20_000,
        -10_025,
    ]
