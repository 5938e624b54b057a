"""The ERP's data as last pulled, and the runs that pulled it."""

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.mirror_load import SHAPES, load, mark_stale, remember, take_away
from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.mirror import (
    account,
    document,
    sync_cursor,
    sync_problem,
    sync_run,
    sync_seen,
)
from dueport_apps.usecases.records import StoreCounts, StoredProblem, SyncRun
from dueport_core.accounts import Account
from dueport_core.errors import NotFound
from dueport_core.open_items import OpenItem
from dueport_core.statements import Statement
from dueport_ports import Entity, Record, RowProblem

_RUNS = Rows(sync_run, SyncRun)
_PROBLEMS = Rows(sync_problem, StoredProblem)
_NEWEST_RUNS = (
    _RUNS.select().order_by(sync_run.c.number.desc()).limit(bindparam("limit", type_=Integer))
)
_ABANDONED_AFTER = datetime.timedelta(hours=2)


class SqlMirror:
    """Stores pages and runs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # Runs.

    async def start_run(self, run: SyncRun) -> None:
        """Record the run; Conflict while another of this source runs and is not abandoned."""
        await self._connection.execute(
            update(sync_run)
            .where(
                sync_run.c.source == run.source,
                sync_run.c.state == "running",
                sync_run.c.started_at <= run.started_at - _ABANDONED_AFTER,
            )
            .values(
                state="failed",
                finished_at=run.started_at,
                failure="The run was interrupted and did not end by itself.",
            )
        )
        await insert_new(
            self._connection,
            sync_run,
            _RUNS.values(run),
            f"The data of {run.source} is being read right now; wait for that run to end.",
        )
        running = select(sync_run.c.run_id).where(sync_run.c.state == "running")
        await self._connection.execute(delete(sync_seen).where(sync_seen.c.run_id.not_in(running)))

    async def finish_run(self, run: SyncRun) -> None:
        """Store how the run ended; raises NotFound for a run that was not started."""
        result = await self._connection.execute(
            update(sync_run).where(sync_run.c.run_id == run.run_id).values(_RUNS.values(run))
        )
        if result.rowcount != 1:
            raise NotFound("There is no such run.")
        await self._connection.execute(delete(sync_seen).where(sync_seen.c.run_id == run.run_id))

    async def last_run(self) -> SyncRun | None:
        """Return the newest run of whatever state."""
        newest = await self.runs(1)
        return newest[0] if newest else None

    async def last_good_run(self) -> SyncRun | None:
        """Return the newest run that ended well."""
        row = (
            await self._connection.execute(
                _RUNS.select()
                .where(sync_run.c.state == "done")
                .order_by(sync_run.c.number.desc())
                .limit(1)
            )
        ).one_or_none()
        return None if row is None else _RUNS.build(row)

    async def runs(self, limit: int) -> list[SyncRun]:
        """Return the newest runs first."""
        rows = await self._connection.execute(_NEWEST_RUNS, {"limit": limit})
        return [_RUNS.build(row) for row in rows]

    async def add_problems(
        self, run_id: str, entity: Entity, problems: Sequence[RowProblem]
    ) -> None:
        """Keep the rows that did not load, for the operator's report."""
        if problems:
            await self._connection.execute(
                insert(sync_problem),
                [{"run_id": run_id, "entity": entity, "problem": problem} for problem in problems],
            )

    async def problems(self, run_id: str, after: int, limit: int) -> list[StoredProblem]:
        """Return a run's problems after that one, in the order in which they were found."""
        rows = await self._connection.execute(
            _PROBLEMS.select()
            .where(sync_problem.c.run_id == run_id, sync_problem.c.problem_id > after)
            .order_by(sync_problem.c.problem_id)
            .limit(limit)
        )
        return [_PROBLEMS.build(row) for row in rows]

    # Pages.

    async def cursor(self, entity: Entity) -> str | None:
        """Return where the newest run's source was left; another source starts from nothing."""
        source = select(sync_run.c.source).order_by(sync_run.c.number.desc()).limit(1)
        found = await self._connection.execute(
            select(sync_cursor.c.cursor).where(
                sync_cursor.c.entity == entity, sync_cursor.c.source == source.scalar_subquery()
            )
        )
        return found.scalar_one_or_none()

    async def store_page(
        self, run_id: str, entity: Entity, records: Sequence[Record], cursor: str | None
    ) -> StoreCounts:
        """Upsert the records and save the cursor, in this transaction.

        Raises Invalid for rows of an account that is not mirrored; nothing is stored then.
        """
        counts = await load(self._connection, entity, records, run_id=run_id)
        if cursor is not None:
            source = select(sync_run.c.source).where(sync_run.c.run_id == run_id)
            statement = postgresql.insert(sync_cursor).values(
                source=source.scalar_subquery(), entity=entity, cursor=cursor
            )
            await self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["source", "entity"], set_={"cursor": cursor}
                )
            )
        return counts

    async def store_account(
        self, account: Account, items: Sequence[OpenItem], statement: Statement | None
    ) -> bool:
        """Replace one account's open items with what was just read live.

        True when any item or the statement changed, so that a price may have changed too.
        """
        await load(self._connection, Entity.ACCOUNTS, [account])
        stored = await load(self._connection, Entity.DOCUMENTS, items)
        closed = await take_away(
            self._connection,
            SHAPES[Entity.DOCUMENTS],
            "here.account_no = :account_no AND here.document_ref <> ALL(:kept)",
            {
                "account_no": account.account_no,
                "kept": [item.document_ref for item in items],
            },
        )
        await mark_stale(self._connection, closed)
        changed = stored.inserted + stored.updated + len(closed)
        if statement is not None:
            drawn = await load(self._connection, Entity.STATEMENTS, [statement])
            changed += drawn.inserted + drawn.updated
        return changed > 0

    async def keep(self, run_id: str, entity: Entity, keys: Sequence[str]) -> None:
        """Count these rows as seen by the run, so that its snapshot leaves them as they are."""
        if keys:
            await remember(self._connection, entity, run_id, keys)

    async def finish_snapshot(self, run_id: str, entity: Entity) -> int:
        """Close documents (open amount 0) and mark other rows gone that this run did not see."""
        shape = SHAPES[entity]
        parameters: dict[str, Any] = {"run_id": run_id, "entity": entity.value}
        # Without it the planner takes the keys for a handful and compares every row with each.
        await self._connection.execute(text("ANALYZE sync_seen"))
        touched = await take_away(
            self._connection,
            shape,
            "NOT EXISTS (SELECT FROM sync_seen WHERE sync_seen.run_id = :run_id"
            f" AND sync_seen.entity = :entity AND sync_seen.key = {shape.natural_key('here')})",
            parameters,
        )
        await mark_stale(self._connection, touched)
        await self._connection.execute(
            delete(sync_seen).where(
                sync_seen.c.run_id == run_id, sync_seen.c.entity == entity.value
            )
        )
        return len(touched)

    async def known_accounts(self, account_nos: Sequence[str]) -> frozenset[str]:
        """Return those numbers that are mirrored and have not gone from the ERP."""
        rows = await self._connection.scalars(
            select(account.c.account_no).where(
                account.c.account_no.in_(account_nos), ~account.c.gone
            )
        )
        return frozenset(rows)

    async def open_totals(self) -> tuple[int, int]:
        """Return how many documents are open and their signed sum in cents."""
        row = (
            await self._connection.execute(
                select(
                    func.count(), func.coalesce(func.sum(document.c.open_amount_cents), 0)
                ).where(document.c.open_amount_cents != 0)
            )
        ).one()
        return row[0], int(row[1])
