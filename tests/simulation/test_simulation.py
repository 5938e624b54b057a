"""Whatever goes wrong, money stays right: random weeks, kills at every step, planted bugs."""

import random

import pytest

from tests.simulation.conftest import Runner
from tests.simulation.invariants import broken_invariants
from tests.simulation.simulator import Simulation

SEEDS = 300
SEEDS_PER_TEST = 10
KILL_SHARE = 0.015


async def random_week(run: Simulation) -> None:
    """A week of faults in which the process is killed now and then."""
    killer = random.Random(run.random.random())
    run.points.kill = lambda number, name: killer.random() < KILL_SHARE
    await run.week()


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
async def test_after_a_week_of_faults_and_kills_every_invariant_holds(
    simulate: Runner, first: int
) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        assert await simulate(seed, random_week, broken_invariants) == [], f"seed {seed}"


async def test_the_plain_week_moves_money_at_all(simulate: Runner) -> None:
    async def facts(run: Simulation) -> tuple[list[str], int, int, int]:
        broken = await broken_invariants(run)
        return broken, len(run.processor.charges()), len(run.erp.posted), len(run.mail.sent)

    broken, charges, posted, mails = await simulate(1, Simulation.plain_week, facts, faults=False)

    assert broken == []
    assert charges == 2
    assert posted >= 3
    assert mails == 3


@pytest.mark.parametrize("seed", [49, 171])
async def test_a_charge_that_is_paid_out_before_its_answer_arrived_is_recognised_as_ours(
    simulate: Runner, seed: int
) -> None:
    assert await simulate(seed, random_week, broken_invariants) == []
