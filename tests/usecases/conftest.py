"""A world per test, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases import send_mail
from tests.databases import TestDatabases
from tests.patience import PATIENCE_S
from tests.world import World, account, item, open_world


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call sends until nothing is left, however slow the machine is at it."""
    monkeypatch.setattr(send_mail, "RUN_S", 5 * PATIENCE_S)


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer with two accounts, synced: 1001 owes on two jobs and has a credit."""
    async with open_world(test_databases, tmp_path) as world:
        await fill(world)
        yield world


@pytest.fixture
async def one_login_world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """The same dealer, who allows one login per customer."""
    policies = {"logins": {"per_customer": "one"}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        await fill(world)
        yield world


@pytest.fixture
async def reminding_world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """The same dealer, who reminds after three days."""
    policies = {"invite": {"remind_after_days": 3}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        await fill(world)
        yield world


async def fill(world: World) -> None:
    """Put the dealer's book into the ERP and mirror it."""
    world.erp.put(
        account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
        account("1002", "Müller & Sons", "pay@mueller.example"),
        account("1003", "No Mail Contracting"),
        item("INV-1", "1001", 40_000, job_no="12", due_in_days=-35),
        item("INV-2", "1001", 35_500, job_no="12"),
        item("INV-3", "1001", 60_000, job_no="15"),
        item("CR-1", "1001", -10_025, job_no="12"),
        item("INV-9", "1002", 99_900),
    )
    await world.sync()
