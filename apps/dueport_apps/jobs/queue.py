"""The work queue on procrastinate: enqueue in the caller's transaction, run in workers.

procrastinate gives same-transaction enqueue, LISTEN/NOTIFY wake-up, cron, locks and retries. What
it leaves to us is here: jobs of a lost worker are put back, a job that keeps killing its worker is
parked as failed, and a worker that lost the database starts again.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Mapping

import procrastinate
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job
from procrastinate.types import JSONValue
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.jobs.kinds import BY_NAME, JOB_KINDS, QUEUES, Handler, JobKind

LOST_AFTER_S = 60
KILLS_MAX = 3
RESTART_WAIT_S = (1, 2, 5, 10, 30)

log = structlog.get_logger(__name__)


def enqueuing_app() -> procrastinate.App:
    """Return an app that can only enqueue on connections handed to it; it opens none itself."""
    return procrastinate.App(connector=procrastinate.PsycopgConnector())


class ProcrastinateQueue:
    """Enqueues on one unit of work's connection, inside its transaction."""

    def __init__(self, connection: AsyncConnection, app: procrastinate.App) -> None:
        self._connection = connection
        self._app = app

    async def enqueue(
        self,
        kind: str,
        ids: Mapping[str, str] | None = None,
        *,
        key: str = "",
        not_before: datetime.datetime | None = None,
    ) -> None:
        """Ask for background work; with a key, at most one such job waits at a time."""
        described = BY_NAME[kind]
        raw = await self._connection.get_raw_connection()
        deferrer = self._app.configure_task(
            name=kind,
            allow_unknown=True,
            queue=described.queue,
            lock=described.name if described.serial else None,
            queueing_lock=key or None,
            schedule_at=not_before,
            connection=raw.driver_connection,
        )
        arguments: dict[str, JSONValue] = dict(ids or {})
        # A job that waits already is no error, but it would end the caller's transaction.
        savepoint = await self._connection.begin_nested()
        try:
            await deferrer.defer_async(**arguments)
        except AlreadyEnqueued:
            await savepoint.rollback()
        else:
            await savepoint.commit()


class Worker:
    """Runs jobs until it is cancelled; any number may run on any number of hosts."""

    def __init__(
        self,
        conninfo: str,
        handlers: Mapping[str, Handler],
        *,
        queues: tuple[str, ...] = QUEUES,
        concurrency: int = 4,
        periodic: bool = True,
    ) -> None:
        self._conninfo = conninfo
        self._handlers = handlers
        self._queues = queues
        self._concurrency = concurrency
        self._periodic = periodic

    async def run(self) -> None:
        """Work for ever; a lost database connection is waited for, everything else is raised."""
        failures = 0
        while True:
            try:
                async with self._app().open_async() as app:
                    failures = 0
                    await self._work(app)
            except ConnectorException as error:
                wait_s = RESTART_WAIT_S[min(failures, len(RESTART_WAIT_S) - 1)]
                failures += 1
                log.warning(
                    "worker lost the database",
                    error=str(error.__cause__ or error).strip(),
                    again_in_s=wait_s,
                )
                await asyncio.sleep(wait_s)

    async def drain(self) -> None:
        """Run everything that is due now and return."""
        async with self._app().open_async() as app:
            await app.run_worker_async(
                queues=list(self._queues),
                wait=False,
                concurrency=self._concurrency,
                install_signal_handlers=False,
                listen_notify=False,
            )

    async def _work(self, app: procrastinate.App) -> None:
        await self._ask_at_start(app)
        healer = asyncio.create_task(self._heal(app), name="put lost jobs back")
        try:
            await app.run_worker_async(
                queues=list(self._queues),
                concurrency=self._concurrency,
                install_signal_handlers=False,
                shutdown_graceful_timeout=20,
                delete_jobs="successful",
            )
        finally:
            healer.cancel()

    async def _ask_at_start(self, app: procrastinate.App) -> None:
        """Ask for what a worker does first. A job that a killed worker left running does not stand
        in the way: only one that waits does, and that one is taken now."""
        for kind in JOB_KINDS:
            if kind.at_start and kind.name in self._handlers and kind.queue in self._queues:
                with contextlib.suppress(AlreadyEnqueued):
                    await app.configure_task(
                        kind.name, queueing_lock=f"start:{kind.name}"
                    ).defer_async()

    async def _heal(self, app: procrastinate.App) -> None:
        """Put jobs of workers without a heartbeat back, and park those that killed theirs."""
        while True:
            stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=LOST_AFTER_S)
            for job in stalled:
                await self._put_back(app, job)
            await asyncio.sleep(LOST_AFTER_S / 2)

    async def _put_back(self, app: procrastinate.App, job: Job) -> None:
        if job.attempts >= KILLS_MAX:
            log.error("job parked: it keeps ending its worker", job=job.id, kind=job.task_name)
            await app.job_manager.finish_job(
                job, status=procrastinate.jobs.Status.FAILED, delete_job=False
            )
            return
        log.warning("job of a lost worker put back", job=job.id, kind=job.task_name)
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # Another job with the same key waits already and does the same.
            await app.job_manager.finish_job(
                job, status=procrastinate.jobs.Status.FAILED, delete_job=True
            )

    def _app(self) -> procrastinate.App:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self._conninfo))
        for kind in JOB_KINDS:
            if kind.name in self._handlers:
                self._register(app, kind, self._handlers[kind.name])
        return app

    def _register(self, app: procrastinate.App, kind: JobKind, handler: Handler) -> None:
        async def run(*_: object, **arguments: JSONValue) -> None:
            with structlog.contextvars.bound_contextvars(job=kind.name):
                await handler({key: str(value) for key, value in arguments.items()})

        task = app.task(
            name=kind.name,
            queue=kind.queue,
            lock=kind.name if kind.serial else None,
            retry=procrastinate.RetryStrategy(max_attempts=8, exponential_wait=5),
        )(run)
        if kind.every and self._periodic:
            # One waiting run is enough: what comes later finds the same work to do.
            app.periodic(
                cron=kind.every,
                periodic_id=kind.name,
                queueing_lock=f"every:{kind.name}",
                lock=kind.name if kind.serial else None,
            )(task)
