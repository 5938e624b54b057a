"""Mail: shared by workers without overlap, handed over at most once, recovered from the dead."""

import asyncio
import datetime
from typing import Any

import pytest
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.presence import WorkerPresence
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import Campaign, CampaignState
from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState
from tests.counting import rows_read
from tests.storage.samples import NOW, account, campaign, invitation, later, mail, store

Units = SqlUnitOfWorkFactory
OWNER, OTHER = 77, 78
INTERRUPTED = "Interrupted while it was handed over; it may have arrived."


def under_way(number: int = 1, recipients: int = 1) -> Campaign:
    return campaign(number, state=CampaignState.SENDING, started_at=NOW, recipients=recipients)


def of_campaign(number: int, campaign_number: int = 1) -> MailDelivery:
    return mail(number, campaign_id=f"campaign-{campaign_number}", due_at=later(days=-1))


def outcome(number: int, state: MailState, **details: Any) -> MailOutcome:
    return MailOutcome(delivery_id=f"mail-{number}", state=state, **details)


async def queued(units: Units, *numbers: int) -> None:
    async with units() as uow:
        await uow.mail.queue_all([mail(number) for number in numbers])
        await uow.commit()


async def stored(units: Units, number: int) -> MailDelivery:
    async with units() as uow:
        (found,) = await uow.mail.of_subject(f"invitation:{number}")
        return found


async def claimed(units: Units, limit: int = 10, owner: int = OWNER, **at: float) -> list[str]:
    async with units() as uow:
        batch = await uow.mail.claim(limit, owner, later(**at))
        await uow.commit()
        return [one.delivery_id for one in batch]


# Asking.


async def test_nobody_is_told_the_same_thing_twice(units: Units) -> None:
    async with units() as uow:
        assert await uow.mail.queue(mail(1))
        assert not await uow.mail.queue(mail(2, subject_ref="invitation:1"))
        assert await uow.mail.queue(mail(3, subject_ref="invitation:1", to_address="b@x.example"))
        assert await uow.mail.queue(mail(4, subject_ref="invitation:1", kind="reminder"))
        await uow.mail.queue_all(
            [
                mail(5, subject_ref="invitation:1"),
                mail(6, subject_ref="invitation:1", kind="receipt"),
                mail(7, subject_ref="invitation:1", kind="receipt"),
            ]
        )
        await uow.mail.queue_all([])
        found = await uow.mail.of_subject("invitation:1")
        assert [one.delivery_id for one in found] == ["mail-1", "mail-3", "mail-4", "mail-6"]
        assert found[0] == mail(1)
        assert found[3] == mail(6, subject_ref="invitation:1", kind="receipt")


async def test_the_mails_of_an_account_are_those_of_its_invitations(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    async with units() as uow:
        await uow.invitations.put(
            [
                invitation(1, "1000"),
                invitation(2, "1000", email="b@x.example"),
                invitation(3, "1001"),
            ]
        )
        for number, about in enumerate([2, 1, 3, 2]):
            await uow.mail.queue(mail(number, invitation_id=f"invitation-{about}"))
        await uow.mail.queue(mail(9))
        found = await uow.mail.of_account("1000")
        assert [one.delivery_id for one in found] == ["mail-0", "mail-1", "mail-3"]
        assert await uow.mail.of_account("77") == []


# Claiming.


async def test_workers_who_claim_at_once_share_the_mails_without_overlap(units: Units) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way())
        await uow.mail.queue_all([mail(number) for number in range(25)])
        await uow.mail.queue_all([of_campaign(number) for number in range(25, 50)])
        await uow.mail.queue(mail(99, due_at=later(minutes=1)))
        await uow.commit()

    async def work(owner: int) -> list[str]:
        taken: list[str] = []
        while batch := await claimed(units, 7, owner):
            taken += batch
        return taken

    batches = await asyncio.gather(*(work(owner) for owner in range(1, 5)))
    every = [delivery_id for batch in batches for delivery_id in batch]
    assert sorted(every) == sorted(f"mail-{number}" for number in range(50))
    async with units() as uow:
        assert await uow.mail.counts() == dict.fromkeys(MailState, 0) | {
            MailState.QUEUED: 1,
            MailState.SENDING: 50,
        }
    one = await stored(units, 1)
    assert (one.state, one.tries) == (MailState.SENDING, 0)


