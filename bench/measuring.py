"""Processor time, repetitions and results.

Processor time (user and system) is what a program costs; wall time on a busy machine is what its
neighbours cost as well. Linux counts it per process in /proc.
"""

import asyncio
import os
import resource
import statistics
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

_TICKS_S = os.sysconf("SC_CLK_TCK")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number, its limit in the same run, and what it should be."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_name: str = ""
    ratio: float | None = None
    """How many times the limit; for rates, which share of it."""
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


def own_cpu_s() -> float:
    """Return the processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_s(process_id: int) -> float:
    """Return the processor time that a process has used, its ended children included."""
    fields = _stat(process_id)
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS_S


def family_cpu_s(process_id: int) -> float:
    """Return the processor time of a process and all its children, such as a database server.

    A child that ends is counted by its parent from then on, so the sum never falls.
    """
    return cpu_s(process_id) + sum(cpu_s(child) for child in _children(process_id))


def resident_mb(process_id: int) -> float:
    """Return the memory that a process holds, in megabytes."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {process_id} has no resident memory")


async def median_of(times: int, measure: Callable[[], Awaitable[float]]) -> float:
    """Measure several times and return the median."""
    found = []
    for _ in range(times):
        found.append(await measure())
        await asyncio.sleep(0)
    return statistics.median(found)


def median(found: Iterable[float]) -> float:
    """Return the median of what was measured."""
    return statistics.median(found)


def _stat(process_id: int) -> list[str]:
    # The name of a program may hold blanks; what follows its closing bracket does not.
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()


def _children(process_id: int) -> list[int]:
    tasks = Path(f"/proc/{process_id}/task/{process_id}/children")
    return [int(child) for child in tasks.read_text().split()]
