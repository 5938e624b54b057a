"""The sandbox's clock: time that only moves when asked, or that follows the wall and can jump.

Everything that happens later in the simulated world (a payout arrives, a webhook is tried again)
is a callback on this clock, so a year of settlements runs in a second and runs the same way twice.
"""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Callback = Callable[[], Awaitable[None]]

CALLBACKS_MAX: Final = 200_000
"""One advance that runs more callbacks than this is a loop, not a simulation."""

AFTER_FAILURE_S: Final = 0.2

logger = logging.getLogger(__name__)


def wall_now() -> datetime:
    """Return the real instant in UTC."""
    return datetime.now(UTC)


class Scheduled:
    """One callback on the clock; `cancel()` takes it off again."""

    __slots__ = ("at", "callback", "cancelled", "name", "order")

    def __init__(self, at: datetime, order: int, name: str, callback: Callback) -> None:
        self.at = at
        self.order = order
        self.name = name
        self.callback = callback
        self.cancelled = False

    def __lt__(self, other: "Scheduled") -> bool:
        return (self.at, self.order) < (other.at, other.order)

    def cancel(self) -> None:
        """Take the callback off the clock; harmless when it has already run."""
        self.cancelled = True


class VirtualClock:
    """A clock with callbacks, run in time order and, within one instant, in order of scheduling.

    A still clock (the default) moves only through `advance`. A following clock moves with the
    wall and can still be advanced; what lies between is run on the way.
    """

    def __init__(
        self,
        start: datetime,
        *,
        following: bool = False,
        wall: Callable[[], datetime] = wall_now,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock starts at an aware instant; add a time zone to it")
        self._wall = wall
        self._moment = start.astimezone(UTC)
        self._offset = self._moment - wall()
        self.following = following
        self._stepping = False
        self._queue: list[Scheduled] = []
        self._order = itertools.count()
        self._running = asyncio.Lock()
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """Return the virtual instant, aware, in UTC."""
        if self.following and not self._stepping:
            self._moment = max(self._moment, self._wall() + self._offset)
        return self._moment

    def timestamp(self) -> int:
        """Return the virtual instant in whole Unix seconds, as the vendors write it."""
        return int(self.now().timestamp())

    def follow(self, following: bool) -> None:
        """Start or stop moving with the wall; the virtual instant itself does not jump."""
        moment = self.now()
        self._offset = moment - self._wall()
        self.following = following
        self._changed.set()

    def reset(self, start: datetime) -> None:
        """Forget every callback and stand at `start` again."""
        self._queue.clear()
        self._moment = start.astimezone(UTC)
        self._offset = self._moment - self._wall()
        self._changed.set()

    def schedule(self, at: datetime, name: str, callback: Callback) -> Scheduled:
        """Run `callback` at `at`; an instant in the past means as soon as possible."""
        item = Scheduled(max(at, self.now()), next(self._order), name, callback)
        heapq.heappush(self._queue, item)
        self._changed.set()
        return item

    def pending(self) -> list[tuple[datetime, str]]:
        """Return what is still to run, in the order in which it will."""
        return [(item.at, item.name) for item in sorted(self._queue) if not item.cancelled]

    async def advance(
        self, *, seconds: float | None = None, to: datetime | None = None
    ) -> list[str]:
        """Move the clock and run what falls due on the way; return the names of what ran.

        Exactly one of `seconds` and `to` is given. A callback that raises stops the clock where
        it stands and the error is the caller's.
        """
        if (seconds is None) == (to is None):
            raise ValueError("advance the clock by seconds or to an instant, one of the two")
        async with self._running:
            now = self.now()
            target = to if to is not None else now + timedelta(seconds=seconds or 0)
            if target < now:
                raise ValueError("the clock only moves forward; choose a later instant")
            self._stepping = True
            try:
                ran = await self._run_until(target)
                self._moment = max(self._moment, target)
            finally:
                self._offset = self._moment - self._wall()
                self._stepping = False
            return ran

    async def run_due(self) -> list[str]:
        """Run everything that is due at this instant and return its names."""
        return await self.advance(seconds=0)

    async def _run_until(self, target: datetime) -> list[str]:
        ran: list[str] = []
        while self._queue and self._queue[0].at <= target:
            item = heapq.heappop(self._queue)
            if item.cancelled:
                continue
            self._moment = max(self._moment, item.at)
            ran.append(item.name)
            if len(ran) > CALLBACKS_MAX:
                raise RuntimeError(f"{item.name} keeps rescheduling itself within one instant")
            await item.callback()
        return ran

    async def pump(self) -> None:
        """Run due callbacks as they fall due, until cancelled. A failing one is logged."""
        while True:
            self._changed.clear()
            try:
                await self.run_due()
            except Exception:
                logger.exception("a callback on the sandbox clock failed")
                await asyncio.sleep(AFTER_FAILURE_S)
                continue
            timeout_s = None
            if self.following and self._queue:
                timeout_s = max(0.01, (self._queue[0].at - self.now()).total_seconds())
            try:
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
