"""Run again over stored signals that no job finished, and over every processor's news."""

import datetime

from dueport_apps.usecases.import_settlements import ImportSettlements
from dueport_apps.usecases.poll_processors import PollFeed, PollPayments
from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock, PortError

GRACE = datetime.timedelta(minutes=2)
BATCH = 200


class ProcessLeftoverEvents:
    """A job lost with its worker leaves its signal as new: pick those up after a grace period."""

    def __init__(self, uow: UnitOfWorkFactory, process: ProcessEvent, clock: Clock) -> None:
        self._uow = uow
        self._process = process
        self._clock = clock

    async def __call__(self) -> int:
        async with self._uow() as uow:
            events = await uow.events.unfinished(BATCH)
        old = [event for event in events if self._clock.now() - event.received_at > GRACE]
        for event in old:
            await self._process(event.event_id)
        return len(old)


class PollEverything:
    """Every processor in turn; one that is down does not keep the others from being read."""

    def __init__(self, processors: Processors, feed: PollFeed, payments: PollPayments) -> None:
        self._processors = processors
        self._feed = feed
        self._payments = payments

    async def __call__(self) -> tuple[str, ...]:
        """Return what went wrong, as sentences."""
        problems: list[str] = []
        for name in self._processors.all():
            try:
                await self._feed(name)
                problems += (await self._payments(name)).problems
            except PortError as error:
                problems.append(f"{name}: {error}")
        return tuple(problems)


class ImportAllSettlements:
    def __init__(self, processors: Processors, imports: ImportSettlements) -> None:
        self._processors = processors
        self._imports = imports

    async def __call__(self) -> tuple[str, ...]:
        """Import every processor's payouts; return what went wrong, as sentences."""
        problems: list[str] = []
        for name in self._processors.all():
            try:
                problems += (await self._imports(name)).problems
            except PortError as error:
                problems.append(f"{name}: {error}")
        return tuple(problems)
