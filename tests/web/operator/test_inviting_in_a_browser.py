"""Inviting by hand in a real browser: the selection lasts, the dialog answers, progress is live."""

import datetime
import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from dueport_apps.usecases.invite_records import InviteOptions, InviteRecipient, Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import AccountFilter
from tests.web.operator.browsing import Site, email_of, signed_in

pytestmark = pytest.mark.journey


def boxes(page: Page) -> Locator:
    return page.locator('input[name="account_no"]')


def words(page: Page) -> Locator:
    return page.locator("[data-selected-words]")


async def open_list(page: Page, site: Site, query: str = "all=1") -> None:
    await page.goto(f"{site.url}/operator/customers?{query}")


async def test_the_selection_survives_paging_searching_sorting_and_reloading(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    bar = page.get_by_role("form", name="Selected customers")
    await expect(bar).to_be_hidden()
    for place in (0, 7):
        await boxes(page).nth(place).check()
    await page.get_by_role("link", name="Show more").click()
    await expect(boxes(page)).to_have_count(60)
    await boxes(page).nth(55).check()
    await expect(words(page)).to_have_text("3 selected")

    await open_list(page, site, "q=barton&sort=name&dir=asc")
    await expect(words(page)).to_have_text("3 selected")
    await page.reload()
    await expect(words(page)).to_have_text("3 selected")
    await page.get_by_label("Select all on this page").check()
    await expect(words(page)).to_have_text(re.compile("^5[0-9] selected$"))
    await open_list(page, site)
    await page.get_by_role("button", name="Clear").click()
    await expect(bar).to_be_hidden()
    await expect(page.locator('input[name="account_no"]:checked')).to_have_count(0)
    await page.context.close()


async def test_all_that_match_are_selected_but_those_unticked(site: Site, browser: Browser) -> None:
    page = await signed_in(site, browser)
    await open_list(page, site)
    await boxes(page).first.check()
    await page.get_by_role("button", name="Select all 60 that match").click()
    await expect(words(page)).to_have_text("60 selected")
    await page.get_by_role("link", name="Show more").click()
    await expect(page.locator('input[name="account_no"]:checked')).to_have_count(60)

    await open_list(page, site, "q=barton")
    await boxes(page).nth(1).uncheck()
    await expect(words(page)).to_have_text("59 selected")
    left_out = await boxes(page).nth(1).get_attribute("value")
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.locator("h1")).to_have_text("Invite 59 customers")
    await expect(page.get_by_text("All customers, without 1 unticked")).to_be_visible()
    assert left_out is not None
    await page.context.close()


async def test_a_selection_of_one_list_is_not_mistaken_for_one_of_another(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    await open_list(page, site, "q=barton")
    await boxes(page).first.check()
    await page.get_by_role("button", name=re.compile("Select all .* that match")).click()
    await open_list(page, site, "q=westlake")
    await expect(page.get_by_text("These are of another list.")).to_be_visible()
    await expect(boxes(page).first).to_be_disabled()
    await page.get_by_role("button", name="Clear").click()
    await boxes(page).first.check()
    await expect(words(page)).to_have_text("1 selected")
    await page.context.close()


async def test_the_next_person_at_this_browser_starts_with_nothing_selected(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    await boxes(page).first.check()
    await expect(words(page)).to_have_text("1 selected")
    await page.locator(".dp-side-foot summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("E-mail").fill("olivia@cedaryard.example")
    await page.get_by_label("Password").fill("correct horse battery staple")
    await page.keyboard.press("Enter")
    await page.get_by_label("Code").fill(site.code())
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("form", name="Selected customers")).to_be_hidden()
    await page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
async def test_one_customer_is_invited_from_the_account(
    site: Site, browser: Browser, scripts: bool
) -> None:
    page = await signed_in(site, browser, scripts=scripts)
    number = 2 if scripts else 3
    await page.get_by_placeholder("Name or account number").fill(f"100{number}")
    await page.keyboard.press("Enter")
    await page.locator("tbody th a").click()
    await page.get_by_role("button", name="Invite").click()
    await expect(page.get_by_text(email_of(number)).first).to_be_visible()
    mail = page.frame_locator("iframe.dp-mail")
    await expect(mail.get_by_text("Hello Maria")).to_be_visible()

    await page.get_by_label("All contacts").check()
    if scripts:
        async with page.expect_response("**/edit"):
            await page.get_by_label("Language").select_option("es")
    else:
        await page.get_by_label("Language").select_option("es")
        await page.get_by_role("button", name="Look again").last.click()
    await expect(mail.get_by_text("Maria").first).to_be_visible()
    await page.get_by_role("button", name="Send 1 invitation").dblclick()
    await expect(page.locator("h1")).to_contain_text("Invitations to")
    await site.world.run_jobs()
    assert len(site.world.mail.to(email_of(number))) == 1
    await page.context.close()


async def test_ticked_rows_of_a_page_are_invited_without_a_script(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser, scripts=False)
    await open_list(page, site, "sort=name&dir=asc&q=barton")
    for place in (3, 4):
        await boxes(page).nth(place).check()
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.locator("h1")).to_have_text("Invite 2 customers")
    await page.context.close()


async def test_the_dialog_answers_while_fields_change_and_is_usable_by_keyboard(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(f"{site.url}/operator/campaigns/{site.draft_id}/edit")
    send = page.locator("[data-forget-selection]")
    await expect(send).to_have_text(re.compile(r"Send \d+ invitations"))
    before = await send.inner_text()
    await page.locator("#field-delivery-link").focus()
    await page.keyboard.press("ArrowDown")
    await page.get_by_label("Generate Username From").select_option("ship_to_zip")
    await expect(page.locator("#why-not")).to_be_visible()
    await expect(send).to_be_disabled()
    await expect(page.get_by_text("Fix in ERP: Ship-to ZIP").first).to_be_visible()
    await page.get_by_label("Generate Username From").select_option("email")
    await expect(send).to_have_text(before)
    await page.locator("#list-will").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".dp-sorted-cannot")).to_be_visible()

    await page.get_by_label("Another address", exact=False).first.check()
    await page.get_by_label("Address", exact=True).fill("nobody")
    await expect(page.locator("#problem-address")).to_contain_text("there is no @ in it")
    await expect(send).to_be_disabled()
    await page.get_by_label("Address", exact=True).fill("me@cedaryard.example")
    await expect(page.locator("#problem-address")).to_have_text("")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/edit$"))
    assert [one for one in complaints if "422" not in one] == []
    await page.context.close()


