"""Kill the process at every commit and every call of one plain week, once each."""

import pytest

from tests.simulation.conftest import Runner
from tests.simulation.invariants import broken_invariants
from tests.simulation.simulator import Simulation

PARTS = 6


async def steps_of(simulate: Runner) -> list[str]:
    """Return the named points that the plain week meets, in order."""
    met: list[str] = []

    async def course(run: Simulation) -> None:
        await run.plain_week()
        met.extend(run.points.seen)

    await simulate(1, course, broken_invariants, faults=False)
    return met


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_kill_at_any_step_of_the_plain_week_is_survived(
    simulate: Runner, part: int
) -> None:
    met = await steps_of(simulate)
    assert len(met) >= 40
    for step in range(1 + part, len(met) + 1, PARTS):

        async def course(run: Simulation, step: int = step) -> None:
            run.points.kill = lambda number, name: number == step
            await run.plain_week()
            assert run.crashes == 1

        broken = await simulate(1, course, broken_invariants, faults=False)
        assert broken == [], f"killed at step {step}, {met[step - 1]}"