async def test_a_receipt_never_waits_for_a_campaign_and_a_small_one_not_for_a_large_one(
    units: Units,
) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way(1, recipients=9_000))
        await uow.campaigns.add(under_way(2, recipients=1))
        await uow.campaigns.add(campaign(3, state=CampaignState.PAUSED, started_at=NOW))
        await uow.mail.queue_all([of_campaign(number, 1) for number in (10, 11, 12)])
        await uow.mail.queue_all([of_campaign(20, 2), of_campaign(30, 3)])
        await uow.mail.queue_all([mail(1), mail(2, due_at=later(hours=-1))])
        await uow.commit()
    assert await claimed(units, 1) == ["mail-2"]
    assert await claimed(units, 3) == ["mail-1", "mail-20", "mail-10"]
    assert await claimed(units, 9) == ["mail-11", "mail-12"]
    async with units() as uow:
        paused = await uow.campaigns.get("campaign-3", for_update=True)
        await uow.campaigns.save(
            campaign(3, state=CampaignState.SENDING, started_at=NOW), paused.state
        )
        await uow.commit()
    assert await claimed(units, 9) == ["mail-30"]


# Handing over.


async def test_only_what_is_still_this_workers_claim_may_be_handed_over(units: Units) -> None:
    await queued(units, 1, 2, 3)
    assert await claimed(units, 2) == ["mail-1", "mail-2"]
    assert await claimed(units, 2, OTHER) == ["mail-3"]
    async with units() as uow:
        ids = ["mail-2", "mail-3", "mail-1", "mail-9"]
        assert await uow.mail.begin(ids, OWNER, NOW) == {"mail-1", "mail-2"}
        # Asked again on another connection it is still the same try.
        assert await uow.mail.begin(["mail-1"], OWNER, NOW) == {"mail-1"}
        assert await uow.mail.begin([], OWNER, NOW) == frozenset()
        await uow.commit()
    assert [(await stored(units, number)).tries for number in (1, 2, 3)] == [1, 1, 0]


async def test_outcomes_of_every_kind_are_recorded_together(units: Units) -> None:
    await queued(units, 1, 2, 3, 4, 5, 6)
    await claimed(units)
    async with units() as uow:
        await uow.mail.begin([f"mail-{number}" for number in (1, 2, 3, 4)], OWNER, NOW)
        outcomes = [
            outcome(1, MailState.SENT, code=250),
            outcome(2, MailState.FAILED, code=550, reason="no such user"),
            outcome(3, MailState.QUEUED, code=450, reason="later", due_at=later(minutes=5)),
            outcome(4, MailState.UNCONFIRMED, reason="cut off"),
            outcome(5, MailState.CANCELLED, reason="revoked", tried=False),
            outcome(9, MailState.SENT),
        ]
        assert await uow.mail.finish(outcomes, OTHER, NOW) == 0
        assert await uow.mail.finish(outcomes, OWNER, later(seconds=1)) == 5
        assert await uow.mail.finish([], OWNER, NOW) == 0
        # Recorded once; the first outcome counts.
        again = [outcome(number, MailState.FAILED) for number in (1, 2, 3, 5)]
        assert await uow.mail.finish(again, OWNER, NOW) == 0
        await uow.commit()
    sent, failed, delayed, unsure, taken_back, other = [
        await stored(units, number) for number in range(1, 7)
    ]
    assert (sent.state, sent.code, sent.sent_at, sent.content_sealed, sent.tries) == (
        MailState.SENT,
        250,
        later(seconds=1),
        "",
        1,
    )
    assert (failed.state, failed.code, failed.reason) == (MailState.FAILED, 550, "no such user")
    assert (failed.content_sealed, failed.sent_at) == ("", None)
    assert (delayed.state, delayed.due_at, delayed.tries) == (MailState.QUEUED, later(minutes=5), 1)
    assert (delayed.code, delayed.reason) == (450, "later")
    assert (unsure.state, unsure.reason) == (MailState.UNCONFIRMED, "cut off")
    assert delayed.content_sealed == unsure.content_sealed == "sealed:content"
    assert (taken_back.state, taken_back.content_sealed) == (MailState.CANCELLED, "")
    assert taken_back.tries == 0
    assert other.state is MailState.SENDING
    assert await claimed(units, minutes=4) == []
    assert await claimed(units, minutes=5) == ["mail-3"]


