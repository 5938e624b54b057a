"""The stand-in for Stripe's script, in a real browser and under a strict policy."""

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe
from playwright.async_api import Browser, FrameLocator, Page, async_playwright, expect

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.stripe.shop import serving_shop

CARD_FRAME = "iframe[title='Secure payment input frame']"
BANK_FRAME = "iframe[title='Confirmation by your bank']"
MOUNT = """key => {
    window.stripe = Stripe(key);
    window.elements = stripe.elements({mode: 'payment', amount: 10300, currency: 'usd'});
    window.changes = [];
    const element = elements.create('payment');
    element.on('change', event => changes.push(event));
    return new Promise(resolve => {
        element.on('ready', () => resolve(true));
        element.mount('#payment-element');
    });
}"""
TOKEN = """async () => {
    const submitted = await elements.submit();
    if (submitted.error) return submitted;
    return stripe.createConfirmationToken({
        elements,
        params: {
            return_url: window.location.href,
            payment_method_data: {billing_details: {name: 'Ada Builder'}},
        },
    });
}"""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed here")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture
async def page(browser: Browser, sandbox: RunningSandbox) -> AsyncIterator[Page]:
    """A shop's page at the width of a small phone, with the card fields mounted."""
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    async with serving_shop(sandbox.base_url) as address:
        await opened.goto(address)
        key = sandbox.frame.settings.stripe_publishable_key
        assert await opened.evaluate(MOUNT, key)
        yield opened
        await context.close()
    expected = ("status of 402", "status of 400", "favicon.ico")
    assert [c for c in complaints if not any(part in c for part in expected)] == []


def card_fields(page: Page) -> FrameLocator:
    return page.frame_locator(CARD_FRAME)


async def type_card(page: Page, number: str = "4242424242424242", expiry: str = "1230") -> None:
    fields = card_fields(page)
    await fields.get_by_label("Card number").press_sequentially(number)
    await page.keyboard.press("Tab")
    await page.keyboard.type(expiry)
    await page.keyboard.press("Tab")
    await page.keyboard.type("123")
    await page.keyboard.press("Tab")
    await page.keyboard.type("94107")


async def pay_with(client: stripe.StripeClient, token: str, page: Page) -> stripe.PaymentIntent:
    return await client.v1.payment_intents.create_async(
        {
            "amount": 10_300,
            "currency": "usd",
            "confirmation_token": token,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True},
            "return_url": page.url,
        }
    )


async def test_a_typed_card_becomes_a_token_that_the_server_charges(
    page: Page, client: stripe.StripeClient
) -> None:
    await type_card(page, "4000056655665556")
    assert await card_fields(page).get_by_label("Card number").input_value() == (
        "4000 0566 5566 5556"
    )
    result = await page.evaluate(TOKEN)
    token = result["confirmationToken"]
    preview = token["payment_method_preview"]
    assert (preview["card"]["funding"], preview["card"]["last4"]) == ("debit", "5556")
    assert preview["billing_details"]["name"] == "Ada Builder"
    assert preview["billing_details"]["address"]["postal_code"] == "94107"
    assert (await pay_with(client, token["id"], page)).status == "succeeded"
    last = (await page.evaluate("changes"))[-1]
    assert (last["elementType"], last["complete"], last["empty"]) == ("payment", True, False)


async def test_the_page_never_sees_the_card_number(page: Page) -> None:
    await type_card(page)
    assert "4242" not in await page.content()
    seen = await page.evaluate(
        "() => { try { return document.querySelector('iframe').contentDocument === null; }"
        " catch (error) { return true; } }"
    )
    assert seen is True


