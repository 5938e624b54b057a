"""Campaigns: who is mailed, who is not and why, and that nobody is mailed twice."""

import asyncio
import datetime

import pytest

from dueport_apps.usecases.campaigns import again_order
from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignState,
    InvitationFilter,
    InviteOptions,
    InviteRecipient,
    LeftOutKind,
    Selection,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.plan_invitations import InviteOrder, Plan
from dueport_apps.usecases.records import SYSTEM, AccountFilter
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Contact, UsernameSource
from tests.world import PASSWORD, World, account, token_in

EVERYBODY = Selection(matching=AccountFilter())


def named(*account_nos: str) -> Selection:
    return Selection(account_nos=account_nos)


async def rehearse(world: World, selection: Selection, **options: object) -> Plan:
    order = InviteOrder(selection=selection, options=InviteOptions(**options))  # type: ignore[arg-type]  # Spread over typed fields.
    return await world.container.rehearse_invitations()(order)


async def invitation_of(world: World, account_no: str) -> StoredInvitation:
    async with world.container.uow()() as uow:
        return (await uow.invitations.of_account(account_no))[0].invitation


async def badge_of(world: World, account_no: str) -> InvitationState | None:
    async with world.container.uow()() as uow:
        return (await uow.accounts.row(account_no)).invitation


async def nothing_written(world: World) -> bool:
    async with world.container.uow()() as uow:
        campaigns, _ = await uow.campaigns.rows(None, 10)
        counts = await uow.mail.counts()
    return not campaigns and not sum(counts.values()) and not world.mail.sent


@pytest.fixture
async def book(world: World) -> World:
    """A small book: fine, fine, no address, malformed address, several contacts, no phone."""
    world.erp.put(account("1004", "Typo Builders", "typo@@builders"))
    world.erp.put(
        account(
            "1005",
            "Many People, Inc.",
            contacts=(
                Contact(
                    name="Ann Owner",
                    email="ann@many.example",
                    is_primary=True,
                    phone="603-555-0101",
                ),
                Contact(name="Bob Clerk", email="bob@many.example"),
                Contact(name="Nobody", email=""),
            ),
        )
    )
    await world.sync()
    return world


class TestRehearsal:
    async def test_it_names_who_gets_it_who_cannot_and_who_is_in_already(self, book: World) -> None:
        await book.invite("1001")

        plan = await rehearse(book, EVERYBODY)

        assert {one.account.account_no for one in plan.will} == {"1002", "1005"}
        reasons = {one.account_no: (one.reason, one.field) for one in plan.cannot}
        assert reasons["1003"] == ("no e-mail address; fix it in the ERP", "email")
        assert "malformed" in reasons["1004"][0]
        assert [(one.account_no, one.state) for one in plan.already] == [
            ("1001", InvitationState.PENDING)
        ]

    async def test_it_writes_and_sends_nothing(self, book: World) -> None:
        await rehearse(book, EVERYBODY)

        assert await nothing_written(book)
        assert "send_mail" not in {job.kind for job in book.queue.waiting}

    async def test_a_missing_field_is_shown_before_sending(self, book: World) -> None:
        plan = await rehearse(
            book, EVERYBODY, delivery="credentials", username=UsernameSource.PHONE
        )

        assert [one.account.account_no for one in plan.will] == ["1005"]
        cannot = {one.account_no: one for one in plan.cannot}
        assert "phone" in cannot["1001"].reason
        assert cannot["1001"].field == "phone"

    async def test_two_customers_never_get_the_same_user_name(self, book: World) -> None:
        for number in ("1006", "1007"):
            book.erp.put(
                account(
                    number,
                    f"Twin {number}",
                    contacts=(
                        Contact(name="Sam Twin", email=f"sam@{number}.example", is_primary=True),
                    ),
                )
            )
        await book.sync()

        plan = await rehearse(
            book, named("1006", "1007"), delivery="credentials", username=UsernameSource.LAST_NAME
        )

        assert [(one.account.account_no, one.username) for one in plan.will] == [("1006", "twin")]
        assert [one.account_no for one in plan.cannot] == ["1007"]
        (shared,) = plan.cannot
        assert (shared.kind, shared.field) == (LeftOutKind.USERNAME_SHARED, "")
        assert shared.problem == "another customer of this list gets the username “twin”"
        assert shared.advice == "account number or random is always unique"
        assert "ERP" not in shared.reason

    async def test_all_contacts_get_one_mail_each(self, book: World) -> None:
        plan = await rehearse(book, named("1005"), recipient=InviteRecipient.CONTACTS)

        assert [one.email for one in plan.will] == ["ann@many.example", "bob@many.example"]

    async def test_excluded_customers_are_left_out(self, book: World) -> None:
        plan = await rehearse(book, Selection(matching=AccountFilter(), excluded=("1001", "1003")))

        numbers = {one.account.account_no for one in plan.will} | {
            one.account_no for one in plan.cannot
        }
        assert numbers == {"1002", "1004", "1005"}

    @pytest.mark.parametrize(
        ("selection", "options", "match"),
        [
            (Selection(), {}, "Nobody is selected"),
            (
                Selection(account_nos=("1001",)),
                {"recipient": InviteRecipient.OTHER, "address": "me@@home"},
                "type the address",
            ),
            (
                Selection(account_nos=("1001",)),
                {"second_check": UsernameSource.EMAIL},
                "itself shows",
            ),
        ],
    )
    async def test_an_order_that_makes_no_sense_says_what_to_change(
        self, book: World, selection: Selection, options: dict[str, object], match: str
    ) -> None:
        with pytest.raises(Invalid, match=match):
            await rehearse(book, selection, **options)

    async def test_an_unknown_account_is_named(self, book: World) -> None:
        with pytest.raises(NotFound, match="9999"):
            await rehearse(book, named("1001", "9999"))

    async def test_where_each_customer_has_one_login_all_contacts_are_refused(
        self, one_login_world: World
    ) -> None:
        with pytest.raises(Invalid, match="one login"):
            await rehearse(one_login_world, named("1001"), recipient=InviteRecipient.CONTACTS)


