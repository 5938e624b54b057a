"""Take a webhook in: verify, store each signal once, answer. The work happens later.

A webhook is a hint. Nothing in it is believed about money; it only says what to fetch.
"""

from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_ports import Clock, HttpNotification, Notification


class ReceiveWebhook:
    def __init__(self, uow: UnitOfWorkFactory, processors: Processors, clock: Clock) -> None:
        self._uow = uow
        self._processors = processors
        self._clock = clock

    async def __call__(self, processor_name: str, request: HttpNotification) -> Notification:
        """Store what it signals, once, in the transaction that also asks for the work; the
        sender is answered only after that commit. Raises Forbidden for a forged one and NotFound
        for a processor that is not configured."""
        notification = await self._processors.named(processor_name).receive(request)
        async with self._uow() as uow:
            for signal in notification.signals:
                event_id = await uow.events.add(
                    processor_name,
                    signal.dedupe_key,
                    signal.kind.value,
                    signal.ref,
                    self._clock.now(),
                )
                if event_id is not None:
                    await uow.work.enqueue("process_event", {"event_id": str(event_id)})
            await uow.commit()
        return notification
