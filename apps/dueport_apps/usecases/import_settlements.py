"""Read payouts and prove each to the cent: lines must add up and meet our payments.

A payout is booked when the processor says it is paid and its lines are complete. What is not
explained stays as an unallocated line, which blocks posting until a person has decided.
"""

import datetime

import msgspec

from dueport_apps.usecases.line_entries import line_entries
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.process_event import ProcessEvent
from dueport_apps.usecases.records import SYSTEM, audit
from dueport_apps.usecases.services import Ids, Processors
from dueport_apps.usecases.settlement_records import StoredLine, StoredSettlement
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import Conflict, NotFound
from dueport_core.journal import payout
from dueport_core.payments import Payment, is_in_flight
from dueport_core.settlements import (
    KnownPayment,
    Settlement,
    SettlementKind,
    SettlementLineCategory,
    SettlementMatch,
    SettlementState,
    match_settlement,
    transition,
)
from dueport_ports import (
    Clock,
    PaymentProcessor,
    PortError,
    SettlementHead,
    SettlementLine,
    Settling,
)

LOOK_BACK = datetime.timedelta(days=14)
"""A payout may still change or fail after it was first seen, so recent ones are read again."""

FIRST_LOOK_BACK = datetime.timedelta(days=60)

_ABOUT_SETTLED_MONEY = frozenset(
    {
        SettlementLineCategory.REFUND,
        SettlementLineCategory.REFUND_FAILURE,
        SettlementLineCategory.RETURN,
        SettlementLineCategory.DISPUTE,
        SettlementLineCategory.DISPUTE_REVERSAL,
    }
)


class ImportedSettlements(msgspec.Struct, frozen=True, kw_only=True):
    seen: int = 0
    matched: int = 0
    problems: tuple[str, ...] = ()


