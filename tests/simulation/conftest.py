"""Runs of the simulation, each on a database of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dueport_apps.storage.migrate import migrate
from tests.databases import TestDatabases
from tests.simulation.simulator import Simulation

Runner = Callable[[int, Callable[[Simulation], Awaitable[None]]], Awaitable[Simulation]]


@pytest.fixture
def simulate(test_databases: TestDatabases, tmp_path: Path) -> Runner:
    """Return a function that plays one seed: ``course`` happens, then everything heals."""

    async def run(
        seed: int,
        course: Callable[[Simulation], Awaitable[None]],
        check: Callable[[Simulation], Awaitable[object]],
        *,
        faults: bool = True,
    ) -> object:
        with test_databases.copy(test_databases.template("migrated", migrate)) as url:
            simulation = Simulation(url, tmp_path, seed, faults=faults)
            try:
                await simulation.prepare()
                await course(simulation)
                await simulation.heal()
                return await check(simulation)
            finally:
                await simulation.close()
                await asyncio.sleep(0)

    return run
