"""What follows when a payment's state moves: journal, reservations, timeline, mail, audit.

Every use case that learns something about a payment (the answer to a charge, a look-up, a
webhook, a poll, a settlement) comes through ``PaymentOutcomes``, so the same news has the same
effects whichever way it came, and has them once: states move by ``observe``, journal entries have
unique sources and mails unique keys.
"""

import datetime
from typing import Any

import msgspec

from dueport_apps.usecases.payment_mails import PaymentMails
from dueport_apps.usecases.payment_records import AttemptState, PaymentEvent, StoredAttempt
from dueport_apps.usecases.records import SYSTEM, audit
from dueport_apps.usecases.services import Mailroom
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.actors import Actor
from dueport_core.errors import Conflict
from dueport_core.journal import ach_return, payment_settled, reversal
from dueport_core.payments import (
    Payment,
    PaymentState,
    Transition,
    is_in_flight,
    observe,
    transition,
)
from dueport_ports import (
    Accepted,
    ActionRequired,
    AttemptResult,
    Clock,
    DeclinedAttempt,
    PaymentSnapshot,
    ProcessorState,
    RejectedAttempt,
    Unknown,
    dollars,
)

STATE_OF: dict[ProcessorState, PaymentState] = {
    ProcessorState.ACTION_REQUIRED: PaymentState.REQUIRES_ACTION,
    ProcessorState.SUBMITTED: PaymentState.PENDING,
    ProcessorState.IN_NETWORK: PaymentState.PROCESSING,
    ProcessorState.SUCCEEDED: PaymentState.SETTLED,
    ProcessorState.AVAILABLE: PaymentState.SETTLED,
    ProcessorState.FAILED: PaymentState.FAILED,
    ProcessorState.CANCELED: PaymentState.CANCELED,
    ProcessorState.RETURNED: PaymentState.RETURNED,
}
"""How a processor's state reads in ours; created and unrecognized ones say nothing."""

LOOKUP_AFTER = (
    datetime.timedelta(seconds=30),
    datetime.timedelta(minutes=5),
    datetime.timedelta(hours=1),
    datetime.timedelta(days=1),
)
"""When an unanswered attempt is looked up again; the last step repeats."""


