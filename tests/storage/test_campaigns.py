"""Campaigns, bounced addresses and enrolment: told as they are, changed by one at a time."""

import asyncio

import msgspec
import pytest

from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import (
    BouncedAddress,
    CampaignKind,
    CampaignProgress,
    CampaignRefusal,
    CampaignState,
    Enrolment,
    InviteOptions,
    InviteRecipient,
    LeftOutKind,
    Selection,
)
from dueport_apps.usecases.mail_records import MailOutcome, MailState
from dueport_apps.usecases.records import AccountFilter, AccountLink
from dueport_core.credentials import UsernameSource
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_ports import Contact, Deleted, Entity
from tests.storage.samples import NOW, account, campaign, invitation, later, mail, store, user

Units = SqlUnitOfWorkFactory


# Campaigns.


async def test_a_campaign_comes_back_with_whom_it_is_for_and_how(units: Units) -> None:
    whole = campaign(
        1,
        kind=CampaignKind.RESEND,
        selection=Selection(
            matching=AccountFilter(text="wood", invitation="expired"), excluded=("1000", "1001")
        ),
        options=InviteOptions(
            delivery="credentials",
            username=UsernameSource.ACCOUNT_NO,
            second_check=UsernameSource.SHIP_TO_ZIP,
            recipient=InviteRecipient.CONTACTS,
            language="es",
        ),
        cannot=3,
        already=4,
    )
    async with units() as uow:
        await uow.campaigns.add(whole)
        assert await uow.campaigns.get("campaign-1", for_update=True) == whole
        with pytest.raises(NotFound):
            await uow.campaigns.get("campaign-2")


async def test_of_many_who_start_one_campaign_at_once_one_succeeds(units: Units) -> None:
    draft = campaign(1)
    async with units() as uow:
        await uow.campaigns.add(draft)
        await uow.commit()

    async def start() -> bool:
        async with units() as uow:
            started = msgspec.structs.replace(draft, state=CampaignState.SENDING, started_at=NOW)
            try:
                await uow.campaigns.save(started, CampaignState.DRAFT)
            except Conflict:
                return False
            await uow.commit()
            return True

    assert sorted(await asyncio.gather(*(start() for _ in range(8)))) == [False] * 7 + [True]


async def test_the_list_shows_the_newest_first_with_progress_and_no_drafts(units: Units) -> None:
    async with units() as uow:
        for number in range(1, 6):
            state = CampaignState.DRAFT if number == 2 else CampaignState.SENDING
            await uow.campaigns.add(campaign(number, state=state, started_at=NOW))
        await uow.mail.queue_all([mail(n, campaign_id="campaign-4") for n in range(6)])
        await uow.mail.queue(mail(9))
        await uow.mail.claim(4, 77, NOW)
        ended = [
            MailOutcome(delivery_id=f"mail-{number}", state=state)
            for number, state in enumerate([MailState.SENT, MailState.SENT, MailState.FAILED])
        ]
        await uow.mail.finish(ended, 77, NOW)
        first, after = await uow.campaigns.rows(None, 2)
        assert [row.campaign.campaign_id for row in first] == ["campaign-5", "campaign-4"]
        # The mail of no campaign was claimed first.
        progress = CampaignProgress(queued=3, sent=2, failed=1)
        assert [row.progress for row in first] == [CampaignProgress(), progress]
        assert (progress.total, progress.finished) == (6, 3)
        assert await uow.campaigns.progress("campaign-4") == progress
        assert await uow.campaigns.progress("campaign-9") == CampaignProgress()
        second, end = await uow.campaigns.rows(after, 2)
        assert [row.campaign.campaign_id for row in second] == ["campaign-3", "campaign-1"]
        assert end is None
        with pytest.raises(Invalid):
            await uow.campaigns.rows("x", 2)


