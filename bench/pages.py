"""Pages, as a signed-in person's browser asks for them, from a real server process.

Only that process is charged. Its limits are a bare Litestar handler that answers with the same
bytes, and the page's own SQL statements sent by psycopg alone.
"""

import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench.database import Databases
from bench.deployment import open_world
from bench.measuring import Figure, cpu_s, median, resident_mb
from bench.receivables import TODAY, accounts, documents
from bench.server import free_port, server
from bench.statements import recording, replay_cpu_ms
from dueport_apps.web.app import create_app
from dueport_ports import Account, Job, OpenItem, Statement
from tests.world import PASSWORD, World

OUTSTANDING_TARGET_MS = 8.0
MEMORY_TARGET_MB = 160.0
_TOKEN = re.compile(r'name="(?:_csrf|csrf)" (?:value|content)="([^"]+)"')
_ACCOUNT_NO = "10000"
_EMAIL = "ap@harbor.example"
_STAFF_EMAIL = "olivia@cedaryard.example"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    must_show: str
    """What only the right page says, so that a refusal is never measured."""
    target_ms: float | None = None


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How often everything is repeated."""

    repetitions: int
    requests: int


OUTSTANDING = Page(
    name="Outstanding, 50 items in 4 jobs",
    path="/outstanding",
    must_show="2603-000049",
    target_ms=OUTSTANDING_TARGET_MS,
)


async def bench_outstanding(databases: Databases, effort: Effort) -> list[Figure]:
    """The customer's Outstanding page, and what the process holds after 200 requests."""
    account = next(iter(accounts(1)))
    records: list[Account | Job | OpenItem | Statement] = [account]
    records += [
        Job(account_no=_ACCOUNT_NO, job_no=str(number), name=f"Lot {number}, Granite Ridge")
        for number in range(1, 5)
    ]
    for item in documents(50, 1, jobs=50):
        job_no = str(int(item.job_no) % 4 + 1)
        records.append(msgspec.structs.replace(item, job_no=job_no))
    records.append(
        Statement(
            statement_ref="S-1",
            account_no=_ACCOUNT_NO,
            statement_on=TODAY,
            cutoff_on=TODAY,
            due_on=TODAY,
            balance_cents=1_000_000,
            discount_on=TODAY,
            discount_bps=200,
            is_current=True,
        )
    )
    return await _bench_page(databases, OUTSTANDING, records, effort, as_operator=False)


async def bench_dashboard(databases: Databases, effort: Effort) -> list[Figure]:
    """The operator's Customers Dashboard for a small and a large dealer."""
    figures = []
    for count in (400, 10_000):
        page = Page(
            name=f"Customers Dashboard, {count:,} accounts",
            path="/operator/customers",
            must_show="Collection Priority",
        )
        records: Sequence[Account | OpenItem] = [
            *accounts(count),
            *documents(count * 4, count),
        ]
        figures += await _bench_page(databases, page, records, effort, as_operator=True)
    return figures


async def _bench_page(
    databases: Databases,
    page: Page,
    records: Iterable[Account | Job | OpenItem | Statement],
    effort: Effort,
    *,
    as_operator: bool,
) -> list[Figure]:
    port = free_port()
    with tempfile.TemporaryDirectory() as name, databases.fresh() as url:
        folder = Path(name)
        world = open_world(url, folder, port)
        world.erp.put(*records)
        await world.sync()
        if as_operator:
            _, factor = await world.operator(_STAFF_EMAIL)
            code = factor.at(world.clock.now())
        else:
            await world.customer(_ACCOUNT_NO, _EMAIL)
            code = ""
        with server("portals", url, name, port=port) as process_id:
            client = _signed_in(port, code)
            costs, content = _costs(client, page, process_id, effort)
            memory_mb = resident_mb(process_id)
        sql_ms = await _sql_ms(world, client, page, url, effort)
        await world.close()
        bare_ms = _bare_ms(folder, content, effort)
    found = median(costs)
    figures = [
        _figure(page, found, bare_ms, "bare handler, same bytes"),
        _figure(page, found, sql_ms, "its SQL through psycopg"),
    ]
    if not as_operator:
        figures.append(
            Figure(
                name="resident memory of a web process after 200 requests and more",
                value=memory_mb,
                unit="MB",
                target=MEMORY_TARGET_MB,
            )
        )
    return figures


def _figure(page: Page, value: float, limit: float, limit_name: str) -> Figure:
    return Figure(
        name=page.name,
        value=value,
        unit="ms CPU",
        limit=limit,
        limit_name=limit_name,
        ratio=value / limit,
        target=page.target_ms,
    )


def _signed_in(port: int, code: str) -> httpx.Client:
    """Sign in through the pages; with a code as an operator, else as the customer."""
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"accept-encoding": "gzip, br"}
    )
    if not code:
        _post(client, "/sign-in", login=_EMAIL, password=PASSWORD)
        return client
    _post(client, "/operator/sign-in", email=_STAFF_EMAIL, password=PASSWORD)
    _post(client, "/operator/second-factor", code=code)
    return client


def _post(client: httpx.Client, path: str, **fields: str) -> None:
    token = _TOKEN.search(client.get(path).text)
    if token is None:
        raise RuntimeError(f"{path} has no form token")
    response = client.post(path, data={"_csrf": token[1], **fields})
    if response.status_code != 303:
        raise RuntimeError(f"{path} answered {response.status_code}")


def _costs(
    client: httpx.Client, page: Page, process_id: int, effort: Effort
) -> tuple[list[float], bytes]:
    """Return the server's milliseconds for a request, several times, and what it answers."""
    content = b""
    for _ in range(20):
        response = client.get(page.path)
        if response.status_code != 200 or page.must_show not in response.text:
            raise RuntimeError(f"{page.path} answered {response.status_code}, not the page")
        content = response.content
    costs = []
    for _ in range(effort.repetitions):
        began = cpu_s(process_id)
        for _ in range(effort.requests):
            client.get(page.path)
        costs.append((cpu_s(process_id) - began) / effort.requests * 1000)
    return costs, content


def _bare_ms(folder: Path, content: bytes, effort: Effort) -> float:
    """Return what a handler costs that only sends these bytes."""
    file = folder / "page.html"
    file.write_bytes(content)
    port = free_port()
    page = Page(name="", path="/page", must_show="")
    with server("bytes", str(file), port=port) as process_id:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        # A request costs so little that the clock's grain needs more of them.
        more = msgspec.structs.replace(effort, requests=effort.requests * 5)
        return median(_costs(client, page, process_id, more)[0])


async def _sql_ms(
    world: World, signed_in: httpx.Client, page: Page, url: str, effort: Effort
) -> float:
    """Return what the page's statements cost when psycopg sends them and nothing else happens."""
    app: Any = create_app(world.container)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url=str(signed_in.base_url),
        cookies=signed_in.cookies,
    ) as client:
        await client.get(page.path)
        with recording(world.container.database()) as found:
            response = await client.get(page.path)
    if response.status_code != 200 or not found.statements:
        raise RuntimeError(f"the statements of {page.path} were not seen")
    rounds = [found.statements] * effort.requests
    return median(replay_cpu_ms(url, rounds) for _ in range(effort.repetitions))
