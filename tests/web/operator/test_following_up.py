"""The follow-up page, the account's invitation panel, access, and the announcement."""

import datetime
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from dueport_apps.usecases.invite_records import InvitationEvent, InviteRecipient
from tests.databases import TestDatabases
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import PortalApp, portal
from tests.world import World, account, item, open_world


def listed(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/operator/customers/([^"]+)"', page)


async def test_the_page_starts_empty_and_says_what_to_do(admin: Desk) -> None:
    await admin.browser.get("/operator/invitations")
    assert "Nobody was invited yet" in admin.browser.text
    assert "Nobody waits that long" in admin.browser.text
    for tab, words in {
        "asked": "Nobody asked for a new link",
        "problems": "Every mail arrived",
        "bounced": "No address bounces",
    }.items():
        assert words in (await admin.browser.get(f"/operator/invitations?tab={tab}")).text


async def test_the_funnel_counts_how_far_customers_got(admin: Desk, world: World) -> None:
    token = await world.invite("1001")
    await world.invite("1002")
    await world.container.open_invitation()(token)
    await world.register(token)
    await admin.browser.get("/operator/invitations")
    words = admin.browser.text
    assert "Invited 2 of 4" in words
    assert "50% of all customers were invited" in words
    bars = re.findall(r'dp-funnel-bar" width="(\d+)"', admin.browser.page)
    assert bars == ["500", "250", "250", "0"], "bars are shares of all customers"
    assert "Opened the link 1 (50%)" in words
    assert "Registered 1 (50%)" in words
    assert "First payment 0 (0%)" in words


async def test_one_click_reminds_and_a_second_press_for_all_reminds_nobody_twice(
    app: PortalApp, world: World
) -> None:
    await world.invite("1001")
    await world.invite("1002")
    world.clock.advance(datetime.timedelta(days=2, hours=12))
    desk = await sign_in(app)
    page = (await desk.browser.get("/operator/invitations?days=2")).text
    assert sorted(listed(page)) == ["1001", "1002"]
    assert listed((await desk.browser.get("/operator/invitations")).text) == []

    await desk.browser.get("/operator/invitations?days=2")
    everybody = {"which": "all", "days": "2", "_back": "/operator/invitations?days=2"}
    await desk.browser.submit("/operator/invitations/remind", everybody)
    assert "2 reminders are on the way." in desk.browser.notices[0]
    await world.run_jobs()
    assert len(world.mail.sent) == 4

    await desk.browser.submit("/operator/invitations/remind", everybody)
    assert "Nothing was sent" in desk.browser.notices[0]
    await world.run_jobs()
    assert len(world.mail.sent) == 4
    assert "Reminded" in desk.browser.text
    await desk.browser.close()


async def test_only_those_who_are_due_are_counted_and_offered_a_reminder(
    app: PortalApp, world: World
) -> None:
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
    await world.start_campaign("1001", "1002")
    await world.run_jobs()
    world.clock.advance(datetime.timedelta(days=3))
    desk = await sign_in(app)
    here = "/operator/invitations?days=2"
    page = (await desk.browser.get(here)).text
    assert sorted(listed(page)) == ["1001", "1002"]
    assert "Remind the 1 who is due" in desk.browser.text
    one = await _invitation(world, "1002")
    pressed = {"invitation_id": one, "_back": here}
    await desk.browser.submit("/operator/invitations/remind", pressed)
    assert "1 reminder is on the way." in desk.browser.notices[0]
    assert "Mail not sent yet" in desk.browser.text
    await world.run_jobs()
    page = (await desk.browser.get(here)).text
    assert "Nobody is due for a reminder." in desk.browser.text
    assert "Reminded just now" in desk.browser.text
    assert page.count(">Remind<") == 0
    assert 'id="remind-all"' not in page

    await desk.browser.submit(
        "/operator/invitations/remind", {"which": "all", "days": "2", "_back": here}
    )
    assert "1 reminded within the last 2 days" in desk.browser.notices[0]
    assert "1 whose last mail did not arrive" in desk.browser.notices[0]
    await desk.browser.close()


async def test_reminding_all_says_who_was_left_out_and_why(app: PortalApp, world: World) -> None:
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
    await world.start_campaign("1001", "1002")
    await world.run_jobs()
    world.clock.advance(datetime.timedelta(days=3))
    desk = await sign_in(app)
    await desk.browser.get("/operator/invitations?days=2")
    await desk.browser.submit("/operator/invitations/remind", {"which": "all", "days": "2"})
    assert "1 customer was left out; the lists below say why." in desk.browser.notices[0]
    assert "Could not be reminded 1" in desk.browser.text
    refusals = re.search(r'href="([^"]+state=refusals)"', desk.browser.page)
    assert refusals is not None
    await desk.browser.get(refusals[1])
    assert "Its last mail did not arrive" in desk.browser.text
    assert "Send it again, or to another address" in desk.browser.text
    await desk.browser.close()


@pytest.mark.parametrize("typed", ["-3", "abc", "0", "99999", "²"])
async def test_a_number_of_days_that_cannot_be_meant_is_said_and_kept(
    admin: Desk, typed: str
) -> None:
    response = await admin.browser.get(f"/operator/invitations?days={typed}")
    assert response.status_code == 422
    assert "Type a number of days from 1 to 366." in admin.browser.text
    assert f'name="days" inputmode="numeric" maxlength="20" value="{typed}"' in admin.browser.page


async def test_an_invitation_that_is_gone_is_called_that(admin: Desk) -> None:
    await admin.browser.get("/operator/invitations")
    for step in ("resend", "remind"):
        await admin.browser.submit(f"/operator/invitations/{step}", {"invitation_id": "gone"})
        assert "This invitation does not exist any more." in admin.browser.notices[0]


async def test_the_setting_that_reminds_by_itself_is_named(admin: Desk, world: World) -> None:
    await world.invite("1001")
    await admin.browser.get("/operator/invitations?days=1")
    assert "remind_after_days in the section policies.invite" in admin.browser.text


async def test_ticked_ones_are_reminded(admin: Desk, world: World) -> None:
    await world.invite("1001")
    await admin.browser.get("/operator/customers/1001")
    one = await _invitation(world, "1001")
    await admin.browser.submit("/operator/invitations/remind", {"invitation_id": one})
    assert "1 reminder is on the way." in admin.browser.notices[0]
    await world.run_jobs()
    assert len(world.mail.to("ap@harbor.example")) == 2
    await admin.browser.submit("/operator/invitations/remind")
    assert "Nobody is selected" in admin.browser.notices[0]


async def test_who_asked_for_a_new_link_is_counted_and_gets_one(admin: Desk, world: World) -> None:
    await world.invite("1001")
    assert (await admin.browser.client.get("/operator/invitations/waiting")).text.strip() == ""
    await _asks_again(world, "1001")
    assert "1" in (await admin.browser.client.get("/operator/invitations/waiting")).text
    page = (await admin.browser.get("/operator/invitations?tab=asked")).text
    assert listed(page) == ["1001"]


async def test_lost_mails_are_listed_with_what_the_server_said(admin: Desk, world: World) -> None:
    world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
    await world.start_campaign("1001")
    await world.run_jobs()
    page = (await admin.browser.get("/operator/invitations?tab=problems")).text
    assert listed(page) == ["1001"]
    assert "no such mailbox" in page

    opened = await admin.browser.post(
        "/operator/invitations/resend", {"invitation_id": await _invitation(world, "1001")}
    )
    await admin.browser.get(opened.headers["location"])
    assert "Send 1 new link" in admin.browser.text


async def test_a_bounce_is_cleared_and_tried_again(admin: Desk, world: World) -> None:
    await world.invite("1001")
    async with world.container.uow()() as uow:
        await uow.bounces.mark("ap@harbor.example", world.clock.now(), "5.1.1 unknown")
        await uow.commit()
    page = (await admin.browser.get("/operator/customers/1001")).text
    assert "Clear and try again" in page
    opened = await admin.browser.post(
        "/operator/invitations/clear-bounce",
        {
            "address": "ap@harbor.example",
            "invitation_id": await _invitation(world, "1001"),
            "then": "resend",
        },
    )
    assert opened.headers["location"].endswith("/edit")
    async with world.container.uow()() as uow:
        assert await uow.bounces.of(["ap@harbor.example"]) == {}
    await admin.browser.submit(
        "/operator/invitations/clear-bounce", {"address": "ap@harbor.example"}
    )
    assert "No mail to this address came back" in admin.browser.notices[-1]


async def test_bounced_addresses_are_listed_with_what_to_do_and_cleared(
    admin: Desk, world: World
) -> None:
    await world.start_campaign(
        "1002", recipient=InviteRecipient.OTHER, address="clerk@mueller.example"
    )
    async with world.container.uow()() as uow:
        for address, reason in {
            "typo@elsewhere.example": "host not found",
            "clerk@mueller.example": "4.2.2 mailbox full",
            "ap@harbor.example": "5.1.1 no such user",
        }.items():
            world.clock.advance(datetime.timedelta(minutes=1))
            await uow.bounces.mark(address, world.clock.now(), reason)
        await uow.commit()
    await admin.browser.get("/operator/invitations?tab=bounced")
    harbor, mueller, typo = re.findall(r"<tr>(.*?)</tr>", admin.browser.page, re.DOTALL)[1:]
    for row, words in (
        (
            harbor,
            ("ap@harbor.example", "customers/1001", "Permanent", "no such user", "Fix in ERP"),
        ),
        (mueller, ("clerk@mueller.example", "customers/1002", "Temporary", "Not on file")),
        (typo, ("typo@elsewhere.example", "Nobody’s", "host not found")),
    ):
        for expected in words:
            assert expected in row, expected
    assert "Fix in ERP" not in mueller + typo
    assert "Bounced 3" in admin.browser.text

    back = "/operator/invitations?tab=bounced"
    await admin.browser.submit(
        "/operator/invitations/clear-bounce", {"address": "ap@harbor.example", "_back": back}
    )
    assert "Mail can go to ap@harbor.example again" in admin.browser.notices[0]
    assert "Bounced 2" in admin.browser.text
    assert "clerk@mueller.example" in admin.browser.text


async def test_a_long_list_of_bounced_addresses_comes_in_pages(admin: Desk, world: World) -> None:
    async with world.container.uow()() as uow:
        for number in range(51):
            await uow.bounces.mark(f"{number:03}@a.example", world.clock.now(), "5.1.1 unknown")
        await uow.commit()
    await admin.browser.get("/operator/invitations?tab=bounced")
    found = re.search(r'href="([^"]+)" rel="next"', admin.browser.page)
    assert found is not None
    assert "000@a.example" not in admin.browser.text
    assert "050@a.example" in admin.browser.text
    following = html.unescape(found[1])
    rows = await admin.browser.client.get(f"{following}&part=rows")
    assert "<html" not in rows.text
    assert rows.text.count("<tr") == 1
    await admin.browser.get(following)
    assert "000@a.example" in admin.browser.text
    assert "First page" in admin.browser.text


async def test_who_cannot_be_mailed_is_listed_for_the_erp(admin: Desk) -> None:
    page = (await admin.browser.get("/operator/invitations?tab=fix")).text
    assert sorted(listed(page)) == ["1003", "1004"]
    assert "No e-mail address" in page


async def test_who_is_invited_at_another_address_needs_nothing_fixed(
    admin: Desk, world: World
) -> None:
    await world.start_campaign(
        "1003", recipient=InviteRecipient.OTHER, address="clerk@nomail.example"
    )
    page = (await admin.browser.get("/operator/invitations?tab=fix")).text
    assert listed(page) == ["1004"]
    async with world.container.uow()() as uow:
        await uow.bounces.mark("clerk@nomail.example", world.clock.now(), "5.1.1 unknown")
        await uow.commit()
    page = (await admin.browser.get("/operator/invitations?tab=fix")).text
    assert sorted(listed(page)) == ["1003", "1004"], "that address does not work either"


async def test_revoking_kills_the_link_at_once(admin: Desk, world: World) -> None:
    token = await world.invite("1001")
    await admin.browser.get("/operator/customers/1001")
    one = await _invitation(world, "1001")
    await admin.browser.submit(f"/operator/invitations/{one}/revoke")
    assert "is revoked" in admin.browser.notices[0]
    assert "Invite again" in admin.browser.text
    visitor = admin.app.browser()
    closed = await visitor.open(f"/register/{token}")
    assert closed.status_code in (404, 410)
    await visitor.close()
    await admin.browser.submit(f"/operator/invitations/{one}/revoke")
    assert "revoked" in admin.browser.notices[0]


async def test_the_timeline_tells_every_step(admin: Desk, world: World) -> None:
    token = await world.invite("1001")
    await world.register(token)
    await admin.browser.get("/operator/customers/1001")
    words = admin.browser.text
    assert "Invited by Olivia Operator" in words
    assert "Accepted" in words
    assert "E-mail Sent to ap@harbor.example" in words


async def test_disabled_access_ends_the_session_and_can_be_restored(
    admin: Desk, world: World
) -> None:
    customer = await admin.app.customer("1001", "ap@harbor.example")
    assert (await customer.get("/outstanding")).status_code == 200
    await admin.browser.get("/operator/customers/1001")
    (login,) = await _logins(world, "1001")
    await admin.browser.submit("/operator/customers/1001/access/disable", {"user_id": login})
    assert "1 access is disabled" in admin.browser.notices[0]
    assert "Portal access disabled" in admin.browser.text
    assert (await customer.get("/outstanding")).status_code == 303

    await admin.browser.submit("/operator/customers/1001/access/restore", {"user_id": login})
    assert "The access is restored" in admin.browser.notices[0]
    again = await admin.app.signed_in("ap@harbor.example")
    assert (await again.get("/outstanding")).status_code == 200
    await admin.browser.submit("/operator/customers/1001/access/restore", {"user_id": login})
    assert "not disabled" in admin.browser.notices[0]
    await customer.close()
    await again.close()


async def test_everybody_of_a_customer_is_switched_off_at_once(admin: Desk, world: World) -> None:
    await world.register(await world.invite("1001"))
    await world.start_campaign(
        "1001",
        additional_login=True,
        recipient=InviteRecipient.OTHER,
        address="clerk@harbor.example",
    )
    await admin.browser.get("/operator/customers/1001")
    assert "Disable access for all" in admin.browser.text
    await admin.browser.submit("/operator/customers/1001/access/disable")
    assert "disabled" in admin.browser.notices[0]
    await admin.browser.submit("/operator/customers/1001/access/disable")
    assert "Nobody of this customer has portal access" in admin.browser.notices[0]


async def test_the_announcement_holds_the_portals_own_addresses(admin: Desk) -> None:
    page = await admin.browser.get("/operator/announcement")
    assert "http://127.0.0.1:8400" in page.text
    assert "<<" not in admin.browser.text
    assert "{{" not in admin.browser.text
    spanish = await admin.browser.get("/operator/announcement?language=es")
    assert spanish.text != page.text
    letter = await admin.browser.client.get("/operator/announcement.pdf")
    assert letter.content.startswith(b"%PDF")


async def test_without_enrolment_codes_there_are_none_to_download(admin: Desk) -> None:
    await admin.step_up()
    assert "switched off" in (await admin.browser.get("/operator/enrolment-codes")).text
    assert (await admin.browser.get("/operator/enrolment-codes.csv")).status_code == 409
    assert "Enrollment code" not in (await admin.browser.get("/operator/customers/1001")).text


@pytest.fixture
async def coded(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[Desk]:
    """An operator of a dealer who prints enrolment codes."""
    policies = {"signup": {"enrolment_codes": True}}
    async with open_world(test_databases, tmp_path, policies=policies) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons"),
            item("INV-1", "1001", 1_000),
        )
        await world.sync()
        desk = await sign_in(portal(world))
        yield desk
        await desk.browser.close()


async def test_all_codes_need_a_fresh_proof_of_who_asks(coded: Desk) -> None:
    coded.app.world.clock.advance(datetime.timedelta(minutes=6))
    for path in ("/operator/enrolment-codes.csv", "/operator/enrolment-letters.pdf"):
        asked = await coded.browser.get(path)
        assert asked.headers["location"].startswith("/operator/confirm")
    await coded.step_up()
    codes = await coded.browser.client.get("/operator/enrolment-codes.csv")
    lines = codes.text.splitlines()
    assert [line.split(",")[0].strip('"') for line in lines[1:]] == ["1001", "1002"]
    letters = await coded.browser.client.get("/operator/enrolment-letters.pdf")
    assert letters.content.startswith(b"%PDF")
    async with coded.app.world.container.uow()() as uow:
        taken = [stored.entry for stored in await uow.audit.page(None, 2)]
    for entry in taken:
        assert (entry.action, entry.detail) == ("enrolment.exported", {"codes": "2"})
        assert entry.actor_name == "Olivia Operator"


async def test_a_new_code_voids_the_old_one(coded: Desk) -> None:
    await coded.browser.get("/operator/customers/1002")
    before = re.search(r'dp-enrol">([^<]+)<', coded.browser.page)
    await coded.browser.submit("/operator/customers/1002/enrolment-code")
    after = re.search(r'dp-enrol">([^<]+)<', coded.browser.page)
    assert before is not None
    assert after is not None
    assert before[1] != after[1]
    letter = await coded.browser.client.get("/operator/customers/1002/announcement.pdf")
    assert letter.content.startswith(b"%PDF")


async def test_a_reader_may_look_and_not_act(reader: Desk, world: World) -> None:
    await world.invite("1001")
    one = await _invitation(world, "1001")
    page = (await reader.browser.get("/operator/invitations?days=1")).text
    assert "Remind" not in page.replace("Reminders go only", "")
    async with world.container.uow()() as uow:
        await uow.bounces.mark("ap@harbor.example", world.clock.now(), "5.1.1 unknown")
        await uow.commit()
    page = (await reader.browser.get("/operator/invitations?tab=bounced")).text
    assert "ap@harbor.example" in page
    assert "Clear" not in page
    for path in (
        "/operator/invitations/remind",
        "/operator/invitations/resend",
        f"/operator/invitations/{one}/link",
        f"/operator/invitations/{one}/revoke",
        "/operator/invitations/clear-bounce",
        "/operator/customers/1001/access/disable",
        "/operator/customers/1001/access/restore",
    ):
        assert (await reader.browser.post(path)).status_code == 403, path


async def test_a_way_back_never_leads_elsewhere(admin: Desk, world: World) -> None:
    await world.invite("1001")
    one = await _invitation(world, "1001")
    await admin.browser.get("/operator/customers/1001")
    for back in ("//evil.example", "https://evil.example/operator/", "/outstanding"):
        response = await admin.browser.post(f"/operator/invitations/{one}/revoke", {"_back": back})
        assert response.headers["location"] == "/operator/customers/1001"


async def _invitation(world: World, account_no: str) -> str:
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account(account_no)
    return row.invitation.invitation_id


async def _asks_again(world: World, account_no: str) -> None:
    """Let the customer ask for a new link, past the page of the customer portal."""
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account(account_no)
        asked = structs.replace(row.invitation, asked_at=world.clock.now())
        await uow.invitations.put([asked])
        await uow.invitations.add_events(
            [InvitationEvent(account_no=account_no, at=world.clock.now(), kind="asked_again")]
        )
        await uow.commit()


async def _logins(world: World, account_no: str) -> list[str]:
    async with world.container.uow()() as uow:
        return [login.user.user_id for login in await uow.users.logins(account_no)]
