"""The first dollar, from the invitation to the ERP's own books, in a real browser.

The demonstration runs as a person starts it: real PostgreSQL, real SMTP, the vendors' SDKs against
the sandbox, both portals under their own content security policy.
"""

import asyncio
import re

import pytest
from playwright.async_api import Browser, expect

from tests.demo.running import Running
from tests.journeys.town import (
    Person,
    Town,
    customer_registers,
    enter_code,
    found,
    operator_signs_in,
)

pytestmark = pytest.mark.journey


async def operator_invites(someone: Person, account_no: str) -> None:
    page = someone.page
    await page.get_by_placeholder("Name or account number").fill(account_no)
    await someone.press("Search")
    await page.locator(f'a[href$="/customers/{account_no}"]').first.click()
    await someone.press("^Invite$")
    await someone.press("^Send 1 invitation")
    await expect(page).to_have_url(re.compile(r"/campaigns/\w+$"))
    await page.goto(f"{page.url.split('/campaigns/')[0]}/customers/{account_no}")
    await expect(page.locator("main")).to_contain_text("Pending")


async def customer_selects(someone: Person, count: int) -> list[str]:
    """Open every job, tick the first payable invoices and press Pay selected."""
    page = someone.page
    await page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + "/outstanding")
    for job in await page.locator("main details").all():
        if await job.get_attribute("open") is None:
            await job.locator("summary").first.click()
    boxes = page.locator("main input[name=document_refs]:visible:enabled:not([data-cents^='-'])")
    chosen = [boxes.nth(number) for number in range(count)]
    documents = [str(await box.get_attribute("value")) for box in chosen]
    for box in chosen:
        await box.check()
    await someone.press("Pay selected")
    await expect(page).to_have_url(re.compile(r"/pay/\w+$"))
    return documents


async def customer_enters_a_card(someone: Person, number: str) -> None:
    await someone.press("Card")
    fields = someone.page.frame_locator("iframe").first
    await fields.get_by_label("Card number").fill(number)
    await fields.get_by_label("Expiration date").fill("12/34")
    await fields.get_by_label("Security code").fill("123")
    await fields.get_by_label("ZIP code").fill("03431")
    await someone.press("Use this card")
    await expect(someone.page).to_have_url(re.compile("/review"))


async def customer_links_a_bank(someone: Person) -> None:
    await someone.press("Bank account")
    await someone.press("Link your bank")
    bank = someone.page.frame_locator("iframe").last
    await bank.get_by_role("button", name="First Platypus Bank").click()
    await bank.locator("input[name=username]").fill("user_good")
    await bank.locator("input[name=password]").fill("pass_good")
    await bank.get_by_role("button", name="Sign in").click()
    await bank.get_by_text("Checking").first.click()
    await bank.get_by_role("button", name="Continue").click()
    await expect(someone.page).to_have_url(re.compile("/review"))


async def customer_pays(someone: Person) -> str:
    """Press the one button and return the transaction ID that the page shows."""
    page = someone.page
    mandate = page.locator("input[name=accept_mandate]")
    if await mandate.count():
        await mandate.check()
    await someone.press(r"^Pay \$")
    await expect(page).to_have_url(re.compile("/payments/"))
    transaction = page.url.rsplit("/", 1)[1]
    await expect(page.locator("main")).to_contain_text(transaction)
    return transaction


async def settle_everything(office: Person, demo: Running, town: Town, wanted: int) -> list[str]:
    """Let days pass and read payouts until every settlement is matched; return their addresses."""
    page = office.page
    base = demo.operator["url"].rstrip("/")
    for _ in range(10):
        town.advance(2)
        await asyncio.sleep(1.5)
        await page.goto(f"{base}/settlements")
        await office.press("Read payouts now")
        await page.wait_for_load_state()
        rows = page.locator("main tbody tr").filter(has_text="Matched")
        matched = [
            str(await row.locator("a").first.get_attribute("href")) for row in await rows.all()
        ]
        if len(matched) >= wanted:
            return matched
    raise AssertionError(f"no {wanted} settlements:\n{await office.main_text()}")


async def post_and_resolve(office: Person, demo: Running, town: Town, address: str) -> str:
    page = office.page
    origin = demo.operator["url"].split("/operator")[0]
    await page.goto(origin + address)
    proof = await office.main_text()
    for action in ("Post", "Resolve"):
        await page.get_by_role("button", name=re.compile(f"^{action}")).first.click()
        confirm = page.locator("dialog[open] button, [popover]:popover-open button").filter(
            has_text=re.compile(action)
        )
        if await confirm.count():
            await confirm.last.click()
        await page.wait_for_load_state()
        if "/operator/confirm" in page.url:
            await enter_code(office, town)
            office.complaints.clear()
            await page.goto(origin + address)
            return await post_and_resolve(office, demo, town, address)
    await expect(page.locator("main")).to_contain_text("Resolved")
    return proof


@pytest.mark.parametrize(("width", "account_no"), [(1280, "1006"), (390, "1008")])
async def test_one_dollar_goes_all_the_way(
    demo: Running, browser: Browser, width: int, account_no: str
) -> None:
    town = Town(demo.shown)
    office = await Person.at(browser, width)
    customer = await Person.at(browser, width)

    await operator_signs_in(office, demo, town)
    await operator_invites(office, account_no)
    invitation = await found(lambda: town.invitations(account_no), "the invitation's mail")
    await customer_registers(customer, invitation[0])

    by_card = await customer_selects(customer, 2)
    await customer_enters_a_card(customer, "4242 4242 4242 4242")
    card = await customer_pays(customer)
    assert "Settled" in await customer.main_text()

    by_bank = await customer_selects(customer, 1)
    assert not set(by_bank) & set(by_card)
    await customer_links_a_bank(customer)
    bank = await customer_pays(customer)
    shown = await customer.main_text()
    assert "Pending" in shown
    assert "Paid" not in shown
    for transaction in (card, bank):
        mails = await found(lambda t=transaction: town.mails_about(t), "the receipt's mail")
        assert len(mails) == 1
    assert "paid" not in town.mails_about(bank)[0]["subject"].lower()

    settlements = await settle_everything(office, demo, town, wanted=2)
    for address in settlements:
        await post_and_resolve(office, demo, town, address)

    paid = sorted([*by_card, *by_bank])
    posted = await found(lambda: town.receipts_for(paid), "the receipts in the ERP")
    assert sorted(receipt["document_id"] for receipt in posted) == paid
    await found(lambda: len(town.mails_about(bank)) > 1, "the mail that it has settled")
    assert len(town.mails_about(bank)) == 2
    for someone in (office, customer):
        assert await someone.fits()
    assert office.complaints == []
    assert customer.complaints == []
