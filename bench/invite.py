"""Inviting a whole book with one call of the API, against aiosmtplib sending the same bytes.

Everything is as in production: a web process that takes the call, a worker of its own that writes
and sends the mails and records each on a durable PostgreSQL, a mail server in another process that
takes them as fast as they come. Meanwhile somebody else opens pages.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import msgspec
import psycopg

from bench.database import Databases
from bench.mail_sink import Count, SinkProcess, sink
from bench.measuring import Figure, cpu_s, median, resident_mb
from bench.server import free_port
from dueport_apps.storage.engine import plain_url
from dueport_apps.usecases.api_keys import IssueApiKeyCommand
from dueport_apps.usecases.records import Permission
from tests.campaigns.deployment import CONNECTIONS, STAFF, Deployment, Worker, configure

_WARM_UP = 500
_PAGES_EVERY_S = 0.1


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One book invited."""

    per_second: float
    page_ms: float
    call_s: float
    """How long the API took to answer the one call."""
    cpu_ms: float
    """Processor time of the worker per mail."""
    resident_mb: tuple[float, float]
    """The worker's memory after a thousand mails and at the end."""


async def bench(databases: Databases, repetitions: int, customers: int) -> list[Figure]:
    """Invite the book several times, each time in a fresh database."""
    rounds: list[Round] = []
    bare: list[float] = []
    on_uvloop: list[float] = []
    to_aiosmtpd: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        kept = Path(name) / "messages"
        for number in range(repetitions):
            port = free_port()
            with sink(port) as mails:
                await _until_it_listens(mails)
                folder = Path(name) / str(number)
                folder.mkdir()
                rounds.append(await _round(databases, folder, mails, kept, customers))
                bare.append(await _bare(mails, kept, customers, "feed-asyncio"))
                on_uvloop.append(await _bare(mails, kept, customers, "feed"))
            with sink(free_port(), "serve-aiosmtpd") as mails:
                await _until_it_listens(mails)
                folder = Path(name) / f"{number}-aiosmtpd"
                folder.mkdir()
                ours = await _round(databases, folder, mails, kept, customers)
                limit = await _bare(mails, kept, customers, "feed-asyncio")
                to_aiosmtpd.append((ours.per_second, limit))
    return _figures(rounds, bare, on_uvloop, to_aiosmtpd, customers)


async def _round(
    databases: Databases, folder: Path, mails: SinkProcess, kept: Path, customers: int
) -> Round:
    web_port = free_port()
    with databases.fresh() as url:
        config = configure(folder, url, mails.port, web_port)
        deployment = Deployment(config, url)
        try:
            await deployment.fill(customers + _WARM_UP)
            key = await _api_key(deployment)
        finally:
            await deployment.close()
        portal = f"http://127.0.0.1:{web_port}"
        async with _running(config, portal) as worker, httpx.AsyncClient(timeout=120) as client:
            client.headers["authorization"] = f"Bearer {key}"
            client.base_url = httpx.URL(portal)
            # Both processes and the database are warm before anything counts.
            await mails.keep(kept)
            numbers = [f"{10_000 + number}" for number in range(_WARM_UP)]
            await _invite(client, {"account_nos": numbers})
            await _until(mails, _WARM_UP)
            await _until_nothing_waits(url)
            await mails.reset()
            began_cpu = cpu_s(worker.process_id)
            async with _somebody_reads(portal) as times:
                began = time.monotonic()
                await _invite(client, {"all": True})
                call_s = time.monotonic() - began
                await _until(mails, min(1_000, customers))
                early = resident_mb(worker.process_id)
                count = await _until(mails, customers)
            late = resident_mb(worker.process_id)
            cpu_ms = (cpu_s(worker.process_id) - began_cpu) / customers * 1000
    return Round(
        per_second=count.per_second,
        page_ms=median(times),
        call_s=call_s,
        cpu_ms=cpu_ms,
        resident_mb=(early, late),
    )


async def _api_key(deployment: Deployment) -> str:
    command = IssueApiKeyCommand(name="bench", permissions=frozenset(Permission), by=STAFF)
    return (await deployment.container.issue_api_key()(command)).text


@asynccontextmanager
async def _running(config: Path, portal: str) -> AsyncIterator[Worker]:
    """Run a web process and a worker, as a dealer does."""
    web, worker = Worker(config, "serve"), Worker(config)
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(600):
                with suppress(httpx.TransportError):
                    await client.get(f"{portal}/healthz")
                    break
                await asyncio.sleep(0.05)
        yield worker
    finally:
        worker.stop()
        web.stop()


