"""Mirror the ERP: pull every entity page by page, each page and its cursor in one transaction."""

import datetime
from collections.abc import Sequence

import msgspec

from dueport_apps.usecases.records import Principal, StoreCounts, SyncRun, audit
from dueport_apps.usecases.services import Erp, Ids
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_ports import (
    Clock,
    Conflict,
    Deleted,
    Deletes,
    Entity,
    ErpCapabilities,
    Page,
    PortError,
    Record,
    RowGrade,
    RowProblem,
    SyncShape,
    natural_key,
)


class SyncErpCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal


class SyncErp:
    """Pull accounts, jobs, documents and statements in this order.

    A failure ends the run with its reason and keeps every page stored so far; the next run goes
    on from the saved cursor. Snapshots close what the ERP no longer shows, but only after their
    last page: a pull that was cut off never makes debt disappear. A row that the connector refused
    is not gone: what was stored under its key stays, and a refused row without a key closes nothing.
    """

    def __init__(self, uow: UnitOfWorkFactory, erp: Erp, clock: Clock, ids: Ids) -> None:
        self._uow = uow
        self._erp = erp
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: SyncErpCommand) -> SyncRun:
        """Run once; raises Conflict when a run is under way, never a PortError: see ``failure``."""
        run = SyncRun(run_id=self._ids.new(), source=self._erp.name, started_at=self._clock.now())
        async with self._uow() as uow:
            await uow.mirror.start_run(run)
            await uow.audit.append(
                audit(command.by, run.started_at, "erp.sync_started", f"sync:{run.run_id}")
            )
            await uow.commit()
        try:
            run = await self._pull_everything(run)
        except (PortError, Conflict) as error:
            run = msgspec.structs.replace(run, state="failed", failure=str(error))
        except Exception as error:
            failure = f"stopped by a defect: {type(error).__name__}: {error}"
            await self._finish(msgspec.structs.replace(run, state="failed", failure=failure))
            raise
        else:
            run = msgspec.structs.replace(run, state="done")
        return await self._finish(run)

    async def _pull_everything(self, run: SyncRun) -> SyncRun:
        capabilities = self._erp.connector.capabilities()
        missing: frozenset[str] = frozenset()
        for entity in Entity:
            if entity in capabilities.entities:
                pull = _Pull(entity, capabilities, missing)
                run = await self._pull(run, pull)
                if entity is Entity.ACCOUNTS:
                    missing = await self._not_stored(pull.refused)
        return run

    async def _pull(self, run: SyncRun, pull: "_Pull") -> SyncRun:
        cursor: str | None = None
        if pull.incremental:
            async with self._uow() as uow:
                cursor = await uow.mirror.cursor(pull.entity)
        counts = StoreCounts()
        while True:
            try:
                page = await self._erp.connector.pull(pull.entity, cursor, pull.limit)
            except Conflict:
                if cursor is None:
                    raise
                # The ERP has forgotten our place: start over, which upserts make harmless.
                cursor = None
                continue
            page = pull.without_missing_accounts(page)
            stored, problems = await self._store(run, pull, page)
            counts = _sum(counts, stored)
            run = msgspec.structs.replace(
                run,
                counts={**run.counts, pull.entity.value: counts},
                problems=run.problems + problems,
                as_of=min(page.as_of, run.as_of) if run.as_of else page.as_of,
            )
            if not page.more:
                return run
            cursor = page.cursor

    async def _store(self, run: SyncRun, pull: "_Pull", page: Page) -> tuple[StoreCounts, int]:
        """Store a page; at the end of a snapshot close what it did not show.

        Returns the counts, and how many problems were told.
        """
        problems = page.problems
        refused = [problem for problem in problems if problem.grade is RowGrade.REFUSED]
        pull.refuse(refused)
        async with self._uow() as uow:
            counts = await uow.mirror.store_page(
                run.run_id, pull.entity, page.records, page.cursor if pull.incremental else None
            )
            if pull.absent_is_gone:
                keys = [problem.key for problem in refused if problem.key]
                await uow.mirror.keep(run.run_id, pull.entity, keys)
                if page.complete_snapshot and pull.nameless:
                    problems = (*problems, pull.nothing_closed())
                elif page.complete_snapshot:
                    gone = await uow.mirror.finish_snapshot(run.run_id, pull.entity)
                    counts = _sum(counts, StoreCounts(deleted=gone))
            await uow.mirror.add_problems(run.run_id, pull.entity, problems)
            await uow.commit()
        return counts, len(problems)

    async def _not_stored(self, account_nos: set[str]) -> frozenset[str]:
        """Return those accounts of which there is no earlier version either."""
        if not account_nos:
            return frozenset()
        async with self._uow() as uow:
            return frozenset(account_nos) - await uow.mirror.known_accounts(sorted(account_nos))

    async def _finish(self, run: SyncRun) -> SyncRun:
        run = msgspec.structs.replace(run, finished_at=self._clock.now())
        async with self._uow() as uow:
            await uow.mirror.finish_run(run)
            if run.state == "done":
                await uow.payments.clear_seen()
                # A link must not outlive the address that it was sent to.
                await uow.work.enqueue("revoke_moved_invitations", key="revoke_moved_invitations")
            await uow.work.enqueue("refresh_figures", key="refresh_figures")
            await uow.commit()
        return run