async def test_recipients_and_refusals_are_listed_in_the_order_of_the_plan(units: Units) -> None:
    await store(units, accounts=[account(f"{1000 + number}", f"N{number}") for number in range(5)])
    refusals = [
        CampaignRefusal(
            campaign_id="campaign-1",
            account_no=f"{2000 + number}",
            account_name="Acme",
            email="x",
            reason="malformed",
            field="email",
            kind=LeftOutKind.MALFORMED_EMAIL,
            problem="bad",
        )
        for number in range(5)
    ]
    lately = msgspec.structs.replace(refusals[0], kind=LeftOutKind.REMINDED_LATELY)
    async with units() as uow:
        await uow.campaigns.add(campaign(1, state=CampaignState.SENDING, started_at=NOW))
        await uow.campaigns.add_refusals([refusals[0], lately, *refusals[1:]])
        await uow.campaigns.add_refusals([])
        await uow.invitations.put([invitation(n, f"{1000 + n}") for n in range(5)])
        await uow.mail.queue_all(
            [
                mail(n, campaign_id="campaign-1", invitation_id=f"invitation-{n}")
                for n in (4, 2, 3, 0, 1)
            ]
        )
        await uow.mail.claim(2, 77, NOW)
        failed = MailOutcome(
            delivery_id="mail-4", state=MailState.FAILED, code=550, reason="no such user"
        )
        await uow.mail.finish([failed], 77, NOW)

        page, after = await uow.campaigns.refusals("campaign-1", None, 3)
        rest, end = await uow.campaigns.refusals("campaign-1", after, 3)
        assert (page + rest, end) == (refusals, None)
        in_no_need = await uow.campaigns.refusals("campaign-1", None, 3, needs_none=True)
        assert in_no_need == ([lately], None)
        assert await uow.campaigns.refusals("campaign-2", None, 3) == ([], None)

        mails, after = await uow.campaigns.mails("campaign-1", None, None, 3)
        others, end = await uow.campaigns.mails("campaign-1", None, after, 3)
        assert [one.account_no for one in mails + others] == [
            "1004",
            "1002",
            "1003",
            "1000",
            "1001",
        ]
        assert end is None
        first = mails[0]
        assert (first.account_name, first.invitation_id) == ("N4", "invitation-4")
        assert (first.state, first.code, first.reason, first.tries) == (
            MailState.FAILED,
            550,
            "no such user",
            1,
        )
        assert (first.email, first.sent_at) == ("ann@acme.example", None)
        queued, after = await uow.campaigns.mails("campaign-1", MailState.QUEUED, None, 2)
        last, _ = await uow.campaigns.mails("campaign-1", MailState.QUEUED, after, 2)
        assert [one.account_no for one in queued + last] == ["1003", "1000", "1001"]
        # A cursor of one list makes no sense in another.
        with pytest.raises(Invalid):
            await uow.campaigns.mails("campaign-1", None, after, 2)


async def test_a_campaign_is_done_when_nothing_of_it_is_left_to_send(units: Units) -> None:
    async with units() as uow:
        for number, state in enumerate(
            [
                CampaignState.SENDING,
                CampaignState.SENDING,
                CampaignState.SENDING,
                CampaignState.PAUSED,
                CampaignState.DRAFT,
            ]
        ):
            started_at = None if state is CampaignState.DRAFT else NOW
            await uow.campaigns.add(campaign(number, state=state, started_at=started_at))
        await uow.mail.queue_all(
            [
                mail(1, campaign_id="campaign-1"),
                mail(2, campaign_id="campaign-2", due_at=later(days=1)),
            ]
        )
        await uow.mail.claim(5, 77, NOW)
        assert await uow.campaigns.end_finished(later(hours=1)) == 1
        first = await uow.campaigns.get("campaign-0")
        assert (first.state, first.ended_at) == (CampaignState.DONE, later(hours=1))
        sent = MailOutcome(delivery_id="mail-1", state=MailState.SENT)
        await uow.mail.finish([sent], 77, NOW)
        assert await uow.campaigns.end_finished(NOW) == 1
        states = [(await uow.campaigns.get(f"campaign-{n}")).state for n in (1, 2, 3, 4)]
        assert states == [
            CampaignState.DONE,
            CampaignState.SENDING,
            CampaignState.PAUSED,
            CampaignState.DRAFT,
        ]


async def test_drafts_that_nobody_started_are_forgotten(units: Units) -> None:
    async with units() as uow:
        await uow.campaigns.add(campaign(1, created_at=later(days=-3)))
        await uow.campaigns.add(campaign(2))
        await uow.campaigns.add(
            campaign(3, created_at=later(days=-3), state=CampaignState.DONE, started_at=NOW)
        )
        assert await uow.campaigns.delete_drafts(later(days=-2)) == 1
        with pytest.raises(NotFound):
            await uow.campaigns.get("campaign-1")
        assert (await uow.campaigns.get("campaign-2")).state is CampaignState.DRAFT
        assert (await uow.campaigns.get("campaign-3")).state is CampaignState.DONE


# Bounced addresses.


