"""Who is left out of a campaign, and that the reason is the true one and says what helps."""

import datetime

import pytest

from dueport_apps.usecases.campaigns import again_order
from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignRefusal,
    InvitationFilter,
    InviteOptions,
    InviteRecipient,
    LeftOutKind,
    Selection,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.plan_invitations import InviteOrder, Plan
from dueport_apps.usecases.plan_reasons import Reminder, reminder_of
from dueport_apps.usecases.records import SYSTEM, AccountFilter
from dueport_core.accounts import AccountStatus
from dueport_core.errors import Conflict, Invalid
from dueport_ports import Contact, UsernameSource
from tests.inviting import invitation_row
from tests.world import World, account

OFF = "portal access is switched off"


def named(*account_nos: str) -> Selection:
    return Selection(account_nos=account_nos)


async def rehearse(
    world: World,
    selection: Selection | None = None,
    kind: CampaignKind = CampaignKind.INVITE,
    **options: object,
) -> Plan:
    order = InviteOrder(
        kind=kind,
        selection=selection or Selection(matching=AccountFilter()),
        options=InviteOptions(**options),  # type: ignore[arg-type]  # Spread over typed fields.
    )
    return await world.container.rehearse_invitations()(order)


def only(plan: Plan) -> CampaignRefusal:
    assert (plan.will, plan.already) == ((), ())
    (refused,) = plan.cannot
    return refused


async def people(world: World, *names: str) -> None:
    """Put customers with these contacts into the book, numbered from 2001 on."""
    world.erp.put(
        *(
            account(
                f"{2001 + place}",
                f"{name} & Co",
                contacts=(Contact(name=name, email=f"p{place}@people.example", is_primary=True),),
            )
            for place, name in enumerate(names)
        )
    )
    await world.sync()


class TestAccessSwitchedOff:
    @pytest.fixture
    async def off(self, world: World) -> World:
        """1001 registered, and an operator switched the access off."""
        await world.register(await world.invite("1001"))
        await world.container.disable_access()("1001", world.staff)
        world.mail.sent.clear()
        return world

    async def test_everybody_is_invited_but_they(self, off: World) -> None:
        plan = await rehearse(off)
        campaign = await off.start_campaign()
        await off.run_jobs()

        assert [one.account.account_no for one in plan.will] == ["1002"]
        refused = next(one for one in plan.cannot if one.account_no == "1001")
        assert (refused.kind, refused.problem) == (LeftOutKind.ACCESS_OFF, OFF)
        assert refused.reason == f"{OFF}; restore it on the account"
        assert [mail.to_address for mail in off.mail.sent] == ["pay@mueller.example"]
        async with off.container.uow()() as uow:
            refusals, _ = await uow.campaigns.refusals(campaign.campaign_id, None, 9)
        assert {one.kind for one in refusals} == {LeftOutKind.ACCESS_OFF, LeftOutKind.NO_EMAIL}

    async def test_an_expired_invitation_of_theirs_is_not_sent_again(self, world: World) -> None:
        user = await world.register(await world.invite("1001"))
        await world.start_campaign(
            "1001",
            recipient=InviteRecipient.OTHER,
            address="second@harbor.example",
            additional_login=True,
        )
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=8))
        await world.container.expire_invitations()()
        await world.container.disable_access()("1001", world.staff, user_id=user.user_id)

        plan = await rehearse(world, named("1001"), CampaignKind.RESEND)

        assert only(plan).kind is LeftOutKind.ACCESS_OFF

    async def test_the_dashboard_and_the_codes_leave_them_out_until_it_is_restored(
        self, off: World
    ) -> None:
        codes = off.container.enrolment_codes()
        async with off.container.uow()() as uow:
            row = await uow.accounts.row("1001")
            new, _ = await uow.accounts.rows(
                AccountFilter(invitation="none"), "account_no", False, None, 9
            )
        assert row.access_off
        assert [one.account_no for one in new] == ["1002", "1003"]
        assert [one.account_no for one, _ in await codes.all()] == ["1002", "1003"]
        assert (await codes.of_account("1001")).access_off
        with pytest.raises(Conflict, match="switched off"):
            await off.container.announce().letter(["1001"])
        with pytest.raises(Conflict, match="switched off"):
            await off.container.announce().text("1001")

        await off.container.restore_access()("1001", off.staff)
        async with off.container.uow()() as uow:
            assert not (await uow.accounts.row("1001")).access_off

    async def test_another_person_can_still_be_invited_by_name(self, off: World) -> None:
        await off.start_campaign(
            "1001",
            recipient=InviteRecipient.OTHER,
            address="successor@harbor.example",
            additional_login=True,
        )
        await off.run_jobs()
        off.clock.advance(datetime.timedelta(days=4))

        plan = await rehearse(off, named("1001"), CampaignKind.NUDGE)

        assert [mail.to_address for mail in off.mail.sent] == ["successor@harbor.example"]
        assert [one.email for one in plan.will] == ["successor@harbor.example"]

    async def test_a_customer_of_whom_one_person_is_left_is_registered(self, world: World) -> None:
        first = await world.register(await world.invite("1001"))
        await world.start_campaign(
            "1001",
            recipient=InviteRecipient.OTHER,
            address="second@harbor.example",
            additional_login=True,
        )
        await world.run_jobs()
        await world.register(world.mail.sent[-1].text.split("/register/")[1].split()[0])
        await world.container.disable_access()("1001", world.staff, user_id=first.user_id)

        plan = await rehearse(world, named("1001"))

        assert [one.kind for one in plan.already] == [LeftOutKind.REGISTERED]


