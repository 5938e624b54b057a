"""Signing in with a mailed one-time password: however it is typed, and when it comes too late."""

import datetime

import pytest

from dueport_apps.usecases.invite_records import CampaignKind
from dueport_core.invitations import InvitationState
from tests.inviting import decline_token_in, invitation_row, secret_in, timeline
from tests.web.portal import Browser, PortalApp
from tests.world import World

LOGIN = "ap@harbor.example"
DAYS_3 = datetime.timedelta(days=3)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
async def secret(world: World) -> str:
    await world.start_campaign("1001", delivery="credentials")
    await world.run_jobs()
    return secret_in(world.mail.sent[-1].text)


async def sign_in(app: PortalApp, secret: str, login: str = LOGIN) -> Browser:
    browser = app.browser()
    await browser.get("/sign-in")
    await browser.submit("/sign-in", {"login": login, "password": secret})
    return browser


async def newest(world: World, kind: CampaignKind) -> str:
    await world.start_campaign("1001", kind=kind)
    await world.run_jobs()
    return secret_in(world.mail.sent[-1].text)


async def test_dashes_blanks_and_case_do_not_matter(app: PortalApp, secret: str) -> None:
    bare = secret.replace("-", "")
    groups = [bare[at : at + 4] for at in range(0, 16, 4)]
    for typed in (bare, "-".join(groups), " ".join(groups).lower(), f" {'–'.join(groups)} "):
        browser = await sign_in(app, typed)
        assert 'name="password_again"' in browser.page, typed


async def test_the_invitation_ends_with_its_password(world: World, secret: str) -> None:
    row = (await invitation_row(world)).invitation
    assert row.expires_at - row.invited_at == DAYS_3
    world.clock.advance(DAYS_3)
    await world.container.expire_invitations()()
    assert (await invitation_row(world)).invitation.state is InvitationState.EXPIRED


async def test_an_expired_password_says_so_and_a_new_one_can_be_asked_for_and_sent(
    app: PortalApp, world: World, secret: str
) -> None:
    world.clock.advance(DAYS_3 + HOUR)
    browser = await sign_in(app, secret)
    assert "This one-time password has expired" in browser.text
    assert "Ask for a new one" in browser.text
    await world.container.expire_invitations()()
    response = await browser.submit("/sign-in/expired")
    assert response.url.path == "/register/asked"
    await world.run_jobs()
    assert len(world.mail.to("ar@cedaryard.example")) == 1
    assert (await timeline(world))[-1] == "asked_again"
    fresh = await newest(world, CampaignKind.RESEND)
    assert 'name="password_again"' in (await sign_in(app, fresh)).page
    assert "not right" in (await sign_in(app, secret)).text, "it was replaced"


async def test_an_expired_password_opens_nothing(app: PortalApp, world: World, secret: str) -> None:
    world.clock.advance(DAYS_3)
    browser = await sign_in(app, secret)
    for path in ("/register", "/register/link"):
        assert (await browser.get(path)).status_code == 404
    assert (await browser.get("/outstanding")).status_code == 303
    decline = decline_token_in(world.mail.sent[-1].text)
    assert (await browser.open(f"/register/{decline}")).status_code == 404


async def test_only_the_right_password_learns_that_it_has_expired(
    app: PortalApp, world: World, secret: str
) -> None:
    world.clock.advance(DAYS_3 + HOUR)
    stranger = await sign_in(app, "ABCD-EFGH-IJKL-MNOP", "nobody@nowhere.example")
    guess = await sign_in(app, "ABCD-EFGH-IJKL-MNOP")
    assert "not right" in guess.text
    assert guess.text.replace(LOGIN, "") == stranger.text.replace("nobody@nowhere.example", "")
    assert (await guess.get("/sign-in/expired")).headers["location"] == "/sign-in"
    assert (await guess.post("/sign-in/expired")).status_code in (303, 403)
    assert (await timeline(world))[-1] == "invited"


async def test_a_reminder_brings_a_password_that_works_for_its_full_time(
    app: PortalApp, world: World, secret: str
) -> None:
    world.clock.advance(2 * DAYS_3 / 3)
    fresh = await newest(world, CampaignKind.NUDGE)
    row = (await invitation_row(world)).invitation
    assert row.expires_at == world.clock.now() + DAYS_3
    world.clock.advance(DAYS_3 - HOUR)
    late = await sign_in(app, secret)
    assert "sent you a newer mail" in late.text
    assert "Ask for a new one" not in late.text
    assert 'name="password_again"' in (await sign_in(app, fresh)).page
    world.clock.advance(HOUR)
    assert "Ask for a new one" in (await sign_in(app, fresh)).text


async def test_after_declining_the_password_is_as_wrong_as_any(
    app: PortalApp, world: World, secret: str
) -> None:
    await world.container.decline_invitation()(decline_token_in(world.mail.sent[-1].text))
    world.clock.advance(DAYS_3 + HOUR)
    assert "not right" in (await sign_in(app, secret)).text
