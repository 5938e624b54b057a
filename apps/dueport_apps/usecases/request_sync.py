"""Ask for the ERP to be read now: a job for the worker, refused while a run is under way."""

import datetime

from dueport_apps.usecases.records import Principal, SyncRun, audit
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict
from dueport_ports import Clock

ABANDONED_AFTER = datetime.timedelta(hours=2)
"""A run that has not ended by then died with its worker and stands in nobody's way."""


class RequestSync:
    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, by: Principal) -> None:
        """Enqueue one run; a second request before it starts adds none. Raises Conflict while one
        is under way."""
        now = self._clock.now()
        async with self._uow() as uow:
            last = await uow.mirror.last_run()
            if last is not None and is_under_way(last, now):
                raise Conflict("The ERP is being read right now; wait for that run to end.")
            await uow.work.enqueue("sync_erp", key="sync_erp")
            await uow.audit.append(audit(by, now, "erp.sync_requested", "sync"))
            await uow.commit()


def is_under_way(run: SyncRun, now: datetime.datetime) -> bool:
    """Say whether a run is really running, and not merely left unfinished."""
    return run.state == "running" and now - run.started_at < ABANDONED_AFTER