class TestReminders:
    async def test_a_mail_that_did_not_arrive_is_not_reminded_of(self, world: World) -> None:
        world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        world.mail.sent.clear()
        world.clock.advance(datetime.timedelta(days=4))

        plan = await rehearse(world, named("1001", "1002"), CampaignKind.NUDGE, pending_days=3)
        campaign = await world.start_campaign(
            "1001", "1002", kind=CampaignKind.NUDGE, pending_days=3
        )
        await world.run_jobs()

        assert [one.account.account_no for one in plan.will] == ["1002"]
        (refused,) = plan.cannot
        assert refused.kind is LeftOutKind.MAIL_NOT_ARRIVED
        assert refused.problem == "its last mail did not arrive"
        assert refused.email == "ap@harbor.example"
        assert (campaign.recipients, campaign.cannot, campaign.already) == (1, 1, 0)
        assert [mail.to_address for mail in world.mail.sent] == ["pay@mueller.example"]
        row = await invitation_row(world, "1001")
        assert reminder_of(row, world.clock.now(), 3) is Reminder.MAIL_NOT_ARRIVED
        assert row.invitation.nudged_at is None

    @pytest.mark.parametrize("state", [MailState.UNCONFIRMED, MailState.BOUNCED])
    async def test_neither_is_one_that_may_not_have_arrived(
        self, world: World, state: MailState
    ) -> None:
        world.mail.lose_answer("ap@harbor.example")
        await world.start_campaign("1001")
        await world.run_jobs()
        async with world.container.uow()() as uow:
            (mail,) = await uow.mail.of_account("1001")
            if state is MailState.BOUNCED:
                now = world.clock.now()
                await uow.mail.bounced(mail.delivery_id, mail.to_address, now, 0, "gone")
                await uow.commit()
        world.clock.advance(datetime.timedelta(days=4))
        row = await invitation_row(world, "1001")

        with pytest.raises(Invalid, match="its last mail did not arrive"):
            await world.container.start_campaign().at_once(
                again_order(CampaignKind.NUDGE, [row.invitation]), world.staff
            )

        assert row.mail_state is state

    async def test_who_was_reminded_lately_is_told_so_and_kept_with_the_campaign(
        self, world: World
    ) -> None:
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=4))
        await world.start_campaign("1001", kind=CampaignKind.NUDGE)
        await world.run_jobs()
        reminded_at = world.clock.now()
        world.clock.advance(datetime.timedelta(days=1))

        plan = await rehearse(world, named("1001", "1002"), CampaignKind.NUDGE, pending_days=3)
        campaign = await world.start_campaign(
            "1001", "1002", kind=CampaignKind.NUDGE, pending_days=3
        )

        (lately,) = plan.already
        assert (lately.kind, lately.words) == (
            LeftOutKind.REMINDED_LATELY,
            "was reminded within the last 3 days",
        )
        assert lately.reminded_at == reminded_at
        async with world.container.uow()() as uow:
            kept, _ = await uow.campaigns.refusals(campaign.campaign_id, None, 9, needs_none=True)
        assert [(one.account_no, one.kind) for one in kept] == [
            ("1001", LeftOutKind.REMINDED_LATELY)
        ]

    async def test_the_reasons_are_counted_in_words_about_reminders(self, world: World) -> None:
        await world.start_campaign("1001")
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=4))
        await world.start_campaign("1001", kind=CampaignKind.NUDGE)
        await world.run_jobs()
        await world.start_campaign("1002")

        with pytest.raises(Conflict) as several:
            await world.start_campaign("1001", "1002", kind=CampaignKind.NUDGE, pending_days=3)
        with pytest.raises(Conflict) as waiting:
            await world.start_campaign("1002", kind=CampaignKind.NUDGE)
        with pytest.raises(Invalid, match="was never invited; invite first"):
            await world.start_campaign("1003", kind=CampaignKind.NUDGE)
        await world.run_jobs()
        with pytest.raises(Conflict) as lately:
            await world.start_campaign("1002", kind=CampaignKind.NUDGE, pending_days=1)

        assert several.value.message == (
            "None of the 2 customers can be reminded: 1 reminded within the last 3 days, "
            "1 whose mail is still waiting to leave. Nothing was sent."
        )
        assert waiting.value.message == (
            "Müller & Sons needs no reminder yet: its mail is still waiting to leave. "
            "Nothing was sent."
        )
        assert "was invited within the last day" in lately.value.message

    async def test_an_answered_or_expired_invitation_is_over(self, world: World) -> None:
        await world.container.decline_invitation()(await world.invite("1001"))
        await world.invite("1002")
        world.clock.advance(datetime.timedelta(days=8))

        plan = await rehearse(world, named("1001", "1002"), CampaignKind.NUDGE)

        assert [(one.kind, one.words) for one in plan.already] == [
            (
                LeftOutKind.DECLINED,
                "needs no reminder: the invitation to ap@harbor.example was declined; confirm "
                "that you want to invite again",
            ),
            (
                LeftOutKind.EXPIRED,
                "needs no reminder: the invitation to pay@mueller.example is expired; use Resend",
            ),
        ]
        for number in ("1001", "1002"):
            row = await invitation_row(world, number)
            assert reminder_of(row, world.clock.now()) is Reminder.OVER

    async def test_the_list_of_pending_ones_tells_which_are_due(self, world: World) -> None:
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=4))
        await world.start_campaign("1001", kind=CampaignKind.NUDGE)
        await world.run_jobs()
        now = world.clock.now()
        since = now - datetime.timedelta(days=3)
        async with world.container.uow()() as uow:
            rows, _ = await uow.invitations.rows(InvitationFilter(pending_since=since), None, 9)
            due = await uow.invitations.count(InvitationFilter(due_since=since))

        standing = {row.invitation.account_no: reminder_of(row, now, 3) for row in rows}
        assert standing == {"1001": Reminder.REMINDED_LATELY, "1002": Reminder.DUE}
        assert due == 1
        assert {row.invitation.nudged_at for row in rows} == {now, None}

    async def test_the_scheduled_reminder_skips_what_did_not_arrive(
        self, reminding_world: World
    ) -> None:
        world = reminding_world
        world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=4))

        assert await world.container.remind_pending()(SYSTEM) == 1
        world.clock.advance(datetime.timedelta(days=1))
        assert await world.container.remind_pending()(SYSTEM) == 0


