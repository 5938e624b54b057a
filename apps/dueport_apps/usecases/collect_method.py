"""Take a card or a bank account in the browser, through the processor's own form.

No number ever reaches this process: the processor's script hands back a token, and what we store
is what the processor then tells us about it.
"""

import msgspec

from dueport_apps.usecases.payment_records import CollectRecord, StoredInstrument
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Ids, Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict
from dueport_ports import (
    Clock,
    CollectRequest,
    CollectSession,
    PayerRef,
    PaymentMethodKind,
    Unsupported,
)


class BeginCollectCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal
    method: PaymentMethodKind
    amount_cents: int
    keep: bool
    return_url: str


class BegunCollect(msgspec.Struct, frozen=True, kw_only=True):
    collect_id: str
    processor: str
    session: CollectSession


class BeginCollect:
    def __init__(
        self, uow: UnitOfWorkFactory, processors: Processors, ids: Ids, clock: Clock
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._ids = ids
        self._clock = clock

    async def __call__(self, command: BeginCollectCommand) -> BegunCollect:
        """Start; raises Unsupported for a method the dealer does not take, PortErrors as they come."""
        chosen = self._processors.for_method(command.method)
        if chosen is None:
            raise Unsupported(f"This dealer does not take payments by {command.method.value}.")
        name, processor = chosen
        async with self._uow() as uow:
            user = await uow.users.get(command.by.principal_id)
            customer_ref = await uow.instruments.customer_ref(user.user_id, name)
        session = await processor.begin_collect(
            CollectRequest(
                payer=PayerRef(
                    payer_id=user.user_id,
                    name=user.name,
                    email=user.email,
                    processor_customer_ref=customer_ref,
                ),
                kind=command.method,
                amount_cents=command.amount_cents,
                return_url=command.return_url,
                save=command.keep,
                client_ip=command.by.client_ip,
                user_agent=command.by.user_agent,
            )
        )
        record = CollectRecord(
            collect_id=self._ids.new(),
            user_id=user.user_id,
            account_no=command.by.account_no,
            processor=name,
            session_ref=session.session_ref,
            keep=command.keep,
            processor_customer_ref=session.processor_customer_ref or customer_ref,
            created_at=self._clock.now(),
        )
        async with self._uow() as uow:
            await uow.instruments.add_collect(record)
            await uow.commit()
        return BegunCollect(collect_id=record.collect_id, processor=name, session=session)


class FinishCollectCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal
    collect_id: str
    payload: bytes
    """What the processor's script handed to the page, untouched."""


class FinishCollect:
    def __init__(
        self, uow: UnitOfWorkFactory, processors: Processors, ids: Ids, clock: Clock
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._ids = ids
        self._clock = clock

    async def __call__(self, command: FinishCollectCommand) -> StoredInstrument:
        """Return the method, stored once; finishing again returns the same. Raises NotFound for
        somebody else's collection and Declined when the customer must use another method."""
        async with self._uow() as uow:
            record = await uow.instruments.collect(command.collect_id, command.by.principal_id)
            if record.account_no != command.by.account_no:
                raise Conflict("This was started for another account; start again.")
            if record.instrument_id:
                return await uow.instruments.get(record.instrument_id, record.account_no)
        result = await self._processors.named(record.processor).finish_collect(
            record.session_ref, command.payload
        )
        stored = StoredInstrument(
            instrument_id=self._ids.new(),
            user_id=record.user_id,
            account_no=record.account_no,
            processor=record.processor,
            processor_customer_ref=result.processor_customer_ref or record.processor_customer_ref,
            instrument=result.instrument,
            kept=record.keep,
            created_at=self._clock.now(),
        )
        async with self._uow() as uow:
            record = await uow.instruments.collect(
                command.collect_id, command.by.principal_id, for_update=True
            )
            if record.instrument_id:
                return await uow.instruments.get(record.instrument_id, record.account_no)
            await uow.instruments.add(stored)
            await uow.instruments.save_collect(
                msgspec.structs.replace(record, instrument_id=stored.instrument_id)
            )
            await uow.audit.append(
                audit(
                    command.by,
                    self._clock.now(),
                    "payment_method.added" if stored.kept else "payment_method.entered",
                    f"account:{record.account_no}",
                    method=stored.instrument.label,
                )
            )
            await uow.commit()
        return stored
