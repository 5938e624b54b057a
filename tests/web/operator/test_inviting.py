"""The selection of the dashboard, and the invite dialog: what it shows is what is sent."""

import asyncio
import datetime
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.invite_records import Campaign, CampaignState
from tests.databases import TestDatabases
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import portal
from tests.world import World, account, open_world, token_in

EVERYBODY = {"scope": "matching"}


async def test_one_bad_customer_never_stops_the_others(admin: Desk, world: World) -> None:
    campaign = await admin.draft("1001", "1002", "1003")
    assert "Will get it 2" in admin.browser.text
    assert "Cannot 1" in admin.browser.text
    assert "No Mail Contracting 1003 Fix in ERP: E-mail" in admin.browser.text
    await admin.send(campaign)
    await world.run_jobs()
    assert len(world.mail.sent) == 2

    refused = (await admin.browser.get(f"{campaign}?state=refusals")).text
    assert "No Mail Contracting" in refused
    assert "no e-mail address" in refused.lower()


async def test_invite_all_means_everybody_and_a_second_press_is_harmless(
    admin: Desk, world: World
) -> None:
    campaign = await admin.draft(**EVERYBODY)
    assert "All customers" in admin.browser.text
    assert "Send 2 invitations" in admin.browser.text
    token = admin.browser.token
    first, second = await asyncio.gather(
        admin.browser.client.post(f"{campaign}/start", data={"_csrf": token}),
        admin.browser.client.post(f"{campaign}/start", data={"_csrf": token}),
    )
    assert [first.headers["location"], second.headers["location"]] == [campaign, campaign]
    third = await admin.browser.post(f"{campaign}/start", token=token)
    assert third.headers["location"] == campaign
    await world.run_jobs()
    assert len(world.mail.sent) == 2


async def test_all_who_match_but_those_unticked(admin: Desk, world: World) -> None:
    campaign = await admin.draft(**EVERYBODY, past_due="1", excluded='["1002"]')
    assert "past due, without 1 unticked" in admin.browser.text
    await admin.send(campaign)
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == ["ap@harbor.example"]


async def test_what_was_ticked_on_other_pages_comes_with_this_one(admin: Desk) -> None:
    await admin.draft("1001", picked='["1001", "1002"]')
    assert "Invite 2 customers" in admin.browser.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "invite"}, "Nobody is selected"),
        ({"account_no": "9999"}, "There is no account 9999"),
        ({"picked": "[1,"}, "could not be read"),
        ({"scope": "matching", "invitation": "revoked"}, "no such invitation status"),
        ({"scope": "matching", "excluded": '{"a": 1}'}, "could not be read"),
    ],
)
async def test_a_selection_that_makes_no_sense_is_refused_in_words(
    admin: Desk, world: World, fields: dict[str, str], said: str
) -> None:
    await admin.browser.get("/operator/customers")
    await admin.browser.submit("/operator/campaigns", fields)
    assert said in admin.browser.notices[0]
    await world.run_jobs()
    assert world.mail.sent == []


async def test_changing_a_field_rehearses_again_and_keeps_the_draft(
    admin: Desk, world: World
) -> None:
    campaign = await admin.draft("1001", "1002")
    headers = {"hx-request": "true", "x-csrf-token": admin.browser.token}
    changed = await admin.browser.client.post(
        f"{campaign}/edit",
        data={"delivery": "credentials", "username": "phone", "recipient": "primary"},
        headers=headers,
    )
    assert changed.status_code == 200
    assert "<html" not in changed.text
    assert "Fix in ERP: Phone" in changed.text
    assert "No phone" in changed.text
    page = (await admin.browser.get(f"{campaign}/edit")).text
    assert 'value="phone" selected' in page


async def test_sending_takes_what_was_rehearsed_and_nothing_else(admin: Desk, world: World) -> None:
    campaign = await admin.draft("1001")
    changed = {"delivery": "link", "recipient": "other", "address": "boss@harbor.example"}
    response = await admin.browser.post(f"{campaign}/start", changed)
    assert response.headers["location"] == f"{campaign}/edit"
    await admin.browser.get(f"{campaign}/edit")
    assert "You changed something" in admin.browser.notices[0]
    assert "boss@harbor.example" in admin.browser.text
    await world.run_jobs()
    assert world.mail.sent == []

    response = await admin.browser.post(f"{campaign}/start", changed)
    assert response.headers["location"] == campaign
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == ["boss@harbor.example"]
    async with world.container.uow()() as uow:
        assert (await uow.accounts.get("1001")).primary_email == "ap@harbor.example"


