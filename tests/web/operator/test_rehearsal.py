"""What the invite dialog says before anything is sent, and where it leads when nothing can be."""

import datetime

import pytest

from dueport_apps.usecases.invite_records import CampaignKind
from dueport_core.accounts import AccountStatus
from dueport_ports import Contact
from tests.web.operator.desk import Desk, sign_in
from tests.world import World, account

TO_ONE = {"recipient": "other", "address": "me@cedaryard.example"}


async def _rehearse(desk: Desk, campaign: str, **fields: str) -> str:
    """Change fields as the page does, and return its words."""
    response = await desk.browser.submit(f"{campaign}/edit", fields)
    assert response.status_code == 200, desk.browser.text
    return desk.browser.text


async def test_several_customers_go_to_one_address_only_when_that_is_meant(
    admin: Desk, world: World
) -> None:
    campaign = await admin.draft("1001", "1002")
    said = await _rehearse(admin, campaign, **TO_ONE)
    assert "These 2 customers are really invited" in said
    assert "whoever reads me@cedaryard.example can register for all of them" in said

    refused = await admin.browser.post(f"{campaign}/start", TO_ONE)
    assert refused.status_code == 422
    assert "Tick that this is meant" in admin.browser.text
    stale = {**TO_ONE, "_one_address": "somebody.else@cedaryard.example"}
    assert (await admin.browser.post(f"{campaign}/start", stale)).status_code == 422
    await world.run_jobs()
    assert world.mail.sent == []

    meant = {**TO_ONE, "_one_address": "me@cedaryard.example"}
    sent = await admin.browser.post(f"{campaign}/start", meant)
    assert sent.headers["location"] == campaign
    await world.run_jobs()
    assert len(world.mail.to("me@cedaryard.example")) == 2


async def test_one_customer_at_another_address_needs_no_confirmation(
    admin: Desk, world: World
) -> None:
    campaign = await admin.draft("1001", "1003")
    one = await admin.draft("1003")
    assert "really invited" not in await _rehearse(admin, one, **TO_ONE)
    assert "really invited" in await _rehearse(admin, campaign, **TO_ONE)
    assert (await admin.browser.post(f"{one}/start", TO_ONE)).headers["location"] == one


async def test_who_has_a_working_link_is_reminded_instead_of_invited_or_sent_another(
    admin: Desk, world: World
) -> None:
    await world.invite("1001")
    for action in ("invite", "resend"):
        campaign = await admin.draft("1001", "1003", action=action)
        assert "1 has a link that works. Remind this one" in admin.browser.text, action
        assert "Send 0" not in admin.browser.text
        opened = await admin.browser.post(f"{campaign}/instead", {"_instead": "nudge"})
        reminder = opened.headers["location"]
        await admin.browser.get(reminder)
        assert "Remind Harbor Builders, LLC" in admin.browser.text
        assert "Send 1 reminder" in admin.browser.text
    assert len(world.mail.sent) == 1

    await admin.send(reminder.removesuffix("/edit"))
    await world.run_jobs()
    assert len(world.mail.to("ap@harbor.example")) == 2


async def test_who_needs_another_kind_of_mail_is_led_to_it(admin: Desk, world: World) -> None:
    await world.invite("1001")
    world.clock.advance(datetime.timedelta(days=8))
    await world.container.expire_invitations()()
    admin = await sign_in(admin.app, email="omar@cedaryard.example")
    campaign = await admin.draft("1001", "1002", action="resend")
    assert "Need no new link 0" in admin.browser.text
    assert "1 is not invited. Invite this one" in admin.browser.text
    opened = await admin.browser.post(f"{campaign}/instead", {"_instead": "invite"})
    await admin.browser.get(opened.headers["location"])
    assert "Invite Müller & Sons" in admin.browser.text

    await admin.draft("1001", action="invite")
    assert "1 needs a new link. Send a new link to this one" in admin.browser.text
    await admin.browser.close()


@pytest.mark.parametrize("odd", ["invite", "pigeon", ""])
async def test_a_way_that_leads_nowhere_leads_back_to_the_dialog(admin: Desk, odd: str) -> None:
    campaign = await admin.draft("1001")
    back = await admin.browser.post(f"{campaign}/instead", {"_instead": odd})
    assert back.headers["location"] == f"{campaign}/edit"
    await admin.browser.get(f"{campaign}/edit")
    assert "Nobody of this selection needs that" in admin.browser.notices[0]


async def test_a_reader_may_not_turn_a_campaign_into_another(reader: Desk, admin: Desk) -> None:
    campaign = await admin.draft("1001")
    await reader.browser.get("/operator/customers")
    refused = await reader.browser.post(f"{campaign}/instead", {"_instead": "nudge"})
    assert refused.status_code == 403


