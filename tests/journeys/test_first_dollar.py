"""The first dollar, from the invitation to the ERP's own books, in a real browser.

The demonstration runs as a person starts it: real PostgreSQL, real SMTP, the vendors' SDKs against
the sandbox, both portals under their own content security policy.
"""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.demo.running import Running, free_port, started
from tools.ensure_browser import find_browser

pytestmark = pytest.mark.journey

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "nine lively otters sing"
DAY_S = 24 * 3600
PATIENCE_S = 40


@pytest.fixture(scope="module")
def demo() -> Iterator[Running]:
    """A fresh demonstration in a folder that the database's account may pass through."""
    root = Path(tempfile.mkdtemp(prefix="dueport-journey-"))
    root.chmod(0o711)
    running = started(root / "demo", free_port())
    yield running
    code, said = running.stop()
    shutil.rmtree(root, ignore_errors=True)
    assert code == 0, said


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=find_browser(), args=OPTIONS)
        yield chromium
        await chromium.close()


class Person:
    """Somebody with a browser window of their own, whose console must stay clean."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", self._hear)

    @classmethod
    async def at(cls, browser: Browser, width: int) -> "Person":
        context = await browser.new_context(viewport={"width": width, "height": 860})
        return cls(await context.new_page())

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "autofocus" not in message.text:
            self.complaints.append(message.text)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=re.compile(name)).first.click()

    async def main_text(self) -> str:
        return await self.page.locator("main").inner_text()

    async def fits(self) -> bool:
        """Whether nothing sticks out to the side."""
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return not await self.page.evaluate(wide)


class Town:
    """What stands around the portals: mailbox, clock and ERP."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.shown = shown
        self.home: str = shown["home"].rstrip("/")

    def mails_about(self, words: str) -> list[dict[str, Any]]:
        mails: list[dict[str, Any]] = httpx.get(f"{self.shown['mailbox']}/messages.json").json()
        return [mail for mail in mails if words in mail["text"]]

    def invitations(self, account_no: str) -> list[dict[str, Any]]:
        return self.mails_about(f"(account {account_no})")

    def receipts_for(self, documents: list[str]) -> list[dict[str, Any]]:
        """Return what the ERP has booked on these documents, once it has booked on all."""
        every: list[dict[str, Any]] = httpx.get(f"{self.shown['erp']}/receipts.json").json()
        found = [receipt for receipt in every if receipt["document_id"] in documents]
        return found if {receipt["document_id"] for receipt in found} == set(documents) else []

    def advance(self, days: int) -> None:
        answer = httpx.post(
            f"{self.home}/_control/clock", json={"seconds": days * DAY_S}, timeout=60
        )
        assert answer.status_code == 200, answer.text

    def code(self) -> str:
        return pyotp.parse_uri(self.shown["otpauth"]).now()


async def until(what: Callable[[], Any], why: str) -> Any:
    """Wait until something is there; what happens in the background needs a moment."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := what():
            return found
        await asyncio.sleep(0.3)
    raise AssertionError(f"waited in vain for {why}")


async def enter_code(someone: Person, town: Town) -> None:
    """Enter the authenticator's code; one that was used already is waited out, as a person does."""
    page = someone.page
    asking = page.url
    for _ in range(8):
        await page.locator("input[name=code]").fill(town.code())
        await page.locator("main button").first.click()
        await page.wait_for_load_state()
        if page.url != asking:
            return
        await asyncio.sleep(5)
    raise AssertionError("no code was accepted")


async def operator_signs_in(someone: Person, demo: Running, town: Town) -> None:
    page = someone.page
    await page.goto(demo.operator["url"])
    await page.locator("input[name=login], input[name=email]").first.fill(demo.operator["login"])
    await page.locator("input[name=password]").fill(demo.operator["password"])
    await page.locator("main button").first.click()
    await enter_code(someone, town)
    await expect(page).to_have_url(re.compile("/operator/customers"))
    someone.complaints.clear()


async def operator_invites(someone: Person, account_no: str) -> None:
    page = someone.page
    await page.get_by_placeholder("Name or account number").fill(account_no)
    await someone.press("Search")
    await page.locator(f'a[href$="/customers/{account_no}"]').first.click()
    await someone.press("Invite")
    await (
        page.locator("dialog button, [popover] button")
        .filter(has_text=re.compile("Invite|Send"))
        .last.click()
    )
    await expect(page.locator("main")).to_contain_text("Pending")


async def customer_registers(someone: Person, mail: dict[str, Any]) -> None:
    page = someone.page
    link = re.search(r"http\S+/register/\S+", mail["text"])
    assert link is not None
    await page.goto(link.group())
    # The link's secret is not left in the address, where it would end up in histories and logs.
    assert page.url.endswith("/register")
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("input[name=password_again]").fill(PASSWORD)
    for box in await page.locator("main input[type=checkbox]").all():
        await box.check()
    await page.locator("main form button").first.click()
    await expect(page).to_have_url(re.compile("/outstanding"))


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
        found = [
            str(await row.locator("a").first.get_attribute("href")) for row in await rows.all()
        ]
        if len(found) >= wanted:
            return found
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
    invitation = await until(lambda: town.invitations(account_no), "the invitation's mail")
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
        mails = await until(lambda t=transaction: town.mails_about(t), "the receipt's mail")
        assert len(mails) == 1
    assert "paid" not in town.mails_about(bank)[0]["subject"].lower()

    settlements = await settle_everything(office, demo, town, wanted=2)
    for address in settlements:
        await post_and_resolve(office, demo, town, address)

    paid = sorted([*by_card, *by_bank])
    posted = await until(lambda: town.receipts_for(paid), "the receipts in the ERP")
    assert sorted(receipt["document_id"] for receipt in posted) == paid
    assert len(town.mails_about(bank)) == 2
    for someone in (office, customer):
        assert await someone.fits()
    assert office.complaints == []
    assert customer.complaints == []
