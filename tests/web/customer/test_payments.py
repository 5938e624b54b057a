"""The history of payments and what can be done with one."""

import datetime
import re

from tests.web.customer.steps import pay
from tests.web.portal import Browser, PortalApp
from tests.world import World, account, item


async def test_an_empty_history_says_what_will_be_here(ana: Browser) -> None:
    await ana.get("/payments")
    assert "No payments yet" in ana.text


async def test_two_payments_are_two_rows_with_method_and_last_four(
    world: World, ana: Browser
) -> None:
    await pay(ana, world.processor.card(), "INV-1")
    await pay(ana, world.processor.bank(), "INV-2")
    await ana.get("/payments")
    rows = ana.text[ana.text.index("Receipt") :]
    first, second = rows.index("First Platypus Bank •••• 0000"), rows.index("Visa •••• 4242")
    assert first < second, "the newest comes first"
    assert "$400.00" in rows
    assert "$355.00" in rows


async def test_a_long_history_is_read_page_by_page(app: PortalApp, world: World) -> None:
    world.erp.put(
        account("1003", "Quay"), *(item(f"Q-{number:02}", "1003", 1_000) for number in range(25))
    )
    await world.sync()
    who = await world.customer("1003", "quay@example.com")
    for number in range(25):
        await world.pay(who, f"Q-{number:02}")
    browser = await app.signed_in("quay@example.com")
    ids: list[str] = []
    await browser.get("/payments")
    ids += re.findall(r'<a href="/payments/(\w+)">', browser.page)
    more = re.search(r'href="(/payments\?after=[^"]+)"', browser.page)
    assert more is not None
    rows = await browser.client.get(more[1], headers={"hx-request": "true"})
    assert "<html" not in rows.text, "htmx gets the rows alone"
    assert rows.text.count("<tr") == 5
    await browser.get(more[1])
    ids += re.findall(r'<a href="/payments/(\w+)">', browser.page)
    assert len(set(ids)) == 25
    assert "Show more" not in browser.text
    assert (await browser.get("/payments?after=tampered")).status_code == 422


async def test_the_receipt_is_a_pdf_for_downloading(world: World, ana: Browser) -> None:
    path = await pay(ana, world.processor.card(), "INV-1")
    file = await ana.client.get(f"{path}/receipt")
    assert file.headers["content-type"] == "application/pdf"
    assert file.headers["content-disposition"].startswith("attachment; filename=")
    assert file.content.startswith(b"%PDF")


async def test_the_receipt_is_mailed_again_but_not_twice_a_minute(
    world: World, ana: Browser
) -> None:
    path = await pay(ana, world.processor.card(), "INV-1")
    await world.run_jobs()
    before = len(world.mail.sent)
    await ana.submit(f"{path}/receipt/resend")
    assert ana.notices[0] == "The receipt is on its way to ap@harbor.example."
    await world.run_jobs()
    assert len(world.mail.sent) == before + 1
    await ana.submit(f"{path}/receipt/resend")
    assert "look into your mail first" in ana.notices[0]
    await world.run_jobs()
    assert len(world.mail.sent) == before + 1


async def test_a_returned_debit_is_owed_again_and_says_why(world: World, ana: Browser) -> None:
    path = await pay(ana, world.processor.bank(returned="R01"), "INV-2")
    world.clock.advance(datetime.timedelta(days=4))
    browser = await _again(world, ana)
    await browser.get(path)
    await browser.submit(f"{path}/refresh")
    assert "Your bank has returned this payment" in browser.text
    assert "R01" in browser.text
    assert "Choose another method" in browser.text
    response = await browser.submit(f"{path}/again")
    assert response.url.path.startswith("/pay/")


async def _again(world: World, browser: Browser) -> Browser:
    """Sign in anew where days have passed."""
    await browser.open("/sign-in")
    await browser.submit(
        "/sign-in", {"login": "ap@harbor.example", "password": "correct horse battery staple"}
    )
    return browser