async def test_a_malformed_address_is_named_and_keeps_its_text(admin: Desk, world: World) -> None:
    campaign = await admin.draft("1001")
    wrong = {"recipient": "other", "address": "boss at harbor"}
    for step in ("edit", "start", "test"):
        response = await admin.browser.post(f"{campaign}/{step}", wrong)
        assert response.status_code == 422, step
        assert "there is no @ in it" in admin.browser.text
        assert 'value="boss at harbor"' in admin.browser.page
    await world.run_jobs()
    assert world.mail.sent == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"delivery": "pigeon"},
        {"username": "birthday"},
        {"recipient": "customer"},
        {"language": "fr"},
        {"second_check": "email"},
        {"colour": "red"},
    ],
)
async def test_a_field_that_makes_no_sense_is_refused(
    admin: Desk, world: World, wrong: dict[str, str]
) -> None:
    campaign = await admin.draft("1001")
    response = await admin.browser.post(f"{campaign}/start", wrong)
    assert response.status_code == 422, admin.browser.text
    await world.run_jobs()
    assert world.mail.sent == []
    draft = await _campaign(world, campaign)
    assert draft.state is CampaignState.DRAFT


async def test_the_preview_is_the_mail_and_can_do_nothing(admin: Desk, world: World) -> None:
    campaign = await admin.draft("1001", "1002")
    assert (
        "frame-src 'self'"
        in (await admin.browser.get(f"{campaign}/edit")).headers["content-security-policy"]
    )
    shown = await admin.browser.client.get(f"{campaign}/edit/mail?account=1002")
    assert "Müller" in shown.text
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert shown.headers["x-frame-options"] == "SAMEORIGIN"
    elsewhere = await admin.browser.get("/operator/customers")
    assert "frame-src 'none'" in elsewhere.headers["content-security-policy"]

    assert (await admin.browser.client.get(f"{campaign}/edit/mail?account=1003")).status_code == 404
    async with world.container.uow()() as uow:
        assert await uow.invitations.of_account("1002") == []


async def test_a_test_goes_to_oneself_and_changes_no_record(admin: Desk, world: World) -> None:
    campaign = await admin.draft("1001")
    await admin.browser.submit(f"{campaign}/test")
    assert "A test is on its way to olivia@cedaryard.example" in admin.browser.notices[0]
    await world.run_jobs()
    (mail,) = world.mail.sent
    assert mail.to_address == "olivia@cedaryard.example"
    assert mail.subject.startswith("[Test] ")
    async with world.container.uow()() as uow:
        assert await uow.invitations.of_account("1001") == []
        assert (await uow.accounts.row("1001")).invitation is None


async def test_one_more_person_is_offered_where_somebody_is_in_already(
    admin: Desk, world: World
) -> None:
    await world.register(await world.invite("1001"))
    await admin.browser.get("/operator/customers/1001")
    assert "Invite another person" in admin.browser.text
    opened = await admin.browser.post("/operator/customers/1001/invite", {"to": "additional"})
    path = opened.headers["location"].split("?")[0].removesuffix("/edit")
    await admin.browser.get(opened.headers["location"])
    assert "Type the address that gets the mail" in admin.browser.notices[0]

    fields = {"recipient": "additional", "address": "clerk@harbor.example"}
    await admin.browser.submit(f"{path}/edit", fields)
    assert "clerk@harbor.example" in admin.browser.text
    response = await admin.browser.post(f"{path}/start", fields)
    assert response.headers["location"] == path, admin.browser.text
    await world.run_jobs()
    assert len(world.mail.to("clerk@harbor.example")) == 1


async def test_a_declined_customer_needs_a_tick(admin: Desk, world: World) -> None:
    token = await world.invite("1001")
    await world.container.decline_invitation()(token)
    campaign = await admin.draft("1001")
    assert "Invite again although they declined" in admin.browser.text
    assert "Nobody would get a mail" in admin.browser.text
    fields = {"recipient": "primary", "confirm_declined": "on"}
    await admin.browser.submit(f"{campaign}/edit", fields)
    assert "Send 1 invitation" in admin.browser.text
    response = await admin.browser.post(f"{campaign}/start", fields)
    assert response.headers["location"] == campaign
    await world.run_jobs()
    assert len(world.mail.to("ap@harbor.example")) == 2


async def test_each_list_can_be_had_as_a_file_without_formulas(admin: Desk, world: World) -> None:
    world.erp.put(account("1005", "=HYPERLINK(1)", "trick@example.com"))
    await world.sync()
    campaign = await admin.draft(**EVERYBODY)
    whole = await admin.browser.client.get(f"{campaign}/rehearsal.csv")
    assert len(whole.text.splitlines()) == 6
    assert "'=HYPERLINK(1)" in whole.text
    cannot = await admin.browser.client.get(f"{campaign}/rehearsal.csv?list=cannot")
    assert [line.split(",")[1] for line in cannot.text.splitlines()[1:]] == ["1003", "1004"]


