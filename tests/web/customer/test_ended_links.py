"""Links that have ended: each says clearly what happened, and none does anything."""

import datetime
import re

import pytest

from dueport_apps.usecases.clean_up import ENDED_LINK_LIFETIME
from dueport_apps.usecases.invite_records import CampaignKind, LinkEnd
from tests.ending_links import ZIP, end_link, expire, invite_to_end, send_newer
from tests.inviting import CONSENT, FILLED, invitation_row, linked_accounts, timeline
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World

WORDS = {
    LinkEnd.USED: (
        "This invitation has been used",
        "The invitation for Harbor Builders, LLC was used on Mar 31, 2026.",
    ),
    LinkEnd.DECLINED: (
        "This invitation was declined",
        "was declined on Mar 31, 2026. Have you changed your mind? Contact us",
    ),
    LinkEnd.REPLACED: (
        "There is a newer invitation",
        "Cedar Yard Supply sent a newer mail for Harbor Builders, LLC to the same address on"
        " Mar 31, 2026. Use the link in that one",
    ),
    LinkEnd.REVOKED: (
        "This invitation was withdrawn",
        "Cedar Yard Supply withdrew it on Mar 31, 2026. Contact us",
    ),
    LinkEnd.LOCKED: ("This invitation was withdrawn", "answered wrongly too often. Contact us"),
    LinkEnd.MOVED: (
        "This invitation is not valid any more",
        "It ended on Mar 31, 2026. Contact us",
    ),
    LinkEnd.SWITCHED_OFF: (
        "This invitation is not valid any more",
        "It ended on Mar 31, 2026. Contact us",
    ),
    LinkEnd.TAKEN_BACK: (
        "This link was made void",
        "told us on Mar 31, 2026 that they had not asked for it",
    ),
}
FORMS = {
    "/register": FILLED,
    "/register/link": {"login": "ap@harbor.example", "password": PASSWORD, **CONSENT},
    "/register/check": {"answer": ZIP},
    "/register/ask": {},
    "/invitation/{}/decline": {},
}


async def opened(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/register/{token}")
    return browser


def primary(browser: Browser) -> str:
    """Return the words of the button that the page wants to be pressed."""
    (button,) = re.findall(r'class="btn btn-primary"[^>]*>(?:<svg.*?</svg>)?([^<]+)<', browser.page)
    return str(button)


@pytest.mark.parametrize("end", LinkEnd)
@pytest.mark.parametrize("path", ["/register/{}", "/invitation/{}/decline"])
async def test_every_end_is_told_in_its_own_words(
    app: PortalApp, world: World, end: LinkEnd, path: str
) -> None:
    token = await invite_to_end(world, end)
    await end_link(world, token, end)
    browser = app.browser()
    response = await browser.open(path.format(token))
    assert response.status_code == 410
    title, sentence = WORDS[end]
    assert f"<h1>{title}</h1>" in browser.page
    assert sentence in browser.text
    assert primary(browser) == ("Sign in" if end is LinkEnd.USED else "Contact Us")
    assert ('href="/forgot-password"' in browser.page) == (end is LinkEnd.USED)
    assert 'href="/contact"' in browser.page
    assert 'href="/sign-in"' in browser.page
    assert "/register/ask" not in browser.page


@pytest.mark.parametrize("end", LinkEnd)
async def test_whoever_finds_an_old_link_learns_nothing_of_the_account(
    app: PortalApp, world: World, end: LinkEnd
) -> None:
    token = await invite_to_end(world, end)
    await end_link(world, token, end)
    browser = await opened(app, token)
    for told in ("@harbor.example", "1001", "INV-", "$", "Ana Ruiz", "Olivia", token):
        assert told not in browser.text + browser.page.split("<main", 1)[1], told
    named = end in (LinkEnd.USED, LinkEnd.DECLINED, LinkEnd.REPLACED)
    assert ("Harbor Builders" in browser.text) == named


@pytest.mark.parametrize("end", LinkEnd)
async def test_no_form_takes_a_link_that_has_ended(
    app: PortalApp, world: World, end: LinkEnd
) -> None:
    token = await invite_to_end(world, end)
    # One has the form open since before the end, the other opens the old link afterwards.
    early = await opened(app, token)
    await end_link(world, token, end)
    late = await opened(app, token)
    await late.get("/sign-in")
    before = (await invitation_row(world), await timeline(world), len(world.mail.sent))
    logins = await linked_accounts(world, "ap@harbor.example")
    for browser in (early, late):
        for form, fields in FORMS.items():
            answer = await browser.post(form.format(token), fields)
            expected = 303 if form == "/register/ask" else 410
            assert answer.status_code == expected, (form, browser.text)
            assert "/outstanding" not in answer.headers.get("location", "")
    one_click = await app.browser().client.post(
        f"/invitation/{token}/unsubscribe", data={"List-Unsubscribe": "One-Click"}
    )
    assert "Nothing is left to decline" in one_click.text
    await world.run_jobs()
    assert (await invitation_row(world), await timeline(world), len(world.mail.sent)) == before
    assert await linked_accounts(world, "ap@harbor.example") == logins


async def test_a_replaced_link_asks_for_another_when_the_newer_one_has_expired_too(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    await send_newer(world)
    await expire(world)
    for path, asks in (
        (f"/register/{token}", "Ask for a new link"),
        (f"/invitation/{token}/decline", "Ask again"),
    ):
        browser = app.browser()
        assert (await browser.open(path)).status_code == 410
        assert "This invitation has expired" in browser.text
        assert (
            "a newer link for Harbor Builders, LLC, and that one was good until Apr 15, 2026"
            in browser.text
        )
        assert asks in browser.text
        response = await browser.submit("/register/ask")
        assert response.url.path == "/register/asked"
    await world.run_jobs()
    assert len(world.mail.to("ar@cedaryard.example")) == 1


async def test_a_newer_mail_that_has_not_left_or_not_arrived_is_no_newer_mail(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    await expire(world)
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such user")
    await world.start_campaign("1001", kind=CampaignKind.RESEND)
    assert "is on its way to the same address" in (await opened(app, token)).text
    await world.run_jobs()
    browser = await opened(app, token)
    assert "<h1>This link does not work any more</h1>" in browser.page
    assert "could not be delivered. Contact us" in browser.text
    assert "no such user" not in browser.page


async def test_after_three_months_nobody_knows_the_link_any_more(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    await world.container.decline_invitation()(token)
    world.clock.advance(ENDED_LINK_LIFETIME + datetime.timedelta(seconds=1))
    await world.container.clean_up()()
    browser = app.browser()
    assert (await browser.open(f"/register/{token}")).status_code == 404
    assert "A part of the address is missing" in browser.text
