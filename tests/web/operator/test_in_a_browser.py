"""The operator portal in a real browser: it fits, nothing is refused, and it works by hand."""

import datetime

import pytest
from playwright.async_api import Browser, expect

from tests.web.operator.browsing import Site, signed_in

pytestmark = pytest.mark.journey


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
