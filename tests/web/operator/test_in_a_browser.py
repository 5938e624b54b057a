"""The operator portal in a real browser: it fits, nothing is refused, and it works by hand."""

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

from dueport_apps.web.app import create_app
from dueport_core.accounts import Account
from dueport_ports import Contact
from tests.databases import TestDatabases
from tests.world import PASSWORD, PROCESSOR, World, item, open_world

LONG = "Westlake Kitchen & Bath Interiors of Greater Austin and the Surrounding Hill Country, LLC"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]

pytestmark = pytest.mark.journey


class Site(msgspec.Struct, kw_only=True):
    url: str
    world: World
    totp: pyotp.TOTP
    payment_id: str
    settlement_id: str

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


def dealer(world: World) -> None:
    """Fill the ERP with long names, missing addresses and more than one page of customers."""
    for number in range(60):
        email = "" if number % 9 == 4 else f"accounts.payable.department@customer{number}.example"
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
            async with world.container.uow()() as uow:
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


async def test_every_page_fits_every_screen_and_breaks_no_policy(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in site.pages:
        await page.goto(f"{site.url}/operator/{path}")
        for width in (1280, 390, 360):
            await page.set_viewport_size({"width": width, "height": 800})
            root = page.locator("html")
            assert await root.evaluate("root => root.scrollWidth") <= width, (path, width)
    assert complaints == []
    await page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
async def test_show_more_brings_the_rest(site: Site, browser: Browser, scripts: bool) -> None:
    page = await signed_in(site, browser, scripts=scripts)
    rows = page.locator("tbody tr:not(.dp-more-row)")
    await expect(rows).to_have_count(50)
    await page.get_by_role("link", name="Show more").click()
    await expect(rows).to_have_count(60 if scripts else 10)
    await page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
async def test_invite_shows_the_recipient_before_anything_is_sent(
    site: Site, browser: Browser, scripts: bool
) -> None:
    page = await signed_in(site, browser, scripts=scripts)
    number = "1002" if scripts else "1003"
    await page.get_by_placeholder("Name or account number").fill(number)
    await page.keyboard.press("Enter")
    await page.locator("tbody th a").click()
    await page.get_by_role("button", name="Invite").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"customer{number[-1]}.example")
    await dialog.get_by_role("button", name="Send the invitation").click()
    await expect(page.get_by_role("status").first).to_contain_text("is on its way")
    await expect(page.get_by_role("button", name="Invite")).to_have_count(0)
    await page.context.close()


async def test_a_settlement_is_posted_and_resolved_by_hand(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    await page.goto(f"{site.url}/operator/settlements")
    await page.locator("tbody th a").click()
    await expect(page.get_by_text("Unexplained: $0.00")).to_be_visible()
    # The code given at sign-in is not fresh any more.
    site.world.clock.advance(datetime.timedelta(minutes=6))
    await page.get_by_role("button", name="Post", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Post").click()
    await page.get_by_label("Code from your authenticator").fill(site.code())
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Post", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Post").click()
    await expect(page.get_by_role("status").first).to_have_text("The settlement is posted.")
    await page.get_by_role("button", name="Resolve").click()
    await page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    await expect(page.get_by_role("status").first).to_have_text("The settlement is resolved.")
    assert set(site.world.erp.posted.values()) == {1}
    await page.context.close()
