"""Registering with the statement's code in a real browser: by keyboard, and without JavaScript."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.databases import TestDatabases
from tests.inviting import linked_accounts, mailed_code_in, policies
from tests.world import PASSWORD, World, account, item, open_world

pytestmark = pytest.mark.journey

BOB = "bob@harbor.example"


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer who prints codes on statements."""
    changes = policies(signup={"enrolment_codes": True})
    async with open_world(test_databases, tmp_path, **changes) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            item("INV-1", "1001", 40_000),
        )
        await world.sync()
        yield world


async def newest_code(world: World) -> str:
    await world.run_jobs()
    return mailed_code_in(world.mail.sent[-1].text)


async def fits(page: Page, width: int) -> bool:
    found: int = await page.locator("html").evaluate("root => root.scrollWidth")
    return found <= width


@pytest.mark.parametrize(
    ("width", "with_script"), [(1280, True), (360, False)], ids=["keyboard", "phone-no-script"]
)
async def test_the_three_steps(
    address: str, chromium: Browser, world: World, width: int, with_script: bool
) -> None:
    context = await chromium.new_context(
        viewport={"width": width, "height": 780}, java_script_enabled=with_script
    )
    page = await context.new_page()
    await page.goto(f"{address}/enrol")
    printed = (await world.container.enrolment_codes().of_account("1001")).code
    await expect(page.get_by_label("Account number")).to_be_focused()
    await page.keyboard.type("1001")
    await page.keyboard.press("Tab")
    await page.keyboard.type(printed)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your e-mail address")).to_be_focused()
    assert await fits(page, width)
    await page.keyboard.type(BOB)
    await page.keyboard.press("Enter")
    code = page.get_by_label("Code from the mail")
    await expect(code).to_be_focused()
    assert await code.get_attribute("inputmode") == "numeric"
    assert await code.get_attribute("autocomplete") == "one-time-code"
    assert await fits(page, width)
    first = await newest_code(world)
    await page.get_by_label("Your name").fill("Bob Moore")
    await page.get_by_text("I accept the terms").click()
    await page.get_by_role("button", name="Send the code again").click()
    await expect(page.get_by_text(f"A new code is on its way to {BOB}")).to_be_visible()
    await expect(page.get_by_label("Your name")).to_have_value("Bob Moore")
    await expect(page.get_by_label("I accept the terms")).to_be_checked()
    second = await newest_code(world)
    await page.get_by_text("Link my company").click()
    await fill(page, first)
    await expect(page.locator("#error-code")).to_contain_text("not the code in the newest mail")
    await expect(page.get_by_role("alert")).to_be_focused()
    assert await fits(page, width)
    await fill(page, second)
    await expect(page.get_by_role("heading", name="Outstanding")).to_be_visible()
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == [BOB, BOB, "ap@harbor.example"]
    assert await linked_accounts(world, BOB) == ["1001"]
    await context.close()


async def fill(page: Page, code: str) -> None:
    """Fill in what a page never shows again, and press Enter where the code is typed."""
    await page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    await page.get_by_label("Password, once more").fill(PASSWORD)
    await page.get_by_label("Code from the mail").fill(code)
    await page.get_by_label("Code from the mail").press("Enter")
