"""The adapter script in a real browser, on a page whose policy is what the plugin asks for."""

import asyncio
import contextlib
import datetime
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from dueport_ports import Accepted, ActionRequired, BrowserScript, CollectSession, InstrumentHealth
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.patience import PATIENCE_S
from tests.plugins.pay_ach_plaid.plaid_world import PlaidWorld, item_of

PAGE = """<!doctype html><html lang="en"><head><title>Pay</title>VENDOR</head>
<body><div id="bank"></div><script src="/adapter.js"></script><script src="/glue.js"></script>
</body></html>"""
GLUE = """
window.heard = [];
const callbacks = {
  ready: () => window.heard.push(["ready"]),
  done: (payload) => window.heard.push(["done", payload]),
  failed: (message) => window.heard.push(["failed", message]),
};
window.start = (call, bootstrap) => {
  window.mounted = call === "mount"
    ? window.DueportCollect.mount(document.getElementById("bank"), bootstrap, callbacks)
    : window.DueportCollect.handleAction(bootstrap, callbacks);
};
"""


def chromium(installed_by_playwright: str) -> str:
    """Return the path of a browser, or skip the tests where there is none."""
    found = shutil.which("chromium") or installed_by_playwright
    if not Path(found).exists():
        pytest.skip("no Chromium is installed here")
    return found


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = chromium(playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        await browser.close()


class PayPage:
    """A pay page as the platform builds it, and what the browser complained about."""

    def __init__(self, page: Page, script: BrowserScript) -> None:
        self.page = page
        self.script = script
        self.complaints: list[str] = []
        page.on("console", lambda one: self._note(one.type, one.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        # A refused sign-in is a 400 of Link's own page, which browsers log by themselves.
        if kind == "error" and "status of 40" not in text:
            self.complaints.append(text)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer for the dealer's site, whose policy allows no inline script and no inline style."""
        scripts = {"/glue.js": GLUE, "/adapter.js": self.script.adapter}
        body, kind = scripts.get(scope["path"]), "text/javascript"
        if body is None:
            vendor = f'<script src="{self.script.vendor_url}"></script>'
            body, kind = PAGE.replace("VENDOR", vendor), "text/html"
        headers = {"content-type": kind, "content-security-policy": self._policy()}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": body.encode()})

    def _policy(self) -> str:
        extra = {name: " ".join(sources) for name, sources in self.script.csp.items()}
        return (
            "default-src 'none'; style-src 'self'; base-uri 'none'; "
            f"script-src 'self' {extra.pop('script-src')}; "
            f"connect-src 'self' {extra.pop('connect-src')}; "
            + "; ".join(f"{name} {sources}" for name, sources in extra.items())
        )

    async def start(self, call: str, bootstrap: dict[str, Any]) -> None:
        await self.page.evaluate("([call, boot]) => window.start(call, boot)", [call, bootstrap])

    async def heard(self, what: str) -> Any:
        """Wait for a callback and return what it was given."""
        found = await self.page.wait_for_function(
            "(what) => window.heard.find(([name]) => name === what)",
            arg=what,
            timeout=PATIENCE_S * 1000,
        )
        values: list[Any] = await found.json_value()
        return values[1] if len(values) > 1 else None

    async def kinds(self) -> list[str]:
        """Return which callbacks have come so far."""
        names: list[str] = await self.page.evaluate("window.heard.map(([name]) => name)")
        return names

    @property
    def frame(self) -> Any:
        return self.page.frame_locator("#plaid-link-iframe")

    def button(self, name: str = "Link your bank") -> Any:
        return self.page.get_by_role("button", name=name)

    async def sign_in(self, bank: str = "First Platypus Bank") -> None:
        await self.frame.get_by_role("button", name=bank).click()
        await self.credentials()

    async def credentials(self) -> None:
        await self.frame.get_by_label("Username").fill("user_business")
        await self.frame.get_by_label("Password").fill("pass_good")
        await self.frame.get_by_role("button", name="Sign in").click()


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def pay(browser: Browser, world: PlaidWorld) -> AsyncIterator[PayPage]:
    session = await begin(world)
    assert session.script is not None
    window = await browser.new_context()
    page = await window.new_page()
    shown = PayPage(page, session.script)
    async with served(shown) as url:
        await page.goto(f"{url}/pay")
        yield shown
        await window.close()
    assert shown.complaints == [], "the page's policy was broken or a script failed"


async def begin(world: PlaidWorld, **changes: Any) -> CollectSession:
    return await world.plaid.begin_collect(await world.collect_request(**changes))


async def test_a_person_links_a_bank_and_pays_from_it(world: PlaidWorld, pay: PayPage) -> None:
    session = await begin(world)
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.button().click()
    await pay.sign_in()
    await pay.frame.get_by_label("Plaid Business Saving").check()
    await pay.frame.get_by_role("button", name="Continue").click()
    payload = await pay.heard("done")
    assert set(payload) == {"public_token", "account_id"}
    await expect(pay.page.get_by_role("status")).to_have_text("Your bank is linked.")
    result = await world.plaid.finish_collect(session.session_ref, msgspec.json.encode(payload))
    assert result.instrument.label == "First Platypus Bank •••• 1111"
    answer = await world.plaid.submit(await new_attempt(world, result.instrument))
    assert isinstance(answer, Accepted), answer


async def test_the_button_is_reached_and_pressed_with_the_keyboard(
    world: PlaidWorld, pay: PayPage
) -> None:
    await pay.start("mount", (await begin(world)).bootstrap)
    await pay.heard("ready")
    await pay.page.keyboard.press("Tab")
    await expect(pay.button()).to_be_focused()
    await pay.page.keyboard.press("Enter")
    await expect(pay.frame.get_by_role("heading", name="Select your bank")).to_be_focused()


async def test_leaving_link_is_no_failure_and_can_be_repeated(
    world: PlaidWorld, pay: PayPage
) -> None:
    session = await begin(world)
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.button().click()
    await expect(pay.frame.get_by_role("heading", name="Select your bank")).to_be_focused()
    await pay.page.keyboard.press("Escape")
    await expect(pay.page.get_by_role("status")).to_contain_text("No bank was linked")
    await expect(pay.button()).to_be_enabled()
    assert await pay.kinds() == ["ready"]
    await pay.button().click()
    await pay.sign_in()
    await pay.frame.get_by_role("button", name="Continue").click()
    assert (await pay.heard("done"))["public_token"].startswith("public-sandbox-")


async def test_a_page_that_was_open_too_long_says_so(world: PlaidWorld, pay: PayPage) -> None:
    session = await begin(world)
    await world.advance(datetime.timedelta(hours=5))
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.button().click()
    await expect(pay.frame.get_by_role("alert")).to_contain_text("expired")
    await pay.page.evaluate("document.querySelector('#plaid-link-iframe').contentWindow.focus()")
    await pay.page.keyboard.press("Escape")
    assert "open for too long" in await pay.heard("failed")


async def test_what_the_bank_says_is_told_in_its_words(world: PlaidWorld, pay: PayPage) -> None:
    await pay.start("mount", (await begin(world)).bootstrap)
    await pay.heard("ready")
    await pay.button().click()
    await pay.frame.get_by_role("button", name="Tartan Bank").click()
    await pay.frame.get_by_label("Username").fill("user_good")
    await pay.frame.get_by_label("Password").fill("error_ITEM_LOCKED")
    await pay.frame.get_by_role("button", name="Sign in").click()
    await expect(pay.frame.get_by_role("alert")).to_contain_text("locked")
    await pay.page.keyboard.press("Escape")
    assert "This account is locked" in await pay.heard("failed")
    await expect(pay.button()).to_be_enabled()


async def test_a_tired_sign_in_is_renewed_in_the_page(world: PlaidWorld, pay: PayPage) -> None:
    instrument = await world.bank()
    await world.control(f"/items/{item_of(instrument)}/require-login")
    session = await begin(world, purpose="reauthorize", instrument=instrument)
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.button("Reconnect your bank").click()
    await pay.credentials()
    payload = await pay.heard("done")
    result = await world.plaid.finish_collect(session.session_ref, msgspec.json.encode(payload))
    assert result.instrument.health is InstrumentHealth.OK


async def test_a_debit_that_needs_the_customer_is_made_after_the_sign_in(
    world: PlaidWorld, pay: PayPage
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    await pay.start("handleAction", answer.bootstrap)
    await pay.credentials()
    assert await pay.heard("done") == {}
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1


async def test_a_customer_who_does_not_sign_in_is_told_that_nothing_was_paid(
    world: PlaidWorld, pay: PayPage
) -> None:
    attempt = await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED))
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, ActionRequired), answer
    await pay.start("handleAction", answer.bootstrap)
    await expect(pay.frame.get_by_label("Username")).to_be_focused()
    await pay.page.keyboard.press("Escape")
    assert "nothing was paid" in await pay.heard("failed")
    assert await world.charges(attempt) == 0


@pytest.mark.parametrize("call", ["mount", "handleAction"])
async def test_a_page_whose_vendor_script_did_not_load_says_so(
    world: PlaidWorld, pay: PayPage, call: str
) -> None:
    await pay.page.evaluate("delete window.Plaid; window.Plaid = undefined")
    await pay.start(call, (await begin(world)).bootstrap)
    assert "could not be loaded" in await pay.heard("failed")


async def test_coming_back_from_a_banks_own_site_goes_on_where_it_was(
    world: PlaidWorld, pay: PayPage
) -> None:
    before = await begin(world)
    await pay.start("mount", before.bootstrap)
    await pay.heard("ready")
    # The bank leads back with a state; the page is new, and so is what it was given.
    await pay.page.goto(f"{pay.page.url}?oauth_state_id=s1")
    after = await begin(world)
    await pay.page.evaluate(
        "const create = window.Plaid.create; window.Plaid = {create: (options) => {"
        "window.given = {token: options.token, uri: options.receivedRedirectUri};"
        "return create(options);}}"
    )
    await pay.start("mount", after.bootstrap)
    await expect(pay.frame.get_by_role("heading", name="Select your bank")).to_be_visible()
    given = await pay.page.evaluate("window.given")
    assert given == {"token": before.bootstrap["link_token"], "uri": pay.page.url}
    await pay.sign_in()
    await pay.frame.get_by_role("button", name="Continue").click()
    payload = await pay.heard("done")
    result = await world.plaid.finish_collect(after.session_ref, msgspec.json.encode(payload))
    assert result.instrument.last4 == "0000"


async def test_a_destroyed_adapter_leaves_nothing_behind(world: PlaidWorld, pay: PayPage) -> None:
    await pay.start("mount", (await begin(world)).bootstrap)
    await pay.heard("ready")
    await pay.page.evaluate("window.mounted.destroy()")
    assert await pay.page.inner_html("#bank") == ""