class TestSending:
    async def test_everybody_who_can_be_mailed_is_and_one_bad_row_stops_nobody(
        self, book: World
    ) -> None:
        campaign = await book.start_campaign()
        await book.run_jobs()

        assert (campaign.recipients, campaign.cannot, campaign.already) == (3, 2, 0)
        assert sorted(mail.to_address for mail in book.mail.sent) == [
            "ann@many.example",
            "ap@harbor.example",
            "pay@mueller.example",
        ]
        async with book.container.uow()() as uow:
            refusals, _ = await uow.campaigns.refusals(campaign.campaign_id, None, 10)
            progress = await uow.campaigns.progress(campaign.campaign_id)
            done = await uow.campaigns.get(campaign.campaign_id)
        assert [one.account_no for one in refusals] == ["1003", "1004"]
        assert (progress.sent, progress.total) == (3, 3)
        assert done.state is CampaignState.DONE
        assert await badge_of(book, "1001") is InvitationState.PENDING
        assert await badge_of(book, "1003") is None

    async def test_inviting_again_is_refused_with_the_state(self, book: World) -> None:
        await book.invite("1001")

        with pytest.raises(Conflict, match="pending and waits"):
            await book.start_campaign("1001")
        await book.invite("1002")
        with pytest.raises(Conflict, match="2 already invited, with no answer yet"):
            await book.start_campaign("1001", "1002")

        await book.run_jobs()
        assert len(book.mail.to("ap@harbor.example")) == 1

    async def test_a_customer_with_a_login_cannot_be_invited_again(self, book: World) -> None:
        await book.register(await book.invite("1001"))

        with pytest.raises(Conflict, match="already has a login"):
            await book.start_campaign("1001")
        assert await badge_of(book, "1001") is InvitationState.ACCEPTED

    async def test_a_draft_that_is_started_twice_sends_once(self, book: World) -> None:
        order = InviteOrder(selection=EVERYBODY)
        draft = await book.container.draft_campaign()(order, book.staff)
        start = book.container.start_campaign()

        first, second = await asyncio.gather(
            start(draft.campaign_id, book.staff), start(draft.campaign_id, book.staff)
        )
        await book.run_jobs()

        assert first.campaign_id == second.campaign_id
        assert len(book.mail.sent) == 3

    async def test_two_operators_at_the_same_second_mail_nobody_twice(self, book: World) -> None:
        start = book.container.start_campaign()
        order = InviteOrder(selection=EVERYBODY)

        results = await asyncio.gather(
            start.at_once(order, book.staff),
            start.at_once(order, book.staff),
            return_exceptions=True,
        )
        await book.run_jobs()

        assert sum(isinstance(one, Invalid) for one in results) == 1
        assert len(book.mail.sent) == 3
        assert len({mail.to_address for mail in book.mail.sent}) == 3

    async def test_when_nobody_can_be_mailed_nothing_is_recorded(self, book: World) -> None:
        with pytest.raises(Invalid, match="fix it in the ERP"):
            await book.start_campaign("1003")
        with pytest.raises(Invalid, match="None of the 2 customers"):
            await book.start_campaign("1003", "1004")
        with pytest.raises(Invalid, match="ship-to ZIP"):
            await book.start_campaign(
                "1001", delivery="credentials", username=UsernameSource.SHIP_TO_ZIP
            )

        assert await nothing_written(book)

    async def test_another_address_gets_the_mail_and_the_record_stays(self, book: World) -> None:
        await book.start_campaign(
            "1001", recipient=InviteRecipient.OTHER, address="me@cedaryard.example"
        )
        await book.run_jobs()

        assert [mail.to_address for mail in book.mail.sent] == ["me@cedaryard.example"]
        async with book.container.uow()() as uow:
            found = await uow.accounts.get("1001")
        assert found.primary_email == "ap@harbor.example"

    async def test_one_more_person_of_a_customer_can_be_invited_by_name(self, book: World) -> None:
        await book.register(await book.invite("1001"))

        await book.start_campaign(
            "1001",
            recipient=InviteRecipient.OTHER,
            address="second@harbor.example",
            additional_login=True,
        )
        await book.run_jobs()
        await book.register(token_in(book.mail.sent[-1].text))

        async with book.container.uow()() as uow:
            logins = await uow.users.logins("1001")
        assert sorted(one.user.email for one in logins) == [
            "ap@harbor.example",
            "second@harbor.example",
        ]

    async def test_the_mail_of_an_invitation_revoked_before_sending_is_never_sent(
        self, book: World
    ) -> None:
        await book.start_campaign("1001", "1002")
        invitation = await invitation_of(book, "1001")
        await book.container.revoke_invitation()(invitation.invitation_id, book.staff)
        await book.run_jobs()

        assert [mail.to_address for mail in book.mail.sent] == ["pay@mueller.example"]


