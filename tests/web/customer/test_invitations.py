"""From the mail to the first sign-in, and all the links that lead nowhere."""

import datetime

import pytest

from dueport_core.invitations import InvitationState
from tests.inviting import decline_token_in
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
        rows = await uow.invitations.of_account("1001")
    return rows[0].invitation.state


async def events_of(world: World) -> list[str]:
    async with world.container.uow()() as uow:
        return [event.kind for event in await uow.invitations.events("1001")]


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


async def test_a_used_link_says_that_it_works_once_and_offers_to_sign_in(
    app: PortalApp, token: str
) -> None:
    browser = await opened(app, token)
    await browser.submit("/register", FILLED)
    other = app.browser()
    response = await other.open(f"/register/{token}")
    assert response.status_code == 410
    assert "from then on you sign in with your password" in other.text
    assert 'href="/sign-in"' in other.page
    assert 'href="/contact"' in other.page


async def test_an_expired_link_explains_itself(app: PortalApp, world: World, token: str) -> None:
    world.clock.advance(datetime.timedelta(days=8))
    browser = app.browser()
    response = await browser.open(f"/register/{token}")
    assert response.status_code == 410
    assert "has expired" in browser.text
    assert 'href="/contact"' in browser.page
    assert (await browser.post("/register", FILLED)).status_code in (403, 410)


async def test_an_unknown_link_explains_itself(app: PortalApp) -> None:
    browser = app.browser()
    response = await browser.open("/register/never-issued")
    assert response.status_code == 404
    assert "A part of the address is missing" in browser.text
    assert 'href="/contact"' in browser.page


async def test_an_endless_link_is_no_link(app: PortalApp) -> None:
    browser = app.browser()
    response = await browser.open(f"/register/{'x' * 5000}")
    assert response.status_code == 404
    assert 'href="/contact"' in browser.page


@pytest.mark.parametrize("path", ["/register/sample", "/invitation/sample/decline"])
async def test_the_link_of_a_preview_says_that_it_is_a_sample(app: PortalApp, path: str) -> None:
    browser = app.browser()
    assert (await browser.open(path)).status_code == 200
    assert "This is a sample invitation" in browser.text
    assert "Nothing to register here" in browser.text


async def test_the_language_of_the_invitation_becomes_the_customers(
    app: PortalApp, world: World
) -> None:
    browser = await opened(app, await world.invite("1001", language="es"))
    await browser.submit("/register", FILLED)
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        links = await uow.users.links(user.user_id)
    assert user.language == "es"
    assert [link.terms_version for link in links] == ["1"]


async def test_the_first_look_is_noted_once(app: PortalApp, world: World, token: str) -> None:
    await app.browser().get(f"/invitation/{token}/decline")
    assert await events_of(world) == ["invited"], "the page that declines is no look at registering"
    for _ in range(3):
        await opened(app, token)
    assert await events_of(world) == ["invited", "opened"]


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
    assert "was declined on Mar 31, 2026" in late.text
    assert await events_of(world) == ["invited", "declined"]


async def test_declining_needs_the_forms_token(app: PortalApp, world: World, token: str) -> None:
    browser = app.browser()
    response = await browser.client.post(f"/invitation/{token}/decline")
    assert response.status_code == 403
    assert await state_of(world) is InvitationState.PENDING


async def test_what_declines_can_do_nothing_else(app: PortalApp, world: World, token: str) -> None:
    mail = world.mail.sent[-1]
    decline = decline_token_in(mail.text)
    assert decline != token
    assert decline in mail.html
    assert token not in str(mail.headers)
    browser = app.browser()
    for path in (f"/invitation/{decline}/decline", f"/invitation/{token}/decline"):
        assert (await browser.open(path)).status_code == 200
        assert "Use the button in the mail" in browser.text
        assert "/register" not in browser.page
        assert (await browser.get("/register")).status_code == 404, "no right came along"
    assert (await browser.open(f"/register/{decline}")).status_code == 404
    assert "This link does not work" in browser.text
    assert (await browser.post("/register", FILLED)).status_code == 404
    await browser.get(f"/invitation/{decline}/decline")
    assert (await browser.post(f"/invitation/{decline}/decline")).status_code == 200
    assert await state_of(world) is InvitationState.DECLINED
    assert (await app.browser().open(f"/invitation/{decline}/decline")).status_code == 410


async def test_an_expired_invitation_is_not_declined_and_asks_for_nothing(
    app: PortalApp, world: World, token: str
) -> None:
    decline = decline_token_in(world.mail.sent[-1].text)
    world.clock.advance(datetime.timedelta(days=8))
    browser = app.browser()
    assert (await browser.open(f"/invitation/{decline}/decline")).status_code == 410
    assert "Nothing is left to decline" in browser.text
    assert "/register/ask" not in browser.page


async def test_a_mail_program_declines_with_one_click(
    app: PortalApp, world: World, token: str
) -> None:
    browser = app.browser()
    response = await browser.client.post(
        f"/invitation/{token}/unsubscribe",
        data={"List-Unsubscribe": "One-Click"},
        headers={"origin": "https://mail.example", "sec-fetch-site": "cross-site"},
    )
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    assert await state_of(world) is InvitationState.DECLINED
    again = await browser.client.post(
        f"/invitation/{token}/unsubscribe", data={"List-Unsubscribe": "One-Click"}
    )
    assert again.status_code == 200, "a provider that repeats itself is told that all is well"


async def test_the_one_click_needs_its_words_and_a_person_is_asked_first(
    app: PortalApp, world: World, token: str
) -> None:
    browser = app.browser()
    for data in ({}, {"List-Unsubscribe": "no"}):
        response = await browser.client.post(f"/invitation/{token}/unsubscribe", data=data)
        assert response.status_code == 422
    response = await browser.get(f"/invitation/{token}/unsubscribe")
    assert response.headers["location"] == f"/invitation/{token}/decline"
    assert await state_of(world) is InvitationState.PENDING


async def test_an_expired_link_can_be_asked_for_again_once_a_day(
    app: PortalApp, world: World, token: str
) -> None:
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()
    told = []
    for _ in range(3):
        browser = await opened(app, token)
        response = await browser.submit("/register/ask")
        assert response.url.path == "/register/asked"
        told.append(browser.text)
    await world.run_jobs()
    assert len(set(told)) == 1
    asked = world.mail.to("ar@cedaryard.example")
    assert len(asked) == 1
    assert "Harbor Builders, LLC" in asked[0].text
    assert "/operator/customers/1001" in asked[0].text
    assert asked[0].reply_to == "ap@harbor.example"
    assert (await events_of(world)).count("asked_again") == 1
    async with world.container.uow()() as uow:
        row = (await uow.invitations.of_account("1001"))[0].invitation
    assert row.asked_at == world.clock.now()
    assert row.state is InvitationState.EXPIRED
    world.clock.advance(datetime.timedelta(days=1))
    await (await opened(app, token)).submit("/register/ask")
    await world.run_jobs()
    assert len(world.mail.to("ar@cedaryard.example")) == 2


async def test_asking_again_without_an_expired_invitation_does_nothing(
    app: PortalApp, world: World, token: str
) -> None:
    live = await opened(app, token)
    await live.submit("/register/ask")
    nobody = app.browser()
    await nobody.get("/sign-in")
    assert (await nobody.submit("/register/ask")).url.path == "/register/asked"
    await world.run_jobs()
    assert world.mail.to("ar@cedaryard.example") == []