async def test_an_address_is_marked_in_any_case_until_somebody_clears_it(units: Units) -> None:
    async with units() as uow:
        await uow.bounces.mark("Ann@Acme.example", NOW, "full")
        await uow.bounces.mark("ANN@acme.example", later(hours=1), "no such user")
        marked = await uow.bounces.of(["ann@ACME.example", "bob@acme.example"])
        assert marked == {
            "ann@acme.example": BouncedAddress(
                address="ANN@acme.example", at=later(hours=1), reason="no such user"
            )
        }
        assert await uow.bounces.clear(" Ann@acme.example")
        assert not await uow.bounces.clear("ann@acme.example")
        assert await uow.bounces.of(["ann@acme.example"]) == {}
        assert await uow.bounces.of([]) == {}


async def test_bounced_addresses_are_listed_newest_first_with_their_customers(units: Units) -> None:
    await store(
        units,
        accounts=[
            account("1000"),
            account("1001", contacts=(Contact(email="new@bolt.example", is_primary=True),)),
            account("1002"),
        ],
    )
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1002")], None
        )
        await uow.invitations.put([invitation(1, "1001", email="Old@bolt.example")])
        await uow.users.add(user(1, email="clerk@acme.example", username="clerk"))
        await uow.users.link(AccountLink(user_id="user-1", account_no="1000", linked_at=NOW))
        for number, address in enumerate(
            ["Ann@acme.example", "old@bolt.example", "clerk@acme.example", "typo@else.example"]
        ):
            await uow.bounces.mark(address, later(hours=number), f"5.1.{number} no such user")

        first, following = await uow.bounces.rows(None, 3)
        rest, last = await uow.bounces.rows(following, 3)
        assert await uow.bounces.count() == 4
        assert last is None
        assert [
            (row.mark.address, [(one.account_no, one.on_file) for one in row.accounts])
            for row in first + rest
        ] == [
            ("typo@else.example", []),
            ("clerk@acme.example", [("1000", False)]),
            ("old@bolt.example", [("1001", False)]),
            ("Ann@acme.example", [("1000", True)]),
        ]
        with pytest.raises(Invalid):
            await uow.bounces.rows("x" + str(following), 3)


@pytest.mark.parametrize(
    ("reason", "permanent"),
    [
        ("5.1.1 no such user", True),
        ("4.2.2 mailbox full", False),
        ("550 no such user", None),
        ("5.1.1.9 is an address", None),
        ("returned without a reason", None),
    ],
)
def test_a_bounce_is_for_good_where_the_server_says_so(reason: str, permanent: bool | None) -> None:
    assert BouncedAddress(address="a@b.example", at=NOW, reason=reason).permanent is permanent


# Enrolment.


async def test_an_enrolment_is_fresh_until_something_happens_to_it(units: Units) -> None:
    await store(units, accounts=[account("1000")])
    async with units() as uow:
        assert await uow.enrolments.get("1000") == Enrolment(account_no="1000")
        assert await uow.enrolments.get("1000", for_update=True) == Enrolment(account_no="1000")
        locked = Enrolment(account_no="1000", generation=2, failures=5, locked_at=NOW, used_at=NOW)
        await uow.enrolments.save(locked)
        assert await uow.enrolments.get("1000") == locked
        assert await uow.enrolments.get("1000", for_update=True) == locked
        with pytest.raises(NotFound, match="There is no account 77"):
            await uow.enrolments.get("77", for_update=True)


async def test_wrong_tries_that_come_at_once_are_all_counted(units: Units) -> None:
    await store(units, accounts=[account("1000")])

    async def fail() -> None:
        async with units() as uow:
            found = await uow.enrolments.get("1000", for_update=True)
            await uow.enrolments.save(msgspec.structs.replace(found, failures=found.failures + 1))
            await uow.commit()

    await asyncio.gather(*(fail() for _ in range(8)))
    async with units() as uow:
        assert (await uow.enrolments.get("1000")).failures == 8


async def test_codes_are_printed_for_customers_whom_nobody_had_a_login_for(units: Units) -> None:
    await store(units, accounts=[account(f"{1000 + number}") for number in range(5)])
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1004")], None
        )
        await uow.users.add(user(1))
        for number in ("1001", "1002"):
            await uow.users.link(AccountLink(user_id="user-1", account_no=number, linked_at=NOW))
        await uow.users.set_disabled("user-1", "1002", NOW)
        second = Enrolment(account_no="1003", generation=3, failures=1)
        await uow.enrolments.save(second)
        assert await uow.enrolments.page("", 2) == [
            (account("1000"), Enrolment(account_no="1000")),
            (account("1003"), second),
        ]
        assert [one.account_no for one, _ in await uow.enrolments.page("1000", 9)] == ["1003"]
