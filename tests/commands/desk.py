"""Somebody at the command line of a deployment whose outside is faked."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result

from dueport_apps.cli import main
from dueport_apps.container import Container
from dueport_apps.settings import Settings
from dueport_ports.testing.context import StillClock
from dueport_ports.testing.email import FakeEmailSender
from dueport_ports.testing.fakes_erp import FakeErp
from tests.world import START, MemoryQueue, World

ResultT = TypeVar("ResultT")


class Desk:
    """Every command opens the deployment anew, as a process of its own would."""

    def __init__(self, folder: Path, config: Path, **changes: Any) -> None:
        self.folder = folder
        self.config = config
        self.clock = StillClock(START)
        self.mail = FakeEmailSender()
        self.erp = FakeErp(now=self.clock.now)
        self.queue = MemoryQueue()
        self.url = ""
        self._changes = changes

    @contextlib.asynccontextmanager
    async def world(self, url: str = "") -> AsyncIterator[World]:
        world = World(url or self.url, self.folder, **self._changes)
        world.clock, world.mail, world.erp, world.queue = (
            self.clock,
            self.mail,
            self.erp,
            self.queue,
        )
        world._override()
        try:
            yield world
        finally:
            await world.container.presence().close()
            await world.close()

    @contextlib.contextmanager
    def database(self, settings: Settings) -> Iterator[str]:
        """Stand in for the embedded server: the test's own is there already."""
        yield self.url

    @contextlib.asynccontextmanager
    async def deployment(self, settings: Settings, url: str) -> AsyncIterator[Container]:
        """Stand in for the plugins of the configuration."""
        async with self.world(url) as world:
            yield world.container

    def do(self, work: Callable[[World], Awaitable[ResultT]]) -> ResultT:
        """Do something to the deployment between two commands."""

        async def inside() -> ResultT:
            async with self.world() as world:
                return await work(world)

        return asyncio.run(inside())

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """Run ``dueport invite …``; an error that it does not explain fails the test."""
        result = CliRunner().invoke(
            main, ["--config", str(self.config), "invite", *arguments], input=typed
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json`` and return what it answers.

        Tests leave the log on standard output, where a command never writes it: hence the last line.
        """
        return json.loads(self.run(*arguments, "--json").stdout.splitlines()[-1])
