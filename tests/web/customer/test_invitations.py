"""From the mail to the first sign-in, and all the links that lead nowhere."""

import datetime

import pytest

from dueport_core.invitations import InvitationState
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World

FILLED = {
    "name": "Ana Ruiz",
    "password": PASSWORD,
    "password_again": PASSWORD,
    "accept_terms": "on",
    "link_account": "on",
}


@pytest.fixture
async def token(world: World) -> str:
    return await world.invite("1001")


async def opened(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/register/{token}")
    return browser


async def state_of(world: World) -> InvitationState:
    async with world.container.uow()() as uow:
        latest = await uow.invitations.latest("1001")
    assert latest is not None
    return latest.state


async def test_the_link_in_the_mail_leads_to_a_login(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    for shown in ("Harbor Builders, LLC", "1001", "ap@harbor.example", "version 1"):
        assert shown in browser.text
    response = await browser.submit("/register", FILLED)
    assert response.url.path == "/outstanding"
    assert browser.notices[0].startswith("Welcome.")
    assert "INV-1" in browser.text
    assert await state_of(world) is InvitationState.ACCEPTED
    again = await app.signed_in("ap@harbor.example")
    assert "INV-1" in again.text


async def test_the_token_leaves_the_address_and_is_on_no_page(
    app: PortalApp, token: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = app.browser()
    response = await browser.get(f"/register/{token}")
    assert response.status_code == 303
    assert response.headers["location"] == "/register"
    assert response.headers["referrer-policy"] == "no-referrer"
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    await browser.get("/register")
    assert token not in browser.page
    await browser.get(f"/invitation/{token}/decline")
    assert token not in browser.page
    await browser.post("/register", {**FILLED, "password_again": "another one entirely"})
    assert token not in browser.page
    printed = capsys.readouterr()
    assert token not in caplog.text + printed.out + printed.err
    assert "/register/{token}" in caplog.text + printed.out + printed.err


async def test_looking_consumes_nothing(app: PortalApp, world: World, token: str) -> None:
    for _ in range(3):
        await opened(app, token)
    assert await state_of(world) is InvitationState.PENDING


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("password_again", "not the same password"),
        ("accept_terms", ""),
        ("link_account", ""),
    ],
)
async def test_every_skipped_or_mismatched_step_is_named(
    app: PortalApp, world: World, token: str, field: str, value: str
) -> None:
    browser = await opened(app, token)
    response = await browser.post("/register", {**FILLED, field: value})
    assert response.status_code == 422
    assert f'id="error-{field}"' in browser.page
    assert PASSWORD not in browser.page
    assert await state_of(world) is InvitationState.PENDING
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"


async def test_account_and_mail_cannot_be_chosen(app: PortalApp, world: World, token: str) -> None:
    browser = await opened(app, token)
    for field in ("email", "account_no"):
        response = await browser.post("/register", {**FILLED, field: "1002"})
        assert response.status_code == 422
    assert await state_of(world) is InvitationState.PENDING


async def test_a_used_link_explains_itself(app: PortalApp, token: str) -> None:
    browser = await opened(app, token)
    await browser.submit("/register", FILLED)
    other = app.browser()
    response = await other.open(f"/register/{token}")
    assert response.status_code == 410
    assert "already used" in other.text
    assert 'href="/contact"' in other.page


async def test_an_expired_link_explains_itself(app: PortalApp, world: World, token: str) -> None:
    world.clock.advance(datetime.timedelta(days=8))
    browser = app.browser()
    response = await browser.open(f"/register/{token}")
    assert response.status_code == 410
    assert "has expired" in browser.text
    assert 'href="/contact"' in browser.page
    assert (await browser.post("/register", FILLED)).status_code in (403, 410)


@pytest.mark.parametrize("token", ["never-issued", "x" * 5000])
async def test_an_unknown_link_explains_itself(app: PortalApp, token: str) -> None:
    browser = app.browser()
    response = await browser.open(f"/register/{token}")
    assert response.status_code == 404
    assert 'href="/contact"' in browser.page


async def test_a_changed_cookie_is_worth_nothing(app: PortalApp, token: str) -> None:
    browser = app.browser()
    await browser.get(f"/register/{token}")
    name = "dueport-invitation"
    value = browser.client.cookies[name]
    browser.client.cookies.set(name, value[:-4] + "AAAA", domain="127.0.0.1")
    fresh = app.browser()
    fresh.client.cookies.set(name, value[:-4] + "AAAA")
    assert (await fresh.get("/register")).status_code == 404


async def test_the_cookie_is_good_for_half_an_hour(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    world.clock.advance(datetime.timedelta(minutes=31))
    assert (await browser.get("/register")).status_code == 404
    assert "Open the link in your mail again" in browser.text
    assert (await browser.open(f"/register/{token}")).status_code == 200


async def test_somebody_who_has_a_login_keeps_its_password(
    app: PortalApp, world: World, token: str
) -> None:
    await world.customer("1002", "ap@harbor.example")
    browser = await opened(app, token)
    assert "already signs in here" in browser.text
    await browser.get("/sign-in")
    await browser.post("/register", {**FILLED, "password": "b" * 20, "password_again": "b" * 20})
    assert "already signs in here" in browser.text
    assert await state_of(world) is InvitationState.PENDING
    await app.signed_in("ap@harbor.example", PASSWORD)


async def test_an_invitation_is_declined_after_asking(
    app: PortalApp, world: World, token: str
) -> None:
    browser = app.browser()
    await browser.get(f"/invitation/{token}/decline")
    assert "Harbor Builders, LLC" in browser.text
    assert await state_of(world) is InvitationState.PENDING, "mail scanners follow links too"
    await browser.post(f"/invitation/{token}/decline")
    assert "declined the invitation" in browser.text
    assert await state_of(world) is InvitationState.DECLINED
    late = app.browser()
    assert (await late.open(f"/register/{token}")).status_code == 410
    assert "was declined" in late.text


async def test_declining_needs_the_forms_token(app: PortalApp, world: World, token: str) -> None:
    browser = app.browser()
    response = await browser.client.post(f"/invitation/{token}/decline")
    assert response.status_code == 403
    assert await state_of(world) is InvitationState.PENDING


async def test_a_decline_link_can_still_register(app: PortalApp, token: str) -> None:
    browser = app.browser()
    await browser.get(f"/invitation/{token}/decline")
    assert (await browser.get("/register")).status_code == 200
