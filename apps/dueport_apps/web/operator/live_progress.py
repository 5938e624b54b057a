"""The progress of campaigns as it happens: one look at the database a second, however many watch.

Each process has one board. The first who watches a campaign starts its poller; the poller ends when
nobody watches any more or the campaign is over. Watchers get a picture only when it has changed, and
a sign of life in between, so that a connection that has gone is noticed.
"""

import asyncio
import contextlib
import datetime
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import msgspec
import structlog

from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignProgress,
    CampaignState,
    NextTry,
)
from dueport_apps.usecases.mail_progress import TRIES_MAX
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import DueportError
from dueport_ports import Clock

EVERY_S = 1.0
ALIVE_EVERY_S = 15.0
LONGEST_S = 120.0
"""A stream ends after so long and the browser opens it anew: then the session is checked again."""
WINDOW_S = 20.0
OVER = frozenset({CampaignState.DONE, CampaignState.CANCELLED, CampaignState.DRAFT})

log = structlog.get_logger("dueport.campaigns")


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign at one moment."""

    campaign: Campaign
    progress: CampaignProgress
    per_minute: int = 0
    """How fast mails leave at present; 0 while that is not known."""
    next_try: NextTry | None = None
    """Where nothing moves because every mail that is left waits for another try."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change by itself any more."""
        waits = self.progress.queued + self.progress.sending
        return self.campaign.state in OVER and not waits

    @property
    def mark(self) -> str:
        """What has changed when the lists have: by it a page notices that its own are of before."""
        counts: tuple[int, ...] = msgspec.structs.astuple(self.progress)
        waits_until = int(self.next_try.due_at.timestamp()) if self.next_try else 0
        return "-".join(str(number) for number in (*counts, waits_until))

    @property
    def try_words(self) -> str:
        """Which try the next one is; nothing where the server could not be asked at all."""
        tries = self.next_try.tries if self.next_try else 0
        return f"try {tries + 1} of {TRIES_MAX}" if tries else ""

    @property
    def seconds_left(self) -> int:
        """How long the rest takes at the present speed; 0 where nobody can say."""
        waits = self.progress.queued + self.progress.sending
        if self.campaign.state is not CampaignState.SENDING or not self.per_minute or self.next_try:
            return 0
        return -(-waits * 60 // self.per_minute)


Look = Callable[[str], Awaitable[Picture]]


class ProgressBoard:
    """Shares one look at each campaign among all who watch it in this process."""

    def __init__(
        self, *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._clock = clock
        self._channels: dict[str, _Channel] = {}

    @property
    def pollers(self) -> int:
        """How many campaigns are being looked at."""
        return len(self._channels)

    async def watch(self, campaign_id: str, look: Look) -> AsyncIterator[Picture | None]:
        """Yield the campaign whenever it has changed, and None as a sign of life; end when it is
        over, or after a while."""
        until = self._clock() + LONGEST_S
        with self._joined(campaign_id, look) as channel:
            seen = 0
            while self._clock() < until:
                try:
                    async with asyncio.timeout(ALIVE_EVERY_S):
                        picture, seen = await channel.newer(seen)
                except TimeoutError:
                    yield None
                    continue
                if picture is None:
                    return
                yield picture
                if picture.is_over:
                    return

    @contextlib.contextmanager
    def _joined(self, campaign_id: str, look: Look) -> Iterator["_Channel"]:
        channel = self._channels.get(campaign_id)
        if channel is None:
            channel = self._channels[campaign_id] = _Channel()
            channel.poller = asyncio.create_task(
                self._poll(campaign_id, channel, look), name=f"progress of {campaign_id}"
            )
        channel.watchers += 1
        try:
            yield channel
        finally:
            channel.watchers -= 1
            if not channel.watchers:
                self._forget(campaign_id, channel)

    def _forget(self, campaign_id: str, channel: "_Channel") -> None:
        if self._channels.get(campaign_id) is channel:
            del self._channels[campaign_id]
        if channel.poller is not None:
            channel.poller.cancel()

    async def _poll(self, campaign_id: str, channel: "_Channel", look: Look) -> None:
        speed = _Speed(self._clock)
        try:
            while True:
                seen = await look(campaign_id)
                per_minute = speed.after(seen.progress.finished)
                picture = msgspec.structs.replace(seen, per_minute=per_minute)
                channel.publish(picture)
                if picture.is_over:
                    return
                await asyncio.sleep(self._every_s)
        except DueportError as error:
            # The browsers ask again by themselves after a while.
            log.warning("progress cannot be read", campaign_id=campaign_id, reason=error.message)
        finally:
            channel.close()
            if self._channels.get(campaign_id) is channel:
                del self._channels[campaign_id]


class _Channel:
    """The newest picture of one campaign, and those who wait for the next."""

    def __init__(self) -> None:
        self.watchers = 0
        self.poller: asyncio.Task[None] | None = None
        self._picture: Picture | None = None
        self._number = 0
        self._closed = False
        self._changed = asyncio.Event()

    def publish(self, picture: Picture) -> None:
        """Show a picture to everybody who waits; one that says nothing new is dropped."""
        if picture == self._picture:
            return
        self._picture = picture
        self._number += 1
        self._wake()

    def close(self) -> None:
        """Let everybody go: there will be no further picture."""
        self._closed = True
        self._wake()

    async def newer(self, seen: int) -> tuple[Picture | None, int]:
        """Return the newest picture and its number once there is one after `seen`; None at the
        end."""
        while self._number <= seen and not self._closed:
            await self._changed.wait()
        if self._number > seen:
            return self._picture, self._number
        return None, seen

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Speed:
    """How many mails leave in a minute, by what left in the last seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def after(self, finished: int) -> int:
        """Note how many are finished now, and return the speed per minute."""
        now = self._clock()
        self._seen.append((now, finished))
        while len(self._seen) > 2 and self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        if now - since < 1:
            return 0
        return round((finished - before) * 60 / (now - since))


def look_at(uow: UnitOfWorkFactory, clock: Clock) -> Look:
    """Return the look at one campaign: a few short statements."""

    async def look(campaign_id: str) -> Picture:
        async with uow() as unit:
            campaign = await unit.campaigns.get(campaign_id)
            return await picture_of(unit, campaign, clock.now())

    return look


async def picture_of(uow: UnitOfWork, campaign: Campaign, now: datetime.datetime) -> Picture:
    """Return a campaign as it stands now, without its speed."""
    progress = await uow.campaigns.progress(campaign.campaign_id)
    next_try = None
    if campaign.state is CampaignState.SENDING and progress.queued and not progress.sending:
        next_try = await uow.campaigns.next_try(campaign.campaign_id, now)
    return Picture(campaign=campaign, progress=progress, next_try=next_try)