class _Pull:
    """What is known of one entity while its pages come in."""

    def __init__(
        self, entity: Entity, capabilities: ErpCapabilities, missing: frozenset[str]
    ) -> None:
        self.entity = entity
        self.limit = capabilities.max_page
        self.incremental = capabilities.entities[entity] is SyncShape.CURSOR
        self.absent_is_gone = capabilities.deletes is Deletes.ABSENT_FROM_SNAPSHOT
        self.refused: set[str] = set()
        """The keys of the rows that were refused."""
        self.nameless: list[RowProblem] = []
        """The refused rows that do not say what they are."""
        self._missing = missing

    def refuse(self, problems: Sequence[RowProblem]) -> None:
        """Remember the rows that were refused."""
        self.refused.update(problem.key for problem in problems if problem.key)
        self.nameless += [problem for problem in problems if not problem.key]

    def without_missing_accounts(self, page: Page) -> Page:
        """Refuse what belongs to an account that was refused and is not stored from before.

        One unreadable account must not keep everybody else's documents out.
        """
        if not self._missing:
            return page
        kept: list[Record] = []
        problems = list(page.problems)
        for record in page.records:
            if isinstance(record, Deleted) or record.account_no not in self._missing:
                kept.append(record)
            else:
                key = natural_key(record)
                problems.append(
                    RowProblem(
                        grade=RowGrade.REFUSED,
                        source=self.entity,
                        line=0,
                        reason=f"{key} belongs to account {record.account_no}, which was refused",
                        key=key,
                    )
                )
        return msgspec.structs.replace(page, records=tuple(kept), problems=tuple(problems))

    def nothing_closed(self) -> RowProblem:
        """Tell why the end of a snapshot closed nothing."""
        first = self.nameless[0]
        return RowProblem(
            grade=RowGrade.WARNING,
            source=first.source,
            line=first.line,
            reason=(
                f"{len(self.nameless)} refused rows do not say which of the {self.entity} they "
                "are, the first in this line. Any of them may be stored already, so nothing was "
                "closed; repair these rows or leave them out"
            ),
        )


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How old the balances are, for "balances as of" and the warning beside it."""

    as_of: datetime.datetime | None
    stale: bool
    failure: str = ""


async def freshness(uow: UnitOfWork, now: datetime.datetime, warn_after_h: int) -> Freshness:
    """Say how fresh the mirror is; a failed newest run is named even when an older one is recent."""
    newest = await uow.mirror.last_run()
    good = newest if newest and newest.state == "done" else await uow.mirror.last_good_run()
    as_of = (good.as_of or good.started_at) if good else None
    stale = as_of is None or now - as_of > datetime.timedelta(hours=warn_after_h)
    failed = newest is not None and newest.state == "failed"
    return Freshness(as_of=as_of, stale=stale, failure=newest.failure if newest and failed else "")


def _sum(one: StoreCounts, other: StoreCounts) -> StoreCounts:
    return StoreCounts(
        inserted=one.inserted + other.inserted,
        updated=one.updated + other.updated,
        unchanged=one.unchanged + other.unchanged,
        deleted=one.deleted + other.deleted,
    )
