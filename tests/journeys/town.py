"""People with browsers, and the town around the portals: what every journey needs."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pyotp
from playwright.async_api import Browser, ConsoleMessage, Page, StorageState, expect

from tests.demo.running import Running, asked
from tests.patience import PATIENCE_S, until

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


class Person:
    """Somebody with a browser window of their own, whose console must stay clean."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", self._hear)

    @classmethod
    async def at(
        cls, browser: Browser, width: int, signed_in: StorageState | None = None
    ) -> "Person":
        """Open a window; `signed_in` are the cookies of somebody who did so before."""
        context = await browser.new_context(
            viewport={"width": width, "height": 860}, storage_state=signed_in
        )
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
        mails: list[dict[str, Any]] = asked(f"{self.shown['mailbox']}/messages.json").json()
        return [mail for mail in mails if words in mail["text"]]

    def invitations(self, account_no: str) -> list[dict[str, Any]]:
        return self.mails_about(f"(account {account_no})")

    def receipts_for(self, documents: list[str]) -> list[dict[str, Any]]:
        """Return what the ERP has booked on these documents, once it has booked on all."""
        every: list[dict[str, Any]] = asked(f"{self.shown['erp']}/receipts.json").json()
        found = [receipt for receipt in every if receipt["document_id"] in documents]
        return found if {receipt["document_id"] for receipt in found} == set(documents) else []

    def advance(self, days: int) -> None:
        answer = httpx.post(
            f"{self.home}/_control/clock", json={"seconds": days * DAY_S}, timeout=PATIENCE_S
        )
        assert answer.status_code == 200, answer.text

    def code(self) -> str:
        return pyotp.parse_uri(self.shown["otpauth"]).now()


async def found(what: Callable[[], Any], why: str) -> Any:
    """Return something once it is there; what happens in the background needs a moment."""
    await until(lambda: bool(what()), why)
    return what()


async def enter_code(someone: Person, town: Town) -> None:
    """Enter the authenticator's code; one that was used already is waited out, as a person does."""
    page = someone.page
    field = page.locator("input[name=code]")
    await field.wait_for()
    asking = page.url
    for _ in range(8):
        await field.fill(town.code())
        async with page.expect_response(lambda answer: answer.request.method == "POST") as told:
            await page.locator("main button").first.click()
        answer = await told.value
        if 300 <= answer.status < 400:
            await page.wait_for_url(lambda address: address != asking)
            return
        await page.wait_for_load_state()
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
