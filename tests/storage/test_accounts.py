"""The Customers Dashboard's pages: every order, every filter, and figures that are never lost."""

import asyncio
import datetime
from typing import Any, get_args

import pytest

from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.records import (
    AccountFigures,
    AccountFilter,
    AccountLink,
    AccountSort,
    Totals,
)
from dueport_core.accounts import AccountStatus, Contact, Job
from dueport_core.errors import Invalid, NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Deleted, Entity
from tests.storage.samples import NOW, TODAY, account, invitation, item, later, store, user

Units = SqlUnitOfWorkFactory

NAMES = [
    "Érable & Fils",
    "erable lumber",
    "Acme 100% Wood",
    "Zeta",
    "O'Brien",
    "acme_2",
    "Ost",
    "Øst",
]


def figures(number: int, **changes: int) -> AccountFigures:
    values = {
        "outstanding_cents": number * 100,
        "current_cents": number % 3 * 100,
        "past_due_cents": number % 2 * 100,
        "debits_cents": number * 100 + 50,
        "credits_cents": -50,
        "weighted_days_tenths": number % 4,
        "open_items": number,
        "priority": number % 3,
        "priority_points": number % 3 * 10,
    }
    return AccountFigures(
        account_no=f"{1000 + number}",
        computed_on=TODAY,
        bucket_cents=(1, 2, 3, 4, 5),
        priority_reasons=("balance",),
        **(values | changes),
    )


async def dashboard(units: Units) -> list[str]:
    """Store one account per name, with figures; return their numbers."""
    accounts = [account(f"{1000 + number}", name) for number, name in enumerate(NAMES)]
    await store(units, accounts=accounts)
    async with units() as uow:
        await uow.accounts.save_figures([figures(number) for number in range(len(NAMES))])
        await uow.commit()
    return [one.account_no for one in accounts]


async def pages(
    units: Units, sort: AccountSort, descending: bool, limit: int, **wanted: Any
) -> list[str]:
    """Walk through all pages and return the account numbers."""
    found: list[str] = []
    after: str | None = None
    async with units() as uow:
        while True:
            rows, after = await uow.accounts.rows(
                AccountFilter(**wanted),
                sort,
                descending,
                after,
                limit,
            )
            assert len(rows) <= limit
            found += [row.account_no for row in rows]
            if after is None:
                return found


@pytest.mark.parametrize("sort", get_args(AccountSort))
@pytest.mark.parametrize("descending", [False, True])
async def test_every_order_shows_every_account_once_whatever_the_page_size(
    units: Units, sort: AccountSort, descending: bool
) -> None:
    numbers = await dashboard(units)
    whole = await pages(units, sort, descending, 100)
    assert sorted(whole) == numbers
    assert await pages(units, sort, descending, 3) == whole
    assert await pages(units, sort, not descending, 3) == whole[::-1]


async def test_orders_are_what_they_say(units: Units) -> None:
    await dashboard(units)
    assert (await pages(units, "outstanding", True, 3))[0] == "1007"
    # Most urgent first, and among equals the larger balance.
    assert (await pages(units, "priority", True, 3))[:3] == ["1005", "1002", "1007"]
    names = [NAMES[int(number) - 1000] for number in await pages(units, "name", False, 3)]
    assert names[:4] == ["Acme 100% Wood", "acme_2", "Érable & Fils", "erable lumber"]


async def test_search_finds_parts_of_names_without_accents_and_beginnings_of_numbers(
    units: Units,
) -> None:
    await dashboard(units)
    assert sorted(await pages(units, "name", False, 9, text="ERABLE")) == ["1000", "1001"]
    assert sorted(await pages(units, "name", False, 9, text="é")) == [
        "1000",
        "1001",
        "1002",
        "1003",
        "1004",
        "1005",
    ]
    assert await pages(units, "name", False, 9, text="o'br") == ["1004"]
    assert await pages(units, "name", False, 9, text=" 1003 ") == ["1003"]
    assert await pages(units, "name", False, 9, text="003") == []
    # Signs that mean something to LIKE mean themselves.
    assert await pages(units, "name", False, 9, text="100%") == ["1002"]
    assert await pages(units, "name", False, 9, text="e_2") == ["1005"]