class TestSteering:
    async def test_nothing_leaves_while_a_campaign_is_paused(self, book: World) -> None:
        campaign = await book.start_campaign()
        steer = book.container.steer_campaign()
        await steer.pause(campaign.campaign_id, book.staff)
        await book.run_jobs()
        assert book.mail.sent == []

        await steer.resume(campaign.campaign_id, book.staff)
        await book.run_jobs()
        assert len(book.mail.sent) == 3

    async def test_who_was_not_mailed_when_a_campaign_is_cancelled_was_never_invited(
        self, book: World
    ) -> None:
        campaign = await book.start_campaign()
        steer = book.container.steer_campaign()
        cancelled = await steer.cancel(campaign.campaign_id, book.staff)
        await steer.cancel(campaign.campaign_id, book.staff)
        await book.run_jobs()

        assert cancelled.state is CampaignState.CANCELLED
        assert book.mail.sent == []
        assert await badge_of(book, "1001") is None
        await book.invite("1001")
        assert await badge_of(book, "1001") is InvitationState.PENDING

    async def test_a_finished_campaign_cannot_be_paused(self, book: World) -> None:
        campaign = await book.start_campaign()
        await book.run_jobs()

        with pytest.raises(Conflict, match="done"):
            await book.container.steer_campaign().pause(campaign.campaign_id, book.staff)
        with pytest.raises(Conflict, match="nothing waits"):
            await book.container.steer_campaign().cancel(campaign.campaign_id, book.staff)


