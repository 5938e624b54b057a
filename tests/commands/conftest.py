"""Commands set the process's logging up for good; tests after them must not notice. And a desk at a
deployment with three customers, of whom one has no address."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dueport_apps.commands.init import Answers, write_config
from dueport_apps.storage.migrate import migrate
from tests.commands.desk import Desk
from tests.databases import TestDatabases
from tests.world import World, account, item


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dueport_apps.cli.configure_logging", lambda **_: None)


@pytest.fixture
def config() -> Iterator[Path]:
    """A configuration in a folder that the database's own user may pass through."""
    with tempfile.TemporaryDirectory(prefix="dueport-invite-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield write_config(folder, Answers(name="Cedar Yard Supply", reply_to="ar@yard.example"))


@pytest.fixture
def desk(
    test_databases: TestDatabases, config: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    policies = {"signup": {"enrolment_codes": True}}
    desk = Desk(config.parent, config, mail={"bounces_folder": "bounces"}, policies=policies)
    desk.erp.put(
        account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
        account("1002", "Müller & Sons", "pay@mueller.example"),
        account("1003", "No Mail Contracting"),
        item("INV-1", "1001", 40_000, due_in_days=-35),
    )
    monkeypatch.setattr("dueport_apps.deployment.deployment", desk.deployment)
    with test_databases.copy(test_databases.template("migrated", migrate)) as url:
        desk.url = url
        monkeypatch.setattr("dueport_apps.deployment.database", desk.database)
        monkeypatch.setattr("dueport_apps.deployment.ensure_schema", lambda *_: None)
        desk.do(_first_day)
        yield desk


async def _first_day(world: World) -> None:
    await world.sync()
    await world.run_jobs()
