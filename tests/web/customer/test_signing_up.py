"""Self sign-up with the e-mail on file, for dealers who offer it."""

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.invite_records import InviteRecipient
from dueport_apps.usecases.mail_records import MailState
from dueport_core.invitations import InvitationState
from dueport_ports import Contact
from tests.databases import TestDatabases
from tests.inviting import FILLED, decline_token_in, invitation_row, policies, timeline
from tests.web.portal import Browser, PortalApp, portal
from tests.world import World, account, open_world, token_in

HARBOR = (
    Contact(name="Accounts Payable", email="ap@harbor.example", is_primary=True),
    Contact(name="Office", email="Office@Harbor.example"),
)
ON = {"signup": {"self_service": True}}


async def fill(world: World) -> None:
    world.erp.put(
        account("1001", "Harbor Builders, LLC", contacts=HARBOR),
        account("1002", "Müller & Sons", "pay@mueller.example"),
        account("1004", "Harbor Rentals", "ap@harbor.example"),
    )
    await world.sync()


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path, **policies(**ON)) as world:
        await fill(world)
        yield world


@pytest.fixture
async def strict(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """A dealer with one login per customer."""
    one = policies(**ON, logins={"per_customer": "one"})
    async with open_world(test_databases, tmp_path, **one) as world:
        await fill(world)
        yield world


async def signed_up(world: World, email: str) -> Browser:
    browser = portal(world).browser()
    await browser.get("/sign-up")
    response = await browser.submit("/sign-up", {"email": email})
    assert response.url.path == "/sign-up/sent"
    await world.run_jobs()
    return browser


async def test_the_mail_leads_to_the_registration(app: PortalApp, world: World) -> None:
    await signed_up(world, "OFFICE@harbor.example")
    assert len(world.mail.sent) == 1
    row = (await invitation_row(world)).invitation
    assert row.recipient is InviteRecipient.CUSTOMER
    assert row.state is InvitationState.PENDING
    assert await timeline(world) == ["invited"]
    browser = app.browser()
    await browser.open(f"/register/{token_in(world.mail.sent[0].text)}")
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
    assert "Harbor Builders, LLC" in browser.text


async def test_a_mail_that_cannot_be_delivered_is_seen_on_the_account(world: World) -> None:
    world.mail.refuse("pay@mueller.example", 550, "5.1.1 no such mailbox")
    await signed_up(world, "pay@mueller.example")
    row = await invitation_row(world, "1002")
    assert (row.mail_state, row.mail_code) == (MailState.FAILED, 550)


async def test_every_account_with_the_address_gets_its_mail(world: World) -> None:
    await signed_up(world, "ap@harbor.example")
    mails = world.mail.to("ap@harbor.example")
    assert sorted("Rentals" in mail.text for mail in mails) == [False, True]


async def test_known_and_unknown_addresses_are_answered_alike(world: World) -> None:
    known = await signed_up(world, "pay@mueller.example")
    unknown = await signed_up(world, "nobody@nowhere.example")
    assert known.text == unknown.text
    assert [mail.to_address for mail in world.mail.sent] == ["pay@mueller.example"]


async def test_an_address_with_a_login_is_reminded_of_it(world: World) -> None:
    await world.customer("1002", "pay@mueller.example")
    await signed_up(world, "pay@mueller.example")
    (mail,) = world.mail.sent
    assert "/sign-in" in mail.text
    assert "/register/" not in mail.text


async def test_an_address_is_mailed_once_an_hour(world: World) -> None:
    for _ in range(3):
        await signed_up(world, "pay@mueller.example")
    assert len(world.mail.sent) == 1
    world.clock.advance(datetime.timedelta(hours=1, seconds=1))
    await signed_up(world, "pay@mueller.example")
    assert len(world.mail.sent) == 2


async def test_access_that_was_switched_off_stays_off(world: World) -> None:
    await world.customer("1002", "max@mueller.example")
    await world.container.disable_access()("1002", world.staff)
    for email in ("pay@mueller.example", "max@mueller.example"):
        await signed_up(world, email)
    assert world.mail.sent == []


async def test_an_invitation_that_was_withdrawn_stays_withdrawn(world: World) -> None:
    await world.invite("1002")
    row = (await invitation_row(world, "1002")).invitation
    await world.container.revoke_invitation()(row.invitation_id, world.staff)
    await signed_up(world, "pay@mueller.example")
    assert len(world.mail.sent) == 1
    assert (await invitation_row(world, "1002")).invitation.state is InvitationState.REVOKED


async def test_the_link_that_the_dealer_sent_stays_good(app: PortalApp, world: World) -> None:
    first = await world.invite("1002")
    await signed_up(world, "pay@mueller.example")
    for token in (first, token_in(world.mail.sent[-1].text)):
        assert (await app.browser().open(f"/register/{token}")).status_code == 200


@pytest.mark.parametrize("over", ["expired", "declined"])
async def test_a_new_mail_does_not_bring_older_links_back(
    app: PortalApp, world: World, over: str
) -> None:
    first = await world.invite("1002")
    if over == "declined":
        await world.container.decline_invitation()(first)
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()
    await signed_up(world, "pay@mueller.example")
    browser = app.browser()
    assert (await browser.open(f"/register/{first}")).status_code == 410
    assert "sent a newer mail for Müller & Sons" in browser.text
    token = token_in(world.mail.sent[-1].text)
    assert (await app.browser().open(f"/register/{token}")).status_code == 200


async def test_whoever_did_not_ask_takes_that_link_back_and_no_other(
    app: PortalApp, world: World
) -> None:
    first = await world.invite("1002")
    await signed_up(world, "pay@mueller.example")
    mail = world.mail.sent[-1].text
    browser = app.browser()
    assert (await browser.open(f"/invitation/{decline_token_in(mail)}/decline")).status_code == 200
    assert "Make this link void?" in browser.text
    assert "an invitation that Cedar Yard Supply sent you stays good" in browser.text
    await browser.post(f"/invitation/{decline_token_in(mail)}/decline")
    assert "The link is void" in browser.text
    assert (await app.browser().open(f"/register/{token_in(mail)}")).status_code == 410
    assert (await app.browser().open(f"/register/{first}")).status_code == 200
    row = (await invitation_row(world, "1002")).invitation
    assert row.state is InvitationState.PENDING
    assert "not_asked" in await timeline(world, "1002")
    again = await app.browser().open(f"/invitation/{decline_token_in(mail)}/decline")
    assert again.status_code == 410


async def test_an_invitation_that_nobody_asked_for_waits_for_nobody(
    app: PortalApp, world: World
) -> None:
    await signed_up(world, "pay@mueller.example")
    await world.container.decline_invitation()(decline_token_in(world.mail.sent[-1].text))
    await world.container.expire_invitations()()
    row = (await invitation_row(world, "1002")).invitation
    assert row.state is InvitationState.EXPIRED
    world.clock.advance(datetime.timedelta(hours=2))
    await signed_up(world, "pay@mueller.example")
    token = token_in(world.mail.sent[-1].text)
    assert (await app.browser().open(f"/register/{token}")).status_code == 200


async def test_one_login_per_customer_is_the_primary_address(strict: World) -> None:
    await signed_up(strict, "office@harbor.example")
    assert strict.mail.sent == []
    await strict.customer("1002", "max@mueller.example")
    await signed_up(strict, "pay@mueller.example")
    assert strict.mail.sent == []
    await signed_up(strict, "ap@harbor.example")
    assert len(strict.mail.sent) == 2


@pytest.mark.parametrize("email", ["", "no address", "a@x.example, b@y.example"])
async def test_what_is_no_address_is_named(world: World, email: str) -> None:
    browser = portal(world).browser()
    await browser.get("/sign-up")
    assert (await browser.post("/sign-up", {"email": email})).status_code == 422
    assert 'id="error-email"' in browser.page
    assert not any(job.kind.startswith("mail_") for job in world.queue.waiting)


async def test_without_the_policy_there_is_no_such_page(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    async with open_world(test_databases, tmp_path) as world:
        await fill(world)
        browser = portal(world).browser()
        for path in ("/sign-up", "/sign-up/sent", "/enrol"):
            assert (await browser.get(path)).status_code == 404
        await browser.get("/sign-in")
        assert "/sign-up" not in browser.page
        assert "/enrol" not in browser.page
        assert (await browser.post("/sign-up", {"email": "ap@harbor.example"})).status_code == 404
        assert (await browser.post("/enrol", {"account_no": "1", "code": "2"})).status_code == 404
