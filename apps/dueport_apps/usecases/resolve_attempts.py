"""Find out what became of attempts that were never answered.

An attempt that certainly never arrived is sent again under its own key, which can make one charge
at most; once the key's lifetime is nearly over it is only looked up, and finally given up as
failed on the processor's word that it does not exist.
"""

import datetime

import msgspec

from dueport_apps.usecases.payment_outcomes import PaymentOutcomes
from dueport_apps.usecases.payment_records import AttemptState, StoredAttempt
from dueport_apps.usecases.services import Processors
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict
from dueport_core.payments import PaymentState
from dueport_ports import AttemptResult, Clock, PortError, Unknown

BATCH = 50
SAFETY_MARGIN_H = 4
"""A key is not used in its last hours: clocks differ, and a pruned key makes a second charge."""


class ResolvedAttempts(msgspec.Struct, frozen=True, kw_only=True):
    looked_up: int = 0
    answered: int = 0


class ResolveAttempts:
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

    async def __call__(self) -> ResolvedAttempts:
        """Look up every attempt whose time has come; safe to run twice at once."""
        async with self._uow() as uow:
            due = await uow.payments.attempts_due(self._clock.now(), BATCH)
        answered = 0
        for stored in due:
            result = await self._ask(stored)
            answered += await self._record(stored, result)
        return ResolvedAttempts(looked_up=len(due), answered=answered)

    async def _ask(self, stored: StoredAttempt) -> AttemptResult | None:
        """Return the processor's answer, None when it certainly has no such attempt."""
        processor = self._processors.named(stored.processor)
        try:
            found = await processor.lookup(stored.attempt)
            if found is None and self._key_is_good(stored):
                found = await processor.submit(stored.attempt)
        except PortError as error:
            return Unknown(retry_after_s=300, detail=str(error))
        return found

    def _key_is_good(self, stored: StoredAttempt) -> bool:
        capabilities = self._processors.named(stored.processor).capabilities()
        if capabilities.idempotency == "lookup_only":
            return False
        hours = max(0, capabilities.key_lifetime_h - SAFETY_MARGIN_H)
        age = self._clock.now() - stored.attempt.created_at
        return age < datetime.timedelta(hours=hours)

    async def _record(self, stored: StoredAttempt, result: AttemptResult | None) -> int:
        async with self._uow() as uow:
            payment = await uow.payments.get(stored.attempt.payment_id, for_update=True)
            current = await uow.payments.attempt(stored.attempt.attempt_id, for_update=True)
            if current.state is AttemptState.ANSWERED:
                return 0
            if result is None:
                await uow.payments.save_attempt(
                    msgspec.structs.replace(
                        current,
                        state=AttemptState.ANSWERED,
                        outcome="never_arrived",
                        next_lookup_at=None,
                    )
                )
                await self._outcomes.move(
                    uow, payment, PaymentState.FAILED, failure="never_arrived"
                )
            else:
                try:
                    await self._outcomes.answered(uow, payment, current, result)
                except Conflict:
                    # News that contradicts what we hold is a person's matter: keep it visible by
                    # leaving the attempt open, and do not ask again for a day.
                    await uow.rollback()
                    await self._postpone(current)
                    return 0
            await uow.commit()
        return 0 if isinstance(result, Unknown) else 1

    async def _postpone(self, stored: StoredAttempt) -> None:
        async with self._uow() as uow:
            await uow.payments.save_attempt(
                msgspec.structs.replace(
                    stored,
                    outcome="contradiction",
                    next_lookup_at=self._clock.now() + datetime.timedelta(days=1),
                )
            )
            await uow.commit()
