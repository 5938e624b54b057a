"""The stand-in for Plaid Link in a real browser, on a page with a strict policy."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Frame, Page, async_playwright, expect

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver, served
from tests.sandbox.plaid.test_link import new_token

PAGE = """<!doctype html><html lang="en"><head><title>Pay</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script nonce="n1" src="{sandbox}/js/link-initialize.js"></script></head>
<body><button id="connect">Connect bank</button>
<script nonce="n1">
  window.outcome = null; window.happened = [];
  const done = (outcome) => {{ window.outcome = outcome; document.body.dataset.done = "yes"; }};
  const handler = Plaid.create({{
    token: "{token}",
    onSuccess: (publicToken, metadata) => done({{ publicToken, metadata }}),
    onExit: (error, metadata) => done({{ error, metadata, left: true }}),
    onEvent: (name) => window.happened.push(name),
  }});
  document.getElementById("connect").addEventListener("click", () => handler.open());
  window.handler = handler;
</script></body></html>"""


def chromium(installed_by_playwright: str) -> str:
    """Return the path of a browser, or skip the tests where there is none."""
    found = shutil.which("chromium") or installed_by_playwright
    if not Path(found).exists():
        pytest.skip("no Chromium is installed here")
    return found


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium: the system's, or the one that Playwright has installed."""
    async with async_playwright() as playwright:
        found = chromium(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        await browser.close()


class PayPage:
    """A dealer's page that opens Link, and what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda one: self._note(one.type, one.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        # A refused sign-in is a 400 of the page's own call, which browsers log by themselves.
        if kind == "error" and "status of 400" not in text:
            self.complaints.append(text)

    @property
    def frame(self) -> Any:
        """Link's frame."""
        return self.page.frame_locator("#plaid-link-iframe")

    async def outcome(self) -> Any:
        """Wait for a callback and return what it was given."""
        await self.page.wait_for_selector("body[data-done]")
        return await self.page.evaluate("window.outcome")


async def open_page(
    browser: Browser, sandbox: RunningSandbox, token: str, width: int = 1024, height: int = 768
) -> AsyncIterator[PayPage]:
    """Serve a strict page in a window of its own and press its button."""
    html = PAGE.format(sandbox=sandbox.base_url, token=token).encode()
    policy = (
        f"default-src 'none'; script-src 'nonce-n1'; frame-src {sandbox.base_url}; "
        "style-src 'nonce-n1'; base-uri 'none'"
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-security-policy", policy.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": html})

    async with served(app) as url:
        window = await browser.new_context(viewport={"width": width, "height": height})
        page = await window.new_page()
        pay_page = PayPage(page)
        await page.goto(url)
        await page.click("#connect")
        yield pay_page
        await window.close()


