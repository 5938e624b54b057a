"""Lets invitations grow older when the demonstration's clock is moved.

The portals run on the real time, so that nobody is signed out and codes stay right; only the
simulated vendors run ahead. An invitation that should expire, or be worth a reminder, would then take
real weeks. So a jump of the clock moves the invitations' own times back by as much, which is the same
to everything that looks at them.
"""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from sqlalchemy import Interval, literal, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dueport_apps.container import Container
from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.storage.tables.inviting import invitation

LOOK_EVERY_S: Final = 0.5
SMALLEST_JUMP: Final = datetime.timedelta(minutes=5)
_TIMES: Final = ("created_at", "invited_at", "expires_at", "nudged_at", "opened_at", "asked_at")


class InvitationAgeing:
    """Follows the sandbox's clock; how far it has followed is kept beside the data."""

    def __init__(self, container: Container, frame: SandboxFrame, memory: Path) -> None:
        self._container = container
        self._frame = frame
        self._memory = memory

    @contextlib.asynccontextmanager
    async def following(self) -> "AsyncIterator[asyncio.Task[None]]":
        """Follow the clock beside the block."""
        task = asyncio.create_task(self._follow(), name="ageing of invitations")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _follow(self) -> None:
        while True:
            ahead = self._frame.clock.now() - datetime.datetime.now(datetime.UTC)
            jump = ahead - self._followed()
            if jump >= SMALLEST_JUMP:
                await _age(self._container.database().transactions, jump)
                self._memory.write_text(str(int(ahead.total_seconds())), encoding="ascii")
                await self._container.expire_invitations()()
            await asyncio.sleep(LOOK_EVERY_S)

    def _followed(self) -> datetime.timedelta:
        if not self._memory.exists():
            return datetime.timedelta()
        return datetime.timedelta(seconds=int(self._memory.read_text(encoding="ascii")))


async def _age(engine: AsyncEngine, jump: datetime.timedelta) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            update(invitation).values(
                {name: invitation.c[name] - literal(jump, Interval) for name in _TIMES}
            )
        )
