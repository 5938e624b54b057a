"""Nobody ends at a wall: every detour leads back to what somebody was about to do."""

import datetime
import re

import pytest

from dueport_core.passwords import MAX_LENGTH
from tests.ending_links import expire
from tests.inviting import CONSENT, OTHER_PASSWORD, linked_accounts, reset_token_in, secret_in
from tests.web.operator.desk import sign_in
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World

EMAIL = "ap@harbor.example"
NEW = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}


async def mailed_reset(browser: Browser, world: World) -> str:
    """Forget the password; return the mailed link's token."""
    await browser.open("/forgot-password")
    await browser.submit("/forgot-password", {"login": EMAIL})
    await world.run_jobs()
    return reset_token_in(world.mail.sent[-1].text)


async def test_a_password_forgotten_while_linking_leads_back_to_linking(
    app: PortalApp, world: World
) -> None:
    await world.customer("1002", EMAIL)
    browser = app.browser()
    await browser.open(f"/register/{await world.invite('1001')}")
    assert "already signs in here" in browser.text
    world.clock.advance(datetime.timedelta(minutes=25))
    token = await mailed_reset(browser, world)
    world.clock.advance(datetime.timedelta(minutes=25))
    await browser.open(f"/reset/{token}")
    response = await browser.submit("/reset", NEW)
    assert (response.url.path, response.url.params["next"]) == ("/sign-in", "/register")
    form = {"login": EMAIL, "password": OTHER_PASSWORD, "next": "/register"}
    response = await browser.submit("/sign-in", form)
    assert response.url.path == "/register"
    await browser.submit("/register/link", CONSENT)
    assert await linked_accounts(world, EMAIL) == ["1001", "1002"]


async def test_a_reset_page_waits_as_long_as_its_link_is_good(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    browser = app.browser()
    await browser.open(f"/reset/{await mailed_reset(browser, world)}")
    world.clock.advance(datetime.timedelta(minutes=50))
    assert (await browser.submit("/reset", NEW)).url.path == "/sign-in"
    await app.signed_in(EMAIL, OTHER_PASSWORD)


async def test_a_browser_without_the_link_is_not_told_that_the_link_is_over(
    app: PortalApp,
) -> None:
    browser = app.browser()
    assert (await browser.get("/reset")).status_code == 404
    assert "Open the link in your mail again" in browser.text
    assert "does not work any more" not in browser.text


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/register/check", "/register"),
        ("/register/ask", "/register"),
        ("/your-login/password", "/your-login"),
        ("/your-login/name", "/your-login"),
        ("/pay", "/outstanding?view=all"),
        ("/pay/some-quote/renew", "/pay/some-quote"),
        ("/account", "/outstanding"),
        ("/sign-out", "/sign-in"),
        ("/enrol/code", "/enrol/register"),
        ("/operator/campaigns/some-id/start", "/operator/campaigns/some-id"),
    ],
)
async def test_an_address_that_takes_forms_alone_leads_to_their_page(
    app: PortalApp, path: str, page: str
) -> None:
    looked = await app.browser().get(path)
    assert (looked.status_code, looked.headers["location"]) == (303, page)


