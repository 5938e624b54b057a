"""The desk in a real browser: the dashboard on every screen, and a dialog that never sends blindly."""

import re

import pytest
from playwright.async_api import Browser, Page, Route, expect

from dueport_apps.usecases.invite_records import InviteOptions, InviteRecipient, Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from tests.web.operator.browsing import Site, email_of, signed_in

pytestmark = pytest.mark.journey

OVERFLOW = """[...document.querySelectorAll('.dp-table-wrap')]
    .map(one => one.scrollWidth - one.clientWidth)"""
LAST_EDGE = """document.querySelector('.dp-table').getBoundingClientRect().right
    - document.querySelector('.dp-dense').getBoundingClientRect().right"""


async def _dialog(site: Site, page: Page, *numbers: str, address: str = "") -> None:
    recipient = InviteRecipient.OTHER if address else InviteRecipient.PRIMARY
    order = InviteOrder(
        selection=Selection(account_nos=numbers),
        options=InviteOptions(recipient=recipient, address=address),
    )
    draft = await site.world.container.draft_campaign()(order, site.world.staff)
    await page.goto(f"{site.url}/operator/campaigns/{draft.campaign_id}/edit")


async def test_the_table_fits_with_every_badge_and_its_headings_stay(
    site: Site, browser: Browser
) -> None:
    await site.world.start_campaign("1032")
    page = await signed_in(site, browser)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{site.url}/operator/customers?sort=account_no&dir=asc&q=10")
    await expect(page.get_by_text("not sent yet").first).to_be_visible()
    assert await page.evaluate(OVERFLOW) == [0]
    assert await page.evaluate(LAST_EDGE) <= 0
    clear = await page.get_by_role("link", name="Clear filters").bounding_box()
    search = await page.get_by_role("button", name="Search").bounding_box()
    assert clear is not None
    assert search is not None
    assert clear["y"] == search["y"]
    await page.mouse.wheel(0, 1500)
    await expect(page.get_by_role("link", name="Outstanding")).to_be_in_viewport()
    await site.world.run_jobs()
    await page.context.close()


async def test_a_phone_sorts_and_shows_a_customer_in_a_few_lines(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{site.url}/operator/customers?all=1")
    row = page.locator("tbody tr").first
    folded = await row.bounding_box()
    assert folded is not None
    assert folded["height"] < 170
    await expect(row.locator("td[data-label=Credits]")).to_be_hidden()
    await page.get_by_label("All figures").check()
    await expect(row.locator("td[data-label=Credits]")).to_be_visible()
    await page.get_by_label("Sort by").select_option("name-asc")
    await expect(page).to_have_url(re.compile("order=name-asc"))
    await expect(row).to_contain_text("Barton & Sons Framing 1")
    await row.get_by_role("checkbox").check()
    bar = page.get_by_role("form", name="Selected customers")
    for button in await bar.get_by_role("button").all():
        if await button.is_visible():
            inside = "one => one.scrollWidth <= one.clientWidth + 1"
            assert await button.evaluate(inside), await button.inner_text()
    await page.context.close()


async def test_the_bar_comes_before_the_rows_for_the_keyboard(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    await page.goto(f"{site.url}/operator/customers?all=1")
    boxes = page.locator('input[name="account_no"]')
    await boxes.nth(0).check()
    await boxes.nth(1).check()
    presses = 0
    while presses < 30:
        await page.keyboard.press("Shift+Tab")
        presses += 1
        if await page.evaluate("document.activeElement.closest('#selected') !== null"):
            break
    assert presses < 30
    bar = await page.locator("#selected").bounding_box()
    table = await page.locator(".dp-table-wrap").bounding_box()
    assert bar is not None
    assert table is not None
    assert bar["y"] > table["y"]
    await page.context.close()


async def test_what_is_selected_but_not_shown_is_counted_and_can_be_reviewed(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    await page.goto(f"{site.url}/operator/customers?sort=name&dir=asc&q=barton")
    boxes = page.locator('input[name="account_no"]')
    for place in (0, 1):
        await boxes.nth(place).check()
    await page.goto(f"{site.url}/operator/customers?q=westlake")
    await boxes.first.check()
    bar = page.get_by_role("form", name="Selected customers")
    await expect(bar).to_contain_text("3 selected")
    await expect(bar).to_contain_text("2 not shown")
    await page.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Selected customers")
    await expect(dialog.get_by_role("checkbox")).to_have_count(3)
    await dialog.get_by_label(re.compile("Barton & Sons Framing 1 ")).uncheck()
    await dialog.get_by_role("button", name="Done").click()
    await expect(bar).to_contain_text("2 selected")
    await expect(bar).to_contain_text("1 not shown")
    await page.context.close()


@pytest.mark.parametrize("failure", ["no answer", "refused", "broken"])
async def test_a_rehearsal_that_fails_says_so_and_cannot_be_sent(
    site: Site, browser: Browser, failure: str
) -> None:
    page = await signed_in(site, browser)
    await _dialog(site, page, "1020", "1021")
    send = page.locator("[data-forget-selection]")
    await expect(send).to_be_enabled()

    async def answer(route: Route) -> None:
        if failure == "no answer":
            await route.abort()
        elif failure == "refused":
            said = '<div class="dp-notice" role="alert"><div>Too many tries.</div></div>'
            await route.fulfill(status=429, body=said, headers={"hx-retarget": "#notices"})
        else:
            await route.fulfill(status=500, body="oh")

    await page.route("**/edit", answer)
    await page.get_by_label("Language").select_option("es")
    told = page.locator("#rehearsal [role=alert]").first
    await expect(told).to_contain_text("These lists are out of date.")
    if failure == "refused":
        await expect(told).to_contain_text("Too many tries.")
    await expect(told).to_contain_text("Nothing was sent.")
    await expect(send).to_be_disabled()

    await page.unroute("**/edit")
    async with page.expect_response("**/edit"):
        await page.get_by_label("Language").select_option("en")
    await expect(send).to_be_enabled()
    await expect(page.get_by_text("These lists are out of date.")).to_have_count(0)
    await page.context.close()


async def test_the_mail_is_shown_whole(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        await _dialog(site, page, "1020")
        frame = page.locator("iframe.dp-mail")
        fits = """one => one.clientHeight >= 800
            && one.contentDocument.documentElement.scrollHeight <= one.clientHeight"""
        await page.wait_for_function(f"({fits})(document.querySelector('iframe.dp-mail'))")
        assert await frame.evaluate(fits), width
    await page.context.close()


async def test_a_link_is_on_the_clipboard_at_once(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{site.url}/operator/campaigns/{site.campaign_id}?state=failed")
    await page.get_by_role("button", name="Copy link").click()
    field = page.get_by_label(f"Link for {email_of(8)}")
    await expect(page.locator("[data-copies-at-once]")).to_contain_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == await field.input_value()
    await page.context.close()


async def test_one_address_for_several_must_be_ticked(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    await _dialog(site, page, "1023", "1024", address="me@cedaryard.example")
    await expect(page.get_by_text("really invited")).to_be_visible()
    await page.get_by_role("button", name="Send 2 invitations").click()
    await expect(page.get_by_text("Tick that this is meant")).to_be_visible()
    await page.get_by_label("Yes, all 2 go to this address").check()
    async with page.expect_response("**/edit"):
        await page.get_by_label("Language").select_option("es")
    await expect(page.get_by_label("Yes, all 2 go to this address")).to_be_checked()
    await page.context.close()