class PaymentOutcomes:
    """Applies news about one payment inside the caller's unit of work."""

    def __init__(self, clock: Clock, mailroom: Mailroom, mails: PaymentMails) -> None:
        self._clock = clock
        self._mailroom = mailroom
        self._mails = mails

    async def answered(
        self, uow: UnitOfWork, payment: Payment, stored: StoredAttempt, result: AttemptResult
    ) -> Payment:
        """Record the processor's answer to an attempt, from the call itself or from a look-up."""
        now = self._clock.now()
        match result:
            case Accepted(processor_ref=ref, state=state):
                await self._save_attempt(uow, stored, AttemptState.ANSWERED, "accepted", ref)
                payment = await self._with_ref(uow, payment, ref)
                return await self.move(uow, payment, STATE_OF.get(state, PaymentState.PENDING))
            case ActionRequired(processor_ref=ref, bootstrap=bootstrap, redirect_url=url):
                action = {"kind": result.kind, "redirect_url": url, **bootstrap}
                await self._save_attempt(
                    uow, stored, AttemptState.ANSWERED, "action_required", ref, action
                )
                payment = await self._with_ref(uow, payment, ref)
                return await self.move(uow, payment, PaymentState.REQUIRES_ACTION)
            case DeclinedAttempt(code=code, processor_ref=ref):
                await self._save_attempt(uow, stored, AttemptState.ANSWERED, "declined", ref)
                payment = await self._with_ref(uow, payment, ref)
                return await self.move(uow, payment, PaymentState.FAILED, failure=code.value)
            case RejectedAttempt(code=code, detail=detail):
                await self._save_attempt(uow, stored, AttemptState.ANSWERED, "rejected", "")
                await uow.payments.add_event(
                    PaymentEvent(
                        payment_id=payment.payment_id, at=now, kind="rejected", detail=detail
                    )
                )
                return await self.move(uow, payment, PaymentState.FAILED, failure=code)
            case Unknown(detail=detail):
                step = LOOKUP_AFTER[min(stored.lookups, len(LOOKUP_AFTER) - 1)]
                await uow.payments.save_attempt(
                    msgspec.structs.replace(
                        stored,
                        state=AttemptState.UNKNOWN,
                        outcome="unknown",
                        next_lookup_at=now + step,
                        lookups=stored.lookups + 1,
                    )
                )
                if stored.state is not AttemptState.UNKNOWN:
                    await uow.payments.add_event(
                        PaymentEvent(
                            payment_id=payment.payment_id, at=now, kind="unknown", detail=detail
                        )
                    )
                if payment.state is PaymentState.CREATED:
                    moved = transition(payment.state, PaymentState.PENDING, Actor.SYSTEM)
                    return await self._apply(uow, payment, moved)
                return payment

    async def seen(self, uow: UnitOfWork, payment: Payment, snapshot: PaymentSnapshot) -> Payment:
        """Take in a payment as fetched from its processor.

        Raises Conflict, changing nothing, for a snapshot that is not about this money (another
        amount, currency or attempt) and for a state that cannot follow: both are a person's matter.
        """
        if snapshot.amount_cents != payment.total_cents or snapshot.currency != payment.currency:
            raise Conflict(
                f"The processor reports {dollars(snapshot.amount_cents)} {snapshot.currency} for "
                f"payment {payment.payment_id} of {dollars(payment.total_cents)}."
            )
        attempts = await uow.payments.attempts(payment.payment_id)
        if snapshot.attempt_id and snapshot.attempt_id not in {
            stored.attempt.attempt_id for stored in attempts
        }:
            raise Conflict(
                f"The processor's payment {snapshot.processor_ref} belongs to another attempt than "
                f"those of payment {payment.payment_id}."
            )
        state = state_of(snapshot)
        if state is None:
            return payment
        failure = snapshot.return_code or (
            snapshot.failure_code.value if snapshot.failure_code else ""
        )
        for stored in attempts:
            if (
                stored.attempt.attempt_id == snapshot.attempt_id
                and stored.state is not AttemptState.ANSWERED
            ):
                await self._save_attempt(
                    uow, stored, AttemptState.ANSWERED, "seen", snapshot.processor_ref
                )
        payment = await self._with_ref(uow, payment, snapshot.processor_ref)
        for step in _steps_to(payment.state, state):
            payment = await self.move(uow, payment, step)
        return await self.move(uow, payment, state, failure=failure)

    async def move(
        self, uow: UnitOfWork, payment: Payment, to: PaymentState, *, failure: str = ""
    ) -> Payment:
        """Move on evidence from the processor; late or repeated news changes nothing."""
        moved = observe(payment.state, to)
        if not moved.changed:
            return payment
        return await self._apply(uow, payment, moved, failure)

    async def canceled(self, uow: UnitOfWork, payment: Payment, by: Actor) -> Payment:
        """Record that a payment was stopped on somebody's order, once its processor has said so."""
        moved = transition(payment.state, PaymentState.CANCELED, by)
        return await self._apply(uow, payment, moved) if moved.changed else payment

    async def _apply(
        self, uow: UnitOfWork, before: Payment, moved: Transition, failure: str = ""
    ) -> Payment:
        now = self._clock.now()
        settled = moved.state is PaymentState.SETTLED
        payment = msgspec.structs.replace(
            before,
            state=moved.state,
            anomaly=before.anomaly or moved.anomaly,
            failure_code=failure or before.failure_code,
            settled_at=now if settled and before.settled_at is None else before.settled_at,
            version=before.version + 1,
        )
        await uow.payments.save(payment)
        await uow.payments.add_event(
            PaymentEvent(
                payment_id=payment.payment_id,
                at=now,
                kind=moved.state.value,
                detail=failure,
            )
        )
        await uow.audit.append(
            audit(
                SYSTEM,
                now,
                f"payment.{moved.state.value}",
                f"payment:{payment.payment_id}",
                before=before.state.value,
                failure=failure,
                anomaly="yes" if moved.anomaly else "",
            )
        )
        await self._follow(uow, before, payment)
        return payment

    async def _follow(self, uow: UnitOfWork, before: Payment, payment: Payment) -> None:
        """Do what a new state asks for: book it, hold or free the documents, tell the customer."""
        today = self._clock.today()
        match payment.state:
            case PaymentState.SETTLED if before.state is PaymentState.RETURNED:
                # The money came after all: take the return back, it was booked under its code.
                taken_back = ach_return(payment, before.failure_code or "returned", today)
                if await uow.journal.of_source(taken_back.source) is not None:
                    await uow.journal.add(reversal(taken_back, today))
                await uow.payments.apply(payment.payment_id)
            case PaymentState.SETTLED:
                if await uow.journal.add(payment_settled(payment, today)):
                    await uow.payments.apply(payment.payment_id)
            case PaymentState.FAILED | PaymentState.CANCELED:
                await uow.payments.release(payment.payment_id)
            case PaymentState.RETURNED:
                # A debit that bounced before it settled was never booked: nothing to take back.
                if before.state is not PaymentState.PROCESSING:
                    await uow.journal.add(
                        ach_return(payment, payment.failure_code or "returned", today)
                    )
                await uow.payments.reopen(payment.payment_id)
            case PaymentState.DISPUTED | PaymentState.REFUNDED:
                # The money is gone again; its movement is booked with the line that shows it.
                await uow.payments.reopen(payment.payment_id)
            case _:
                pass
        await uow.work.enqueue(
            "refresh_figures",
            {"account_no": payment.account_no},
            key=f"figures:{payment.account_no}",
        )
        await self._tell(uow, before, payment)

    async def _tell(self, uow: UnitOfWork, before: Payment, payment: Payment) -> None:
        """Mail the customer: a receipt at once, and what became of a bank payment later.

        A decline while the customer looks at the page is told by the page alone.
        """
        message = await self._mails.about(uow, before, payment)
        if message is None:
            return
        user = await uow.users.get(payment.portal_user_id)
        await self._mailroom.queue(
            uow,
            kind=message.TEMPLATE,
            subject_ref=f"payment:{payment.payment_id}",
            to_address=user.email,
            to_name=user.name,
            message=message,
        )

    async def _with_ref(self, uow: UnitOfWork, payment: Payment, processor_ref: str) -> Payment:
        """Remember the processor's reference; it never changes once known."""
        if not processor_ref or payment.processor_ref == processor_ref:
            return payment
        if payment.processor_ref:
            raise Conflict(
                f"Payment {payment.payment_id} is {payment.processor_ref} at its processor, "
                f"not {processor_ref}."
            )
        payment = msgspec.structs.replace(
            payment, processor_ref=processor_ref, version=payment.version + 1
        )
        await uow.payments.save(payment)
        return payment

    async def _save_attempt(
        self,
        uow: UnitOfWork,
        stored: StoredAttempt,
        state: AttemptState,
        outcome: str,
        processor_ref: str,
        action: dict[str, Any] | None = None,
    ) -> None:
        await uow.payments.save_attempt(
            msgspec.structs.replace(
                stored,
                state=state,
                outcome=outcome,
                processor_ref=processor_ref or stored.processor_ref,
                next_lookup_at=None,
                action=action or {},
            )
        )


def state_of(snapshot: PaymentSnapshot) -> PaymentState | None:
    """Return our state for a payment as fetched; None for one that says nothing to us."""
    state = STATE_OF.get(snapshot.state)
    if state is not PaymentState.SETTLED:
        return state
    if snapshot.disputed:
        return PaymentState.DISPUTED
    if snapshot.refunded_cents >= snapshot.amount_cents:
        return PaymentState.REFUNDED
    return PaymentState.PARTIALLY_REFUNDED if snapshot.refunded_cents else PaymentState.SETTLED


def _steps_to(state: PaymentState, seen: PaymentState) -> tuple[PaymentState, ...]:
    """Return what must have happened in between, where we missed it."""
    if not is_in_flight(state):
        return ()
    match seen:
        case PaymentState.DISPUTED | PaymentState.REFUNDED | PaymentState.PARTIALLY_REFUNDED:
            return (PaymentState.SETTLED,)
        case PaymentState.RETURNED if state is not PaymentState.PROCESSING:
            return (PaymentState.PROCESSING,)
        case _:
            return ()