async def test_filters_and_totals_agree(units: Units) -> None:
    await dashboard(units)
    async with units() as uow:
        await uow.mirror.store_page(
            "run-0",
            Entity.ACCOUNTS,
            [
                account("1003", "Zeta", status=AccountStatus.CLOSED),
                Deleted(Entity.ACCOUNTS, "1004"),
            ],
            None,
        )
        await uow.invitations.put(
            [
                invitation(1, "1001"),
                invitation(2, "1002", state=InvitationState.EXPIRED, invited_at=later(days=1)),
                invitation(3, "1002", email="bob@acme.example"),
                invitation(4, "1005", state=InvitationState.REVOKED),
                invitation(5, "1006", state=InvitationState.DECLINED),
                invitation(
                    6,
                    "1006",
                    email="bob@acme.example",
                    state=InvitationState.EXPIRED,
                    invited_at=later(days=-1),
                ),
                invitation(7, "1007", state=InvitationState.EXPIRED),
            ]
        )
        await uow.users.add(user(1))
        await uow.users.link(AccountLink(user_id="user-1", account_no="1007", linked_at=NOW))
        await uow.bounces.mark("Two@acme.example", NOW, "no such user")
        await uow.mirror.store_page(
            "run-0",
            Entity.ACCOUNTS,
            [
                account("1001", NAMES[1], contacts=(Contact(email="TWO@acme.example"),)),
                account("1002", NAMES[2], contacts=()),
            ],
            None,
        )
        await uow.commit()
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["1000", "1001", "1002", "1003", "1005", "1006", "1007"]),
        ({"active_only": True}, ["1000", "1001", "1002", "1005", "1006", "1007"]),
        ({"past_due_only": True}, ["1001", "1003", "1005", "1007"]),
        ({"invitation": "none"}, ["1000", "1003", "1005"]),
        ({"invitation": "pending"}, ["1001", "1002"]),
        ({"invitation": "accepted"}, ["1007"]),
        ({"invitation": "declined"}, ["1006"]),
        ({"invitation": "expired"}, []),
        ({"email_problem": True}, ["1001", "1002"]),
        ({"email_problem": True, "invitation": "none"}, []),
    ]
    for wanted, expected in cases:
        assert await pages(units, "account_no", False, 2, **wanted) == expected
        async with units() as uow:
            totals = await uow.accounts.totals(AccountFilter(**wanted))
        each = [figures(int(number) - 1000) for number in expected]
        assert totals == Totals(
            accounts=len(each),
            outstanding_cents=sum(one.outstanding_cents for one in each),
            current_cents=sum(one.current_cents for one in each),
            past_due_cents=sum(one.past_due_cents for one in each),
            debits_cents=sum(one.debits_cents for one in each),
            credits_cents=sum(one.credits_cents for one in each),
        )


async def test_a_cursor_that_was_changed_or_made_for_another_order_is_refused(
    units: Units,
) -> None:
    await dashboard(units)
    async with units() as uow:
        _, cursor = await uow.accounts.rows(AccountFilter(), "name", False, None, 2)
        assert cursor is not None
        for wrong in (cursor[:-2], "x" + cursor, "", "ünïcode", cursor[::-1]):
            with pytest.raises(Invalid, match="start again from the first page"):
                await uow.accounts.rows(AccountFilter(), "name", False, wrong, 2)
        with pytest.raises(Invalid):
            await uow.accounts.rows(AccountFilter(), "name", True, cursor, 2)
        with pytest.raises(Invalid):
            await uow.accounts.rows(AccountFilter(), "outstanding", False, cursor, 2)


async def test_a_row_shows_who_can_be_invited_and_who_has_a_login(units: Units) -> None:
    await store(
        units,
        accounts=[
            account("1000", contacts=(Contact(email="a@x.example,b@y.example"),)),
            account("1001", contacts=()),
            account("1002"),
        ],
    )
    async with units() as uow:
        await uow.users.add(user(1))
        await uow.users.add(user(2, active=False))
        for user_id, number in (("user-1", "1002"), ("user-2", "1001")):
            await uow.users.link(AccountLink(user_id=user_id, account_no=number, linked_at=NOW))
        await uow.users.link(AccountLink(user_id="user-1", account_no="1001", linked_at=NOW))
        assert await uow.users.set_disabled("user-1", "1001", NOW)
        await uow.bounces.mark("ANN@acme.example", NOW, "no such user")
        two = await uow.accounts.row("1000")
        assert two.email_problem.startswith("malformed e-mail address")
        assert two.email_fault == "it holds more than one address; keep one"
        none = await uow.accounts.row("1001")
        assert (none.email, none.email_problem) == ("", "no e-mail address")
        assert (none.email_fault, none.access_off) == ("no e-mail address", True)
        # Neither a person nor a link that was disabled lets anybody in.
        assert (none.has_login, none.invitation, none.bounced) == (False, None, False)
        fine = await uow.accounts.row("1002")
        assert (fine.email, fine.email_problem) == ("ann@acme.example", "")
        assert (fine.has_login, fine.invitation) == (True, InvitationState.ACCEPTED)
        assert fine.bounced
        assert (fine.email_fault, fine.access_off) == ("", False)
        assert fine.figures is None
        assert (fine.kind, fine.status) == ("charge", "active")


