"""`python -m bench [name...]`: run all benches or some, print a table, and keep the results.

The results of a full run go to `bench/results.json`.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import psycopg

from bench import importing, invite, mailing, pages, submitting
from bench.database import Databases, databases
from bench.measuring import Figure
from dueport_apps.storage.engine import plain_url
from dueport_apps.web.http.request_log import configure_logging

RESULTS = Path(__file__).parent / "results.json"
Bench = Callable[[Databases, bool], Awaitable[list[Figure]]]


async def _import(server: Databases, quick: bool) -> list[Figure]:
    return await importing.bench(server, 2 if quick else 5)


async def _outstanding(server: Databases, quick: bool) -> list[Figure]:
    return await pages.bench_outstanding(server, _effort(quick))


async def _dashboard(server: Databases, quick: bool) -> list[Figure]:
    return await pages.bench_dashboard(server, _effort(quick))


async def _submit(server: Databases, quick: bool) -> list[Figure]:
    return await submitting.bench(server, 20 if quick else 100)


async def _mail(server: Databases, quick: bool) -> list[Figure]:
    return await mailing.bench(server, 1 if quick else 3)


async def _invite(server: Databases, quick: bool) -> list[Figure]:
    return await invite.bench(server, 1 if quick else 3, 2_000 if quick else 10_000)


async def _invite_large(server: Databases, quick: bool) -> list[Figure]:
    return await invite.bench(server, 1, 10_000 if quick else 100_000)


BENCHES: dict[str, Bench] = {
    "import": _import,
    "outstanding": _outstanding,
    "dashboard": _dashboard,
    "submit": _submit,
    "mail": _mail,
    "invite": _invite,
}
LARGE: dict[str, Bench] = {"invite-large": _invite_large}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures come from."""

    cores: int
    processor: str
    python: str
    postgresql: str
    busy: float
    """How many processes wanted a core when the run began."""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    machine: Machine
    figures: list[Figure]


def main() -> int:
    """Run the benches; the exit code says whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*BENCHES, *LARGE, []], help="which; all by default"
    )
    parser.add_argument("--large", action="store_true", help="invite 100,000 customers as well")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, nothing is kept")
    chosen = parser.parse_args()
    # Writing the log belongs to the work; on a terminal it would hide the table.
    with open(os.devnull, "w") as nowhere:
        configure_logging(stream=nowhere)
        names = chosen.names or [*BENCHES, *(["invite-large"] if chosen.large else [])]
        results = asyncio.run(_run(names, chosen.quick))
    print(_table(results))
    if not chosen.names and not chosen.quick:
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    return 1 if any(figure.met is False for figure in results.figures) else 0


async def _run(names: Sequence[str], quick: bool) -> Results:
    busy = os.getloadavg()[0]
    figures = []
    with databases() as server:
        for name in names:
            print(f"{name}...", file=sys.stderr, flush=True)
            figures += await (BENCHES | LARGE)[name](server, quick)
        machine = Machine(
            cores=os.cpu_count() or 1,
            processor=_processor(),
            python=platform.python_version(),
            postgresql=_version(server),
            busy=round(busy, 1),
        )
    return Results(machine=machine, figures=figures)


def _effort(quick: bool) -> pages.Effort:
    return (
        pages.Effort(repetitions=3, requests=50)
        if quick
        else pages.Effort(repetitions=5, requests=100)
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(server: Databases) -> str:
    with server.fresh() as url, psycopg.connect(plain_url(url)) as connection:
        return connection.execute("SHOW server_version").fetchone()[0]  # type: ignore[index, no-any-return]  # There is always one row.


def _table(results: Results) -> str:
    machine = results.machine
    lines = [
        f"{machine.cores} cores of {machine.processor}, Python {machine.python}, PostgreSQL "
        f"{machine.postgresql}, load {machine.busy}",
        "",
        f"{'what':<58} {'value':>16}  {'limit':<46} {'ratio':>7}  target",
    ]
    for figure in results.figures:
        limit = f"{figure.limit:,.2f} {figure.limit_name}" if figure.limit is not None else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        target = ""
        if figure.target is not None:
            bound = "at most" if figure.better == "lower" else "at least"
            target = f"{bound} {figure.target:,.2f}: {'met' if figure.met else 'MISSED'}"
        value = f"{figure.value:,.2f} {figure.unit}"
        lines.append(f"{figure.name:<58} {value:>16}  {limit:<46} {ratio:>7}  {target}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