async def test_a_person_links_an_account_with_the_mouse(
    browser: Browser, sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    token = (await new_token(plaid_api))["link_token"]
    async for pay in open_page(browser, sandbox, token):
        await pay.frame.get_by_role("button", name="First Platypus Bank").click()
        await pay.frame.get_by_label("Username").fill("user_good")
        await pay.frame.get_by_label("Password").fill("wrong")
        await pay.frame.get_by_role("button", name="Sign in").click()
        await expect(pay.frame.get_by_role("alert")).to_contain_text("not correct")
        await pay.frame.get_by_label("Password").fill("pass_good")
        await pay.frame.get_by_role("button", name="Sign in").click()
        await pay.frame.get_by_label("Plaid Saving").check()
        await pay.frame.get_by_role("button", name="Continue").click()
        outcome = await pay.outcome()
        assert outcome["metadata"]["accounts"][0]["mask"] == "1111"
        assert outcome["metadata"]["institution"]["institution_id"] == "ins_109508"
        happened = await pay.page.evaluate("window.happened")
        assert happened[0] == "OPEN"
        assert happened[-1] == "HANDOFF"
        assert {"SELECT_INSTITUTION", "SUBMIT_CREDENTIALS", "ERROR"} <= set(happened)
        assert await pay.page.locator("#plaid-link-overlay").count() == 0
        assert await pay.page.evaluate("document.activeElement.id") == "connect"
        assert pay.complaints == []
        opened = await plaid_api("item_public_token_exchange", public_token=outcome["publicToken"])
        assert opened["access_token"].startswith("access-sandbox-")


async def test_a_person_links_an_account_with_the_keyboard_on_a_narrow_phone(
    browser: Browser, sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    token = (await new_token(plaid_api))["link_token"]
    async for pay in open_page(browser, sandbox, token, width=360, height=640):
        bank = pay.frame.get_by_role("button", name="First Platypus Bank")
        await expect(pay.frame.get_by_role("heading", name="Select your bank")).to_be_focused()
        await pay.page.keyboard.press("Tab")
        await expect(bank).to_be_focused()
        await pay.page.keyboard.press("Enter")
        await expect(pay.frame.get_by_label("Username")).to_be_focused()
        await pay.page.keyboard.type("user_business")
        await pay.page.keyboard.press("Tab")
        await pay.page.keyboard.type("pass_good")
        await fits(pay.page)
        await pay.page.keyboard.press("Enter")
        await expect(pay.frame.get_by_label("Plaid Business Checking")).to_be_focused()
        await fits(pay.page)
        await pay.page.keyboard.press("Enter")
        outcome = await pay.outcome()
        assert outcome["metadata"]["accounts"][0]["mask"] == "0000"
        assert pay.complaints == []


async def test_escape_leaves_link_and_says_where(
    browser: Browser, sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    token = (await new_token(plaid_api))["link_token"]
    async for pay in open_page(browser, sandbox, token):
        await pay.frame.get_by_role("button", name="Tartan Bank").click()
        await expect(pay.frame.get_by_label("Username")).to_be_focused()
        await pay.page.keyboard.press("Escape")
        outcome = await pay.outcome()
        assert (outcome["left"], outcome["error"]) == (True, None)
        assert outcome["metadata"]["status"] == "requires_credentials"
        assert await pay.page.evaluate("document.activeElement.id") == "connect"


async def test_an_expired_token_ends_in_an_error(browser: Browser, sandbox: RunningSandbox) -> None:
    async for pay in open_page(browser, sandbox, "link-sandbox-nobody"):
        await expect(pay.frame.get_by_role("alert")).to_contain_text("expired")
        await pay.page.evaluate("window.handler.exit()")
        assert (await pay.outcome())["error"]["error_code"] == "INVALID_LINK_TOKEN"


async def test_update_mode_reconnects_the_same_bank(
    browser: Browser, sandbox: RunningSandbox, linked: Linked
) -> None:
    await linked.api("sandbox_item_reset_login", access_token=linked.access_token)
    answer = await new_token(linked.api, access_token=linked.access_token, products=None)
    async for pay in open_page(browser, sandbox, answer["link_token"]):
        heading = pay.frame.get_by_role("heading", name="Reconnect First Platypus Bank")
        await expect(heading).to_be_visible()
        await pay.frame.get_by_label("Username").fill("user_business")
        await pay.frame.get_by_label("Password").fill("pass_good")
        await pay.frame.get_by_role("button", name="Sign in").click()
        assert (await pay.outcome())["metadata"]["institution"]["name"] == "First Platypus Bank"
    item = await linked.api("item_get", access_token=linked.access_token)
    assert item["item"]["error"] is None


async def test_hosted_link_stands_by_itself(
    browser: Browser, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    token = await new_token(plaid_api, hosted_link={}, webhook=receiver.url)
    page = await browser.new_page(viewport={"width": 360, "height": 640})
    await page.goto(token["hosted_link_url"])
    await page.get_by_role("button", name="First Platypus Bank").click()
    await page.get_by_label("Username").fill("user_good")
    await page.get_by_label("Password").fill("pass_good")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", name="You are all set")).to_be_visible()
    await receiver.wait_for(1)
    await page.close()


async def fits(page: Page) -> None:
    """Check that nothing sticks out to the side, outside and inside the frame."""
    frame: Frame | None = page.frame(url=lambda url: "/plaid-link/" in url)
    assert frame is not None
    for one in (page, frame):
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert await one.evaluate(wider) is False
