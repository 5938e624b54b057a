"""Importing an export of 100,000 documents, against a bare COPY of the same rows.

The import is all of it: files read and judged by the connector, pages staged, compared and
stored, the snapshot finished. The COPY knows the rows already and writes them into tables with the
same columns, keys, indexes and checks.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from bench.database import Databases
from bench.measuring import Figure, median, own_cpu_s
from bench.receivables import accounts, documents, write_export
from dueport_apps.adapters.configured import ConfiguredErp
from dueport_apps.storage.engine import plain_url
from dueport_apps.storage.mirror_load import SHAPES, Shape
from dueport_apps.usecases.records import Principal, SyncRun
from dueport_apps.usecases.sync_erp import SyncErp, SyncErpCommand
from dueport_erp_generic.plugin import build
from dueport_erp_generic.settings import Settings as ErpSettings
from dueport_ports import Entity
from dueport_ports.testing.context import StillClock, plugin_context
from tests.world import World

ACCOUNTS = 5_000
DOCUMENTS = 100_000
ROWS = ACCOUNTS + DOCUMENTS
TARGET_ROWS_S = 15_000
TARGET_SHARE = 1 / 3
_SYSTEM = Principal(kind="system", principal_id="system", name="Dueport")


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one piece of work took: on the clock, and of both processors."""

    wall_s: float
    cpu_s: float
    """This process and the database together."""


async def bench(databases: Databases, repetitions: int) -> list[Figure]:
    """Import into fresh databases, import again unchanged, and COPY, in turns."""
    first: list[Cost] = []
    again: list[Cost] = []
    copied: list[Cost] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_export(folder / "inbox", ACCOUNTS, DOCUMENTS)
        kept: dict[Entity, list[Any]] = {
            Entity.ACCOUNTS: list(accounts(ACCOUNTS)),
            Entity.DOCUMENTS: list(documents(DOCUMENTS, ACCOUNTS)),
        }
        for number in range(repetitions):
            copied.append(_bare_copy(databases, kept))
            with databases.fresh() as url:
                data = folder / f"data-{number}"
                data.mkdir()
                world = World(url, folder)
                first.append(await _import(databases, world, folder, data, "inserted"))
                again.append(await _import(databases, world, folder, data, "unchanged"))
                await world.close()
    return [
        *_figures("first import", first, copied, TARGET_ROWS_S, TARGET_SHARE),
        *_figures("unchanged import", again, copied, TARGET_ROWS_S, TARGET_SHARE),
    ]


async def _import(
    databases: Databases, world: World, folder: Path, data: Path, expected: str
) -> Cost:
    """Import with a new connector, as another process would: nothing is remembered."""
    clock = StillClock(world.clock.now().replace(year=2100))
    settings = ErpSettings(folder=folder / "inbox", mapping=folder / "inbox" / "mapping.toml")
    connector = build(settings, plugin_context(data, clock))
    sync = SyncErp(
        world.container.uow(),
        ConfiguredErp("erp_generic", connector),
        world.container.clock(),
        world.container.ids(),
    )
    watch = _watch(databases)
    run = await sync(SyncErpCommand(by=_SYSTEM))
    cost = watch()
    _check(run, expected)
    return cost


def _check(run: SyncRun, expected: str) -> None:
    counts = {entity: msgspec.to_builtins(found)[expected] for entity, found in run.counts.items()}
    wanted = {"accounts": ACCOUNTS, "documents": DOCUMENTS}
    if run.state != "done" or run.problems or counts != wanted:
        raise RuntimeError(f"the import did not do what is measured: {run}")


def _bare_copy(databases: Databases, kept: dict[Entity, list[Any]]) -> Cost:
    with databases.fresh() as url, psycopg.connect(plain_url(url)) as connection:
        rows = {}
        for entity, records in kept.items():
            shape = SHAPES[entity]
            rows[entity] = [shape.row(record) for record in records]
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                    _bare(shape), sql.Identifier(shape.name)
                )
            )
        connection.execute(
            "ALTER TABLE bare_document ADD FOREIGN KEY (account_no) REFERENCES bare_account"
        )
        connection.commit()
        watch = _watch(databases)
        for entity in kept:
            shape = SHAPES[entity]
            columns = sql.SQL(", ").join(map(sql.Identifier, shape.columns))
            command = sql.SQL("COPY {} ({}) FROM STDIN").format(_bare(shape), columns)
            with connection.cursor() as cursor, cursor.copy(command) as copy:
                for row in rows[entity]:
                    copy.write_row(row)
        connection.commit()
        return watch()


def _bare(shape: Shape) -> sql.Identifier:
    return sql.Identifier(f"bare_{shape.name}")


def _watch(databases: Databases) -> Callable[[], Cost]:
    began, own, server = time.perf_counter(), own_cpu_s(), databases.cpu_s()

    def stop() -> Cost:
        wall_s = time.perf_counter() - began
        return Cost(wall_s=wall_s, cpu_s=own_cpu_s() - own + databases.cpu_s() - server)

    return stop


def _figures(
    name: str, imported: list[Cost], copied: list[Cost], rows_s: float, share: float
) -> list[Figure]:
    wall = ROWS / median(cost.wall_s for cost in imported)
    limit = ROWS / median(cost.wall_s for cost in copied)
    cpu = ROWS / median(cost.cpu_s for cost in imported)
    cpu_limit = ROWS / median(cost.cpu_s for cost in copied)
    return [
        Figure(
            name=f"{name}, on the clock",
            value=wall,
            unit="rows/s",
            limit=limit,
            limit_name="bare COPY",
            ratio=wall / limit,
            target=rows_s,
            better="higher",
        ),
        Figure(
            name=f"{name}, share of a bare COPY by processor time",
            value=cpu / cpu_limit,
            unit="of the limit",
            limit=cpu_limit,
            limit_name="rows per CPU second of a bare COPY",
            ratio=cpu / cpu_limit,
            target=share,
            better="higher",
        ),
    ]
