"""Several accounts behind one login, and accounts that were switched off."""

import pytest

from dueport_apps.usecases.records import Principal
from tests.inviting import also_link
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World, account


@pytest.fixture
async def who(world: World) -> Principal:
    """Ana, who signs in for 1001 and 1002."""
    ana = await world.customer("1001")
    await also_link(world, ana.principal_id, "1002")
    return ana


async def test_the_header_names_the_open_account_and_offers_the_others(
    app: PortalApp, who: Principal
) -> None:
    browser = await app.signed_in("ap@harbor.example")
    for page in ("/outstanding", "/payments", "/your-login"):
        await browser.open(page)
        assert "Now open: Harbor Builders, LLC 1001" in browser.text
        assert '<button name="account_no" value="1002">' in browser.page
        assert '<button name="account_no" value="1001">' not in browser.page


async def test_switching_changes_everything_and_crosses_nothing_over(
    app: PortalApp, who: Principal, world: World
) -> None:
    browser = await app.signed_in("ap@harbor.example")
    assert "INV-1" in browser.text
    assert "INV-9" not in browser.text
    old_tab = browser.token
    payment = await world.pay(who, "INV-1")
    before = dict(browser.client.cookies)
    await browser.submit("/account", {"account_no": "1002"})
    assert "INV-9" in browser.text
    assert "INV-1 " not in browser.text
    assert dict(browser.client.cookies) != before, "the session has a new token"
    assert (await browser.get(f"/payments/{payment.payment_id}")).status_code == 404
    await browser.open("/payments")
    assert payment.payment_id not in browser.page
    stale = await browser.post("/pay", {"document_refs": "INV-2"}, token=old_tab)
    assert stale.status_code == 403, "a form of the account that was open is refused"
    await browser.open("/outstanding")
    foreign = await browser.post("/pay", {"document_refs": "INV-2"})
    assert foreign.status_code in (404, 422)


async def test_one_account_needs_no_switcher(ana: Browser) -> None:
    assert "Now open" not in ana.text
    assert "dp-switcher" not in ana.page


async def test_an_account_of_somebody_else_cannot_be_opened(ana: Browser) -> None:
    assert (await ana.post("/account", {"account_no": "1002"})).status_code == 404
    await ana.open("/outstanding")
    assert "INV-9" not in ana.text


async def test_many_accounts_are_searched_on_a_page(
    app: PortalApp, who: Principal, world: World
) -> None:
    numbers = [f"20{number:02}" for number in range(12)]
    world.erp.put(*(account(number, f"Site {number} Partners") for number in numbers))
    await world.sync()
    await also_link(world, who.principal_id, *numbers)
    browser = await app.signed_in("ap@harbor.example")
    assert 'href="/accounts"' in browser.page
    await browser.open("/accounts")
    assert "14 accounts" in browser.text
    await browser.open("/accounts?q=site+2003")
    assert "Site 2003 Partners" in browser.text
    assert "Site 2004 Partners" not in browser.text
    await browser.submit("/account", {"account_no": "2003"})
    assert "Now open: Site 2003 Partners 2003" in browser.text
    await browser.open("/accounts?q=<b>nobody")
    assert "No account found" in browser.text
    assert "<b>nobody" not in browser.page


async def test_a_session_on_an_account_that_is_switched_off_ends_with_the_next_request(
    app: PortalApp, who: Principal, world: World
) -> None:
    browser = await app.signed_in("ap@harbor.example")
    await world.container.disable_access()("1001", world.staff)
    assert (await browser.get("/outstanding")).headers["location"].startswith("/sign-in")
    again = await app.signed_in("ap@harbor.example")
    assert "INV-9" in again.text, "the account that is left is opened"
    assert "Now open" not in again.text
    assert (await again.post("/account", {"account_no": "1001"})).status_code == 404


async def test_without_any_account_left_nobody_can_tell_that_there_was_a_login(
    app: PortalApp, world: World
) -> None:
    who = await world.customer("1001")
    await world.container.disable_access()("1001", world.staff)
    told = []
    for login, password in (
        ("ap@harbor.example", PASSWORD),
        ("ap@harbor.example", "wrong one"),
        ("nobody@nowhere.example", PASSWORD),
    ):
        browser = app.browser()
        await browser.get("/sign-in")
        response = await browser.post("/sign-in", {"login": login, "password": password})
        told.append((response.status_code, browser.notices))
    assert told == [(403, ["That login or password is not right."])] * 3
    await world.container.disable_access().restore("1001", who.principal_id, world.staff)
    await app.signed_in("ap@harbor.example")
