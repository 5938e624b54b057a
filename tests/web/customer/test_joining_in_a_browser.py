"""Registering and switching accounts in a real browser, with the keyboard and on a phone's screen."""

import pytest
from playwright.async_api import Browser, Page, Request, expect

from dueport_core.passwords import password_problem
from tests.inviting import also_link
from tests.world import PASSWORD, World

pytestmark = pytest.mark.journey


async def opened(chromium: Browser, width: int, complaints: list[str]) -> Page:
    context = await chromium.new_context(viewport={"width": width, "height": 780})
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


async def fits(page: Page, width: int) -> bool:
    found: int = await page.locator("html").evaluate("root => root.scrollWidth")
    return found <= width


@pytest.mark.parametrize("width", [1280, 360])
async def test_the_password_is_judged_while_it_is_typed_and_sent_nowhere(
    address: str, chromium: Browser, world: World, width: int
) -> None:
    complaints: list[str] = []
    page = await opened(chromium, width, complaints)
    await page.goto(f"{address}/register/{await world.invite('1001')}")
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    hint = page.locator("#strength-password")
    await expect(hint).to_be_hidden()
    await page.get_by_label("Password", exact=False).first.press_sequentially("gravel")
    await expect(hint).to_contain_text("6 more characters needed")
    await page.get_by_label("Password", exact=False).first.press_sequentially(" lantern over")
    await expect(hint).to_have_text("Long enough")
    again = page.get_by_label("Password, once more")
    await again.press_sequentially("gravex")
    await expect(page.locator("#strength-password_again")).to_contain_text("The two differ")
    await again.fill("gravel lantern over")
    await expect(page.locator("#strength-password_again")).to_contain_text("Both are the same")
    told = [request.url for request in sent if not request.url.endswith("favicon.svg")]
    assert told == [], "nothing leaves the page while somebody types"
    assert await fits(page, width)
    await page.get_by_text("I accept the terms").click()
    await page.get_by_text("Link my company").click()
    await page.get_by_role("button", name="Register and continue").click()
    await expect(page.get_by_role("heading", name="Outstanding")).to_be_visible()
    assert complaints == []
    await page.context.close()


async def test_the_page_counts_as_the_server_does_and_praises_nothing(
    address: str, chromium: Browser, world: World
) -> None:
    page = await opened(chromium, 1280, [])
    await page.goto(f"{address}/register/{await world.invite('1001')}")
    hint = page.locator("#strength-password")
    for password in (
        *(" " * 12, "a" * 12, "\u200b" * 12, "passwordpassword", "1234567890123456789"),
        *("qwertyuiop12", "ZYXWVUTSRQPONML", "aaaabbbb1234cccc", "abcabcabcabcd", "short"),
        *("correct horse battery staple", "allsmallletters", "x1" * 5 + "y2" * 5),
        *("🪵🪚🔨🪛📐 my tools", "the alphabet from abcdefghijklm on", "8492-3317-5520-9914"),
    ):
        await page.get_by_label("Password", exact=False).first.fill(password)
        taken = password_problem(password) is None
        classes = await hint.get_attribute("class") or ""
        assert ("dp-strength-good" in classes) == taken, password
        assert (await hint.inner_text() == "Long enough") == taken, password
        assert "strong" not in (await hint.inner_text()).lower()
    await page.context.close()


@pytest.mark.parametrize("width", [1280, 360])
async def test_the_keyboard_alone_switches_the_account(
    address: str, chromium: Browser, world: World, width: int
) -> None:
    who = await world.customer("1001")
    await also_link(world, who.principal_id, "1002")
    complaints: list[str] = []
    page = await opened(chromium, width, complaints)
    await page.goto(f"{address}/sign-in")
    await page.get_by_label("E-mail or username").fill("ap@harbor.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Outstanding")).to_be_visible()
    # The page is there before its script is, which makes the arrow keys work.
    await page.wait_for_load_state()
    menu = page.locator("details.dp-switcher")
    await menu.locator("summary").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("button", name="Müller & Sons")).to_be_focused()
    assert await fits(page, width)
    await page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".dp-switcher-name")).to_contain_text("Müller & Sons")
    await expect(page.get_by_role("status")).to_contain_text(["You are now looking at Müller"])
    assert complaints == []
    await page.context.close()


async def test_joining_works_without_scripts(address: str, chromium: Browser, world: World) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{address}/register/{await world.invite('1001')}")
    await expect(page.locator("#strength-password")).to_be_hidden()
    await page.locator("#field-password").fill(PASSWORD)
    await page.locator("#field-password_again").fill(PASSWORD)
    await page.get_by_text("I accept the terms").click()
    await page.get_by_text("Link my company").click()
    await page.get_by_role("button", name="Register and continue").click()
    await expect(page.get_by_role("heading", name="Outstanding")).to_be_visible()
    await context.close()
