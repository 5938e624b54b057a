"""Password, then a code; a link for the first visit; a code again before the books are touched."""

import datetime
import re

import pyotp

from dueport_apps.usecases.records import OperatorRole
from dueport_apps.usecases.set_up_operator import AddOperatorCommand
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World


async def test_a_password_alone_opens_nothing_but_the_page_for_the_code(
    app: PortalApp, world: World
) -> None:
    await world.operator()
    browser = app.browser()
    await browser.get("/operator/sign-in")
    await browser.post(
        "/operator/sign-in", {"email": "OLIVIA@cedaryard.example", "password": PASSWORD}
    )

    refused = await browser.get("/operator/customers")
    page = await browser.get("/operator/second-factor")

    assert refused.status_code == 303
    assert refused.headers["location"].startswith("/operator/sign-in")
    assert page.status_code == 200


async def test_password_and_code_open_the_page_that_was_wanted(
    app: PortalApp, world: World
) -> None:
    _, totp = await world.operator()
    browser = app.browser()
    first = await browser.get("/operator/payments")
    await browser.get(first.headers["location"])
    await browser.post(
        "/operator/sign-in",
        {
            "email": "olivia@cedaryard.example",
            "password": PASSWORD,
            "next": "/operator/payments",
        },
    )
    await browser.get("/operator/second-factor")
    response = await browser.post("/operator/second-factor", {"code": totp.at(world.clock.now())})

    assert response.headers["location"] == "/operator/payments"
    assert (await browser.get("/operator/payments")).status_code == 200


async def test_the_session_token_changes_with_every_step(app: PortalApp, world: World) -> None:
    _, totp = await world.operator()
    browser = app.browser()
    tokens = []
    await browser.get("/operator/sign-in")
    await browser.post(
        "/operator/sign-in", {"email": "olivia@cedaryard.example", "password": PASSWORD}
    )
    tokens.append(browser.client.cookies["dueport-operator"])
    await browser.get("/operator/second-factor")
    await browser.post("/operator/second-factor", {"code": totp.at(world.clock.now())})
    tokens.append(browser.client.cookies["dueport-operator"])

    assert len(set(tokens)) == 2


async def test_a_wrong_password_and_a_wrong_address_are_answered_alike(
    app: PortalApp, world: World
) -> None:
    await world.operator()
    answers = []
    for email in ("olivia@cedaryard.example", "nobody@cedaryard.example"):
        browser = app.browser()
        await browser.get("/operator/sign-in")
        response = await browser.post(
            "/operator/sign-in", {"email": email, "password": "wrong password"}
        )
        answers.append((response.status_code, browser.text.replace(email, "")))

    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert "That login or password is not right." in answers[0][1]


async def test_a_code_works_once(app: PortalApp, world: World) -> None:
    _, totp = await world.operator()
    code = totp.at(world.clock.now())
    statuses = []
    for _ in range(2):
        browser = app.browser()
        await browser.get("/operator/sign-in")
        await browser.post(
            "/operator/sign-in", {"email": "olivia@cedaryard.example", "password": PASSWORD}
        )
        await browser.get("/operator/second-factor")
        response = await browser.post("/operator/second-factor", {"code": code})
        statuses.append(response.status_code)

    assert statuses == [303, 422]
    assert "work once" in browser.text


async def test_guessing_codes_is_slowed_down(app: PortalApp, world: World) -> None:
    await world.operator()
    browser = app.browser()
    await browser.get("/operator/sign-in")
    await browser.post(
        "/operator/sign-in", {"email": "olivia@cedaryard.example", "password": PASSWORD}
    )
    await browser.get("/operator/second-factor")
    statuses = [
        (await browser.post("/operator/second-factor", {"code": f"{n:06}"})).status_code
        for n in range(11)
    ]

    assert statuses == [422] * 10 + [429]
    assert "Too many tries" in browser.text


async def test_signing_out_ends_the_session(admin: Desk) -> None:
    token = admin.browser.client.cookies["dueport-operator"]
    await admin.browser.post("/operator/sign-out")
    admin.browser.client.cookies.set("dueport-operator", token, domain="127.0.0.1")

    response = await admin.browser.get("/operator/customers")

    assert response.status_code == 303


