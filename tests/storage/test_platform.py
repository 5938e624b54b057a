"""Events and the audit log: nothing twice, nothing rewritten."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.records import AuditEntry
from dueport_core.errors import NotFound
from tests.storage.samples import NOW, later

Units = SqlUnitOfWorkFactory


# Inbound events.


async def test_one_event_sent_a_hundred_times_at_once_is_stored_once(units: Units) -> None:
    async def receive() -> int | None:
        async with units() as uow:
            stored = await uow.events.add("pay_stripe", "evt_1", "payment", "pi_1", NOW)
            await uow.commit()
            return stored

    numbers = await asyncio.gather(*(receive() for _ in range(100)))
    assert len([number for number in numbers if number is not None]) == 1
    async with units() as uow:
        assert await uow.events.add("pay_ach_plaid", "evt_1", "payment", "tr_1", NOW) is not None


async def test_an_event_is_worked_off_or_parked_and_counted(units: Units) -> None:
    async with units() as uow:
        assert await uow.events.health("pay_stripe") == (None, 0)
        numbers = [
            await uow.events.add("pay_stripe", f"evt_{n}", "payment", f"pi_{n}", later(minutes=n))
            for n in range(3)
        ]
        assert [event.event_id for event in await uow.events.unfinished(10)] == numbers
        first = await uow.events.get(numbers[0] or 0, for_update=True)
        assert (first.ref, first.state, first.received_at) == ("pi_0", "new", NOW)
        await uow.events.save(msgspec.structs.replace(first, state="done"))
        second = await uow.events.get(numbers[1] or 0)
        await uow.events.save(
            msgspec.structs.replace(second, state="parked", tries=5, reason="illegal move")
        )
        assert [event.event_id for event in await uow.events.unfinished(10)] == numbers[2:]
        assert await uow.events.health("pay_stripe") == (later(minutes=2), 1)
        with pytest.raises(NotFound):
            await uow.events.get(999)


async def test_a_feeds_place_is_kept_per_processor(units: Units) -> None:
    async with units() as uow:
        assert await uow.events.feed_cursor("pay_ach_plaid") is None
        await uow.events.save_feed_cursor("pay_ach_plaid", "17")
        await uow.events.save_feed_cursor("pay_ach_plaid", "18")
        assert await uow.events.feed_cursor("pay_ach_plaid") == "18"
        assert await uow.events.feed_cursor("pay_stripe") is None


# Audit.


def entry(number: int = 1, **changes: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "at": later(minutes=number),
        "actor_kind": "operator",
        "actor_id": "operator-1",
        "actor_name": "Ann",
        "action": "invitation.sent",
        "subject": f"account:{1000 + number % 2}",
        "detail": {"b": "2", "a": "1"},
        "client_ip": "203.0.113.9",
    }
    return AuditEntry(**(values | changes))


async def log(units: Units, count: int) -> None:
    async with units() as uow:
        for number in range(1, count + 1):
            await uow.audit.append(entry(number))
        await uow.commit()


async def tamper(database: Database, statement: str) -> None:
    """Change history as somebody with all rights on the server could."""
    async with database.transactions.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(statement))


async def test_the_log_is_numbered_without_gaps_and_read_newest_first(units: Units) -> None:
    await log(units, 4)
    async with units() as uow:
        await uow.audit.append(entry(9))
        await uow.rollback()
        await uow.audit.append(entry(5))
        page = await uow.audit.page(None, 2)
        assert [(one.number, one.entry) for one in page] == [(5, entry(5)), (4, entry(4))]
        assert len({one.hash for one in page}) == 2
        assert [one.number for one in await uow.audit.page(4, 10)] == [3, 2, 1]
        of_one = await uow.audit.page(None, 10, subject="account:1000")
        assert [one.number for one in of_one] == [4, 2]
        assert await uow.audit.verify() is None


async def test_entries_written_at_once_form_one_chain(units: Units) -> None:
    await asyncio.gather(*(log(units, 3) for _ in range(8)))
    async with units() as uow:
        assert [one.number for one in await uow.audit.page(None, 100)] == list(range(24, 0, -1))
        assert await uow.audit.verify() is None


@pytest.mark.parametrize(
    ("statement", "first_wrong"),
    [
        ("UPDATE audit_entry SET actor_name = 'Bob' WHERE number = 3", 3),
        ("UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE number = 2", 2),
        ('UPDATE audit_entry SET detail = \'{"a": "1"}\' WHERE number = 4', 4),
        ("DELETE FROM audit_entry WHERE number = 3", 3),
        ("DELETE FROM audit_entry WHERE number = 1", 1),
        ("UPDATE audit_entry SET number = number + 10 WHERE number = 5", 5),
        (
            "UPDATE audit_entry SET number = CASE number WHEN 2 THEN 103 ELSE 102 END"
            " WHERE number IN (2, 3); UPDATE audit_entry SET number = number - 100"
            " WHERE number > 100",
            2,
        ),
    ],
)
async def test_whoever_changes_history_is_found_out(
    units: Units, database: Database, statement: str, first_wrong: int
) -> None:
    await log(units, 5)
    for part in statement.split("; "):
        await tamper(database, part)
    async with units() as uow:
        assert await uow.audit.verify() == first_wrong
