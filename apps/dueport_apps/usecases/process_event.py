"""Act on a stored signal: fetch what it names from the processor and apply what is found."""

import datetime

import msgspec

from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_apps.usecases.payment_records import InboundEvent
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict, NotFound
from dueport_ports import Clock, PortError, SignalKind

TRIES_MAX = 8


class ProcessEvent:
    """Safe to run twice and in any order: the state of a payment comes from ``fetch``, and
    ``observe`` ignores what is late."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        processors: Processors,
        outcomes: PaymentOutcomes,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._outcomes = outcomes
        self._clock = clock

    async def __call__(self, event_id: int) -> InboundEvent:
        """Process one event; a processor that is down has it tried again later, news that
        contradicts our books parks it for a person."""
        async with self._uow() as uow:
            event = await uow.events.get(event_id)
        if event.state != "new":
            return event
        try:
            match event.kind:
                case SignalKind.PAYMENT:
                    await self.payment(event.processor, event.ref)
                case SignalKind.SETTLEMENT:
                    await self._ask_for("import_settlements", event.processor)
                case SignalKind.FEED:
                    await self._ask_for("poll_feed", event.processor)
                case SignalKind.REFUND | SignalKind.DISPUTE:
                    # Their money arrives as settlement lines; the payment's own state says the rest.
                    await self._ask_for("import_settlements", event.processor)
                case _:
                    pass
        except PortError as error:
            return await self._again(event, str(error))
        except (Conflict, NotFound) as error:
            return await self._save(event, "parked", str(error))
        return await self._save(event, "done", "")

    async def payment(self, processor_name: str, ref: str) -> None:
        """Fetch one payment and apply its state. A reference that is nobody's yet may overtake
        our own answer; it is resolved through the attempt that the snapshot names."""
        snapshot = await self._processors.named(processor_name).fetch(ref)
        async with self._uow() as uow:
            payment = await uow.payments.by_ref(processor_name, ref, for_update=True)
            if payment is None and snapshot.attempt_id:
                try:
                    stored = await uow.payments.attempt(snapshot.attempt_id)
                except NotFound:
                    return
                payment = await uow.payments.get(stored.attempt.payment_id, for_update=True)
            if payment is None:
                # The dealer's processor account may serve other programs too.
                return
            await self._outcomes.seen(uow, payment, snapshot)
            await uow.commit()

    async def _ask_for(self, kind: str, processor_name: str) -> None:
        async with self._uow() as uow:
            await uow.work.enqueue(
                kind, {"processor": processor_name}, key=f"{kind}:{processor_name}"
            )
            await uow.commit()

    async def _again(self, event: InboundEvent, reason: str) -> InboundEvent:
        if event.tries + 1 >= TRIES_MAX:
            return await self._save(event, "parked", f"given up after {TRIES_MAX} tries: {reason}")
        wait = datetime.timedelta(seconds=min(30 * 2**event.tries, 3600))
        async with self._uow() as uow:
            event = msgspec.structs.replace(event, tries=event.tries + 1, reason=reason)
            await uow.events.save(event)
            await uow.work.enqueue(
                "process_event",
                {"event_id": str(event.event_id)},
                not_before=self._clock.now() + wait,
            )
            await uow.commit()
        return event

    async def _save(self, event: InboundEvent, state: str, reason: str) -> InboundEvent:
        event = msgspec.convert(
            {**msgspec.structs.asdict(event), "state": state, "reason": reason}, InboundEvent
        )
        async with self._uow() as uow:
            await uow.events.save(event)
            if state == "parked":
                who = Principal(kind="system", principal_id=event.processor, name=event.processor)
                await uow.audit.append(
                    audit(
                        who,
                        self._clock.now(),
                        "webhook.parked",
                        f"event:{event.event_id}",
                        ref=event.ref,
                        reason=reason,
                    )
                )
            await uow.commit()
        return event