async def test_nobody_is_led_to_another_site_after_signing_in(app: PortalApp, world: World) -> None:
    for wanted in ("https://evil.example/", "//evil.example", "/outstanding", "/operator/../x"):
        browser = app.browser()
        await browser.get("/operator/sign-in")
        page = await browser.client.get("/operator/sign-in", params={"next": wanted})
        kept = re.search(r'name="next" value="([^"]*)"', page.text)
        assert kept is not None
        assert kept[1].startswith("/operator/"), kept[1]


async def set_up_link(world: World) -> str:
    added = await world.container.add_operator()(
        AddOperatorCommand(
            email="nina@cedaryard.example",
            name="Nina New",
            role=OperatorRole.AR,
            by=world.system,
        )
    )
    return f"/operator/setup/{added.setup_token}"


async def opened_setup(app: PortalApp, world: World) -> tuple[Browser, pyotp.TOTP]:
    browser = app.browser()
    link = await set_up_link(world)
    moved = await browser.get(link)
    assert moved.headers["location"] == "/operator/setup"
    page = await browser.get("/operator/setup")
    assert link.rsplit("/", 1)[1] not in page.text
    secret = re.search(r'<p class="dp-code[^"]*">([A-Z2-7 ]+)</p>', page.text)
    assert secret is not None
    return browser, pyotp.TOTP(secret[1].replace(" ", ""))


async def test_the_first_visit_sets_password_and_authenticator_and_shows_recovery_codes_once(
    app: PortalApp, world: World
) -> None:
    browser, totp = await opened_setup(app, world)
    assert "<svg" in browser.page

    done = await browser.post(
        "/operator/setup",
        {
            "password": "a quiet river at noon",
            "password_again": "a quiet river at noon",
            "code": totp.at(world.clock.now()),
        },
    )

    codes = re.findall(r"<li>([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})</li>", done.text)
    assert done.status_code == 200
    assert len(set(codes)) == 10
    assert (await browser.get("/operator/customers")).status_code == 200
    assert (await browser.get("/operator/setup")).status_code == 404

    other = app.browser()
    await other.get("/operator/sign-in")
    await other.post(
        "/operator/sign-in",
        {"email": "nina@cedaryard.example", "password": "a quiet river at noon"},
    )
    await other.get("/operator/second-factor")
    first = await other.post("/operator/second-factor", {"code": codes[0].lower()})
    assert first.status_code == 303


async def test_a_mistake_in_the_setup_keeps_the_code_on_the_screen_valid(
    app: PortalApp, world: World
) -> None:
    browser, totp = await opened_setup(app, world)
    refused = await browser.post(
        "/operator/setup",
        {"password": "short", "password_again": "shorter", "code": "000000"},
    )
    assert refused.status_code == 422
    assert 'aria-describedby="hint-password error-password"' in refused.text
    assert "error-password_again" in refused.text
    assert "error-code" in refused.text

    done = await browser.post(
        "/operator/setup",
        {
            "password": "a quiet river at noon",
            "password_again": "a quiet river at noon",
            "code": totp.at(world.clock.now()),
        },
    )
    assert done.status_code == 200


async def test_a_link_that_is_unknown_used_or_old_opens_nothing(
    app: PortalApp, world: World
) -> None:
    browser = app.browser()
    await browser.get("/operator/setup/not-a-token")
    assert (await browser.get("/operator/setup")).status_code == 404

    browser, _ = await opened_setup(app, world)
    world.clock.advance(datetime.timedelta(hours=73))
    assert (await browser.get("/operator/setup")).status_code == 404
    assert "This link does not work" in browser.text


async def test_a_customer_cannot_use_the_operator_portal(app: PortalApp) -> None:
    browser = await app.customer()
    response = await browser.get("/operator/customers")
    assert response.status_code == 303
    assert response.headers["location"].startswith("/operator/sign-in")


async def test_two_operators_have_sessions_of_their_own(app: PortalApp, admin: Desk) -> None:
    other = await sign_in(app, OperatorRole.AR, "omar@cedaryard.example")
    await other.browser.post("/operator/sign-out")
    assert (await admin.browser.get("/operator/customers")).status_code == 200
