"""Invitations: one per address for life, who can be invited, and lists that follow them up."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.invite_records import (
    Funnel,
    InvitationEvent,
    InvitationFilter,
    InviteRecipient,
    LinkEnd,
    Selection,
)
from dueport_apps.usecases.mail_records import MailOutcome, MailState
from dueport_apps.usecases.records import AccountFilter, AccountLink
from dueport_core.accounts import Contact
from dueport_core.credentials import UsernameSource
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState
from dueport_core.payments import PaymentState
from dueport_ports import Deleted, Entity
from tests.counting import rows_read
from tests.storage.samples import NOW, account, invitation, later, mail, payment, store, token, user

Units = SqlUnitOfWorkFactory
OWNER = 77


async def end_mail(units: Units, number: int, state: MailState, reason: str = "") -> None:
    """Queue a mail of this invitation, and let it end like this."""
    sent = mail(number, invitation_id=f"invitation-{number}", campaign_id="")
    async with units() as uow:
        await uow.mail.queue(sent)
        await uow.mail.claim(10, OWNER, NOW)
        outcome = MailOutcome(delivery_id=sent.delivery_id, state=state, code=550, reason=reason)
        assert await uow.mail.finish([outcome], OWNER, later(minutes=1)) == 1
        await uow.commit()


# One invitation.


async def test_an_invitation_comes_back_by_id_address_token_and_username(units: Units) -> None:
    await store(units, accounts=[account()])
    sent = invitation(
        1,
        email="Ann@Acme.example",
        recipient=InviteRecipient.OTHER,
        language="es",
        second_check=UsernameSource.SHIP_TO_ZIP,
        username="Åse",
        opened_at=NOW,
    )
    async with units() as uow:
        await uow.invitations.put([sent])
        await uow.invitations.add_tokens([token(1), token(9, invitation_id="invitation-1")])
        assert await uow.invitations.get("invitation-1") == sent
        assert await uow.invitations.get("invitation-1", for_update=True) == sent
        assert await uow.invitations.find("1042", " ANN@acme.example") == sent
        assert await uow.invitations.find("77", "ann@acme.example") is None
        for one in (token(1), token(9)):
            assert await uow.invitations.by_token(one.token_hash, for_update=True) == sent
        assert await uow.invitations.by_token(bytes(32)) is None
        assert await uow.invitations.with_username("ÅSE") == [sent]
        assert await uow.invitations.with_username("") == []
        assert await uow.invitations.by_ids(["invitation-1", "invitation-2"]) == {
            "invitation-1": sent
        }
        with pytest.raises(NotFound):
            await uow.invitations.get("invitation-2")


async def test_an_address_keeps_its_invitation_whatever_happens_to_it(units: Units) -> None:
    await store(units, accounts=[account()])
    first = invitation(1, state=InvitationState.EXPIRED)
    again = invitation(1, email="ANN@acme.example", sends=2, invited_at=later(days=8))
    async with units() as uow:
        await uow.invitations.put([first, invitation(2, email="bob@acme.example")])
        await uow.invitations.add_tokens([token(1)])
        await uow.invitations.put([again])
        assert await uow.invitations.get("invitation-1") == again
        rows = await uow.invitations.of_account("1042")
        assert [row.invitation.invitation_id for row in rows] == ["invitation-1", "invitation-2"]
        with pytest.raises(Conflict, match="look again"):
            await uow.invitations.put([invitation(3, sends=9)])
        assert (await uow.invitations.get("invitation-1")).sends == 2
        await uow.invitations.put([])


async def test_a_promised_username_is_promised_once(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    async with units() as uow:
        await uow.invitations.put([invitation(1, "1000", username="Nick")])
        with pytest.raises(Conflict, match="promised to somebody else"):
            await uow.invitations.put(
                [invitation(3, "1001", email="c@x.example"), invitation(2, "1001", username="NICK")]
            )
        # The refusal leaves the transaction usable, and nothing of the call is stored.
        assert await uow.invitations.of_account("1001") == []
        expired = invitation(2, "1001", username="NICK", state=InvitationState.EXPIRED)
        await uow.invitations.put([expired])
        with pytest.raises(Conflict, match="promised to somebody else"):
            await uow.invitations.save(
                msgspec.structs.replace(expired, state=InvitationState.PENDING),
                InvitationState.EXPIRED,
            )
        assert (await uow.invitations.get("invitation-2")).state is InvitationState.EXPIRED


async def test_of_many_who_accept_one_link_at_once_one_succeeds(units: Units) -> None:
    await store(units, accounts=[account()])
    sent = invitation(1)
    async with units() as uow:
        await uow.invitations.put([sent])
        await uow.commit()

    async def accept() -> bool:
        async with units() as uow:
            accepted = msgspec.structs.replace(
                sent, state=InvitationState.ACCEPTED, decided_at=later(minutes=1)
            )
            try:
                await uow.invitations.save(accepted, InvitationState.PENDING)
            except Conflict:
                return False
            await uow.commit()
            return True

    assert sorted(await asyncio.gather(*(accept() for _ in range(8)))) == [False] * 7 + [True]


async def test_who_is_invited_is_decided_by_one_at_a_time(units: Units) -> None:
    order: list[str] = []

    async def second() -> None:
        async with units() as uow:
            await uow.invitations.lock()
            order.append("second")

    async with units() as uow:
        await uow.invitations.lock()
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        order.append("first")
        await uow.commit()
    await waiting
    assert order == ["first", "second"]


# Tokens and the timeline.


async def test_a_token_admits_to_its_invitation_until_all_are_void(units: Units) -> None:
    await store(units, accounts=[account()])
    link = token(1)
    password = token(2, invitation_id="invitation-1", kind="credential")
    async with units() as uow:
        await uow.invitations.put([invitation(1), invitation(3, email="b@x.example")])
        await uow.invitations.add_tokens([link, password, token(3)])
        # A one-time password opens no link.
        assert await uow.invitations.by_token(password.token_hash) is None
        hashes = [password.token_hash, link.token_hash, bytes(32)]
        assert await uow.invitations.passwords(hashes) == [password]
        assert await uow.invitations.passwords([]) == []
        await uow.invitations.void_tokens(["invitation-1"], LinkEnd.REVOKED, NOW)
        for for_update in (False, True):
            found = await uow.invitations.by_token(link.token_hash, for_update=for_update)
            assert found is None
        assert await uow.invitations.passwords(hashes) == []
        assert await uow.invitations.by_token(token(3).token_hash) is not None
        await uow.invitations.void_tokens([], LinkEnd.REVOKED, NOW)


async def test_the_right_to_decline_is_no_link(units: Units) -> None:
    await store(units, accounts=[account()])
    link = token(1)
    decline = token(2, invitation_id="invitation-1", kind="decline", link_hash=link.token_hash)
    async with units() as uow:
        await uow.invitations.put([invitation(1)])
        await uow.invitations.add_tokens([link, decline])
        assert await uow.invitations.by_token(decline.token_hash) is None
        for one in (link, decline):
            found = await uow.invitations.by_token(one.token_hash, to_decline=True, for_update=True)
            assert found == invitation(1)
        assert await uow.invitations.decline_token(decline.token_hash) == decline
        assert await uow.invitations.decline_token(link.token_hash) is None
        assert await uow.invitations.is_reachable("invitation-1")
        await uow.invitations.take_back([link.token_hash], LinkEnd.TAKEN_BACK, NOW)
        assert not await uow.invitations.is_reachable("invitation-1")
        assert await uow.invitations.decline_token(decline.token_hash) == decline, "left alone"
        await uow.invitations.take_back([decline.token_hash], LinkEnd.TAKEN_BACK, NOW)
        assert await uow.invitations.decline_token(decline.token_hash) is None
        assert await uow.invitations.ended(decline.token_hash) is None
        ended = await uow.invitations.ended(decline.token_hash, to_decline=True)
        assert ended is not None
        assert ended.decline_only


async def test_a_user_name_is_known_after_its_invitation_has_expired(units: Units) -> None:
    await store(units, accounts=[account(), account("1043")])
    ended = InvitationState.EXPIRED
    old = invitation(1, username="ann", state=ended, invited_at=NOW)
    new = invitation(2, account_no="1043", username="Ann", invited_at=later(days=1))
    gone = invitation(3, email="c@x.example", username="ann", state=InvitationState.REVOKED)
    async with units() as uow:
        await uow.invitations.put([old, new, gone])
        assert await uow.invitations.with_username(" ANN ") == [new, old]


async def test_the_timeline_is_read_as_written_and_never_edited(
    units: Units, database: Database
) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    invited = InvitationEvent(
        account_no="1000", invitation_id="invitation-1", at=NOW, kind="invited", actor="Ann"
    )
    disabled = InvitationEvent(
        account_no="1000", at=later(days=1), kind="access_disabled", detail="left the company"
    )
    other = InvitationEvent(account_no="1001", at=NOW, kind="opened")
    async with units() as uow:
        await uow.invitations.add_events([invited, other, disabled])
        await uow.commit()
        assert await uow.invitations.events("1000") == [invited, disabled]
        assert await uow.invitations.events("77") == []
        with pytest.raises(ValueError, match="no time zone"):
            await uow.invitations.add_events(
                [msgspec.structs.replace(other, at=NOW.replace(tzinfo=None))]
            )


# Who can be invited.


async def test_a_candidate_comes_with_everything_that_decides(units: Units) -> None:
    ann = Contact(name="Ann", email="ann@acme.example", is_primary=True)
    bob = Contact(name="Bob", email="BOB@acme.example")
    await store(
        units,
        accounts=[
            account("1000", contacts=(ann, bob)),
            account("1001"),
            account("1002"),
            account("1003"),
        ],
    )
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1003")], None
        )
        await uow.users.add(user(1))
        await uow.users.link(AccountLink(user_id="user-1", account_no="1001", linked_at=NOW))
        await uow.invitations.put(
            [
                invitation(1, "1000", email="old@acme.example", invited_at=later(days=-1)),
                invitation(2, "1000"),
            ]
        )
        for address in ("Old@acme.example", "bob@acme.example", "other@acme.example"):
            await uow.bounces.mark(address, NOW, "no such user")
        await uow.commit()
    await end_mail(units, 1, MailState.FAILED, "no such user")
    await end_mail(units, 2, MailState.SENT)
    async with units() as uow:
        found = await uow.invitations.candidates(Selection(matching=AccountFilter()), "", 10)
        assert [one.account.account_no for one in found] == ["1000", "1001", "1002"]
        first, second, third = found
        assert first.account == account("1000", contacts=(ann, bob))
        assert not first.has_login
        assert [
            (row.invitation.invitation_id, row.mail_state, row.mail_code, row.mail_reason)
            for row in first.invitations
        ] == [
            ("invitation-2", MailState.SENT, 550, ""),
            ("invitation-1", MailState.FAILED, 550, "no such user"),
        ]
        assert {row.mail_at for row in first.invitations} == {later(minutes=1)}
        assert {row.account_name for row in first.invitations} == {"Acme Builders"}
        assert first.bounced == {"old@acme.example", "bob@acme.example"}
        assert (second.has_login, second.invitations, second.bounced) == (True, (), frozenset())
        assert not third.has_login
        assert [one.access_off for one in found] == [False, False, False]


async def test_whose_access_was_switched_off_is_known_and_not_taken_for_new(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001"), account("1002")])
    async with units() as uow:
        for number, login in ((1, "1000"), (2, "1000"), (3, "1001"), (4, "1001")):
            await uow.users.add(user(number))
            await uow.users.link(
                AccountLink(user_id=f"user-{number}", account_no=login, linked_at=NOW)
            )
        for user_id, number in (("user-1", "1000"), ("user-2", "1000"), ("user-3", "1001")):
            await uow.users.set_disabled(user_id, number, NOW)
        found = await uow.invitations.candidates(Selection(matching=AccountFilter()), "", 9)
        assert [one.access_off for one in found] == [True, False, False]
        rows, _ = await uow.accounts.rows(AccountFilter(), "account_no", False, None, 9)
        assert [row.access_off for row in rows] == [True, False, False]
        assert (await uow.accounts.row("1000")).access_off
        new = Selection(matching=AccountFilter(invitation="none"))
        fresh = await uow.invitations.candidates(new, "", 9)
        assert [one.account.account_no for one in fresh] == ["1002"]
        assert (await uow.accounts.totals(AccountFilter(invitation="none"))).accounts == 1


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(account_nos=("1002", "1000", "1003", "77")), ["1000", "1002"]),
        (Selection(account_nos=("1002", "1000"), excluded=("1000",)), ["1002"]),
        (Selection(matching=AccountFilter()), ["1000", "1001", "1002"]),
        (Selection(matching=AccountFilter(), excluded=("1001", "77")), ["1000", "1002"]),
        (Selection(matching=AccountFilter(text="wood")), ["1001"]),
        (Selection(matching=AccountFilter(invitation="pending")), ["1002"]),
        (Selection(matching=AccountFilter(invitation="none")), ["1000", "1001"]),
        (Selection(), []),
    ],
)
async def test_whom_the_operator_sees_is_whom_the_operator_invites(
    units: Units, selection: Selection, expected: list[str]
) -> None:
    await store(
        units,
        accounts=[account("1000"), account("1001", "Woodworks"), account("1002"), account("1003")],
    )
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1003")], None
        )
        await uow.invitations.put([invitation(1, "1002")])
        found = []
        after = ""
        while page := await uow.invitations.candidates(selection, after, 1):
            found += [one.account.account_no for one in page]
            after = found[-1]
        assert found == expected
        if selection.matching is not None and not selection.excluded:
            rows, _ = await uow.accounts.rows(selection.matching, "account_no", False, None, 9)
            assert [row.account_no for row in rows] == expected
        assert await uow.invitations.unknown(["1003", "1000", "77", "77"]) == ["1003", "77"]


# Lists.


async def listed(units: Units, **wanted: Any) -> list[str]:
    """Walk through all pages of a list; check that the count agrees."""
    found: list[str] = []
    after: str | None = None
    async with units() as uow:
        while True:
            rows, after = await uow.invitations.rows(InvitationFilter(**wanted), after, 2)
            found += [row.invitation.invitation_id[-1] for row in rows]
            if after is None:
                break
        assert await uow.invitations.count(InvitationFilter(**wanted)) == len(found)
    return found


async def test_follow_up_lists_show_who_waits_the_longest_first(units: Units) -> None:
    await store(units, accounts=[account("1000", "Érable"), account("1001", "Beta")])
    async with units() as uow:
        await uow.invitations.put(
            [
                invitation(1, "1000", invited_at=later(days=-1)),
                invitation(2, "1000", email="b@x.example", invited_at=later(days=-9)),
                invitation(3, "1001", asked_at=NOW, state=InvitationState.EXPIRED),
                invitation(4, "1001", email="d_d@x.example", invited_at=later(days=-3)),
                invitation(5, "1001", email="e@x.example", invited_at=later(days=-2)),
            ]
        )
        await uow.commit()
    await end_mail(units, 1, MailState.UNCONFIRMED)
    await end_mail(units, 3, MailState.FAILED)
    await end_mail(units, 4, MailState.FAILED)
    await end_mail(units, 5, MailState.FAILED)
    async with units() as uow:
        # The mail was sent again, and nothing is wrong with that one so far.
        await uow.mail.queue(
            mail(6, kind="again", invitation_id="invitation-5", due_at=later(days=1))
        )
        await uow.commit()
    assert await listed(units) == ["2", "4", "5", "1", "3"]
    assert await listed(units, state=InvitationState.PENDING) == ["2", "4", "5", "1"]
    assert await listed(units, state=InvitationState.EXPIRED) == ["3"]
    assert await listed(units, pending_since=later(days=-2)) == ["2", "4"]
    assert await listed(units, asked=True) == ["3"]
    # An expired one that was never delivered wants another address, too.
    assert await listed(units, delivery_problem=True) == ["4", "1", "3"]
    assert await listed(units, account_no="1001") == ["4", "5", "3"]
    assert await listed(units, text="erable") == ["2", "1"]
    assert await listed(units, text=" D_D@") == ["4"]
    assert await listed(units, text="1001", delivery_problem=True) == ["4", "3"]
    async with units() as uow:
        (row,) = (await uow.invitations.rows(InvitationFilter(text="e@x.ex"), None, 5))[0]
        assert (row.mail_state, row.mail_at, row.account_name) == (MailState.QUEUED, NOW, "Beta")
        (row, *_) = (await uow.invitations.rows(InvitationFilter(), None, 5))[0]
        assert (row.mail_state, row.mail_code, row.mail_at) == (None, 0, None)


async def test_due_for_a_reminder_is_what_arrived_and_was_left_alone_since(units: Units) -> None:
    await store(units, accounts=[account("1000"), account("1001")])
    old, lately = later(days=-5), later(days=-1)
    async with units() as uow:
        await uow.invitations.put(
            [
                invitation(1, "1000", invited_at=old),
                invitation(2, "1000", email="b@x.example", invited_at=old, nudged_at=old),
                invitation(3, "1000", email="c@x.example", invited_at=old, nudged_at=lately),
                invitation(4, "1000", email="d@x.example", invited_at=lately),
                invitation(5, "1001", invited_at=old, state=InvitationState.DECLINED),
                invitation(6, "1001", email="f@x.example", invited_at=old),
                invitation(7, "1001", email="g@x.example", invited_at=old),
                invitation(8, "1001", email="h@x.example", invited_at=old),
            ]
        )
        await uow.commit()
    await end_mail(units, 1, MailState.SENT)
    await end_mail(units, 6, MailState.FAILED)
    await end_mail(units, 8, MailState.CANCELLED)
    async with units() as uow:
        await uow.mail.queue(mail(7, invitation_id="invitation-7", due_at=later(days=1)))
        await uow.commit()
    assert await listed(units, due_since=later(days=-3)) == ["1", "2", "8"]


async def test_overdue_invitations_are_those_past_their_expiry(units: Units) -> None:
    numbers = ["1000", "1001", "1002", "1003"]
    await store(units, accounts=[account(number) for number in numbers])
    async with units() as uow:
        for number, (hours, state) in enumerate(
            [
                (-1, InvitationState.PENDING),
                (-2, InvitationState.PENDING),
                (1, InvitationState.PENDING),
                (-3, InvitationState.DECLINED),
            ]
        ):
            sent = invitation(number, numbers[number], state=state, expires_at=later(hours=hours))
            await uow.invitations.put([sent])
        overdue = await uow.invitations.overdue(NOW, 10)
        assert [one.account_no for one in overdue] == ["1001", "1000"]
        assert len(await uow.invitations.overdue(NOW, 1)) == 1


async def test_invitations_to_addresses_that_the_erp_has_dropped_are_found(units: Units) -> None:
    contacts = (Contact(email=" ANN@acme.example "), Contact(email="bob@acme.example"))
    await store(units, accounts=[account("1000", contacts=contacts), account("1001", contacts=())])
    async with units() as uow:
        await uow.invitations.put(
            [
                invitation(1, "1000"),
                invitation(2, "1000", email="Bob@acme.example"),
                invitation(3, "1000", email="old@acme.example"),
                invitation(4, "1000", email="typed@x.example", recipient=InviteRecipient.OTHER),
                invitation(5, "1000", email="gone@x.example", state=InvitationState.REVOKED),
                invitation(6, "1001"),
            ]
        )
        moved = await uow.invitations.moved_away(10)
        assert [one.invitation_id for one in moved] == ["invitation-3", "invitation-6"]
        assert len(await uow.invitations.moved_away(1)) == 1


async def test_each_step_of_the_funnel_holds_the_next_ones(units: Units) -> None:
    numbers = [f"{1000 + number}" for number in range(8)]
    await store(units, accounts=[account(number) for number in numbers])
    async with units() as uow:
        assert await uow.invitations.funnel() == Funnel(
            customers=8, invited=0, opened=0, registered=0, paid=0
        )
        await uow.mirror.store_page(
            "run-0", Entity.ACCOUNTS, [Deleted(Entity.ACCOUNTS, "1007")], None
        )
        await uow.users.add(user(1))
        await uow.invitations.put(
            [
                invitation(1, "1001", state=InvitationState.REVOKED),
                invitation(2, "1002", opened_at=NOW),
                invitation(3, "1002", email="b@x.example"),
                invitation(4, "1007", opened_at=NOW),
                invitation(5, "1006", state=InvitationState.REVOKED),
            ]
        )
        # The mail about 1001 was taken back in time, the one about 1006 had left.
        for number, state in ((1, MailState.CANCELLED), (5, MailState.SENT)):
            await uow.mail.queue(mail(number, invitation_id=f"invitation-{number}"))
            await uow.mail.claim(10, OWNER, NOW)
            outcome = MailOutcome(delivery_id=f"mail-{number}", state=state)
            assert await uow.mail.finish([outcome], OWNER, NOW) == 1
        # Linked without any invitation, by an operator or an enrolment code.
        for number in ("1003", "1004", "1005"):
            await uow.users.link(AccountLink(user_id="user-1", account_no=number, linked_at=NOW))
        await uow.users.set_disabled("user-1", "1003", NOW)
        # Somebody at the counter paid for an account without a login.
        for one, number, state in (
            (1, "1004", PaymentState.SETTLED),
            (2, "1005", PaymentState.FAILED),
            (3, "1000", PaymentState.SETTLED),
        ):
            await uow.payments.add(payment(one, {}, account_no=number, state=state))
        assert await uow.invitations.funnel() == Funnel(
            customers=7, invited=5, opened=4, registered=3, paid=1
        )


# The whole book.


async def test_ten_thousand_customers_are_invited_in_one_transaction(
    units: Units, database: Database
) -> None:
    numbers = [f"{100_000 + number}" for number in range(10_000)]
    await store(units, accounts=[account(number) for number in numbers])
    invitations = [invitation(number, account_no) for number, account_no in enumerate(numbers)]
    mails = [
        mail(number, invitation_id=one.invitation_id, campaign_id="campaign-1")
        for number, one in enumerate(invitations)
    ]
    async with units() as uow:
        await uow.invitations.put(invitations)
        await uow.mail.queue_all(mails)
        await uow.invitations.add_events(
            [
                InvitationEvent(account_no=one.account_no, at=NOW, kind="invited")
                for one in invitations
            ]
        )
        await uow.commit()
        # The server does so by itself after a while.
        await uow.connection.execute(text("ANALYZE account, account_figures, invitation"))
        await uow.commit()
        before = await rows_read(uow.connection)
        found = []
        after = ""
        while page := await uow.invitations.candidates(
            Selection(matching=AccountFilter(invitation="pending")), after, 500
        ):
            found += page
            after = page[-1].account.account_no
        # Were each page to begin anew, or to read on to the end, it would be many times as much.
        assert await rows_read(uow.connection) - before < 25 * len(numbers)
    assert [one.account.account_no for one in found] == numbers
    assert {one.invitations[0].mail_state for one in found} == {MailState.QUEUED}
    async with database.statements.connect() as connection:
        counted = await connection.execute(
            text("SELECT (SELECT count(*) FROM mail_delivery), count(*) FROM invitation_event")
        )
        assert tuple(counted.one()) == (10_000, 10_000)