async def _invite(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await client.post(
        "/api/v1/invitations", json=body, headers={"idempotency-key": str(time.monotonic_ns())}
    )
    if answer.status_code != 201:
        raise RuntimeError(f"the invitations were not taken: {answer.status_code} {answer.text}")


@asynccontextmanager
async def _somebody_reads(portal: str) -> AsyncIterator[list[float]]:
    """Open the customers' sign-in page from another process; the list is filled at the end."""
    times: list[float] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.invite", portal, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield times
    finally:
        answer, _ = await process.communicate(b"\n")
        times += msgspec.json.decode(answer, type=list[float])


async def _until(mails: SinkProcess, messages: int) -> Count:
    deadline = time.monotonic() + 60 + messages / 50
    while True:
        count = await mails.count()
        if count.messages >= messages:
            return count
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {count.messages} of {messages} mails arrived")
        await asyncio.sleep(0.1)


async def _until_nothing_waits(url: str) -> None:
    """Wait for the work that a fresh import asks for, such as every account's figures."""
    for _ in range(1_200):
        with psycopg.connect(plain_url(url)) as connection:
            left = connection.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
            ).fetchone()
        if left == (0,):
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the worker's other work does not end")


async def _until_it_listens(mails: SinkProcess) -> None:
    for _ in range(200):
        with suppress(OSError):
            await mails.count()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the mail server of the bench did not start")


async def _bare(mails: SinkProcess, kept: Path, messages: int, how: str) -> float:
    """Push the same messages through aiosmtplib alone, on asyncio's own loop or on uvloop."""
    await mails.reset()
    arguments = [str(mails.port), str(kept), str(messages), str(CONNECTIONS)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.mail_sink", how, *arguments
    )
    if await process.wait():
        raise RuntimeError("the bare client failed; its reason stands above")
    count = await mails.count()
    if count.messages != messages:
        raise RuntimeError(f"the bare client sent {count.messages} of {messages}")
    return count.per_second


def _figures(
    rounds: list[Round],
    bare: list[float],
    on_uvloop: list[float],
    to_aiosmtpd: list[tuple[float, float]],
    customers: int,
) -> list[Figure]:
    rates = [one.per_second for one in rounds]
    faster = [one.per_second / limit for one, limit in zip(rounds, on_uvloop, strict=True)]
    ratios = [one.per_second / limit for one, limit in zip(rounds, bare, strict=True)]
    slower = [ours / limit for ours, limit in to_aiosmtpd]
    growth = median(one.resident_mb[1] - one.resident_mb[0] for one in rounds)
    book = f"{customers:,} customers invited by one call"
    return [
        Figure(
            name=f"{book}, mails",
            value=median(rates),
            unit="/s",
            limit=median(bare),
            limit_name="aiosmtplib, prebuilt bytes",
            ratio=median(ratios),
        ),
        Figure(
            name="the same, share of the bare rate",
            value=median(ratios),
            unit=f"({min(ratios):.2f} to {max(ratios):.2f})",
            target=0.8,
            better="higher",
        ),
        Figure(
            name="the same, share of aiosmtplib's rate on uvloop",
            value=median(faster),
            unit=f"({min(faster):.2f} to {max(faster):.2f})",
            limit=median(on_uvloop),
            limit_name="aiosmtplib on uvloop",
        ),
        Figure(
            name="the same, to aiosmtpd",
            value=median(ours for ours, _ in to_aiosmtpd),
            unit="/s",
            limit=median(limit for _, limit in to_aiosmtpd),
            limit_name="aiosmtplib to aiosmtpd",
            ratio=median(slower),
        ),
        Figure(
            name="the same, share of the bare rate to aiosmtpd",
            value=median(slower),
            unit=f"({min(slower):.2f} to {max(slower):.2f})",
            target=0.8,
            better="higher",
        ),
        Figure(
            name="the same, worker's processor time per mail",
            value=median(one.cpu_ms for one in rounds),
            unit="ms CPU",
        ),
        Figure(
            name="the same, the call itself",
            value=median(one.call_s for one in rounds),
            unit="s",
        ),
        Figure(
            name="sign-in page meanwhile, median answer",
            value=median(one.page_ms for one in rounds),
            unit="ms",
            target=100,
        ),
        Figure(
            name="worker's memory after 1,000 mails",
            value=median(one.resident_mb[0] for one in rounds),
            unit="MB",
        ),
        Figure(name=f"the same, more after {customers:,}", value=growth, unit="MB", target=20),
    ]


async def _read_pages(portal: str) -> None:
    """Open a page again and again until a line comes in; print the times in milliseconds."""
    times = []
    loop = asyncio.get_running_loop()
    stopped = loop.run_in_executor(None, sys.stdin.readline)
    async with httpx.AsyncClient() as client:
        (await client.get(f"{portal}/sign-in")).raise_for_status()
        print("ready", flush=True)
        while not stopped.done():
            began = loop.time()
            (await client.get(f"{portal}/sign-in")).raise_for_status()
            times.append((loop.time() - began) * 1000)
            await asyncio.sleep(_PAGES_EVERY_S)
    print(msgspec.json.encode(times).decode())


if __name__ == "__main__":
    asyncio.run(_read_pages(sys.argv[1]))