@pytest.mark.parametrize("begun", [False, True])
async def test_a_try_is_counted_once_and_only_when_it_was_one(units: Units, begun: bool) -> None:
    await queued(units, 1, 2, 3)
    await claimed(units)
    async with units() as uow:
        if begun:
            await uow.mail.begin(["mail-1", "mail-2", "mail-3"], OWNER, NOW)
        outcomes = [
            outcome(1, MailState.QUEUED, due_at=later(minutes=1)),
            outcome(2, MailState.QUEUED, due_at=later(minutes=1), tried=False),
            outcome(3, MailState.QUEUED, tried=False),
        ]
        assert await uow.mail.finish(outcomes, OWNER, NOW) == 3
        await uow.commit()
    tried, put_off, put_back = [await stored(units, number) for number in (1, 2, 3)]
    assert (tried.tries, put_off.tries, put_back.tries) == (1, 0, 0)
    assert (put_off.due_at, put_back.due_at) == (later(minutes=1), NOW)


# Workers that die.


async def test_claims_of_the_dead_are_freed_and_those_of_the_living_are_not(
    units: Units, database: Database
) -> None:
    living, dying = WorkerPresence(database), WorkerPresence(database)
    alive, dead = await living.number(), await dying.number()
    await queued(units, 1, 2, 3, 4)
    await claimed(units, 2, alive)
    await claimed(units, 2, dead)
    async with units() as uow:
        await uow.mail.begin(["mail-2"], alive, NOW)
        await uow.mail.begin(["mail-4"], dead, NOW)
        await uow.commit()
        assert await uow.mail.recover() == (0, 0)
    await dying.close()
    async with units() as uow:
        assert await uow.mail.recover() == (1, 1)
        assert await uow.mail.recover() == (0, 0)
        await uow.commit()
    never_handed, handed = await stored(units, 3), await stored(units, 4)
    assert (never_handed.state, never_handed.tries) == (MailState.QUEUED, 0)
    assert (handed.state, handed.reason) == (MailState.UNCONFIRMED, INTERRUPTED)
    assert handed.content_sealed == "sealed:content"
    assert [(await stored(units, number)).state for number in (1, 2)] == [MailState.SENDING] * 2
    # What nobody can know about is never repeated by itself.
    assert await claimed(units, owner=alive, days=9) == ["mail-3"]
    await living.close()


@pytest.mark.parametrize(
    ("state", "recorded"),
    [(MailState.SENT, 1), (MailState.FAILED, 1), (MailState.QUEUED, 0), (MailState.CANCELLED, 0)],
)
async def test_a_worker_that_was_only_cut_off_still_tells_how_a_mail_ended(
    units: Units, state: MailState, recorded: int
) -> None:
    await queued(units, 1)
    await claimed(units)
    async with units() as uow:
        await uow.mail.begin(["mail-1"], OWNER, NOW)
        assert await uow.mail.recover() == (0, 1)
        assert await uow.mail.begin(["mail-1"], OWNER, NOW) == frozenset()
        assert await uow.mail.finish([outcome(1, state)], OTHER, NOW) == 0
        assert await uow.mail.finish([outcome(1, state)], OWNER, NOW) == recorded
        await uow.commit()
    found = await stored(units, 1)
    assert found.state is (state if recorded else MailState.UNCONFIRMED)
    assert found.tries == 1


async def test_a_worker_that_was_cut_off_before_handing_over_has_lost_the_mail(
    units: Units,
) -> None:
    await queued(units, 1)
    await claimed(units)
    async with units() as uow:
        assert await uow.mail.recover() == (1, 0)
        await uow.commit()
    assert await claimed(units, owner=OTHER) == ["mail-1"]
    async with units() as uow:
        assert await uow.mail.begin(["mail-1"], OWNER, NOW) == frozenset()
        assert await uow.mail.finish([outcome(1, MailState.SENT)], OWNER, NOW) == 0