class ImportSettlements:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        processors: Processors,
        process: ProcessEvent,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._processors = processors
        self._process = process
        self._ids = ids
        self._clock = clock
        self._policies = policies

    async def __call__(self, processor_name: str) -> ImportedSettlements:
        """Import one processor's recent payouts; running it again changes nothing new."""
        processor = self._processors.named(processor_name)
        if not isinstance(processor, Settling):
            return ImportedSettlements()
        async with self._uow() as uow:
            newest = await uow.settlements.newest_created_at(processor_name)
        now = self._clock.now()
        since = (newest - LOOK_BACK) if newest else now - FIRST_LOOK_BACK
        heads = [head async for head in processor.settlements(since)]
        matched = 0
        problems: list[str] = []
        for head in heads:
            try:
                lines = await self._lines(processor, head)
                await self._heal(processor_name, head.settlement_ref, lines)
                stored = await self._store(processor_name, head, lines)
            except PortError as error:
                problems.append(f"{head.settlement_ref}: {error}")
                continue
            matched += stored.state is SettlementState.MATCHED
            problems += [f"{head.settlement_ref}: {problem}" for problem in stored.problems]
        return ImportedSettlements(seen=len(heads), matched=matched, problems=tuple(problems))

    async def _lines(
        self, processor: PaymentProcessor, head: SettlementHead
    ) -> list[SettlementLine] | None:
        assert isinstance(processor, Settling)
        if head.lines != "complete":
            return None
        return [line async for line in processor.settlement_lines(head.settlement_ref)]

    async def _heal(
        self, processor_name: str, settlement_ref: str, lines: list[SettlementLine] | None
    ) -> None:
        """Fetch payments of which a line tells more than we know.

        One that we think is under way was paid out, or one that we think is settled was taken
        back. A reference that is new to us may be a charge whose answer we never got: it is asked
        for once, before its money could be mistaken for somebody else's.
        """
        refs = {line.payment_ref for line in lines or () if line.payment_ref}
        taken_back = {
            line.payment_ref for line in lines or () if line.category in _ABOUT_SETTLED_MONEY
        }
        async with self._uow() as uow:
            known = await uow.payments.by_refs(processor_name, sorted(refs))
            stored = await uow.settlements.by_ref(processor_name, settlement_ref)
        wanted = {
            ref
            for ref, payment in known.items()
            if is_in_flight(payment.state) or ref in taken_back
        }
        if stored is None or stored.state is SettlementState.OPEN:
            wanted |= refs - known.keys()
        for ref in sorted(wanted):
            try:
                await self._process.payment(processor_name, ref)
            except (Conflict, NotFound):
                # What it was about stays as it is, so the settlement does not match and says so.
                continue

    async def _store(
        self, processor_name: str, head: SettlementHead, lines: list[SettlementLine] | None
    ) -> StoredSettlement:
        async with self._uow() as uow:
            stored = await uow.settlements.by_ref(
                processor_name, head.settlement_ref, for_update=True
            )
            if stored is not None and stored.state not in (
                SettlementState.OPEN,
                SettlementState.MATCHED,
            ):
                return await self._note_failure(uow, stored, head)
            refs = [line.payment_ref for line in lines or () if line.payment_ref]
            payments = await uow.payments.by_refs(processor_name, refs)
            match = _match(processor_name, head, lines or [], payments)
            problems = _problems(head, lines, match, payments)
            state = SettlementState.OPEN if problems else SettlementState.MATCHED
            settlement_id = stored.settlement_id if stored else self._ids.new()
            fresh = StoredSettlement(
                settlement_id=settlement_id,
                processor=processor_name,
                head=head,
                state=transition(stored.state, state) if stored else state,
                unexplained_cents=match.unexplained_cents,
                problems=problems,
                imported_at=stored.imported_at if stored else self._clock.now(),
                version=stored.version + 1 if stored else 1,
            )
            if (
                stored is not None
                and msgspec.structs.replace(fresh, version=stored.version) == stored
            ):
                return stored
            await uow.settlements.save(
                fresh,
                [StoredLine(settlement_id=settlement_id, line=line) for line in match.lines],
            )
            if state is SettlementState.MATCHED:
                await self._book(uow, fresh, match, payments)
                if self._policies.posting.automatic:
                    await uow.work.enqueue(
                        "post_settlement",
                        {"settlement_id": settlement_id},
                        key=f"post:{settlement_id}",
                    )
            await uow.audit.append(
                audit(
                    SYSTEM,
                    self._clock.now(),
                    f"settlement.{state.value}",
                    f"settlement:{settlement_id}",
                    ref=head.settlement_ref,
                    amount_cents=str(head.amount_cents),
                    unexplained_cents=str(match.unexplained_cents),
                )
            )
            await uow.commit()
        return fresh

    async def _note_failure(
        self, uow: UnitOfWork, stored: StoredSettlement, head: SettlementHead
    ) -> StoredSettlement:
        """A payout may be reported as failed after it was posted: flag it, change nothing else."""
        if head.state != "failed" or stored.head.state == "failed":
            return stored
        problem = (
            f"The processor reports the payout as failed: {head.failure or 'no reason given'}."
        )
        failed = msgspec.structs.replace(
            stored, head=head, problems=(*stored.problems, problem), version=stored.version + 1
        )
        await uow.settlements.save(failed)
        await uow.commit()
        return failed

    async def _book(
        self,
        uow: UnitOfWork,
        settlement: StoredSettlement,
        match: SettlementMatch,
        payments: dict[str, Payment],
    ) -> None:
        """Book every line's movement and the payout itself; each source once."""
        on = settlement.head.arrival_on or self._clock.today()
        for line in match.lines:
            payment = payments.get(line.payment_ref or "")
            for entry in line_entries(settlement.processor, line, payment, on):
                await uow.journal.add(entry)
        if settlement.head.amount_cents:
            await uow.journal.add(
                payout(
                    settlement.head.settlement_ref,
                    settlement.processor,
                    settlement.head.amount_cents,
                    on,
                )
            )


def _match(
    processor_name: str,
    head: SettlementHead,
    lines: list[SettlementLine],
    payments: dict[str, Payment],
) -> SettlementMatch:
    return match_settlement(
        Settlement(
            settlement_ref=head.settlement_ref,
            processor=processor_name,
            amount_cents=head.amount_cents,
            created_at=head.created_at,
            kind=SettlementKind(head.kind),
            currency=head.currency,
            arrival_on=head.arrival_on,
            bank_trace=head.bank_trace,
        ),
        lines,
        {
            ref: KnownPayment(payment_id=payment.payment_id, total_cents=payment.total_cents)
            for ref, payment in payments.items()
        },
    )


def _problems(
    head: SettlementHead,
    lines: list[SettlementLine] | None,
    match: SettlementMatch,
    payments: dict[str, Payment],
) -> tuple[str, ...]:
    """Say, as sentences, what keeps a payout from being matched; empty when nothing does."""
    if head.state == "failed":
        return (f"The payout failed: {head.failure or 'the processor gives no reason'}.",)
    if head.state != "paid":
        return (f"The payout is {head.state.replace('_', ' ')}; it is matched once it is paid.",)
    if lines is None:
        return ("The processor has not finished the list of this payout's lines.",)
    found = [problem.sentence for problem in match.problems]
    if match.unexplained_cents:
        found.append("The lines do not add up to the payout.")
    found += [
        f"Payment {payment.payment_id} is paid out but still {payment.state.value} here."
        for payment in payments.values()
        if is_in_flight(payment.state)
    ]
    return tuple(found)