class TestAgain:
    async def test_resend_makes_a_new_link_and_the_old_one_is_dead(self, book: World) -> None:
        old = await book.invite("1001")
        book.clock.advance(datetime.timedelta(days=8))
        await book.container.expire_invitations()()
        assert await badge_of(book, "1001") is InvitationState.EXPIRED

        await book.start_campaign("1001", kind=CampaignKind.RESEND)
        await book.run_jobs()

        new = token_in(book.mail.sent[-1].text)
        with pytest.raises(NotFound):
            await book.register(old)
        await book.register(new)
        assert await badge_of(book, "1001") is InvitationState.ACCEPTED

    async def test_a_pending_invitation_whose_mail_arrived_is_not_resent(self, book: World) -> None:
        await book.invite("1001")

        with pytest.raises(Conflict, match="pending and waits"):
            await book.start_campaign("1001", kind=CampaignKind.RESEND)

    async def test_one_whose_mail_may_not_have_arrived_can_be_resent(self, book: World) -> None:
        book.mail.lose_answer("ap@harbor.example")
        await book.start_campaign("1001")
        await book.run_jobs()
        async with book.container.uow()() as uow:
            (row,) = await uow.invitations.of_account("1001")
        assert row.mail_state is MailState.UNCONFIRMED
        lost = token_in(book.mail.sent[-1].text)

        await book.start_campaign("1001", kind=CampaignKind.RESEND)
        await book.run_jobs()

        assert len(book.mail.to("ap@harbor.example")) == 2
        with pytest.raises(NotFound):
            await book.register(lost)
        await book.register(token_in(book.mail.sent[-1].text))

    async def test_resend_follows_the_address_that_the_erp_has_now(self, book: World) -> None:
        await book.invite("1001")
        book.clock.advance(datetime.timedelta(days=8))
        await book.container.expire_invitations()()
        book.erp.put(account("1001", "Harbor Builders, LLC", "new@harbor.example"))
        await book.sync()

        await book.start_campaign("1001", kind=CampaignKind.RESEND)
        await book.run_jobs()

        assert [mail.to_address for mail in book.mail.sent][-1] == "new@harbor.example"

    async def test_inviting_somebody_who_declined_needs_a_confirmation(self, book: World) -> None:
        token = await book.invite("1001")
        await book.container.decline_invitation()(token)
        assert await badge_of(book, "1001") is InvitationState.DECLINED

        with pytest.raises(Conflict, match="declined"):
            await book.start_campaign("1001")
        await book.start_campaign("1001", confirm_declined=True)
        await book.run_jobs()

        assert await badge_of(book, "1001") is InvitationState.PENDING

    async def test_a_reminder_leaves_the_first_link_good(self, book: World) -> None:
        first = await book.invite("1001")
        book.clock.advance(datetime.timedelta(days=5))
        invitation = await invitation_of(book, "1001")
        order = again_order(CampaignKind.NUDGE, [invitation])

        campaign = await book.container.start_campaign().at_once(order, book.staff)
        await book.run_jobs()

        reminded = await invitation_of(book, "1001")
        assert campaign.recipients == 1
        assert len(book.mail.to("ap@harbor.example")) == 2
        assert reminded.nudged_at == book.clock.now()
        assert reminded.expires_at == invitation.expires_at
        await book.register(first)

    async def test_a_reminder_is_for_those_who_wait_longer(self, book: World) -> None:
        await book.invite("1001")
        book.clock.advance(datetime.timedelta(days=3))
        await book.invite("1002")
        book.clock.advance(datetime.timedelta(days=2))

        await book.start_campaign(kind=CampaignKind.NUDGE, pending_days=4)
        await book.run_jobs()

        assert book.mail.sent[-1].to_address == "ap@harbor.example"
        assert len(book.mail.sent) == 3

    async def test_the_scheduled_reminder_comes_once(self, reminding_world: World) -> None:
        world = reminding_world
        await world.invite("1001")
        remind = world.container.remind_pending()
        assert await remind(SYSTEM) == 0
        world.clock.advance(datetime.timedelta(days=4))
        assert await remind(SYSTEM) == 1
        world.clock.advance(datetime.timedelta(days=1))
        assert await remind(SYSTEM) == 0
        await world.run_jobs()

        assert len(world.mail.to("ap@harbor.example")) == 2