class TestUserNames:
    async def test_two_of_one_list_who_share_a_name_are_told_apart_from_one_in_use(
        self, world: World
    ) -> None:
        await people(world, "Beatriz Lima", "Beatriz Costa")
        order = {"delivery": "credentials", "username": UsernameSource.FIRST_NAME}

        together = await rehearse(world, named("2001", "2002"), **order)
        await world.start_campaign("2001", **order)
        afterwards = await rehearse(world, named("2002"), **order)

        (shared,) = together.cannot
        assert shared.kind is LeftOutKind.USERNAME_SHARED
        assert shared.problem == "another customer of this list gets the username “beatriz”"
        taken = only(afterwards)
        assert taken.kind is LeftOutKind.USERNAME_TAKEN
        assert taken.problem == "somebody signs in with the username “beatriz” already"
        for refused in (shared, taken):
            assert refused.advice == "account number or random is always unique"
            assert (refused.field, "ERP" in refused.reason) == ("", False)

    async def test_two_contacts_of_one_customer_are_called_so(self, world: World) -> None:
        contacts = (
            Contact(name="Ann Lee", email="ann@lee.example", is_primary=True),
            Contact(name="Bob Lee", email="bob@lee.example"),
        )
        world.erp.put(account("2001", "Lee Bros", contacts=contacts))
        await world.sync()

        plan = await rehearse(
            world,
            named("2001"),
            delivery="credentials",
            username=UsernameSource.LAST_NAME,
            recipient=InviteRecipient.CONTACTS,
        )

        assert [one.username for one in plan.will] == ["lee"]
        assert [one.problem for one in plan.cannot] == ["another contact gets the username “lee”"]

    async def test_names_that_differ_by_an_accent_alone_are_one_name(self, world: World) -> None:
        await people(world, "Zoë Adams", "Zoe Baker", "李")
        plan = await rehearse(
            world,
            named("2001", "2002", "2003"),
            delivery="credentials",
            username=UsernameSource.FIRST_NAME,
        )

        assert [one.username for one in plan.will] == ["zoe"]
        assert [(one.account_no, one.kind) for one in plan.cannot] == [
            ("2002", LeftOutKind.USERNAME_SHARED),
            ("2003", LeftOutKind.MISSING_FIELD),
        ]
        assert "holds nothing that can be typed" in plan.cannot[1].problem


