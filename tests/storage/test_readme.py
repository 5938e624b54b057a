"""The README of the storage folder says what is so."""

import re
import textwrap
from pathlib import Path
from zoneinfo import ZoneInfo

from dueport_apps import storage
from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from tests.storage.samples import ListedWork, ReversedSecrets, account, store

FOLDER = Path(storage.__file__).parent
README = (FOLDER / "README.md").read_text()


async def test_the_snippet_runs_as_it_stands(
    units: SqlUnitOfWorkFactory, database: Database
) -> None:
    await store(units, accounts=[account("1042")])
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {
        "Database": Database,
        "SqlUnitOfWorkFactory": SqlUnitOfWorkFactory,
        "url": database.url,
        "queue_on": ListedWork,
        "secret_box": ReversedSecrets(),
        "dealer_zone": ZoneInfo("UTC"),
    }
    exec("async def snippet():\n" + textwrap.indent(snippet + "return database", "    "), names)
    made = await names["snippet"]()  # type: ignore[operator] # defined by the line above
    assert isinstance(made, Database)
    await made.close()


def test_every_file_is_in_the_table_and_every_name_exists() -> None:
    named = set(re.findall(r"`([a-z_/]+(?:\.py|/))`", README))
    for name in named - {"tests/storage/test_migrate.py", "usecases/unit_of_work.py"}:
        assert any((base / name).exists() for base in (FOLDER, FOLDER / "migrations")), name
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert modules <= named
