"""One attempt is one debit, whatever breaks and whoever asks again."""

import asyncio
import datetime
import sqlite3
from typing import Any

import pytest

from dueport_apps.sandbox.faults import FaultKind
from dueport_ports import (
    Accepted,
    DeclinedAttempt,
    ProcessorState,
    RejectedAttempt,
    Unavailable,
    Unknown,
)
from dueport_ports.testing.processor import Call, Fault, new_attempt
from tests.plugins.pay_ach_plaid.plaid_world import PlaidWorld
from tests.plugins.pay_ach_plaid.test_plaid_charges import AUTHORIZE, CREATE, LIST, sent


def journaled(world: PlaidWorld) -> list[tuple[Any, ...]]:
    """Read the journal as another program would."""
    with sqlite3.connect(world.folder / "journal.sqlite3") as connection:
        return connection.execute("SELECT attempt_id, authorization_ref FROM sends").fetchall()


@pytest.mark.parametrize("route", [AUTHORIZE, CREATE])
@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.CUT_BEFORE,
        FaultKind.CUT_AFTER,
        FaultKind.HTML,
        FaultKind.SERVER_ERROR,
        FaultKind.TOO_MANY_REQUESTS,
    ],
)
async def test_a_lost_answer_at_either_step_is_unknown_and_then_one_debit(
    world: PlaidWorld, route: str, kind: FaultKind
) -> None:
    attempt = await new_attempt(world, await world.bank())
    world.arm_kind(kind, route)
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, Unknown), answer
    assert answer.retry_after_s > 0
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1


@pytest.mark.parametrize(
    ("route", "path"), [(CREATE, "transfer.id"), (AUTHORIZE, "authorization.proposed_transfer")]
)
async def test_an_answer_that_cannot_be_read_is_unknown(
    world: PlaidWorld, route: str, path: str
) -> None:
    attempt = await new_attempt(world, await world.bank())
    world.arm_kind(FaultKind.MISSING_FIELD, route, path=path)
    assert isinstance(await world.plaid.submit(attempt), Unknown)
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1


