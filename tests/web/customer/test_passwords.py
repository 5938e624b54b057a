"""Forgotten, reset and changed passwords."""

import datetime

import pytest

from dueport_apps.usecases.records import PortalUser
from tests.inviting import OTHER_PASSWORD, reset_token_in
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World

NEW = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}


async def asked(app: PortalApp, world: World, login: str = "ap@harbor.example") -> Browser:
    """Ask for the mail and let the job run."""
    browser = app.browser()
    await browser.get("/forgot-password")
    response = await browser.submit("/forgot-password", {"login": login})
    assert response.url.path == "/forgot-password/sent"
    await world.run_jobs()
    return browser


async def token_for(app: PortalApp, world: World, login: str = "ap@harbor.example") -> str:
    await asked(app, world, login)
    return reset_token_in(world.mail.sent[-1].text)


async def test_the_mailed_link_sets_a_new_password_once(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    browser = app.browser()
    await browser.get("/sign-in")
    assert 'href="/forgot-password"' in browser.page
    token = await token_for(app, world)
    await browser.open(f"/reset/{token}")
    assert "ap@harbor.example" in browser.text
    assert token not in browser.page
    response = await browser.submit("/reset", NEW)
    assert response.url.path == "/sign-in"
    assert browser.notices == ["Your password is changed. Sign in with the new one."]
    await app.signed_in("ap@harbor.example", OTHER_PASSWORD)
    refused = await browser.post("/sign-in", {"login": "ap@harbor.example", "password": PASSWORD})
    assert refused.status_code == 403
    late = app.browser()
    assert (await late.open(f"/reset/{token}")).status_code == 410
    assert "works once" in late.text


async def test_everybody_who_was_signed_in_is_signed_out_and_the_owner_is_told(
    app: PortalApp, world: World
) -> None:
    elsewhere = await app.customer("1001")
    browser = app.browser()
    await browser.open(f"/reset/{await token_for(app, world)}")
    await browser.submit("/reset", NEW)
    await world.run_jobs()
    assert (await elsewhere.get("/outstanding")).headers["location"].startswith("/sign-in")
    told = world.mail.to("ap@harbor.example")[-1]
    assert "Your password was changed" in told.text
    assert "/forgot-password" in told.text
    # What a browser says of itself is anybody's words.
    assert "a browser" in told.text
    assert browser.client.headers["user-agent"] not in told.text + told.html
    async with world.container.uow()() as uow:
        newest = (await uow.audit.page(None, 1))[0]
    assert newest.entry.action == "password.reset"


async def test_a_name_that_nobody_has_is_answered_alike_and_mails_nobody(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    known = await asked(app, world)
    unknown = await asked(app, world, "nobody@nowhere.example")
    assert known.text == unknown.text
    assert [mail.to_address for mail in world.mail.sent] == ["ap@harbor.example"]


async def test_a_login_whose_access_is_switched_off_gets_no_mail(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    await world.container.disable_access()("1001", world.staff)
    await asked(app, world)
    assert world.mail.sent == []


async def test_the_newest_link_is_the_only_one_and_ends_after_an_hour(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    first = await token_for(app, world)
    second = await token_for(app, world)
    browser = app.browser()
    assert (await browser.open(f"/reset/{first}")).status_code == 410
    assert (await browser.open(f"/reset/{second}")).status_code == 200
    world.clock.advance(datetime.timedelta(minutes=60))
    assert (await browser.open(f"/reset/{second}")).status_code == 410


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "short"), ("password", "harborbuildersllc1"), ("password_again", "another one")],
)
async def test_the_rules_for_passwords_hold_here_too(
    app: PortalApp, world: World, field: str, value: str
) -> None:
    await world.customer("1001")
    browser = app.browser()
    await browser.open(f"/reset/{await token_for(app, world)}")
    response = await browser.post("/reset", {**NEW, field: value})
    assert response.status_code == 422
    assert f'id="error-{field}"' in browser.page
    assert OTHER_PASSWORD not in browser.page
    assert (await browser.submit("/reset", NEW)).url.path == "/sign-in"


async def test_asking_again_and_again_floods_no_mailbox(app: PortalApp, world: World) -> None:
    await world.customer("1001")
    told = {(await asked(app, world)).text for _ in range(12)}
    assert len(told) == 1, "only the mailbox's owner learns of it"
    assert len(world.mail.sent) == 5
    world.clock.advance(datetime.timedelta(hours=1))
    await asked(app, world)
    assert len(world.mail.sent) == 6, "a stranger's requests keep the owner from nothing"


async def test_one_computer_that_asks_too_often_is_told_to_wait(
    app: PortalApp, world: World
) -> None:
    browser = app.browser()
    await browser.get("/forgot-password")
    for number in range(30):
        await browser.post("/forgot-password", {"login": f"guess{number}@harbor.example"})
    response = await browser.post("/forgot-password", {"login": "one@more.example"})
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0


async def test_an_empty_form_is_refused(app: PortalApp, world: World) -> None:
    browser = app.browser()
    await browser.get("/forgot-password")
    assert (await browser.post("/forgot-password", {"login": " "})).status_code == 422
    assert 'id="error-login"' in browser.page
    assert not any(job.kind.startswith("mail_") for job in world.queue.waiting)


async def test_signed_in_customers_change_their_own_password(
    app: PortalApp, world: World, ana: Browser
) -> None:
    elsewhere = await app.signed_in("ap@harbor.example")
    await ana.open("/your-login")
    for shown in ("Ana Ruiz", "ap@harbor.example", "Harbor Builders, LLC"):
        assert shown in ana.text
    before = dict(ana.client.cookies)
    response = await ana.submit("/your-login/password", {"old_password": PASSWORD, **NEW})
    assert response.url.path == "/your-login"
    assert "You are signed out everywhere else." in ana.notices[0]
    assert dict(ana.client.cookies) != before
    assert (await elsewhere.get("/outstanding")).status_code == 303
    await app.signed_in("ap@harbor.example", OTHER_PASSWORD)
    await world.run_jobs()
    assert "Your password was changed" in world.mail.to("ap@harbor.example")[-1].text


async def test_the_present_password_is_asked_and_cannot_be_guessed_here(ana: Browser) -> None:
    await ana.open("/your-login")
    for _ in range(10):
        response = await ana.post("/your-login/password", {"old_password": "guess", **NEW})
        assert response.status_code == 422
        assert "That is not your password." in ana.text
    right = {"old_password": PASSWORD, **NEW}
    assert (await ana.post("/your-login/password", right)).status_code == 429


async def test_the_language_of_the_mails_can_be_chosen(world: World, ana: Browser) -> None:
    await ana.open("/your-login")
    await ana.submit("/your-login/language", {"language": "es"})
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
    assert isinstance(user, PortalUser)
    assert user.language == "es"
    assert '<option value="es" lang="es" selected>' in ana.page
