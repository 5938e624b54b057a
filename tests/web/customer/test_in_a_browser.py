"""The customer's way from signing in to a receipt, in a real browser and on a phone's screen."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.databases import TestDatabases
from tests.web.customer.form_processor import VENDOR_SCRIPT, VENDOR_URL, FormProcessor, use_forms
from tests.world import PASSWORD, World, account, item, open_world

pytestmark = pytest.mark.journey


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A customer with a long list, on a processor whose form works in a browser."""
    async with open_world(test_databases, tmp_path) as world:
        use_forms(world)
        world.erp.put(
            account("1001", "Harbor Builders & Sons Custom Residential Construction, LLC"),
            item("INV-1", "1001", 40_000, job_no="12", due_in_days=-35),
            item("CR-1", "1001", -10_025, job_no="12"),
            *(item(f"Q-{number:02}", "1001", 1_000_000, job_no="15") for number in range(60)),
        )
        await world.sync()
        await world.customer("1001")
        yield world


async def vendor(route: Route) -> None:
    await route.fulfill(body=VENDOR_SCRIPT, content_type="text/javascript")


async def signed_in(
    context: BrowserContext, address: str, complaints: list[str], *, vendor_answers: bool = True
) -> Page:
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if vendor_answers:
        await page.route(VENDOR_URL, vendor)
    await page.goto(f"{address}/")
    await page.get_by_label("E-mail or username").fill("ap@harbor.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Outstanding")).to_be_visible()
    return page


async def fits(page: Page, width: int) -> bool:
    found: int = await page.locator("html").evaluate("root => root.scrollWidth")
    return found <= width


@pytest.mark.parametrize("width", [1280, 360])
async def test_a_card_pays_a_selection(address: str, chromium: Browser, width: int) -> None:
    complaints: list[str] = []
    context = await chromium.new_context(viewport={"width": width, "height": 780})
    page = await signed_in(context, address, complaints)
    assert await fits(page, width)
    await page.get_by_label("Select all of Job 12").check()
    await expect(page.locator("[data-selected-total]")).to_have_text("$299.75")
    await expect(page.locator("[data-selected-count]")).to_have_text("2")
    await page.get_by_role("button", name="Pay selected").click()
    await expect(page.get_by_role("heading", name="Choose how to pay")).to_be_visible()
    assert await fits(page, width)
    await page.get_by_label("Save it for next time").check()
    await page.get_by_role("button", name="Card").click()
    await page.get_by_role("button", name="Use it").click()
    await expect(page.get_by_role("heading", name="Review and pay")).to_be_visible()
    await expect(page.locator("[data-expires-in]")).to_contain_text("minutes left")
    assert await fits(page, width)
    await page.get_by_role("button", name="Pay $299.75").click()
    await expect(page.get_by_role("heading", name="Paid")).to_be_visible()
    assert await fits(page, width)
    await page.goto(f"{address}/payments")
    assert await fits(page, width)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Receipt of").click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    assert complaints == []
    await context.close()


async def test_a_bank_that_asks_is_answered_in_the_page(
    address: str, chromium: Browser, world: World
) -> None:
    complaints: list[str] = []
    processor = world.processor
    assert isinstance(processor, FormProcessor)
    asking = processor.card(action=True)
    processor.next[asking.kind] = asking
    context = await chromium.new_context()
    page = await signed_in(context, address, complaints)
    await page.get_by_label("Pay INV-1").check()
    await page.get_by_role("button", name="Pay selected").click()
    await page.get_by_role("button", name="Card").click()
    await page.get_by_role("button", name="Use it").click()
    await page.get_by_role("button", name="Pay $400.00").click()
    await expect(page.get_by_role("heading", name="Your bank asks you to confirm")).to_be_visible()
    payment = await world.payment(page.url.rsplit("/", 1)[1])
    assert payment.processor_ref is not None
    processor.complete_action(payment.processor_ref)
    await page.get_by_role("button", name="Complete the bank's check").click()
    await expect(page.get_by_role("heading", name="Paid")).to_be_visible()
    assert complaints == []
    await context.close()


async def test_a_form_that_does_not_load_says_so_and_offers_to_try_again(
    address: str, chromium: Browser
) -> None:
    context = await chromium.new_context()
    page = await signed_in(context, address, [], vendor_answers=False)
    await page.route(VENDOR_URL, lambda route: route.abort())
    await page.get_by_label("Pay INV-1").check()
    await page.get_by_role("button", name="Pay selected").click()
    await page.get_by_role("button", name="Card").click()
    await expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    await expect(page.get_by_role("link", name="Try again")).to_be_visible()
    await page.unroute(VENDOR_URL)
    await page.route(VENDOR_URL, vendor)
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("button", name="Use it")).to_be_visible()
    await context.close()


async def test_without_scripts_all_but_the_processors_form_works(
    address: str, chromium: Browser
) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await signed_in(context, address, [])
    await page.get_by_role("link", name="All Past Due").click()
    await expect(page.get_by_label("Pay INV-1")).to_be_checked()
    await page.get_by_role("button", name="Pay selected").click()
    await page.get_by_role("button", name="Card").click()
    await expect(page.get_by_role("button", name="Choose another method")).to_be_visible()
    # The test's way to switch scripts off leaves the content of <noscript> unread.
    assert "This form needs JavaScript." in await page.content()
    await page.get_by_role("button", name="Choose another method").click()
    await expect(page.get_by_role("heading", name="Choose how to pay")).to_be_visible()
    await context.close()


async def test_the_keyboard_alone_selects_and_pays(address: str, chromium: Browser) -> None:
    context = await chromium.new_context()
    page = await signed_in(context, address, [])
    await page.get_by_label("Pay INV-1").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Choose how to pay")).to_be_visible()
    await context.close()
