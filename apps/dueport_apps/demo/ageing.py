"""Lets invitations grow older when the demonstration's clock is moved.

The portals run on the real time, so that nobody is signed out and codes stay right; only the
simulated vendors run ahead. An invitation that should expire, or be worth a reminder, would then take
real weeks. So a jump of the clock moves the times of everything that belongs to inviting back by as
much, which is the same to everything that looks at them: the invitations with their links, one-time
passwords, mails and timeline agree with each other.
"""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psycopg.errors
from sqlalchemy import ColumnElement, Interval, Table, TextClause, literal, text, true, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from dueport_apps.container import Container
from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.storage.tables.inviting import (
    bounced_address,
    campaign,
    enrolment,
    invitation,
    invitation_event,
    invitation_token,
)
from dueport_apps.storage.tables.people import account_link, one_time_token
from dueport_apps.storage.tables.platform import mail_delivery

LOOK_EVERY_S: Final = 0.5
SMALLEST_JUMP: Final = datetime.timedelta(minutes=5)
LOCK_WAIT: Final = "500ms"
"""Shorter than the database waits before it ends one of two who wait for each other, so that it is
never somebody else's work that is lost."""

_TIMES: Final[dict[Table, tuple[str, ...]]] = {
    invitation: (
        "created_at",
        "invited_at",
        "expires_at",
        "nudged_at",
        "opened_at",
        "asked_at",
        "decided_at",
    ),
    invitation_token: ("created_at", "ended_at"),
    invitation_event: ("at",),
    mail_delivery: ("created_at", "due_at", "handed_at", "changed_at", "sent_at"),
    one_time_token: ("expires_at", "used_at"),
    campaign: ("created_at", "started_at", "ended_at"),
    bounced_address: ("at",),
    enrolment: ("locked_at", "used_at"),
    account_link: ("linked_at", "disabled_at"),
}
# The operators' own links are no part of inviting, and neither are the mails about payments.
_OF_INVITING: Final[dict[Table, ColumnElement[bool]]] = {
    mail_delivery: mail_delivery.c.invitation_id != "",
    one_time_token: one_time_token.c.purpose != "operator_setup",
}


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
            engine = self._container.database().transactions
            if jump >= SMALLEST_JUMP and await age(engine, jump):
                self._memory.write_text(str(int(ahead.total_seconds())), encoding="ascii")
                await self._container.expire_invitations()()
            await asyncio.sleep(LOOK_EVERY_S)

    def _followed(self) -> datetime.timedelta:
        if not self._memory.exists():
            return datetime.timedelta()
        return datetime.timedelta(seconds=int(self._memory.read_text(encoding="ascii")))


async def age(engine: AsyncEngine, jump: datetime.timedelta) -> bool:
    """Move everything back by so much, all of it or nothing; False, to be asked again, where
    somebody is writing for so long that it would have to wait."""
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
            names = ", ".join(table.name for table in _TIMES)
            await connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
            # The timeline may not be edited; here it is not, it only gets older.
            await connection.execute(_timeline_guard("DISABLE"))
            for table, columns in _TIMES.items():
                await connection.execute(
                    update(table)
                    .where(_OF_INVITING.get(table, true()))
                    .values({name: table.c[name] - literal(jump, Interval) for name in columns})
                )
            await connection.execute(_timeline_guard("ENABLE"))
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True


def _timeline_guard(switch: str) -> TextClause:
    return text(f"ALTER TABLE {invitation_event.name} {switch} TRIGGER append_only")