async def test_user_names_that_are_taken_are_not_the_erps_fault(admin: Desk, world: World) -> None:
    for number in (1, 2):
        contact = Contact(name="Maria Lopez", email=f"maria{number}@example.com", is_primary=True)
        world.erp.put(account(f"300{number}", f"Twin {number}", contacts=(contact,)))
    await world.sync()
    campaign = await admin.draft("3001", "3002")
    said = await _rehearse(admin, campaign, delivery="credentials", username="first_name")
    assert "Username taken" in said
    assert "Fix in ERP" not in said.partition("Before anything is sent")[2]
    assert "Account number or Random is always unique" in said
    said = await _rehearse(admin, campaign, delivery="credentials", username="account_no")
    assert "Send 2 invitations" in said
    assert "always unique" not in said


async def test_reasons_do_not_repeat_the_address_and_the_badge(admin: Desk) -> None:
    campaign = await admin.draft("1004")
    assert (
        "Bad Mail, Inc. 1004 Fix in ERP: E-mail office at badmail · There is no @ in it"
        in admin.browser.text
    )
    file = await admin.browser.client.get(f"{campaign}/rehearsal.csv?list=cannot")
    assert "fix it in the ERP" in file.text


async def test_mails_and_customers_are_not_mixed_and_every_mail_can_be_looked_at(
    admin: Desk, world: World
) -> None:
    contacts = tuple(
        Contact(name=name, email=f"{name}@pine.example", is_primary=name == "anna")
        for name in ("anna", "ben", "carla")
    )
    world.erp.put(account("3001", "Pine & Co", contacts=contacts))
    await world.sync()
    campaign = await admin.draft("1001", "1003", "3001")
    said = await _rehearse(admin, campaign, recipient="contacts")
    assert "4 mails to 2 customers; 1 customer cannot." in said
    for name in ("anna", "ben", "carla"):
        assert f"Pine & Co (3001), {name}@pine.example" in said
    said = await _rehearse(
        admin, campaign, recipient="contacts", _preview="3001 carla@pine.example"
    )
    assert "To carla@pine.example" in said
    mail = await admin.browser.client.get(
        f"{campaign}/edit/mail?account=3001&to=carla@pine.example"
    )
    assert "Hello carla" in mail.text
    nobody = await admin.browser.client.get(f"{campaign}/edit/mail?account=3001&to=dora@x.example")
    assert nobody.status_code == 404


async def test_what_the_erp_says_of_a_customer_stands_beside_the_name(
    admin: Desk, world: World
) -> None:
    world.erp.put(account("3001", "Gone Ltd", "ap@gone.example", status=AccountStatus.DISABLED))
    await world.sync()
    await admin.draft("3001", "1001")
    assert "Gone Ltd 3001 Disabled in ERP" in admin.browser.text


async def test_a_refused_mail_is_told_and_the_dialog_begins_with_another_address(
    admin: Desk, world: World
) -> None:
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
    await world.start_campaign("1001", "1002")
    await world.run_jobs()
    await admin.draft("1001", "1002", action="resend")
    assert "Last mail refused: 550 5.1.1 no such mailbox" in admin.browser.text

    page = (await admin.browser.get("/operator/customers/1001")).text
    assert 'name="to" value="other"' in page
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
    opened = await admin.browser.post(
        "/operator/invitations/resend",
        {"invitation_id": row.invitation.invitation_id, "to": "other"},
    )
    page = (await admin.browser.get(opened.headers["location"])).text
    assert 'value="other" checked' in page
    assert "Type the address that gets the mail" in admin.browser.notices[0]


async def test_the_words_are_those_of_people(admin: Desk, world: World) -> None:
    await admin.draft("1001", "1002")
    said = admin.browser.text
    assert "None of them is invited or registered yet." in said
    assert "Download this list (CSV)" in said
    assert "2 selected customers" not in said
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
    await world.start_campaign("1001")
    await world.run_jobs()
    await admin.draft("1001", action="resend")
    assert "Same address" in admin.browser.text


async def test_reminding_begins_on_the_dashboard(admin: Desk, world: World) -> None:
    await world.invite("1001")
    await admin.browser.get("/operator/customers?invitation=pending")
    assert "Remind this customer" in admin.browser.text
    drafted = await admin.browser.post(
        "/operator/campaigns", {"scope": "matching", "invitation": "pending", "action": "remind"}
    )
    await admin.browser.get(drafted.headers["location"])
    assert "Send 1 reminder" in admin.browser.text
    campaign = drafted.headers["location"].split("/")[-2]
    async with world.container.uow()() as uow:
        assert (await uow.campaigns.get(campaign)).kind is CampaignKind.NUDGE


async def test_nothing_is_offered_where_nothing_can_be_sent(admin: Desk, world: World) -> None:
    await world.register(await world.invite("1001"))
    for query in ("invitation=accepted", "email_problem=1"):
        page = (await admin.browser.get(f"/operator/customers?{query}")).text
        assert 'name="scope" value="matching"' not in page, query
    await admin.browser.get("/operator/customers?q=1002")
    assert "Invite this customer" in admin.browser.text
    await admin.browser.get("/operator/customers?invitation=none")
    assert "Invite all 3 that match" in admin.browser.text
