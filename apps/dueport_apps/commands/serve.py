"""``dueport serve`` and ``dueport worker``: the two kinds of process that a deployment runs."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import uvicorn
from litestar.types import ASGIApp

from dueport_apps.container import Container
from dueport_apps.deployment import database, deployment, ensure_schema
from dueport_apps.jobs.handlers import job_handlers
from dueport_apps.jobs.queue import Worker
from dueport_apps.settings import Settings, WebSection
from dueport_apps.storage.engine import plain_url
from dueport_apps.web.app import create_app
from dueport_apps.web.http.request_log import configure_logging
from dueport_ports import Misconfigured

GRACEFUL_S = 10


async def serve(settings: Settings, *, with_worker: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way."""
    configure_logging()

    async def run() -> None:
        web = settings.config.web
        with listening(web.host, web.port, "web.port") as listener, database(settings) as url:
            ensure_schema(settings, url)
            async with deployment(settings, url) as container, contextlib.AsyncExitStack() as stack:
                tasks = []
                if with_worker:
                    worker = background(make_worker(container))
                    tasks.append(await stack.enter_async_context(worker))
                portals = serving(create_app(container), listener, web)
                tasks.append(await stack.enter_async_context(portals))
                await until_one_ends(*tasks)

    await until_stopped(run())


async def work(settings: Settings, *, concurrency: int, once: bool) -> None:
    """Run background work until SIGINT or SIGTERM, or what is due now and stop."""
    configure_logging()

    async def run() -> None:
        with database(settings) as url:
            ensure_schema(settings, url)
            async with deployment(settings, url) as container:
                worker = make_worker(container, concurrency=concurrency)
                if once:
                    await worker.drain()
                    return
                async with background(worker) as task:
                    await until_one_ends(task)

    await until_stopped(run())


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end, on uvloop where there is one: a page costs a sixth less on it."""
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        # It does not exist on Windows.
        import uvloop

        uvloop.run(main)


def make_worker(container: Container, *, concurrency: int = 4) -> Worker:
    """Return a worker for everything that the deployment does in the background."""
    return Worker(
        plain_url(container.database().url), job_handlers(container), concurrency=concurrency
    )


@contextlib.contextmanager
def listening(host: str, port: int, option: str) -> Iterator[socket.socket]:
    """Hold a port; raises Misconfigured, which names the port and the option that changes it."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise Misconfigured(
            f"port {port} on {host} cannot be used ({reason}); end the program that holds it, or "
            f"choose another with {option}"
        ) from error
    with listener:
        yield listener


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, web: WebSection | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve an application beside the block; requests under way are answered when it ends."""
    proxies = web.trusted_proxies if web else ()
    server = _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_graceful_shutdown=GRACEFUL_S,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event.
            await asyncio.sleep(0.005)
        if task.done():
            raise _ended(task)
        yield task
    finally:
        server.should_exit = True
        await asyncio.wait({task})


@contextlib.asynccontextmanager
async def background(worker: Worker) -> AsyncIterator["asyncio.Task[None]"]:
    """Run a worker beside the block; jobs under way are finished when the block ends."""
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until_one_ends(*tasks: "asyncio.Task[None]") -> None:
    """Wait for tasks that should never end; raises Misconfigured when one does."""
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    raise _ended(ended.pop())


async def until_stopped(run: Coroutine[Any, Any, None]) -> None:
    """Run until it is done, or until SIGINT or SIGTERM; then it is cancelled and cleans up.

    A second SIGINT interrupts the cleaning up too.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        stopped.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in signals:
        loop.add_signal_handler(number, stop)
    running = asyncio.create_task(run, name="command")
    waiting = asyncio.create_task(stopped.wait(), name="signals")
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        waiting.cancel()
        for number in signals:
            loop.remove_signal_handler(number)


class _Server(uvicorn.Server):
    """A server that leaves signals to its command, which has more to clean up than a server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _ended(task: "asyncio.Task[None]") -> Misconfigured:
    reason = "it was cancelled" if task.cancelled() else repr(task.exception())
    return Misconfigured(f"the {task.get_name()} ended by itself: {reason}")
