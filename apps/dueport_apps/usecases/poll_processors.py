"""Find what lost webhooks would have told: read change feeds, and fetch payments under way."""

import msgspec

from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict, NotFound
from dueport_ports import ChangeFeed, Clock, PortError

FEED_PAGE = 100
IN_FLIGHT_PAGE = 200


class PollResult(msgspec.Struct, frozen=True, kw_only=True):
    signals: int = 0
    fetched: int = 0
    problems: tuple[str, ...] = ()


class PollFeed:
    """Read one processor's change feed from where it was left, storing each page's signals and
    the cursor in one transaction."""

    def __init__(self, uow: UnitOfWorkFactory, processors: Processors, clock: Clock) -> None:
        self._uow = uow
        self._processors = processors
        self._clock = clock

    async def __call__(self, processor_name: str) -> PollResult:
        processor = self._processors.named(processor_name)
        if not isinstance(processor, ChangeFeed):
            return PollResult()
        async with self._uow() as uow:
            cursor = await uow.events.feed_cursor(processor_name)
        signals = 0
        while True:
            page = await processor.changes(cursor, FEED_PAGE)
            async with self._uow() as uow:
                for signal in page.signals:
                    event_id = await uow.events.add(
                        processor_name,
                        signal.dedupe_key,
                        signal.kind.value,
                        signal.ref,
                        self._clock.now(),
                    )
                    if event_id is not None:
                        signals += 1
                        await uow.work.enqueue("process_event", {"event_id": str(event_id)})
                await uow.events.save_feed_cursor(processor_name, page.cursor)
                await uow.commit()
            cursor = page.cursor
            if not page.more:
                return PollResult(signals=signals)


class PollPayments:
    """Fetch every payment that is under way, page by page."""

    def __init__(
        self, uow: UnitOfWorkFactory, processors: Processors, process: ProcessEvent
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._process = process

    async def __call__(self, processor_name: str) -> PollResult:
        """Fetch them all; one that fails is named and does not stop the others."""
        problems: list[str] = []
        fetched = 0
        after = ""
        while True:
            async with self._uow() as uow:
                payments = await uow.payments.in_flight(processor_name, after, IN_FLIGHT_PAGE)
            for payment in payments:
                assert payment.processor_ref is not None
                try:
                    await self._process.payment(processor_name, payment.processor_ref)
                except (PortError, Conflict, NotFound) as error:
                    problems.append(f"{payment.payment_id}: {error}")
            fetched += len(payments)
            if len(payments) < IN_FLIGHT_PAGE:
                return PollResult(fetched=fetched, problems=tuple(problems))
            after = payments[-1].payment_id