async def test_a_long_list_is_read_to_its_end_bit_by_bit(admin: Desk, world: World) -> None:
    for number in range(1_200):
        world.erp.put(account(f"5{number:04}", f"Customer {number}", f"c{number}@example.com"))
    await world.sync()
    campaign = await admin.draft(**EVERYBODY, q="customer")
    assert "Will get it 1,200" in admin.browser.text
    page, seen, presses = admin.browser.page, [], []
    while True:
        seen += re.findall(r'<li>\s*<a href="/operator/customers/(5\d+)"', page)
        more = re.search(r'href="([^"]+)" rel="next"[^>]*>([^<]+)<', page)
        if more is None:
            break
        presses.append(more[2])
        answer = await admin.browser.client.get(f"{html.unescape(more[1])}&part=rows")
        page = answer.text
        assert "<html" not in page
    assert seen == [f"5{number:04}" for number in range(1_200)]
    assert presses == ["Show the next 500", "Show the next 500", "Show the next 150"]

    await admin.send(campaign)
    assert "All recipients 1,200" in admin.browser.text
    assert (await _campaign(world, campaign)).recipients == 1_200


async def test_without_a_script_a_long_list_is_turned_like_pages(admin: Desk, world: World) -> None:
    for number in range(700):
        world.erp.put(account(f"5{number:04}", f"Customer {number}"))
    await world.sync()
    campaign = await admin.draft(**EVERYBODY, q="customer")
    found = re.search(r'href="([^"]+)" rel="next"', admin.browser.page)
    assert found is not None
    await admin.browser.get(html.unescape(found[1]))
    assert "51 to 550 of 700" in admin.browser.text
    assert 'id="list-cannot" value="cannot" checked' in admin.browser.page
    assert "Show the next 150" in admin.browser.text
    await admin.browser.get(f"{campaign}/edit?list=cannot&skip=550")
    assert "551 to 700 of 700" in admin.browser.text
    assert "Show the next" not in admin.browser.text
    await admin.browser.get(f"{campaign}/edit?list=cannot&skip=9000")
    assert "The list has become shorter" in admin.browser.text
    for odd in ("list=cannot&skip=-1", "list=nobody&skip=500", "list=cannot&skip=x&part=rows"):
        page = await admin.browser.client.get(f"{campaign}/edit?{odd}")
        assert (page.status_code, "Customer 0" in page.text) == (200, True), odd


async def test_a_started_draft_cannot_be_changed_any_more(admin: Desk) -> None:
    campaign = await admin.draft("1001")
    await admin.send(campaign)
    assert (await admin.browser.get(f"{campaign}/edit")).headers["location"] == campaign
    late = await admin.browser.post(f"{campaign}/edit", {"recipient": "contacts"})
    assert late.status_code == 409


@pytest.fixture
async def single(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[Desk]:
    """An operator of a dealer with one login per customer."""
    policies = {"logins": {"per_customer": "one"}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        await world.register(await world.invite("1001"))
        desk = await sign_in(portal(world))
        yield desk
        await desk.browser.close()


async def test_where_each_customer_has_one_login_nobody_else_is_offered(single: Desk) -> None:
    await single.browser.get("/operator/customers/1001")
    assert "Invite another person" not in single.browser.text
    campaign = await single.draft("1001")
    assert "All contacts" not in single.browser.text
    assert "One more person" not in single.browser.text
    for recipient in ("contacts", "additional"):
        refused = await single.browser.post(
            f"{campaign}/edit", {"recipient": recipient, "address": "x@harbor.example"}
        )
        assert refused.status_code == 422
        assert "one login here" in single.browser.text


async def _campaign(world: World, path: str) -> Campaign:
    async with world.container.uow()() as uow:
        return await uow.campaigns.get(path.rsplit("/", 1)[1])


async def test_sending_again_shows_the_mail_in_the_language_of_the_invitation(
    admin: Desk, world: World
) -> None:
    await world.invite("1001", language="es")
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()
    desk = await sign_in(admin.app, email="omar@cedaryard.example")
    path = await desk.draft("1001", action="resend")
    assert "Send a new link to Harbor Builders, LLC" in desk.browser.text
    mail = await desk.browser.client.get(f"{path}/edit/mail?account=1001")
    assert 'lang="es"' in mail.text
    await desk.send(path)
    await world.run_jobs()
    first, second = world.mail.to("ap@harbor.example")
    assert token_in(first.text) != token_in(second.text)
    visitor = admin.app.browser()
    assert (await visitor.open(f"/register/{token_in(first.text)}")).status_code in (404, 410)
    assert (await visitor.open(f"/register/{token_in(second.text)}")).status_code == 200
    await visitor.close()
    await desk.browser.close()