# Taking back.


async def test_what_no_server_has_seen_can_be_taken_back(units: Units) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way())
        for number in range(4):
            await uow.mail.queue(
                mail(number, campaign_id="campaign-1", invitation_id=f"invitation-{number}")
            )
        await uow.mail.queue(mail(9))
        await uow.commit()
    await claimed(units, 1)
    assert await claimed(units, 3) == ["mail-0", "mail-1", "mail-2"]
    async with units() as uow:
        await uow.mail.begin(["mail-0"], OWNER, NOW)
        await uow.commit()
        taken = await uow.campaigns.cancel_unsent("campaign-1")
        assert taken == ["invitation-1", "invitation-2", "invitation-3"]
        assert await uow.campaigns.cancel_unsent("campaign-1") == []
        await uow.commit()
        assert await uow.mail.begin(["mail-0", "mail-1", "mail-2"], OWNER, NOW) == {"mail-0"}
        assert await uow.mail.finish([outcome(1, MailState.SENT)], OWNER, NOW) == 0
    states = [(await stored(units, number)).state for number in (0, 1, 3, 9)]
    assert states == [
        MailState.SENDING,
        MailState.CANCELLED,
        MailState.CANCELLED,
        MailState.SENDING,
    ]


async def test_a_mail_is_taken_back_or_claimed_when_both_come_at_once(units: Units) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way())
        await uow.mail.queue_all([of_campaign(number) for number in range(40)])
        await uow.commit()

    async def work(owner: int) -> set[str]:
        handed: set[str] = set()
        while batch := await claimed(units, 3, owner):
            async with units() as uow:
                handed |= await uow.mail.begin(batch, owner, NOW)
                await uow.commit()
        return handed

    async def cancel() -> None:
        await asyncio.sleep(0.02)
        async with units() as uow:
            await uow.campaigns.cancel_unsent("campaign-1")
            await uow.commit()

    first, second, _ = await asyncio.gather(work(OWNER), work(OTHER), cancel())
    assert not first & second
    async with units() as uow:
        counts = await uow.mail.counts()
    # Every mail is either on its way or taken back, and never both.
    assert counts[MailState.SENDING] == len(first | second)
    assert counts[MailState.CANCELLED] == 40 - len(first | second)
    for number in range(40):
        handed = f"mail-{number}" in first | second
        assert ((await stored(units, number)).state is MailState.SENDING) == handed


async def test_handing_over_does_not_wait_for_somebody_who_takes_the_mail_back(
    units: Units,
) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way())
        await uow.mail.queue_all([of_campaign(1), of_campaign(2)])
        await uow.commit()
    await claimed(units)
    async with units() as cancelling:
        await cancelling.campaigns.cancel_unsent("campaign-1")
        async with units() as working:
            # Somebody who waited for the lock would get an error from the server after a while.
            assert await working.mail.begin(["mail-1"], OWNER, NOW) == frozenset()
            await working.commit()
        # The cancelling failed after all; the mail is still the worker's, who puts it back.
        await cancelling.rollback()
    async with units() as uow:
        assert await uow.mail.finish([outcome(1, MailState.QUEUED, tried=False)], OWNER, NOW) == 1


# Mail that comes back.


async def test_a_returned_mail_is_marked_once_and_only_for_its_recipient(units: Units) -> None:
    await queued(units, 1, 2, 3)
    await claimed(units)
    async with units() as uow:
        await uow.mail.begin(["mail-1", "mail-2"], OWNER, NOW)
        outcomes = [outcome(1, MailState.SENT, code=250), outcome(2, MailState.UNCONFIRMED)]
        await uow.mail.finish(outcomes, OWNER, NOW)
        for delivery_id, address in (
            ("mail-1", "bob@acme.example"),
            ("mail-3", "ann@acme.example"),
            ("mail-9", "ann@acme.example"),
        ):
            assert await uow.mail.bounced(delivery_id, address, NOW, 0, "full") is None
        returned = await uow.mail.bounced(
            "mail-1", " ANN@acme.example", later(hours=1), 550, "gone"
        )
        assert returned is not None
        assert (returned.state, returned.reason) == (MailState.BOUNCED, "gone")
        assert (returned.sent_at, returned.code) == (NOW, 550)
        assert await uow.mail.bounced("mail-1", "ann@acme.example", NOW, 550, "again") is None
        unsure = await uow.mail.bounced("mail-2", "ann@acme.example", NOW, 0, "gone")
        assert unsure is not None
        assert (unsure.state, unsure.content_sealed, unsure.code) == (MailState.BOUNCED, "", 0)
        # The worker's late answer does not undo what the recipient's server said.
        assert await uow.mail.finish([outcome(2, MailState.SENT)], OWNER, NOW) == 0