class TestWhatTheRehearsalKnows:
    async def test_a_resend_tells_what_became_of_the_last_mail(self, world: World) -> None:
        world.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
        await world.start_campaign("1001", "1002")
        await world.run_jobs()
        world.clock.advance(datetime.timedelta(days=8))
        await world.container.expire_invitations()()

        plan = await rehearse(world, named("1001", "1002"), CampaignKind.RESEND)

        refused, arrived = plan.will
        assert refused.last_failure is not None
        assert (refused.last_failure.state, refused.last_failure.code) == (MailState.FAILED, 550)
        assert "no such mailbox" in refused.last_failure.words
        assert arrived.last_failure is None

    async def test_the_status_in_the_erp_comes_with_every_recipient(self, world: World) -> None:
        world.erp.put(
            account("2001", "Closed Inc", "a@closed.example", status=AccountStatus.CLOSED)
        )
        await world.sync()

        plan = await rehearse(world, named("1001", "2001"))

        assert [one.erp_status for one in plan.will] == [
            AccountStatus.ACTIVE,
            AccountStatus.CLOSED,
        ]

    async def test_the_problem_of_an_address_is_told_without_repeating_it(
        self, world: World
    ) -> None:
        world.erp.put(account("2001", "Rooney Bros", "isabela@@rooneybros.example"))
        await world.sync()

        refused = only(await rehearse(world, named("2001")))

        assert (refused.kind, refused.field) == (LeftOutKind.MALFORMED_EMAIL, "email")
        assert refused.problem == "there are two @ in it"
        assert refused.advice == "fix it in the ERP"
        assert refused.reason == (
            "malformed e-mail address “isabela@@rooneybros.example”: there are two @ in it; "
            "fix it in the ERP"
        )

    async def test_the_preview_says_why_there_is_no_mail(self, world: World) -> None:
        preview = world.container.preview_invitation()
        await world.invite("1001")

        with pytest.raises(Invalid) as single:
            await preview(InviteOrder(selection=named("1003")))
        with pytest.raises(Invalid) as several:
            await preview(InviteOrder(selection=named("1001", "1003")))
        with pytest.raises(Invalid) as one_of_them:
            await preview(InviteOrder(selection=Selection(matching=AccountFilter())), "1001")

        assert single.value.message == (
            "There is no mail to show: No Mail Contracting cannot be invited: no e-mail address; "
            "fix it in the ERP."
        )
        assert several.value.message == (
            "There is no mail to show: none of the 2 customers can be invited: "
            "1 without an e-mail address, 1 already invited, with no answer yet."
        )
        assert "Harbor Builders, LLC was already invited" in one_of_them.value.message


async def test_who_was_taken_back_before_the_mail_left_was_never_invited(world: World) -> None:
    campaign = await world.start_campaign()
    await world.container.steer_campaign().cancel(campaign.campaign_id, world.staff)
    async with world.container.uow()() as uow:
        cancelled = await uow.invitations.funnel()
    await world.invite("1001")
    row = await invitation_row(world, "1001")
    await world.container.revoke_invitation()(row.invitation.invitation_id, world.staff)
    async with world.container.uow()() as uow:
        revoked = await uow.invitations.funnel()

    assert (cancelled.customers, cancelled.invited) == (3, 0)
    assert revoked.invited == 1


async def test_a_login_without_a_name_has_the_one_that_the_erp_knows(world: World) -> None:
    first = await world.register(await world.invite("1001"))
    await world.start_campaign(
        "1001",
        recipient=InviteRecipient.OTHER,
        address="second@harbor.example",
        additional_login=True,
    )
    await world.run_jobs()
    second = await world.register(world.mail.sent[-1].text.split("/register/")[1].split()[0])

    assert (first.name, second.name) == ("Accounts Payable", "Harbor Builders, LLC")
