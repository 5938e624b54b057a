"""The question beside the link, for dealers who want one."""

import pytest

from dueport_core.invitations import InvitationState
from dueport_ports import UsernameSource
from tests.inviting import FILLED, invitation_row, timeline
from tests.web.portal import Browser, PortalApp
from tests.world import World, account


@pytest.fixture
async def token(world: World) -> str:
    world.erp.put(
        account("1001", "Harbor Builders, LLC", "ap@harbor.example", ship_to_zip="03801-1234")
    )
    await world.sync()
    return await world.invite("1001", second_check=UsernameSource.SHIP_TO_ZIP)


async def opened(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/register/{token}")
    return browser


async def test_the_right_answer_opens_the_form_in_this_browser_alone(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    assert "ship-to ZIP code" in browser.text
    assert 'name="password"' not in browser.page
    response = await browser.submit("/register/check", {"answer": " 03801 "})
    assert response.url.path == "/register"
    assert 'name="password"' in browser.page
    other = await opened(app, token)
    assert 'name="password"' not in other.page
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
    assert (await invitation_row(world)).invitation.state is InvitationState.ACCEPTED


@pytest.mark.parametrize("path", ["/register", "/register/link"])
async def test_the_form_cannot_be_posted_past_the_question(
    app: PortalApp, world: World, token: str, path: str
) -> None:
    browser = await opened(app, token)
    await browser.post(path, FILLED)
    assert "One question first" in browser.text
    assert (await invitation_row(world)).invitation.state is InvitationState.PENDING


async def test_wrong_answers_say_how_many_tries_are_left_and_the_fifth_takes_the_invitation_back(
    app: PortalApp, world: World, token: str
) -> None:
    for left in ("4 tries are left", "3 tries are left", "2 tries are left", "1 try is left"):
        browser = await opened(app, token)
        response = await browser.post("/register/check", {"answer": "99999"})
        assert response.status_code == 422
        assert left in browser.text
    browser = await opened(app, token)
    response = await browser.post("/register/check", {"answer": "99999"})
    assert response.status_code == 410
    assert "fifth wrong answer" in browser.text
    row = (await invitation_row(world)).invitation
    assert row.state is InvitationState.REVOKED
    assert "5 wrong answers" in row.reason
    kinds = await timeline(world)
    assert kinds.count("second_check_failed") == 5
    assert kinds[-1] == "revoked"
    late = await opened(app, token)
    await late.post("/register/check", {"answer": "03801"})
    assert 'name="password"' not in late.page


async def test_a_new_invitation_gives_new_tries(app: PortalApp, world: World, token: str) -> None:
    for _ in range(5):
        await (await opened(app, token)).post("/register/check", {"answer": "99999"})
    again = await world.invite("1001", second_check=UsernameSource.SHIP_TO_ZIP)
    browser = await opened(app, again)
    await browser.submit("/register/check", {"answer": "03801"})
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
