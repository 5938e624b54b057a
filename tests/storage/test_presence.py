"""A worker's number is locked for as long as the worker lives, and not a moment longer."""

import asyncio
import contextlib
import sys
import threading

import pytest
from sqlalchemy import text

from dueport_apps.storage.engine import Database
from dueport_apps.storage.presence import WorkerPresence
from dueport_core.errors import Unavailable

_WORKER = """
import asyncio, sys
from dueport_apps.storage.engine import Database
from dueport_apps.storage.presence import WorkerPresence

async def live():
    presence = WorkerPresence(Database(sys.argv[1]))
    print(await presence.number(), flush=True)
    await asyncio.sleep(600)

asyncio.run(live())
"""


async def is_free(database: Database, number: int) -> bool:
    async with database.transactions.begin() as connection:
        found = await connection.scalar(
            text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}
        )
        return bool(found)


async def becomes_free(database: Database, number: int) -> bool:
    for _ in range(100):
        if await is_free(database, number):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_number_is_kept_and_is_nobody_elses(database: Database) -> None:
    one, two = WorkerPresence(database), WorkerPresence(database)
    numbers = await asyncio.gather(one.number(), one.number(), two.number())
    assert numbers[0] == numbers[1] == await one.number()
    assert numbers[0] != numbers[2]
    assert all(0 < number < 2**62 for number in numbers)
    assert not await is_free(database, numbers[0])
    await one.close()
    await one.close()
    assert await becomes_free(database, numbers[0])
    assert not await is_free(database, numbers[2])
    await two.close()


async def test_a_lost_connection_means_another_number(database: Database) -> None:
    presence = WorkerPresence(database)
    before = await presence.number()
    async with database.statements.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND (classid::bigint << 32) + objid::bigint = :number"
            ),
            {"number": before},
        )
    assert await becomes_free(database, before)
    after = await presence.number()
    assert after != before
    assert not await is_free(database, after)
    await presence.close()


async def test_a_killed_worker_lets_go_of_its_number(database: Database) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKER, database.url, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        number = int(await worker.stdout.readline())
        assert not await is_free(database, number)
        worker.kill()
        assert await becomes_free(database, number)
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def test_every_event_loop_has_a_number_of_its_own(database: Database) -> None:
    presence = WorkerPresence(database)
    here = await presence.number()
    elsewhere: list[int] = []
    thread = threading.Thread(target=lambda: elsewhere.append(asyncio.run(presence.number())))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert elsewhere[0] != here
    assert await presence.number() == here
    await presence.close()
    assert await becomes_free(database, elsewhere[0])
    assert await becomes_free(database, here)


async def test_a_database_that_is_away_is_unavailable() -> None:
    presence = WorkerPresence(Database("postgresql://nobody@/nothing?host=/nowhere"))
    with pytest.raises(Unavailable, match="does not answer"):
        await presence.number()
