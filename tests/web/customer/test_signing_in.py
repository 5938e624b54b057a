"""Signing in and out, and choosing the account."""

import datetime

import msgspec

from tests.inviting import CONSENT, secret_in
from tests.web.portal import PortalApp
from tests.world import PASSWORD, World


async def test_a_visitor_is_led_to_signing_in_and_then_to_what_is_owed(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    browser = app.browser()
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    await browser.open("/")
    assert browser.page.count("Contact Us") == 1
    response = await browser.submit(
        "/sign-in", {"login": "AP@harbor.example", "password": PASSWORD}
    )
    assert response.url.path == "/outstanding"
    assert "Harbor Builders, LLC" in browser.text
    assert (await browser.get("/")).headers["location"] == "/outstanding"
    assert (await browser.get("/sign-in")).headers["location"] == "/outstanding"


async def test_a_wrong_password_and_an_unknown_login_are_told_alike(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    told = []
    for login in ("ap@harbor.example", "nobody@harbor.example"):
        browser = app.browser()
        await browser.get("/sign-in")
        response = await browser.post("/sign-in", {"login": login, "password": "not the right one"})
        assert response.status_code == 403
        told.append((browser.notices, response.headers.get("set-cookie")))
        assert login in browser.page, "what was typed stays, but for the password"
        assert "not the right one" not in browser.page
    assert told[0] == told[1]
    assert told[0][0] == ["That login or password is not right."]


async def test_an_empty_form_names_its_fields(app: PortalApp) -> None:
    browser = app.browser()
    await browser.get("/sign-in")
    response = await browser.post("/sign-in", {"login": "", "password": ""})
    assert response.status_code == 422
    assert 'id="error-login"' in browser.page
    assert 'id="error-password"' in browser.page


async def test_too_many_tries_are_told_how_long_to_wait(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    browser = app.browser()
    await browser.get("/sign-in")
    wrong = {"login": "ap@harbor.example", "password": "guess after guess"}
    for _ in range(10):
        await browser.post("/sign-in", wrong)
    right = {"login": "ap@harbor.example", "password": PASSWORD}
    response = await browser.post("/sign-in", right)
    assert response.status_code == 429
    wait_s = int(response.headers["retry-after"])
    assert "Wait about a minute and try again" in browser.text
    world.clock.advance(datetime.timedelta(seconds=wait_s))
    assert (await browser.post("/sign-in", right)).status_code == 303


async def test_signing_in_leads_on_to_the_page_that_was_wanted(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    browser = app.browser()
    wanted = await browser.open("/payments")
    assert wanted.url.path == "/sign-in"
    right = {"login": "ap@harbor.example", "password": PASSWORD}
    assert 'name="next" value="/payments"' in browser.page
    response = await browser.post("/sign-in", {**right, "next": "/payments"})
    assert response.headers["location"] == "/payments"


async def test_signing_in_leads_to_no_other_site(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    for evil in ("https://evil.example", "//evil.example", "/\\evil.example"):
        browser = app.browser()
        await browser.get(f"/sign-in?next={evil}")
        assert "evil" not in browser.page
        right = {"login": "ap@harbor.example", "password": PASSWORD, "next": evil}
        assert (await browser.post("/sign-in", right)).headers["location"] == "/outstanding"


async def test_signing_out_ends_the_session_everywhere_it_was_copied_to(
    app: PortalApp, world: World
) -> None:
    browser = await app.customer()
    copied = dict(browser.client.cookies)
    assert (await browser.post("/sign-out")).headers["location"] == "/sign-in"
    browser.client.cookies.update(copied)
    assert (await browser.get("/outstanding")).headers["location"].startswith("/sign-in")


async def test_a_mailed_credential_opens_the_registration_and_no_other_page(
    app: PortalApp, world: World
) -> None:
    await world.start_campaign("1001", delivery="credentials")
    await world.run_jobs()
    secret = secret_in(world.mail.sent[-1].text)
    browser = app.browser()
    await browser.get("/sign-in")

    answer = await browser.post("/sign-in", {"login": "AP@harbor.example", "password": secret})

    assert answer.headers["location"] == "/register"
    assert (await browser.get("/register")).status_code == 200
    assert "Harbor" in browser.text
    assert secret not in browser.page
    assert (await browser.get("/outstanding")).status_code == 303
    filled = {"password": PASSWORD, "password_again": PASSWORD, **CONSENT}
    assert (await browser.submit("/register", filled)).url.path == "/outstanding"
    late = app.browser()
    await late.get("/sign-in")
    refused = await late.post("/sign-in", {"login": "ap@harbor.example", "password": secret})
    assert refused.status_code == 403


async def test_a_login_without_any_account_is_refused_like_a_stranger(
    app: PortalApp, world: World
) -> None:
    who = await world.customer("1001")
    async with world.container.uow()() as uow:
        user = await uow.users.get(who.principal_id)
        await uow.users.add(
            msgspec.structs.replace(
                user, user_id="unlinked", email="x@y.example", username="x@y.example"
            )
        )
        await uow.commit()
    browser = app.browser()
    await browser.get("/sign-in")
    response = await browser.post("/sign-in", {"login": "x@y.example", "password": PASSWORD})
    assert response.status_code == 403
    assert browser.notices == ["That login or password is not right."]


async def test_everybody_can_see_how_to_reach_the_dealer(app: PortalApp) -> None:
    browser = app.browser()
    assert (await browser.get("/contact")).status_code == 200
    assert "(603) 555-0142" in browser.text
    assert "ar@cedaryard.example" in browser.text
