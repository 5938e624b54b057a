"""`/_control`: move the clock, arm faults, read what was delivered, start afresh.

These routes are the sandbox's own; no vendor has them. They ask for no key, because the sandbox
listens on loopback and holds nothing but made-up data.
"""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody

from dueport_apps.sandbox.faults import Fault
from dueport_apps.sandbox.frame import SandboxFrame


class MoveClock(msgspec.Struct, forbid_unknown_fields=True):
    """Advance by `seconds` or to `to`, or start or stop following the wall."""

    seconds: float | None = None
    to: datetime | None = None
    following: bool | None = None


class ClockController(Controller):
    """Reads and moves the virtual clock."""

    path = "/clock"

    @get()
    async def read(self, frame: NamedDependency[SandboxFrame]) -> dict[str, Any]:
        """Return the virtual instant and what is scheduled."""
        return _clock_view(frame)

    @post(status_code=200)
    async def move(
        self, frame: NamedDependency[SandboxFrame], data: JSONBody[MoveClock]
    ) -> dict[str, Any]:
        """Move the clock and return what ran on the way."""
        ran: list[str] = []
        if data.following is not None:
            frame.clock.follow(data.following)
        try:
            if data.seconds is not None or data.to is not None:
                ran = await frame.clock.advance(seconds=data.seconds, to=data.to)
        except ValueError as wrong:
            raise HTTPException(status_code=400, detail=str(wrong)) from wrong
        return {"ran": ran, **_clock_view(frame)}


def _clock_view(frame: SandboxFrame) -> dict[str, Any]:
    return {
        "now": frame.clock.now().isoformat(),
        "following": frame.clock.following,
        "pending": [{"at": at.isoformat(), "name": name} for at, name in frame.clock.pending()],
    }


class FaultController(Controller):
    """Arms, lists and clears faults."""

    path = "/faults"

    @get()
    async def armed(self, frame: NamedDependency[SandboxFrame]) -> list[Fault]:
        """Return the armed faults with how often each was met."""
        return frame.faults.armed

    @post()
    async def arm(self, frame: NamedDependency[SandboxFrame], data: JSONBody[Fault]) -> Fault:
        """Arm a fault."""
        return frame.faults.arm(data)

    @delete()
    async def clear(self, frame: NamedDependency[SandboxFrame]) -> None:
        """Disarm every fault."""
        frame.faults.clear()

    @delete("/{fault_id:int}")
    async def clear_one(
        self, frame: NamedDependency[SandboxFrame], fault_id: FromPath[int]
    ) -> None:
        """Disarm one fault."""
        frame.faults.clear(fault_id)


@get("/webhooks")
async def delivered_webhooks(frame: NamedDependency[SandboxFrame]) -> list[dict[str, Any]]:
    """Return every try to deliver a webhook, oldest first."""
    return frame.webhooks.log()


@post("/reset", status_code=204)
async def reset(frame: NamedDependency[SandboxFrame]) -> None:
    """Forget every object, fault and delivery and stand at the start instant again."""
    frame.reset()


def create_control_router() -> Router:
    """Return the routes below `/_control` that belong to no vendor."""
    return Router(
        "/_control",
        route_handlers=[ClockController, FaultController, delivered_webhooks, reset],
    )