async def test_an_incomplete_card_is_explained_in_the_frame(page: Page) -> None:
    fields = card_fields(page)
    result = await page.evaluate(TOKEN)
    assert result["error"]["type"] == "validation_error"
    await expect(fields.get_by_text("Your card number is incomplete.")).to_be_visible()
    number = fields.get_by_label("Card number")
    await expect(number).to_be_focused()
    await expect(number).to_have_attribute("aria-invalid", "true")
    await number.fill("4242424242424241")
    await expect(fields.get_by_text("Your card number is invalid.")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


async def test_a_card_whose_date_has_passed_is_refused_beside_its_field(page: Page) -> None:
    await type_card(page, expiry="0120")
    result = await page.evaluate(TOKEN)
    assert result["error"]["code"] == "invalid_expiry_year"
    message = card_fields(page).locator("#expiry-error")
    await expect(message).to_have_text("Your card's expiration year is invalid.")


@pytest.mark.parametrize("agree", [True, False])
async def test_the_bank_asks_in_a_dialog(
    page: Page, client: stripe.StripeClient, agree: bool
) -> None:
    await type_card(page, "4000000000003220")
    token = (await page.evaluate(TOKEN))["confirmationToken"]["id"]
    intent = await pay_with(client, token, page)
    assert intent.status == "requires_action"
    await page.evaluate(
        "clientSecret => { stripe.handleNextAction({clientSecret})"
        ".then(result => { window.answered = result; }); }",
        intent.client_secret,
    )
    bank = page.frame_locator(BANK_FRAME)
    await expect(bank.get_by_text("Do you confirm the payment of $103.00?")).to_be_visible()
    await bank.get_by_role("button", name="Complete" if agree else "Fail").click()
    result: Any = await (await page.wait_for_function("() => window.answered")).json_value()
    await expect(page.locator("dialog")).to_have_count(0)
    after = await client.v1.payment_intents.retrieve_async(intent.id)
    if agree:
        assert result["paymentIntent"]["status"] == after.status == "succeeded"
    else:
        assert result["error"]["code"] == "payment_intent_authentication_failure"
        assert after.status == "requires_payment_method"


async def test_escape_leaves_the_banks_question_unpassed(
    page: Page, client: stripe.StripeClient
) -> None:
    await type_card(page, "4000000000003220")
    token = (await page.evaluate(TOKEN))["confirmationToken"]["id"]
    intent = await pay_with(client, token, page)
    await page.evaluate(
        "clientSecret => { stripe.handleNextAction({clientSecret})"
        ".then(result => { window.answered = result; }); }",
        intent.client_secret,
    )
    await expect(page.frame_locator(BANK_FRAME).get_by_role("button", name="Fail")).to_be_visible()
    await page.locator("dialog").press("Escape")
    result: Any = await (await page.wait_for_function("() => window.answered")).json_value()
    assert result["error"]["code"] == "payment_intent_authentication_failure"


async def test_a_card_is_saved_and_an_intent_is_paid_from_the_browser(
    page: Page, client: stripe.StripeClient
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    setup = await client.v1.setup_intents.create_async({"customer": customer.id})
    await type_card(page)
    saved = await page.evaluate(
        "clientSecret => stripe.confirmSetup({elements, clientSecret, redirect: 'if_required'})",
        setup.client_secret,
    )
    assert saved["setupIntent"]["status"] == "succeeded"
    methods = await client.v1.payment_methods.list_async({"customer": customer.id})
    assert len(methods.data) == 1
    intent = await client.v1.payment_intents.create_async({"amount": 900, "currency": "usd"})
    paid = await page.evaluate(
        "clientSecret => stripe.confirmPayment({elements, clientSecret, redirect: 'if_required'})",
        intent.client_secret,
    )
    assert paid["paymentIntent"]["status"] == "succeeded"
    read = await page.evaluate(
        "secret => stripe.retrievePaymentIntent(secret)", intent.client_secret
    )
    assert read["paymentIntent"]["id"] == intent.id


async def test_a_declined_card_is_an_answer_not_an_exception(
    page: Page, client: stripe.StripeClient
) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 900, "currency": "usd"})
    await type_card(page, "4000000000009995")
    result = await page.evaluate(
        "clientSecret => stripe.confirmPayment({elements, clientSecret, redirect: 'if_required'})",
        intent.client_secret,
    )
    assert result["error"]["decline_code"] == "insufficient_funds"
    message = card_fields(page).get_by_text("Your card has insufficient funds.")
    await expect(message).to_be_visible()


async def test_a_foreign_client_secret_opens_nothing(
    page: Page, client: stripe.StripeClient
) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 900, "currency": "usd"})
    read = await page.evaluate(
        "secret => stripe.retrievePaymentIntent(secret)", f"{intent.id}_secret_guessed"
    )
    assert read["error"]["type"] == "invalid_request_error"
