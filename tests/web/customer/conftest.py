"""A dealer with customers, and the portal in front of it."""

import asyncio
import datetime
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser as RealBrowser
from playwright.async_api import async_playwright

from dueport_core.accounts import Job
from dueport_core.statements import Statement
from tests.databases import TestDatabases
from tests.web.portal import Browser, PortalApp, portal
from tests.world import START, World, account, item, open_world

CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts: 1001 owes on two jobs, has a credit and no statement; 1002 has one."""
    async with open_world(test_databases, tmp_path) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            Job(account_no="1001", job_no="12", name="Pier 9 boathouse"),
            Job(account_no="1001", job_no="15", name="O'Neill residence"),
            item("INV-1", "1001", 40_000, job_no="12", due_in_days=-35, po_number="PO-77"),
            item("INV-2", "1001", 35_500, job_no="12"),
            item("INV-3", "1001", 60_000, job_no="15"),
            item("CR-1", "1001", -10_025, job_no="12"),
            item("INV-9", "1002", 99_900, due_in_days=20),
            item("INV-10", "1002", 20_000, due_in_days=50),
            Statement(
                statement_ref="S-1",
                account_no="1002",
                statement_on=START.date() - datetime.timedelta(days=5),
                cutoff_on=START.date() - datetime.timedelta(days=5),
                due_on=START.date() + datetime.timedelta(days=20),
                balance_cents=99_900,
                discount_on=START.date() + datetime.timedelta(days=5),
                discount_bps=200,
            ),
        )
        await world.sync()
        yield world


@pytest.fixture
def app(world: World) -> PortalApp:
    return portal(world)


@pytest.fixture
async def ana(app: PortalApp) -> AsyncIterator[Browser]:
    """The browser of Ana, who is signed in for account 1001 and looks at Outstanding."""
    browser = await app.customer("1001", "ap@harbor.example")
    yield browser
    await browser.close()


@pytest.fixture
async def max_mueller(app: PortalApp) -> AsyncIterator[Browser]:
    """The browser of somebody else, signed in for account 1002."""
    browser = await app.customer("1002", "pay@mueller.example")
    yield browser
    await browser.close()


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[RealBrowser]:
    """A real browser without a window."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium is installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=found, args=CHROMIUM_OPTIONS)
        yield running
        await running.close()


@pytest.fixture
async def address(world: World) -> AsyncIterator[str]:
    """Serve the portal on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(portal(world).app, log_level="warning", lifespan="on")
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running
