"""The operator portal on a free port, with a browser in front of it."""

import asyncio
import datetime
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyotp
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from dueport_apps.usecases.invite_records import Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import AccountFilter
from dueport_apps.web.app import create_app
from dueport_core.accounts import Account
from dueport_ports import Contact
from tests.databases import TestDatabases
from tests.world import PASSWORD, PROCESSOR, World, item, open_world

LONG = "Westlake Kitchen & Bath Interiors of Greater Austin and the Surrounding Hill Country, LLC"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


class Site(msgspec.Struct, kw_only=True):
    url: str
    world: World
    totp: pyotp.TOTP
    payment_id: str
    settlement_id: str
    draft_id: str
    campaign_id: str

    def code(self) -> str:
        """Return a code that was not used yet."""
        self.world.clock.advance(datetime.timedelta(seconds=30))
        return self.totp.at(self.world.clock.now())

    @property
    def pages(self) -> tuple[str, ...]:
        return (
            "customers",
            "customers?q=nobody",
            "customers/1000",
            "customers/1001?tab=payments",
            f"campaigns/{self.draft_id}/edit",
            f"campaigns/{self.campaign_id}",
            f"campaigns/{self.campaign_id}?state=refusals",
            "campaigns",
            "invitations?days=1",
            "invitations?tab=problems",
            "invitations?tab=bounced",
            "invitations?tab=fix",
            "announcement",
            "enrolment-codes",
            "customers/1008",
            "payments",
            f"payments/{self.payment_id}",
            "settlements",
            f"settlements/{self.settlement_id}",
            "integration",
            "plugins",
            "audit",
            "api-keys",
            "confirm",
        )


def email_of(number: int) -> str:
    return f"accounts.payable.department@customer{number}.example"


def dealer(world: World) -> None:
    """Fill the ERP with long names, missing addresses and more than one page of customers."""
    for number in range(60):
        email = "" if number % 9 == 4 else email_of(number)
        world.erp.put(
            Account(
                account_no=str(1000 + number),
                name=f"{LONG if number % 7 == 0 else 'Barton & Sons Framing'} {number}",
                contacts=(Contact(name="Maria Fernández-Whittaker", email=email),),
            ),
            item(f"INV-{number}", str(1000 + number), 12_345_600 + number, due_in_days=-number * 2),
        )


@pytest_asyncio.fixture(scope="module")
async def site(
    test_databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Serve a dealer's portal on a free port for this module."""
    folder: Path = tmp_path_factory.mktemp("operator")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with open_world(test_databases, folder, web={"base_url": url}) as world:
            dealer(world)
            await world.sync()
            _, totp = await world.operator()
            who = await world.customer("1001", "payer@customer.example")
            payment = await world.pay(who, "INV-1")
            world.processor.pay_out()
            await world.container.import_settlements()(PROCESSOR)
            draft = await world.container.draft_campaign()(
                InviteOrder(selection=Selection(matching=AccountFilter())), world.staff
            )
            world.mail.refuse(email_of(8), 550, "5.1.1 " + "no such mailbox here " * 8)
            campaign = await world.start_campaign("1004", "1006", "1007", "1008")
            await world.run_jobs()
            async with world.container.uow()() as uow:
                for number in (7, 8):
                    said = "5.1.1 " + "no such mailbox here " * number
                    await uow.bounces.mark(email_of(number), world.clock.now(), said)
                await uow.commit()
                rows, _ = await uow.settlements.rows(None, 1)
            config = uvicorn.Config(create_app(world.container), log_level="warning", lifespan="on")
            server = uvicorn.Server(config)
            running = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
                await asyncio.sleep(0.02)
            yield Site(
                url=url,
                world=world,
                totp=totp,
                payment_id=payment.payment_id,
                settlement_id=rows[0].settlement.settlement_id,
                draft_id=draft.campaign_id,
                campaign_id=campaign.campaign_id,
            )
            server.should_exit = True
            await running


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium is installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield running
        await running.close()


async def signed_in(site: Site, browser: Browser, *, scripts: bool = True) -> Page:
    """Sign in as a person does, with the keyboard."""
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{site.url}/operator/customers")
    await page.get_by_label("E-mail").fill("olivia@cedaryard.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_label("Code").fill(site.code())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Customers Dashboard")).to_be_visible()
    return page