# The pace.


async def test_all_workers_together_keep_the_pace(units: Units) -> None:
    now = NOW
    taken = 0

    async def ask() -> tuple[int, datetime.datetime]:
        async with units() as uow:
            answer = await uow.mail.take_turns(10, 600, now)
            await uow.commit()
            return answer

    for _ in range(30):
        answers = await asyncio.gather(ask(), ask(), ask())
        taken += sum(turns for turns, _ in answers)
        assert sum(turns for turns, _ in answers) <= 10
        now += datetime.timedelta(milliseconds=100)
    # Three seconds at ten a second.
    assert 28 <= taken <= 31


async def test_turns_that_were_not_used_are_lost_but_for_a_second(units: Units) -> None:
    async with units() as uow:
        assert await uow.mail.take_turns(100, 300, NOW) == (1, later(seconds=0.2))
        assert await uow.mail.take_turns(100, 300, later(seconds=0.1)) == (0, later(seconds=0.2))
        assert await uow.mail.take_turns(0, 300, later(hours=1)) == (0, later(hours=1))
        turns, again_at = await uow.mail.take_turns(100, 300, later(hours=1))
        assert (turns, again_at) == (5, later(hours=1, seconds=0.2))
        assert await uow.mail.take_turns(2, 300, later(hours=2)) == (
            2,
            later(hours=2, seconds=-0.4),
        )


async def test_a_slow_pace_lets_one_mail_go_at_a_time(units: Units) -> None:
    async with units() as uow:
        assert await uow.mail.take_turns(5, 1, NOW) == (1, later(minutes=1))
        assert await uow.mail.take_turns(5, 1, later(seconds=59)) == (0, later(minutes=1))
        assert await uow.mail.take_turns(5, 1, later(hours=1)) == (1, later(hours=1, minutes=1))
        # A clock that was set back, or a faster pace, is not held up by what was planned.
        assert await uow.mail.take_turns(5, 60, NOW) == (0, later(seconds=1))
        assert (await uow.mail.take_turns(5, 60, later(seconds=2)))[0] == 0


# Size.


async def test_a_claim_reads_its_own_batch_and_not_a_hundred_thousand_waiting_mails(
    units: Units, database: Database
) -> None:
    async with units() as uow:
        await uow.campaigns.add(under_way(1, recipients=50_000))
        await uow.campaigns.add(campaign(2, state=CampaignState.PAUSED, started_at=NOW))
        await uow.commit()
    async with database.transactions.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO mail_delivery (delivery_id, kind, subject_ref, to_address, subject,"
                " content_sealed, invitation_id, campaign_id, state, due_at, created_at, tries,"
                " changed_at, code, reason)"
                " SELECT 'mail-' || n, 'invite', 'invitation:' || n, 'a@x.example', '', '', '',"
                " 'campaign-' || 1 + n % 2, 'queued', :now, :now, 0, :now, 0, ''"
                " FROM generate_series(1, 100000) AS n"
            ),
            {"now": NOW},
        )
    async with database.statements.connect() as connection:
        await connection.execute(text("ANALYZE mail_delivery"))
    async with units() as uow:
        await uow.mail.claim(200, OWNER, NOW)
        before = await rows_read(uow.connection)
        batch = await uow.mail.claim(200, OWNER, NOW)
        # Each mail is found, changed and returned.
        assert await rows_read(uow.connection) - before < 2_000
        assert {one.campaign_id for one in batch} == {"campaign-1"}
        assert len(batch) == 200
        progress = await uow.campaigns.progress("campaign-1")
        assert (progress.queued, progress.sending) == (49_600, 400)
