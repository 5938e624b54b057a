"""Give up a payment that waits for its payer, so that the documents can be paid another way."""

import msgspec

from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.errors import Conflict, NotFound, Unsupported
from dueport_core.payments import Payment, PaymentState
from dueport_ports import Cancelling, Clock, ProcessorState

TOO_LATE = "This payment does not wait for you any more; look at where it stands."


class AbandonPaymentCommand(msgspec.Struct, frozen=True, kw_only=True):
    by: Principal
    payment_id: str


class AbandonPayment:
    """The processor decides: what it does not stop goes on, and is shown as it is."""

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

    async def __call__(self, command: AbandonPaymentCommand) -> Payment:
        """Return the payment as it stands then. Repeating is harmless.

        Raises NotFound for another account's payment, Conflict for one that does not wait for its
        payer, Unsupported where the processor cannot stop payments, and PortErrors as they come.
        """
        async with self._uow() as uow:
            payment = await uow.payments.get(command.payment_id)
        if payment.account_no != command.by.account_no:
            raise NotFound("There is no such payment.")
        if payment.state is PaymentState.CANCELED:
            return payment
        if payment.state is not PaymentState.REQUIRES_ACTION or payment.processor_ref is None:
            raise Conflict(TOO_LATE)
        processor = self._processors.named(payment.processor)
        if not isinstance(processor, Cancelling):
            raise Unsupported("This payment cannot be stopped from here; contact us.")
        snapshot = await processor.cancel(payment.processor_ref)
        async with self._uow() as uow:
            payment = await uow.payments.get(command.payment_id, for_update=True)
            if snapshot.state is ProcessorState.CANCELED:
                payment = await self._outcomes.canceled(uow, payment, Actor.CUSTOMER)
                await uow.audit.append(
                    audit(
                        command.by,
                        self._clock.now(),
                        "payment.abandoned",
                        f"payment:{payment.payment_id}",
                    )
                )
            else:
                payment = await self._outcomes.seen(uow, payment, snapshot)
            await uow.commit()
        return payment