async def test_undeclared_fields_are_passed_over(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    world.arm_kind(FaultKind.UNKNOWN_FIELD, "POST /transfer/*", path="transfer.origin", times=None)
    assert isinstance(await world.plaid.submit(attempt), Accepted)


async def test_nobody_at_the_address_is_unknown(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    nowhere = world.another(api_url="http://127.0.0.1:9/plaid")
    assert isinstance(await nowhere.submit(attempt), Unknown)
    with pytest.raises(Unavailable):
        await nowhere.fetch("transfer-1")
    await nowhere.close()


async def test_the_decision_is_on_the_disk_before_the_debit_is_asked_for(
    world: PlaidWorld,
) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
    await world.plaid.submit(attempt)
    [authorization] = world.table("authorizations")
    assert journaled(world) == [(attempt.attempt_id, authorization["id"])]
    content = (world.folder / "journal.sqlite3").read_bytes()
    assert not [one for one in world.secrets if one.encode() in content]


async def test_another_process_finds_what_was_lost(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_AFTER, Call.SUBMIT)
    assert isinstance(await world.plaid.submit(attempt), Unknown)
    other = world.another()
    found = await other.lookup(attempt)
    [transfer] = world.table("transfers")
    assert found == Accepted(processor_ref=transfer["id"], state=ProcessorState.SUBMITTED)
    await other.close()


async def test_a_lost_journal_costs_nothing_but_a_search(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_AFTER, Call.SUBMIT)
    await world.plaid.submit(attempt)
    [wanted] = world.table("transfers")
    # More debits than fit on one page of Plaid's list lie before it.
    instrument = await world.bank()
    for _ in range(26):
        await world.plaid.submit(await new_attempt(world, instrument, 100))
    (world.folder / "journal.sqlite3").rename(world.folder / "gone")
    other = world.another()
    found = await other.lookup(attempt)
    assert isinstance(found, Accepted), found
    assert found.processor_ref == wanted["id"]
    unsent = await new_attempt(world, instrument)
    await world.advance(datetime.timedelta(minutes=3))
    assert await other.lookup(unsent) is None
    for kind in (FaultKind.CUT_AFTER, FaultKind.SERVER_ERROR, FaultKind.TOO_MANY_REQUESTS):
        world.arm_kind(kind, LIST, nth=2)
        with pytest.raises(Unavailable):
            await other.lookup(attempt)
        await world.disarm()
    await other.close()


async def test_the_debit_of_another_deployment_is_not_ours(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    ref = await world.plaid.submit(attempt)
    assert isinstance(ref, Accepted)
    (world.folder / "journal.sqlite3").unlink()
    other = world.another(deployment="the other shop")
    await world.advance(datetime.timedelta(minutes=3))
    assert await other.lookup(attempt) is None
    assert (await other.fetch(ref.processor_ref)).attempt_id == ""
    await other.close()


async def test_a_request_sent_again_hours_later_is_not_called_absent_at_once(
    world: PlaidWorld,
) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.advance(datetime.timedelta(hours=5))
    await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
    assert isinstance(await world.plaid.submit(attempt), Unknown)
    found = await world.plaid.lookup(attempt)
    assert isinstance(found, Unknown), found
    await world.advance(datetime.timedelta(seconds=found.retry_after_s))
    assert await world.plaid.lookup(attempt) is None


async def test_a_no_is_not_final_while_an_earlier_request_may_still_arrive(
    world: PlaidWorld,
) -> None:
    instrument = await world.bank()
    attempt = await new_attempt(world, instrument)
    await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
    await world.plaid.submit(attempt)
    await world.plaid.remove_instrument(instrument)
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, Unknown), answer
    await world.advance(datetime.timedelta(seconds=answer.retry_after_s))
    assert isinstance(await world.plaid.submit(attempt), DeclinedAttempt)
    assert await world.charges(attempt) == 0


async def test_a_decision_older_than_an_hour_makes_no_debit(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
    await world.plaid.submit(attempt)
    await world.advance(datetime.timedelta(hours=2))
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, DeclinedAttempt), answer
    assert (answer.raw_code, answer.retry) == ("AUTHORIZATION_EXPIRED", "same")
    assert await world.charges(attempt) == 0


async def test_a_debit_made_under_a_decision_that_has_ended_since_is_found(
    world: PlaidWorld,
) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_AFTER, Call.SUBMIT)
    await world.plaid.submit(attempt)
    await world.advance(datetime.timedelta(hours=2))
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1


async def test_a_key_that_plaid_may_have_forgotten_is_never_used_again(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    await world.arm(Fault.CUT_BEFORE, Call.SUBMIT)
    await world.plaid.submit(attempt)
    await world.advance(datetime.timedelta(hours=47))
    asked = len(sent(world, "/transfer/authorization/create"))
    answer = await world.plaid.submit(attempt)
    assert isinstance(answer, RejectedAttempt), answer
    assert answer.code == "attempt_too_old"
    assert len(sent(world, "/transfer/authorization/create")) == asked
    capabilities = world.plaid.capabilities()
    assert (capabilities.idempotency, capabilities.key_lifetime_h) == ("by_authorization", 48)


async def test_a_journal_that_cannot_be_written_stops_the_debit(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    (world.folder / "journal.sqlite3").unlink(missing_ok=True)
    (world.folder / "journal.sqlite3").mkdir()
    other = world.another()
    answer = await other.submit(attempt)
    assert isinstance(answer, Unknown), answer
    assert "journal" in answer.detail
    assert world.table("transfers") == []
    await other.close()


async def test_two_processes_with_one_attempt_make_one_debit(world: PlaidWorld) -> None:
    attempt = await new_attempt(world, await world.bank())
    others = [world.another() for _ in range(3)]
    answers = await asyncio.gather(*(one.submit(attempt) for one in others))
    assert {answer.processor_ref for answer in answers if isinstance(answer, Accepted)} == {
        world.table("transfers")[0]["id"]
    }
    assert await world.charges(attempt) == 1
    for one in others:
        await one.close()


async def test_an_answer_that_comes_too_late_is_unknown_and_then_one_debit(
    world: PlaidWorld,
) -> None:
    attempt = await new_attempt(world, await world.bank())
    hasty = world.another(read_timeout_s=1.5)
    world.arm_kind(FaultKind.DELAY, CREATE, seconds=2.0)
    assert isinstance(await hasty.submit(attempt), Unknown)
    # Whether the late call has ended, and has done anything by then, must not matter.
    await asyncio.sleep(0.6)
    assert not isinstance(await hasty.lookup(attempt), DeclinedAttempt | RejectedAttempt | None)
    assert isinstance(await world.plaid.submit(attempt), Accepted)
    assert await world.charges(attempt) == 1
    await hasty.close()


async def test_nothing_is_repeated_behind_our_back(world: PlaidWorld) -> None:
    called = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal called
        called += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cut_off = world.another(api_url=f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable):
        await cut_off.fetch("transfer-1")
    assert called == 1
    await cut_off.close()
    server.close()


async def test_no_redirect_takes_the_keys_elsewhere(world: PlaidWorld) -> None:
    asked: list[bytes] = []

    async def point_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        port = server.sockets[0].getsockname()[1]
        where = f"http://127.0.0.1:{port}/elsewhere".encode()
        writer.write(b"HTTP/1.1 307 Moved\r\nlocation: " + where + b"\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(point_away, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    led_away = world.another(api_url=f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable):
        await led_away.fetch("transfer-1")
    assert len(asked) == 1
    await led_away.close()
    server.close()
