"""The hosted page: paying where the shop's own page is not involved at all."""

from typing import Any

import httpx
import pytest
import stripe

from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S
from tests.sandbox.stripe.calls import answer_the_bank

CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 30", "cvc": "123", "postal": "94107"}
SESSION: Any = {
    "mode": "payment",
    "success_url": "https://shop.example/paid?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.example/invoices",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {
                "currency": "usd",
                "unit_amount": 10_300,
                "product_data": {"name": "Invoices 1001, 1002"},
            },
        }
    ],
    "payment_intent_data": {"metadata": {"attempt_id": "one"}},
}


async def submit(url: str, **typed: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        return await http.post(url, data={**CARD, **typed})


async def test_a_paid_session_leads_back_to_the_shop(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    session = await client.v1.checkout.sessions.create_async(SESSION)
    assert session.url is not None
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        page = await http.get(session.url)
    assert "Invoices 1001, 1002" in page.text
    assert "Pay $103.00" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    answer = await submit(session.url)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/paid?session={session.id}"
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent"]}
    )
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert done.payment_intent.metadata["attempt_id"] == "one"
    events = await client.v1.events.list_async({"type": "checkout.session.completed"})
    assert events.data[0].data.object["id"] == session.id


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"number": "4242424242424241"}, "Your card number is incorrect."),
        ({"number": "4000000000000002"}, "Your card was declined."),
        ({"expiry": "01 / 20"}, "Your card&#39;s expiration year is invalid."),
        ({"expiry": "soon"}, "Your card&#39;s expiration date is incomplete."),
        ({"number": "4111111111111111"}, "non test card"),
    ],
)
async def test_a_refused_card_keeps_the_page_open_and_says_why(
    client: stripe.StripeClient, sandbox: RunningSandbox, typed: dict[str, str], message: str
) -> None:
    session = await client.v1.checkout.sessions.create_async(SESSION)
    assert session.url is not None
    answer = await submit(session.url, **typed)
    assert answer.status_code == 402
    assert message in answer.text
    assert (await submit(session.url)).status_code == 303


async def test_the_bank_may_ask_before_the_session_completes(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    session = await client.v1.checkout.sessions.create_async(SESSION)
    assert session.url is not None
    asked = await submit(session.url, number="4000000000003220")
    assert "/stripe/challenge/" in asked.headers["location"]
    secret = httpx.URL(asked.headers["location"]).params["client_secret"]
    back = await answer_the_bank(sandbox, secret, agree=False)
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        assert "Your bank did not agree" in (await http.get(back)).text
    asked = await submit(session.url, number="4000000000003220")
    back = await answer_the_bank(sandbox, secret, agree=True)
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        done = await http.get(back)
    assert done.headers["location"].startswith("https://shop.example/paid")


async def test_a_card_is_saved_on_the_hosted_page(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    customer = await client.v1.customers.create_async({"email": "ap@builder.example"})
    session = await client.v1.checkout.sessions.create_async(
        {"mode": "setup", "customer": customer.id, "success_url": "https://shop.example/saved"}
    )
    assert session.url is not None
    assert (await submit(session.url)).status_code == 303
    saved = await client.v1.payment_methods.list_async({"customer": customer.id})
    assert len(saved.data) == 1


async def test_an_expired_session_takes_no_money(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    first = await client.v1.checkout.sessions.create_async(SESSION)
    second = await client.v1.checkout.sessions.create_async(SESSION)
    expired = await client.v1.checkout.sessions.expire_async(first.id)
    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(first.id)
    await sandbox.frame.clock.advance(seconds=25 * 3600)
    assert (await client.v1.checkout.sessions.retrieve_async(second.id)).status == "expired"
    assert second.url is not None
    answer = await submit(second.url)
    assert "no longer open" in answer.text
    assert (await client.v1.charges.list_async()).data == []
    listed = await client.v1.checkout.sessions.list_async({"status": "expired"})
    assert len(listed.data) == 2
