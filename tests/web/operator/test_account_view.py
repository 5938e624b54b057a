"""The account detail view: what it says of invitations and logins never contradicts itself."""

import datetime

import pytest

from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import SYSTEM
from dueport_core.accounts import AccountStatus
from tests.web.api.reports import last_mail, message_id, report
from tests.web.operator.desk import Desk, sign_in
from tests.world import World, account

ACCOUNT = "/operator/customers/1001"


async def test_inviting_stands_above_the_documents_and_names_the_address(admin: Desk) -> None:
    page = (await admin.browser.get(ACCOUNT)).text
    assert page.index('id="invitation"') < page.index('id="logins"') < page.index('id="documents"')
    assert "Invite to ap@harbor.example" in admin.browser.text


async def test_a_mail_that_waits_is_queued_and_not_yet_invited(admin: Desk, world: World) -> None:
    await world.start_campaign("1001")
    await admin.browser.get("/operator/customers?q=1001")
    assert "Pending not sent yet" in admin.browser.text
    await admin.browser.get(ACCOUNT)
    assert "Queued just now by" in admin.browser.text
    assert "not sent yet" in admin.browser.text

    await world.run_jobs()
    await admin.browser.get("/operator/customers?q=1001")
    assert "not sent yet" not in admin.browser.text
    await admin.browser.get(ACCOUNT)
    assert "Invited just now by" in admin.browser.text


async def test_after_access_is_restored_the_account_says_one_thing(
    admin: Desk, world: World
) -> None:
    user = await world.register(await world.invite("1001"))
    await world.container.disable_access()("1001", world.staff)
    await admin.browser.get(ACCOUNT)
    assert "Portal access disabled" in admin.browser.text
    assert "Invite again" not in admin.browser.text
    await admin.browser.get("/operator/customers?q=1001")
    assert "Portal access disabled" in admin.browser.text

    await world.container.disable_access().restore("1001", user.user_id, world.staff)
    await admin.browser.get(ACCOUNT)
    card = admin.browser.text.partition(" Invitation ")[2].partition(" Timeline ")[0]
    assert "Accepted ap@harbor.example" in card
    assert "Access was disabled on" in card
    assert "and restored on" in card
    assert "Revoked" not in card
    assert "Invite again" not in card


async def test_a_revoked_invitation_can_be_made_again_while_nobody_has_a_login(
    admin: Desk, world: World
) -> None:
    await world.invite("1001")
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
    await world.container.revoke_invitation()(row.invitation.invitation_id, world.staff)
    await admin.browser.get(ACCOUNT)
    assert "Invite again" in admin.browser.text


@pytest.mark.parametrize(
    ("status", "words"),
    [(AccountStatus.DISABLED, "Disabled in ERP"), (AccountStatus.HOLD, "On hold in ERP")],
)
async def test_the_erps_word_is_not_mistaken_for_portal_access(
    admin: Desk, world: World, status: AccountStatus, words: str
) -> None:
    world.erp.put(account("3001", "Gone Ltd", "ap@gone.example", status=status))
    await world.sync()
    for path in ("/operator/customers?q=3001", "/operator/customers/3001"):
        await admin.browser.get(path)
        assert words in admin.browser.text, path
        assert "Portal access" not in admin.browser.text, path


async def test_credentials_are_told_apart_from_links(admin: Desk, world: World) -> None:
    await world.start_campaign("1001", delivery="credentials")
    await world.run_jobs()
    await admin.browser.get(ACCOUNT)
    assert "Credentials mailed, username ap@harbor.example" in admin.browser.text
    assert "password good until" in admin.browser.text

    world.clock.advance(datetime.timedelta(hours=73))
    await world.container.expire_invitations()()
    later = await sign_in(admin.app, email="omar@cedaryard.example")
    await later.browser.get(ACCOUNT)
    assert "Send a new password" in later.browser.text
    assert "Resend" not in later.browser.text
    await later.browser.close()


async def test_the_timeline_keeps_that_a_mail_was_sent_when_it_comes_back(
    admin: Desk, world: World
) -> None:
    await world.invite("1001")
    world.clock.advance(datetime.timedelta(minutes=2))
    mail = await last_mail(world, "1001")
    raw = report(message_id(mail), mail.to_address)
    await world.container.receive_bounce()(raw, SYSTEM)
    assert (await last_mail(world, "1001")).state is MailState.BOUNCED
    await admin.browser.get(ACCOUNT)
    timeline = admin.browser.text.partition(" Timeline ")[2]
    sent, returned = timeline.index("E-mail Sent"), timeline.index("E-mail came back Bounced")
    assert sent < returned


async def test_who_registered_is_told_by_name(admin: Desk, world: World) -> None:
    user = await world.register(await world.invite("1001"))
    await admin.browser.get(ACCOUNT)
    assert f"Registered: {user.name}" in admin.browser.text
    assert "Accepted: the customer registered" not in admin.browser.text


async def test_a_link_can_be_had_again_and_says_so(admin: Desk, world: World) -> None:
    await world.invite("1001")
    page = (await admin.browser.get(ACCOUNT)).text
    assert "Show link" in page
    async with world.container.uow()() as uow:
        (row,) = await uow.invitations.of_account("1001")
    shown = await admin.browser.submit(f"/operator/invitations/{row.invitation.invitation_id}/link")
    assert shown.status_code == 200
    assert "shown only now" not in admin.browser.text
    assert "beside every link before it" in admin.browser.text
