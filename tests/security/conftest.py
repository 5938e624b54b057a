"""A dealer with a few customers and the real application in front, for those who attack it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_ports import Contact
from tests.databases import TestDatabases
from tests.inviting import policies
from tests.web.portal import PortalApp, portal
from tests.world import World, account, item, open_world


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """Every way in is open: invitations, sign-up, enrolment codes."""
    ways = policies(signup={"self_service": True, "enrolment_codes": True})
    async with open_world(test_databases, tmp_path, **ways) as world:
        contact = Contact(
            name="Accounts Payable",
            email="ap@harbor.example",
            phone="603-555-0177",
            is_primary=True,
        )
        world.erp.put(
            account("1001", "Harbor Builders, LLC", contacts=(contact,), ship_to_zip="03801"),
            account("1002", "Müller & Sons", "pay@mueller.example", ship_to_zip="03820"),
            item("INV-1", "1001", 40_000),
            item("INV-9", "1002", 99_900),
        )
        await world.sync()
        await world.run_jobs()
        yield world


@pytest.fixture
def app(world: World) -> PortalApp:
    return portal(world)