async def test_unknown_accounts_are_named(units: Units) -> None:
    await store(units, accounts=[account()])
    async with units() as uow:
        assert await uow.accounts.many(["77", "1042"]) == {"1042": account()}
        assert await uow.accounts.many([]) == {}
        assert await uow.accounts.find("77") is None
        for ask in (uow.accounts.get, uow.accounts.row, uow.accounts.lock):
            with pytest.raises(NotFound, match="There is no account 77"):
                await ask("77")


async def test_jobs_come_by_number(units: Units) -> None:
    await store(units, accounts=[account()])
    jobs = [Job(account_no="1042", job_no=number) for number in ("20", "0", "15")]
    async with units() as uow:
        await uow.mirror.store_page("run-0", Entity.JOBS, jobs, None)
        assert [job.job_no for job in await uow.accounts.jobs("1042")] == ["0", "15", "20"]
        assert await uow.accounts.jobs("77") == []


async def test_a_walk_over_all_accounts_leaves_nobody_out(units: Units) -> None:
    numbers = await dashboard(units)
    async with units() as uow:
        assert await uow.accounts.numbers_after("", 3) == numbers[:3]
        assert await uow.accounts.numbers_after("1002", 100) == numbers[3:]


async def test_figures_are_due_for_new_accounts_changed_data_and_a_new_day(units: Units) -> None:
    tomorrow = TODAY + datetime.timedelta(days=1)
    await store(units, accounts=[account("1000"), account("1001")])
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 10) == ["1000", "1001"]
        assert await uow.accounts.figures(["1000"]) == {}
        await uow.accounts.save_figures([figures(1), figures(0), figures(7)])
        await uow.commit()
    async with units() as uow:
        assert await uow.accounts.figures(["1000", "1001", "1007"]) == {
            "1000": figures(0),
            "1001": figures(1),
        }
        assert await uow.accounts.stale_figures(TODAY, 10) == []
        assert await uow.accounts.stale_figures(tomorrow, 1) == ["1000"]
    await store(units, item("I-1", account_no="1001"), accounts=[account("1000")])
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 10) == ["1001"]


async def test_a_document_that_moves_to_another_account_changes_both(units: Units) -> None:
    await store(units, item("I-1", account_no="1000"), accounts=[account("1000"), account("1001")])
    async with units() as uow:
        await uow.accounts.save_figures([figures(0), figures(1)])
        await uow.commit()
    await store(units, item("I-1", account_no="1001"), accounts=[account("1000")])
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 10) == ["1000", "1001"]


async def test_a_change_while_figures_are_computed_is_not_lost(units: Units) -> None:
    await store(units, accounts=[account("1000")])
    async with units() as computing:
        assert await computing.accounts.stale_figures(TODAY, 10) == ["1000"]
        # The change waits until the figures of the data before it are saved.
        change = asyncio.create_task(
            store(units, item("I-1", account_no="1000"), accounts=[account("1000")])
        )
        await asyncio.sleep(0.2)
        assert not change.done()
        async with units() as other:
            assert await other.accounts.stale_figures(TODAY, 10) == []
        await computing.accounts.save_figures([figures(0)])
        await computing.commit()
    await change
    async with units() as uow:
        assert await uow.accounts.stale_figures(TODAY, 10) == ["1000"]


async def test_a_locked_account_makes_the_next_one_wait_until_commit(units: Units) -> None:
    await store(units, accounts=[account()])
    order: list[str] = []

    async def second() -> None:
        async with units() as uow:
            await uow.accounts.lock("1042")
            order.append("second")

    async with units() as uow:
        await uow.accounts.lock("1042")
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        order.append("first")
        await uow.commit()
    await waiting
    assert order == ["first", "second"]
