"""The gallery in a real browser: no script or style refused, no sideways scroll, helpers work."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.web.gallery.app import gallery

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = ("home", "macros", "sign-in")

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    """Serve the gallery on a free port for this module."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(gallery(url)[1], log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.02)
        yield url
        server.should_exit = True
        await running


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for this module."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium is installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield running
        await running.close()


@pytest.mark.parametrize("width", [1280, 390, 360])
@pytest.mark.parametrize("portal", ["customer", "operator"])
async def test_pages_fit_their_screen_and_break_no_policy(
    address: str, browser: Browser, portal: str, width: int
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{address}/gallery/{portal}/enter")
    await expect(page.get_by_role("status").first).to_have_text("You are signed in.")
    for name in PAGES:
        await page.goto(f"{address}/gallery/{portal}/{name}")
        assert await page.locator("html").evaluate("root => root.scrollWidth") <= width, name
        contact = page.get_by_role("link", name="Contact Us")
        if portal == "customer" or name == "sign-in":
            await expect(contact).to_be_visible()
    assert complaints == []
    await context.close()


async def entered(address: str, browser: Browser, *, scripts: bool = True) -> Page:
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{address}/gallery/customer/enter")
    return page


async def test_the_selection_is_summed_up_while_it_is_made(address: str, browser: Browser) -> None:
    page = await entered(address, browser)
    pay = page.get_by_role("button", name="Pay selected")
    await expect(pay).to_be_disabled()
    await page.get_by_label("Pay INV-204418").check()
    await page.get_by_label("Pay CM-20115").check()
    await expect(page.locator("[data-selected-total]")).to_have_text("$1,717.50")
    await expect(pay).to_be_enabled()
    await page.get_by_label("Select everything").check()
    await expect(page.locator("[data-selected-count]")).to_have_text("7")
    await expect(page.locator("[data-selected-total]")).to_have_text("$18,434.12")


async def test_without_scripts_items_can_be_ticked_and_sent(address: str, browser: Browser) -> None:
    page = await entered(address, browser, scripts=False)
    await page.get_by_label("Pay INV-204418").check()
    await expect(page.get_by_role("button", name="Pay selected")).to_be_enabled()
    await expect(page.locator("[data-selected-total]")).to_be_hidden()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_dangerous_action_asks_first(address: str, browser: Browser, scripts: bool) -> None:
    page = await entered(address, browser, scripts=scripts)
    await page.goto(f"{address}/gallery/customer/macros")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_have_count(0)
    await page.get_by_role("button", name="Terminate").click()
    await expect(dialog).to_be_visible()
    await expect(dialog).to_have_accessible_name("Terminate this payment?")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)


async def test_the_choice_of_dark_is_kept_by_the_next_page(address: str, browser: Browser) -> None:
    page = await entered(address, browser)
    await page.locator("details.dp-menu summary").click()
    await page.get_by_role("button", name="Dark").click()
    await page.goto(f"{address}/gallery/customer/macros")
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


async def test_the_skip_link_is_the_first_stop_of_the_keyboard(
    address: str, browser: Browser
) -> None:
    page = await entered(address, browser)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()


async def test_a_refusal_is_told_above_the_page(address: str, browser: Browser) -> None:
    page = await entered(address, browser)
    await page.goto(f"{address}/gallery/customer/macros")
    await page.get_by_role("button", name="Ask for a conflict").click()
    await expect(page.locator("#notices")).to_contain_text("already being paid by Ben Ortiz")
    await page.get_by_role("button", name="Ask for a failure").click()
    await expect(page.locator("#notices")).to_contain_text("No answer.")
