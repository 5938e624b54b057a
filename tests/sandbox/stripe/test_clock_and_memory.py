"""The frame under the vendors: time that is moved, and a world that is kept and repeats."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import stripe

from dueport_apps.sandbox.app import create_sandbox
from dueport_apps.sandbox.clock import VirtualClock
from dueport_apps.sandbox.frame import SandboxSettings
from dueport_apps.sandbox.serve import RunningSandbox, serve_sandbox
from dueport_apps.sandbox.state import World
from tests.patience import PATIENCE_S
from tests.sandbox.stripe.calls import pay
from tests.sandbox.stripe.conftest import START, stripe_client

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def test_callbacks_run_in_order_of_time_and_of_scheduling() -> None:
    clock = VirtualClock(NOON)
    ran: list[tuple[str, datetime]] = []

    def at(hours: int, name: str) -> None:
        async def note() -> None:
            ran.append((name, clock.now()))

        clock.schedule(NOON + timedelta(hours=hours), name, note)

    at(2, "second")
    at(1, "first")
    at(2, "third")
    at(5, "too late")
    assert await clock.advance(seconds=3 * 3600) == ["first", "second", "third"]
    assert ran[1] == ("second", NOON + timedelta(hours=2))
    assert clock.now() == NOON + timedelta(hours=3)
    assert clock.pending() == [(NOON + timedelta(hours=5), "too late")]


async def test_a_callback_may_plan_the_next_one_and_one_may_be_cancelled() -> None:
    clock = VirtualClock(NOON)
    days: list[datetime] = []

    async def daily() -> None:
        days.append(clock.now())
        clock.schedule(clock.now() + timedelta(days=1), "daily", daily)

    async def never() -> None:
        raise AssertionError("a cancelled callback ran")

    clock.schedule(NOON + timedelta(days=1), "daily", daily)
    clock.schedule(NOON + timedelta(hours=1), "never", never).cancel()
    await clock.advance(to=NOON + timedelta(days=3))
    assert days == [NOON + timedelta(days=count) for count in (1, 2, 3)]


async def test_the_clock_never_goes_back_and_wants_to_know_where_to_go() -> None:
    clock = VirtualClock(NOON)
    with pytest.raises(ValueError, match="forward"):
        await clock.advance(to=NOON - timedelta(seconds=1))
    with pytest.raises(ValueError, match="one of the two"):
        await clock.advance()
    with pytest.raises(ValueError, match="aware"):
        VirtualClock(NOON.replace(tzinfo=None))


async def test_a_following_clock_moves_with_the_wall_and_jumps_ahead() -> None:
    wall = [datetime(2030, 1, 1, tzinfo=UTC)]
    clock = VirtualClock(NOON, following=True, wall=lambda: wall[0])
    wall[0] += timedelta(minutes=5)
    assert clock.now() == NOON + timedelta(minutes=5)
    await clock.advance(seconds=86_400)
    wall[0] += timedelta(minutes=1)
    assert clock.now() == NOON + timedelta(days=1, minutes=6)
    clock.follow(False)
    wall[0] += timedelta(days=9)
    assert clock.now() == NOON + timedelta(days=1, minutes=6)


def test_the_same_seed_draws_the_same_ids() -> None:
    first, second, other = World(7), World(7), World(8)
    drawn = [first.new_id("ch_") for _ in range(3)]
    assert drawn == [second.new_id("ch_") for _ in range(3)]
    assert drawn[0] != other.new_id("ch_")
    assert len(set(drawn)) == 3
    assert all(len(made) == 27 for made in drawn)


def test_a_live_key_is_refused() -> None:
    with pytest.raises(ValueError, match="live key"):
        SandboxSettings(stripe_secret_key="sk_live_real")


async def test_a_world_continues_after_a_restart(tmp_path: Path) -> None:
    settings = SandboxSettings(start_at=START, data_folder=tmp_path)
    async with serve_sandbox(settings) as first, stripe_client(first) as client:
        paid = await pay(client)
        await first.frame.clock.advance(seconds=2.5 * 86_400)
        stopped_at = first.frame.clock.now()
    async with serve_sandbox(settings) as second, stripe_client(second) as client:
        assert second.frame.clock.now() == stopped_at
        assert (await client.v1.payment_intents.retrieve_async(paid.id)).status == "succeeded"
        (payout,) = (await client.v1.payouts.list_async()).data
        assert payout.status == "in_transit"
        await second.frame.clock.advance(seconds=2 * 86_400)
        assert (await client.v1.payouts.retrieve_async(payout.id)).status == "paid"


async def test_a_file_of_another_format_is_not_misread(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="another version"):
        create_sandbox(SandboxSettings(data_folder=tmp_path))


async def test_the_clock_is_read_and_moved_over_http(sandbox: RunningSandbox) -> None:
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control", timeout=PATIENCE_S
    ) as http:
        assert (await http.get("/clock")).json()["now"] == START.isoformat()
        moved = (await http.post("/clock", json={"seconds": 90_000})).json()
        assert moved["now"] == (START + timedelta(seconds=90_000)).isoformat()
        assert any("daily_payout" in name for name in moved["ran"])
        back = await http.post("/clock", json={"to": START.isoformat()})
        assert back.status_code == 400
        assert "forward" in back.json()["detail"]
        following = (await http.post("/clock", json={"following": True})).json()
        assert following["following"]


async def test_a_reset_forgets_everything_and_repeats_the_same_ids(
    client: stripe.StripeClient, sandbox: RunningSandbox
) -> None:
    before = await pay(client)
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control", timeout=PATIENCE_S
    ) as http:
        counts = (await http.get("/stripe")).json()
        assert counts["charges"] == 1
        assert (await http.post("/reset")).status_code == 204
    assert (await client.v1.charges.list_async()).data == []
    assert sandbox.frame.clock.now() == START
    assert (await client.v1.balance.retrieve_async()).pending == []
    assert before.status == "succeeded"
