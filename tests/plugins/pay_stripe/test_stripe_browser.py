"""The adapter script in a real browser, on a page whose policy is what the plugin asks for."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from dueport_ports import (
    Accepted,
    ActionRequired,
    BrowserScript,
    CollectRequest,
    CollectSession,
    PaymentMethodKind,
    ProcessorState,
)
from dueport_ports.testing.processor import new_attempt
from tests.patience import PATIENCE_S
from tests.plugins.pay_stripe.stripe_world import StripeWorld, stripe_world

PAGE = """<!doctype html><html lang="en"><head><title>Pay</title>VENDOR</head>
<body><div id="card"></div><script src="/adapter.js"></script><script src="/glue.js"></script>
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
    ? window.DueportCollect.mount(document.getElementById("card"), bootstrap, callbacks)
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
        # Browsers log by themselves what happens in Stripe's own frames.
        if kind == "error" and not any(known in text for known in ("status of 40", "autofocus")):
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

    @property
    def frame(self) -> Any:
        return self.page.frame_locator("#card iframe")

    async def type_card(self, number: str) -> None:
        await self.frame.get_by_label("Card number").fill(number)
        await self.frame.get_by_label("Expiration date").fill("12 / 34")
        await self.frame.get_by_label("Security code").fill("123")
        await self.frame.get_by_label("ZIP code").fill("03103")

    async def press(self, button: str = "Use this card") -> None:
        await self.page.get_by_role("button", name=button).click()


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
async def world(tmp_path: Path) -> AsyncIterator[StripeWorld]:
    """Not judged by the specification: Stripe's script makes calls that it does not describe."""
    async with stripe_world(None, tmp_path) as running:
        yield running


@pytest.fixture
async def pay(browser: Browser, world: StripeWorld) -> AsyncIterator[PayPage]:
    session = await begin(world)
    assert session.script is not None
    page = await browser.new_page()
    shown = PayPage(page, session.script)
    async with served(shown) as url:
        await page.goto(f"{url}/pay")
        yield shown
        await page.close()
    assert shown.complaints == [], "the page's policy was broken or a script failed"


async def begin(world: StripeWorld, **changes: Any) -> CollectSession:
    request = CollectRequest(
        payer=await world.payer(),
        kind=PaymentMethodKind.CARD,
        amount_cents=48_213,
        return_url="https://pay.dealer.example/return",
    )
    return await world.stripe.begin_collect(msgspec.structs.replace(request, **changes))


async def test_a_person_types_a_card_and_it_is_charged(world: StripeWorld, pay: PayPage) -> None:
    session = await begin(world)
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.type_card("4242424242424242")
    await pay.press()
    payload = await pay.heard("done")
    assert set(payload) == {"confirmation_token"}
    result = await world.stripe.finish_collect(session.session_ref, msgspec.json.encode(payload))
    assert result.instrument.label == "Visa •••• 4242"
    answer = await world.stripe.submit(await new_attempt(world, result.instrument))
    assert isinstance(answer, Accepted), answer


async def test_an_incomplete_card_is_told_and_can_be_corrected(
    world: StripeWorld, pay: PayPage
) -> None:
    session = await begin(world)
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.press()
    assert await pay.heard("failed")
    button = pay.page.get_by_role("button", name="Use this card")
    await expect(button).to_be_enabled()
    await pay.type_card("4242424242424242")
    await button.click()
    assert (await pay.heard("done"))["confirmation_token"].startswith("ctoken_")


async def test_a_person_saves_a_card_and_answers_the_bank(world: StripeWorld, pay: PayPage) -> None:
    session = await begin(world, purpose="save")
    await pay.start("mount", session.bootstrap)
    await pay.heard("ready")
    await pay.type_card("4000002760003184")
    await pay.press("Save this card")
    bank = pay.page.frame_locator("dialog iframe")
    await bank.get_by_role("button", name="Complete").click()
    payload = await pay.heard("done")
    result = await world.stripe.finish_collect(session.session_ref, msgspec.json.encode(payload))
    assert result.instrument.reusable


@pytest.mark.parametrize(("press", "state"), [("Complete", "succeeded"), ("Fail", "created")])
async def test_the_banks_question_about_a_payment_is_answered_in_the_page(
    world: StripeWorld, pay: PayPage, press: str, state: str
) -> None:
    instrument = await world.card("pm_card_threeDSecure2Required")
    answer = await world.stripe.submit(await new_attempt(world, instrument))
    assert isinstance(answer, ActionRequired), answer
    await pay.start("handleAction", answer.bootstrap)
    bank = pay.page.frame_locator("dialog iframe")
    await bank.get_by_role("button", name=press).click()
    if press == "Complete":
        assert await pay.heard("done") == {"payment_intent": answer.processor_ref}
    else:
        assert await pay.heard("failed")
    snapshot = await world.stripe.fetch(answer.processor_ref)
    assert snapshot.state is ProcessorState(state)


async def test_a_page_whose_vendor_script_did_not_load_says_so(
    world: StripeWorld, pay: PayPage
) -> None:
    await pay.page.evaluate("delete window.Stripe")
    session = await begin(world)
    await pay.start("mount", session.bootstrap)
    assert "could not be loaded" in await pay.heard("failed")