async def test_a_long_list_of_the_rehearsal_grows_in_place(site: Site, browser: Browser) -> None:
    to_one = InviteOptions(recipient=InviteRecipient.OTHER, address="trial@cedaryard.example")
    draft = await site.world.container.draft_campaign()(
        InviteOrder(selection=Selection(matching=AccountFilter()), options=to_one), site.world.staff
    )
    for scripts in (True, False):
        page = await signed_in(site, browser, scripts=scripts)
        await page.goto(f"{site.url}/operator/campaigns/{draft.campaign_id}/edit")
        people = page.locator(".dp-sorted-will .dp-people > li:not(.dp-people-more)")
        total = int(await page.locator(".dp-sort-will strong").inner_text())
        await expect(people).to_have_count(50)
        await page.get_by_role("link", name=f"Show the next {total - 50}").click()
        await expect(people).to_have_count(total if scripts else total - 50)
        await expect(page.get_by_role("link", name="Show the next")).to_have_count(0)
        if not scripts:
            await page.get_by_role("link", name="From the beginning").click()
            await expect(people).to_have_count(50)
        await page.context.close()


async def test_progress_is_followed_live_and_the_page_turns_when_it_is_done(
    site: Site, browser: Browser
) -> None:
    page = await signed_in(site, browser)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    campaign = await site.world.start_campaign(*(str(1040 + number) for number in range(8)))
    await page.goto(f"{site.url}/operator/campaigns/{campaign.campaign_id}")
    live = page.locator("#campaign-live")
    await expect(live).to_contain_text("0 of 7")
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await site.world.run_jobs()
    await expect(live).to_contain_text("7 of 7")
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    await expect(page.locator("tbody").get_by_text("Sent").first).to_be_visible()
    await expect(page.locator("[hx-sse\\:connect]")).to_have_count(0)
    assert complaints == []
    await page.context.close()


async def test_lists_follow_the_progress_unless_somebody_is_at_work_on_them(
    site: Site, browser: Browser
) -> None:
    site.world.mail.refuse(email_of(51), 550, "5.1.1 no such mailbox")
    site.world.mail.refuse(email_of(52), 451, "4.7.1 try again later")
    page = await signed_in(site, browser)
    campaign = await site.world.start_campaign("1050", "1051", "1052")
    await page.goto(f"{site.url}/operator/campaigns/{campaign.campaign_id}")
    rows = page.locator("#campaign-recipients tbody")
    await expect(rows.get_by_text("Queued")).to_have_count(3)
    await site.world.run_jobs()
    await expect(rows.get_by_text("try 2 of 8")).to_be_visible(timeout=20_000)
    await expect(rows.get_by_text("Queued")).to_have_count(0)
    await expect(page.locator("#campaign-tab-failed")).to_be_visible()
    await expect(page.locator("#campaign-live")).to_contain_text("Waiting, next try")

    await rows.get_by_role("checkbox").check()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.world.clock.advance(datetime.timedelta(minutes=1))
    await site.world.run_jobs()
    await expect(page.get_by_text("it has changed since")).to_be_visible(timeout=20_000)
    await expect(page.locator("#campaign-live")).to_contain_text("try 3 of 8")
    await expect(rows.get_by_role("checkbox")).to_be_checked()
    assert [url for url in asked if "part=recipients" in url] == []
    await page.wait_for_timeout(6_000)
    assert len([url for url in asked if "part=tabs" in url]) == 1, "nothing new, nothing asked"
    await page.get_by_role("link", name="Refresh").click()
    await expect(rows.get_by_text("try 3 of 8")).to_be_visible()
    await page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_link_is_copied_where_the_mail_failed(
    site: Site, browser: Browser, scripts: bool
) -> None:
    page = await signed_in(site, browser, scripts=scripts)
    await page.goto(f"{site.url}/operator/campaigns/{site.campaign_id}?state=failed")
    await page.get_by_role("button", name="Copy link" if scripts else "Show link").click()
    field = page.get_by_label(f"Link for {email_of(8)}")
    await expect(field).to_have_value(re.compile("/register/"))
    await page.context.close()