class TestOneInvitation:
    async def test_revoking_kills_the_link_and_names_the_state_afterwards(
        self, book: World
    ) -> None:
        token = await book.invite("1001")
        invitation = await invitation_of(book, "1001")
        await book.container.revoke_invitation()(invitation.invitation_id, book.staff)

        with pytest.raises(NotFound):
            await book.register(token)
        with pytest.raises(Conflict, match="revoked"):
            await book.container.revoke_invitation()(invitation.invitation_id, book.staff)
        assert await badge_of(book, "1001") is None

    async def test_a_copied_link_registers_although_the_mail_failed(self, book: World) -> None:
        book.mail.refuse("ap@harbor.example", 550, "5.1.1 no such mailbox")
        await book.start_campaign("1001")
        await book.run_jobs()
        async with book.container.uow()() as uow:
            (row,) = await uow.invitations.of_account("1001")
            problems, _ = await uow.invitations.rows(
                InvitationFilter(delivery_problem=True), None, 10
            )
        assert (row.mail_state, row.mail_code) == (MailState.FAILED, 550)
        assert "no such mailbox" in row.mail_reason
        assert [one.invitation.account_no for one in problems] == ["1001"]

        link = await book.container.copy_invitation_link()(row.invitation.invitation_id, book.staff)

        await book.register(link.rpartition("/")[2])
        assert await badge_of(book, "1001") is InvitationState.ACCEPTED

    async def test_a_change_of_the_address_in_the_erp_revokes_the_link_to_the_old_one(
        self, book: World
    ) -> None:
        token = await book.invite("1001")
        book.erp.put(account("1001", "Harbor Builders, LLC", "new@harbor.example"))
        await book.sync()
        await book.run_jobs()

        with pytest.raises(NotFound):
            await book.register(token)
        invitation = await invitation_of(book, "1001")
        assert "has changed" in invitation.reason
        assert await badge_of(book, "1001") is None

    async def test_a_change_of_the_address_never_moves_a_login(self, book: World) -> None:
        user = await book.register(await book.invite("1001"))
        book.erp.put(account("1001", "Harbor Builders, LLC", "new@harbor.example"))
        await book.sync()
        await book.run_jobs()

        async with book.container.uow()() as uow:
            (login,) = await uow.users.logins("1001")
        assert (login.user.user_id, login.user.email) == (user.user_id, "ap@harbor.example")

    async def test_disabled_access_takes_links_logins_and_badge_away_and_can_be_restored(
        self, book: World
    ) -> None:
        user = await book.register(await book.invite("1001"))
        disable = book.container.disable_access()

        assert await disable("1001", book.staff) == 1
        async with book.container.uow()() as uow:
            row = await uow.accounts.row("1001")
            assert await uow.users.links(user.user_id) == []
        assert (row.invitation, row.has_login) == (None, False)
        with pytest.raises(Conflict, match="Nobody"):
            await disable("1001", book.staff)

        await disable.restore("1001", user.user_id, book.staff)
        assert await badge_of(book, "1001") is InvitationState.ACCEPTED


class TestPreview:
    async def test_the_preview_is_the_mail_with_links_that_lead_nowhere(self, book: World) -> None:
        order = InviteOrder(selection=EVERYBODY)
        preview = await book.container.preview_invitation()(order, "1002")

        assert preview.to_address == "pay@mueller.example"
        assert "/register/sample" in preview.mail.text
        assert await nothing_written(book)

    async def test_a_test_to_me_leaves_every_record_unchanged(self, book: World) -> None:
        order = InviteOrder(selection=named("1001"))
        await book.container.preview_invitation().send_test(
            order, "me@cedaryard.example", book.staff
        )
        await book.run_jobs()

        (mail,) = book.mail.sent
        assert mail.to_address == "me@cedaryard.example"
        assert mail.subject.startswith("[Test] ")
        for part in (mail.text, mail.html):
            assert "This is a test." in part
            assert "links and passwords in it do not work" in " ".join(part.split())
        assert await badge_of(book, "1001") is None
        async with book.container.uow()() as uow:
            assert await uow.invitations.of_account("1001") == []
            assert (await uow.campaigns.rows(None, 10))[0] == []

    async def test_a_malformed_test_address_is_refused(self, book: World) -> None:
        order = InviteOrder(selection=named("1001"))
        with pytest.raises(Invalid, match="test was not sent"):
            await book.container.preview_invitation().send_test(order, "me@", book.staff)
        assert await nothing_written(book)


async def test_the_timeline_tells_every_step(book: World) -> None:
    token = await book.invite("1001")
    await book.container.open_invitation()(token)
    await book.register(token, PASSWORD)

    async with book.container.uow()() as uow:
        events = await uow.invitations.events("1001")
        mails = await uow.mail.of_account("1001")
    assert [event.kind for event in events] == ["invited", "opened", "accepted"]
    assert [mail.state for mail in mails] == [MailState.SENT]
