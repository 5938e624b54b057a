"""A dealer, both parts of the API in front of it, and programs with keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.records import Permission
from tests.databases import TestDatabases
from tests.web.api.programs import Program, issue
from tests.web.portal import PortalApp, portal
from tests.world import World, account, item, open_world


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            account("1003", "No Mail Contracting"),
            item("INV-1", "1001", 40_000, job_no="12", due_in_days=-35),
            item("INV-2", "1001", 35_500, job_no="12"),
            item("CR-1", "1001", -10_025, job_no="12"),
            item("INV-9", "1002", 99_900),
        )
        await world.sync()
        yield world


@pytest.fixture
def app(world: World) -> PortalApp:
    return portal(world)


@pytest.fixture
async def program(app: PortalApp, world: World) -> AsyncIterator[Program]:
    """A program that may do everything."""
    made = Program(app, await issue(world, *Permission))
    yield made
    await made.client.aclose()


@pytest.fixture
async def viewer(app: PortalApp, world: World) -> AsyncIterator[Program]:
    """A program that may look and nothing else."""
    made = Program(app, await issue(world, Permission.VIEW))
    yield made
    await made.client.aclose()
