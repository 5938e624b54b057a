"""The question beside the link, for dealers who want one."""

import msgspec
import pytest

from dueport_apps.usecases.invite_records import InviteRecipient
from dueport_apps.usecases.policies import InvitePolicy
from dueport_core.errors import Invalid
from dueport_core.invitations import InvitationState
from dueport_ports import Contact, UsernameSource
from tests.inviting import FILLED, invitation_row, timeline
from tests.web.portal import Browser, PortalApp
from tests.world import World, account, token_in


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


@pytest.mark.parametrize("answer", ["", "0380", "Portsmouth"])
async def test_half_an_answer_says_what_a_whole_one_looks_like_and_costs_no_try(
    app: PortalApp, world: World, token: str, answer: str
) -> None:
    browser = await opened(app, token)
    for _ in range(6):
        response = await browser.post("/register/check", {"answer": answer or " "})
        assert response.status_code == 422
        assert "Type the whole ZIP code" in browser.text
    assert (await invitation_row(world)).invitation.second_check_failures == 0
    await browser.post("/register/check", {"answer": "03801-9999"})
    assert (await browser.get("/register")).status_code == 200


async def test_each_person_is_asked_for_their_own_telephone_number(
    app: PortalApp, world: World
) -> None:
    people = (
        Contact(name="Sean", email="sean@h.example", phone="603 555 0100", is_primary=True),
        Contact(name="Brigid Côté", email="brigid@h.example", phone="(603) 555-0111"),
    )
    world.erp.put(account("1001", "Harbor Builders, LLC", contacts=people))
    await world.sync()
    await world.start_campaign(
        "1001", second_check=UsernameSource.PHONE, recipient=InviteRecipient.CONTACTS
    )
    await world.run_jobs()
    for email, wrong, right in (
        ("brigid@h.example", "603 555 0100", "+1 603 555 0111"),
        ("sean@h.example", "603 555 0111", "6035550100"),
    ):
        (mail,) = world.mail.to(email)
        browser = await opened(app, token_in(mail.text))
        response = await browser.post("/register/check", {"answer": wrong})
        assert "4 tries are left" in browser.text
        response = await browser.post("/register/check", {"answer": right})
        assert response.headers["location"] == "/register"


async def test_what_the_record_has_lost_cannot_be_asked_and_costs_no_try(
    app: PortalApp, world: World, token: str
) -> None:
    world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
    await world.sync()
    browser = await opened(app, token)
    await browser.post("/register/check", {"answer": "03801"})
    assert "no ship-to ZIP code on file any more" in browser.text
    row = (await invitation_row(world)).invitation
    assert (row.state, row.second_check_failures) == (InvitationState.PENDING, 0)


@pytest.mark.parametrize("field", ["last_name", "first_name", "account_no", "email", "random"])
def test_a_question_that_the_mail_answers_is_refused_when_the_configuration_is_read(
    field: str,
) -> None:
    with pytest.raises(msgspec.ValidationError, match='"phone" or "ship_to_zip"'):
        msgspec.convert({"second_check": field}, InvitePolicy)


async def test_a_question_that_the_mail_answers_is_refused_when_inviting(world: World) -> None:
    with pytest.raises(Invalid, match="the phone number or the ship-to ZIP code"):
        await world.invite("1001", second_check=UsernameSource.LAST_NAME)


async def test_a_new_invitation_gives_new_tries(app: PortalApp, world: World, token: str) -> None:
    for _ in range(5):
        await (await opened(app, token)).post("/register/check", {"answer": "99999"})
    again = await world.invite("1001", second_check=UsernameSource.SHIP_TO_ZIP)
    browser = await opened(app, again)
    await browser.submit("/register/check", {"answer": "03801"})
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
