"""A dealer with customers, and the operator portal in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.records import OperatorRole
from dueport_core.open_items import OpenItemKind
from tests.databases import TestDatabases
from tests.web.operator.browsing import browser, site
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import PortalApp, portal
from tests.world import World, account, item, open_world

__all__ = ["browser", "site"]


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """Four accounts: 1001 owes on two jobs, 1003 and 1004 cannot be reached by mail."""
    async with open_world(test_databases, tmp_path) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            account("1003", "No Mail Contracting"),
            account("1004", "Bad Mail, Inc.", "office at badmail"),
            item("INV-1", "1001", 40_000, job_no="12", due_in_days=-35),
            item("INV-2", "1001", 35_500, job_no="12"),
            item("INV-3", "1001", 60_000, job_no="15"),
            item("DM-1", "1001", 2_500, kind=OpenItemKind.DEBIT),
            item("CR-1", "1001", -10_025, job_no="12"),
            item("INV-9", "1002", 99_900, due_in_days=-100),
            item("INV-20", "1003", 1_000),
        )
        await world.sync()
        yield world


@pytest.fixture
def app(world: World) -> PortalApp:
    return portal(world)


@pytest.fixture
async def admin(app: PortalApp) -> AsyncIterator[Desk]:
    desk = await sign_in(app)
    yield desk
    await desk.browser.close()


@pytest.fixture
async def reader(app: PortalApp) -> AsyncIterator[Desk]:
    """Somebody who may look at everything and change nothing."""
    desk = await sign_in(app, OperatorRole.READ_ONLY, "rosa@cedaryard.example")
    yield desk
    await desk.browser.close()