async def test_a_deep_link_keeps_its_query_over_the_sign_in(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    browser = app.browser()
    response = await browser.open("/outstanding?view=new_charges&select=past_due")
    assert response.url.path == "/sign-in"
    wanted = response.url.params["next"]
    assert wanted == "/outstanding?view=new_charges&select=past_due"
    form = {"login": EMAIL, "password": PASSWORD, "next": wanted}
    await browser.get(str(response.url))
    assert (await browser.post("/sign-in", form)).headers["location"] == wanted


async def test_a_program_that_checks_a_link_finds_it_working_and_uses_nothing_up(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    browser = app.browser()
    for path, status in ((f"/register/{token}", 303), ("/sign-in", 200), ("/nowhere", 404)):
        head = await browser.client.head(path)
        assert head.status_code == status, path
        assert head.content == b""
        assert "set-cookie" not in head.headers
        assert "default-src 'none'" in head.headers["content-security-policy"]
    assert (await browser.client.head("/outstanding")).status_code == 303


async def test_an_error_keeps_the_menu_for_those_who_are_signed_in(
    app: PortalApp, world: World
) -> None:
    customer = await app.customer("1001")
    operator = (await sign_in(app)).browser
    for browser, paths, menu in (
        (customer, ("/payments/nothing", "/nowhere", "/nowhere/at/all"), "Outstanding"),
        (operator, ("/operator/customers/none", "/operator/no/where"), "Customers Dashboard"),
    ):
        for path in paths:
            response = await browser.get(path)
            assert response.status_code == 404
            assert '<nav class="dp-' in browser.page, path
            assert menu in browser.text
            assert "Sign out" in browser.text
    stranger = app.browser()
    assert (await stranger.get("/nowhere")).status_code == 404
    assert "<nav" not in stranger.page
    assert (await customer.get("/operator/no/where")).status_code == 404
    assert "Customers Dashboard" not in customer.page


async def test_the_form_knows_whom_the_dealer_has_on_file(app: PortalApp, world: World) -> None:
    browser = app.browser()
    await browser.open(f"/register/{await world.invite('1001')}")
    name = re.search(r'name="name"[^>]*', browser.page)
    assert name is not None
    assert 'value="Accounts Payable"' in name[0]


async def test_the_mailed_password_leads_to_a_page_that_says_so(
    app: PortalApp, world: World
) -> None:
    await world.start_campaign("1001", delivery="credentials", username="account_no")
    await world.run_jobs()
    secret = secret_in(world.mail.sent[-1].text)
    browser = app.browser()
    await browser.get("/sign-in")
    await browser.submit("/sign-in", {"login": "1001", "password": secret})
    assert "Choose your own password" in browser.text
    assert "The one-time password was right." in browser.text
    assert "Username 1001" in browser.text
    assert "good until" not in browser.text


async def test_a_name_can_be_corrected_and_only_ones_own(app: PortalApp, world: World) -> None:
    browser = await app.customer("1001")
    await browser.open("/your-login")
    await browser.submit("/your-login/name", {"name": "  Ana   María Ruiz "})
    assert "Your name is changed." in browser.notices
    assert 'value="Ana María Ruiz"' in browser.page
    for wrong in ("  ", "…", "x" * 121, "Ana\u202eRuiz"):
        refused = await browser.post("/your-login/name", {"name": wrong})
        assert refused.status_code == 422, wrong
        await browser.open("/your-login")
        assert 'value="Ana María Ruiz"' in browser.page
    async with world.container.uow()() as uow:
        user = await uow.users.by_login(EMAIL)
    assert user is not None
    assert user.name == "Ana María Ruiz"


async def test_who_has_asked_for_a_new_link_is_reminded_of_it(app: PortalApp, world: World) -> None:
    token = await world.invite("1001")
    await expire(world)
    browser = app.browser()
    await browser.open(f"/register/{token}")
    assert "You asked" not in browser.text
    await browser.submit("/register/ask")
    assert "Sign in" in browser.text
    await browser.open(f"/register/{token}")
    assert "You asked for a new link on" in browser.text
    assert "Ask again" in browser.text
    assert browser.text.count("Contact Us") == 1


async def test_one_field_has_one_limit(app: PortalApp) -> None:
    browser = app.browser()
    await browser.get("/sign-in")
    long = {"login": EMAIL, "password": "x" * (MAX_LENGTH + 1)}
    assert (await browser.post("/sign-in", long)).status_code == 422
    assert f"Use at most {MAX_LENGTH} characters." in browser.text


async def test_after_a_refusal_the_browser_stands_where_it_matters(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    browser = app.browser()
    await browser.get("/sign-in")
    (first,) = re.findall(r"<input[^>]*autofocus[^>]*>", browser.page)
    assert 'name="login"' in first
    await browser.post("/sign-in", {"login": EMAIL, "password": "not the right one"})
    (first,) = re.findall(r"<input[^>]*autofocus[^>]*>", browser.page)
    assert 'name="password"' in first
    await browser.get("/sign-in")
    await browser.post("/sign-in", {"login": EMAIL})
    assert re.search(r"<(?:div|input)[^>]* autofocus", browser.page)
    assert browser.page.index('role="alert" tabindex="-1" autofocus') < browser.page.index("<form")
