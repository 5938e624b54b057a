"""Payments, their attempts, their timeline, and what they hold."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, false, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.repositories import reservations
from dueport_apps.storage.repositories.sealing import opened_attempt, sealed_attempt
from dueport_apps.storage.rows import Rows, insert_new, search_key
from dueport_apps.storage.tables.mirror import account
from dueport_apps.storage.tables.paying import mandate, payment, payment_attempt, payment_event
from dueport_apps.storage.tables.settling import settlement, settlement_line
from dueport_apps.usecases.payment_records import (
    AttemptState,
    MandateRecord,
    PaymentEvent,
    PaymentFilter,
    PaymentRow,
    StoredAttempt,
)
from dueport_core.errors import Conflict, NotFound
from dueport_core.payments import Payment, PaymentState, badge, is_final
from dueport_core.settlements import SettlementLineCategory, SettlementState
from dueport_ports import SecretBox

_PAYMENTS = Rows(payment, Payment)
_ATTEMPTS = Rows(payment_attempt, StoredAttempt)
_EVENTS = Rows(payment_event, PaymentEvent)
_MANDATES = Rows(mandate, MandateRecord)

_UNDECIDED = [state for state in PaymentState if not is_final(state)]
_POSTED = (SettlementState.POSTED, SettlementState.RESOLVED)

# The settlement that paid a payment out; refunds and returns may lie in later ones.
_paid_out_in = (
    select(settlement.c.settlement_id, settlement.c.state)
    .join(settlement_line, settlement_line.c.settlement_id == settlement.c.settlement_id)
    .where(
        settlement_line.c.payment_id == payment.c.payment_id,
        settlement_line.c.category == SettlementLineCategory.PAYMENT,
    )
    .order_by(settlement.c.number)
    .limit(1)
    .correlate(payment)
    .lateral("paid_out_in")
)


class SqlPayments:
    """Payments by our id, by the processor's reference, and as pages."""

    def __init__(
        self, connection: AsyncConnection, secrets: SecretBox, zone: datetime.tzinfo
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._zone = zone

    async def add(self, payment: Payment) -> None:
        """Insert; raises Conflict if the quote was already paid."""
        await insert_new(
            self._connection,
            _PAYMENTS.table,
            _values(payment),
            "This preview has been paid already; look at your payments.",
        )

    async def by_quote(self, quote_id: str) -> Payment | None:
        """Return the payment of a quote."""
        return await self._one(payment.c.quote_id == quote_id)

    async def get(self, payment_id: str, *, for_update: bool = False) -> Payment:
        """Return a payment, locked if asked; raises NotFound for an unknown id."""
        found = await self._one(payment.c.payment_id == payment_id, for_update=for_update)
        if found is None:
            raise NotFound("There is no such payment.")
        return found

    async def by_ref(
        self, processor: str, processor_ref: str, *, for_update: bool = False
    ) -> Payment | None:
        """Return the payment that the processor knows under this reference."""
        return await self._one(
            (payment.c.processor == processor) & (payment.c.processor_ref == processor_ref),
            for_update=for_update,
        )

    async def by_refs(self, processor: str, refs: Sequence[str]) -> dict[str, Payment]:
        """Return the payments of those references that are ours."""
        rows = await self._connection.execute(
            _PAYMENTS.select().where(
                payment.c.processor == processor, payment.c.processor_ref.in_(refs)
            )
        )
        return {found.processor_ref or "": found for found in map(_PAYMENTS.build, rows)}

    async def save(self, payment: Payment) -> None:
        """Compare-and-set: the row must hold the version before this one; else Conflict."""
        table = _PAYMENTS.table
        result = await self._connection.execute(
            update(table)
            .where(table.c.payment_id == payment.payment_id, table.c.version == payment.version - 1)
            .values(_values(payment))
        )
        if result.rowcount != 1:
            raise Conflict("This payment has changed meanwhile; look at it again.")

    async def rows(
        self, filter: PaymentFilter, after: str | None, limit: int
    ) -> tuple[list[PaymentRow], str | None]:
        """Return one page, newest first, and the cursor of the next."""
        order = "payments:newest"
        query = cursors.keyset(
            self._filtered(filter),
            order=order,
            columns=(payment.c.number,),
            descending=True,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        next_page = cursors.encode(order, [page[-1].number]) if len(found) > limit else None
        return [_row(row) for row in page], next_page

    async def in_flight(self, processor: str, after: str, limit: int) -> list[Payment]:
        """Return what the processor has and has not decided, in the order of ids."""
        rows = await self._connection.execute(
            _PAYMENTS.select()
            .where(
                payment.c.processor == processor,
                payment.c.processor_ref.is_not(None),
                payment.c.state.in_(_UNDECIDED),
                payment.c.payment_id > after,
            )
            .order_by(payment.c.payment_id)
            .limit(limit)
        )
        return [_PAYMENTS.build(row) for row in rows]

    # The timeline and the authorization, which are never edited.

    async def add_event(self, event: PaymentEvent) -> None:
        """Append one step to the payment's timeline."""
        await self._connection.execute(insert(payment_event).values(_EVENTS.values(event)))

    async def events(self, payment_id: str) -> list[PaymentEvent]:
        """Return the timeline in the order in which it was written."""
        rows = await self._connection.execute(
            _EVENTS.select()
            .where(payment_event.c.payment_id == payment_id)
            .order_by(payment_event.c.number)
        )
        return [_EVENTS.build(row) for row in rows]

    async def add_mandate(self, mandate: MandateRecord) -> None:
        """Keep the authorization; raises Conflict if the payment has one already."""
        await insert_new(
            self._connection,
            _MANDATES.table,
            _MANDATES.values(mandate),
            "This payment has been authorized already.",
        )

    async def mandate(self, payment_id: str) -> MandateRecord | None:
        """Return the authorization under which a bank account was debited."""
        row = (
            await self._connection.execute(
                _MANDATES.select().where(mandate.c.payment_id == payment_id)
            )
        ).one_or_none()
        return None if row is None else _MANDATES.build(row)

    # Attempts.

    async def add_attempt(self, attempt: StoredAttempt) -> None:
        """Insert; raises Conflict for an id that is there already."""
        await insert_new(
            self._connection,
            payment_attempt,
            self._attempt_values(attempt),
            "This attempt exists already.",
        )

    async def attempt(self, attempt_id: str, *, for_update: bool = False) -> StoredAttempt:
        """Return an attempt, locked if asked; raises NotFound for an unknown id."""
        query = _ATTEMPTS.select().where(payment_attempt.c.attempt_id == attempt_id)
        if for_update:
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("There is no such attempt.")
        return self._build_attempt(row)

    async def attempts(self, payment_id: str) -> list[StoredAttempt]:
        """Return a payment's attempts, oldest first."""
        rows = await self._connection.execute(
            _ATTEMPTS.select()
            .where(payment_attempt.c.payment_id == payment_id)
            .order_by(payment_attempt.c.number)
        )
        return [self._build_attempt(row) for row in rows]

    async def save_attempt(self, attempt: StoredAttempt) -> None:
        """Store what became of an attempt; the frozen request itself is never rewritten."""
        values = self._attempt_values(attempt)
        for frozen in ("attempt", "attempt_id", "payment_id"):
            del values[frozen]
        result = await self._connection.execute(
            update(payment_attempt)
            .where(payment_attempt.c.attempt_id == attempt.attempt.attempt_id)
            .values(values)
        )
        if result.rowcount != 1:
            raise NotFound("There is no such attempt.")

    async def attempts_due(self, now: datetime.datetime, limit: int) -> list[StoredAttempt]:
        """Return attempts without an answer whose next look-up has come, the earliest first."""
        rows = await self._connection.execute(
            _ATTEMPTS.select()
            .where(
                payment_attempt.c.state != AttemptState.ANSWERED,
                payment_attempt.c.next_lookup_at <= now,
            )
            .order_by(payment_attempt.c.next_lookup_at, payment_attempt.c.number)
            .limit(limit)
        )
        return [self._build_attempt(row) for row in rows]

    # Reservations.

    async def reserve(self, payment: Payment, paid_by: str) -> None:
        """Hold every line and credit; Conflict names the document and who holds it."""
        await reservations.reserve(self._connection, payment, paid_by)

    async def release(self, payment_id: str) -> None:
        """Free what the payment holds; repeating is harmless."""
        await reservations.move(self._connection, payment_id, ("held",), "released")

    async def apply(self, payment_id: str) -> None:
        """Turn what the payment holds into settled, not yet seen in the ERP.

        Also after the documents were freed: money that moved on a payment given up, or a dispute
        that was won, pays them after all.
        """
        await reservations.move(
            self._connection, payment_id, ("held", "released", "reopened"), "applied"
        )

    async def reopen(self, payment_id: str) -> None:
        """Undo `apply` after a return or dispute: the documents are owed again."""
        await reservations.move(self._connection, payment_id, ("held", "applied"), "reopened")

    async def clear_seen(self) -> int:
        """Clear applied reservations that the ERP shows by now; return how many."""
        return await reservations.clear_seen(self._connection)

    async def _one(
        self, condition: ColumnElement[bool], *, for_update: bool = False
    ) -> Payment | None:
        query = _PAYMENTS.select().where(condition)
        if for_update:
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _PAYMENTS.build(row)

    def _filtered(self, filter: PaymentFilter) -> Select[Any]:
        query = (
            select(
                *_PAYMENTS.columns,
                payment.c.number,
                account.c.name.label("account_name"),
                _paid_out_in.c.settlement_id.label("settlement_id"),
                _paid_out_in.c.state.label("settlement_state"),
            )
            .join(account, account.c.account_no == payment.c.account_no)
            .outerjoin(_paid_out_in, true())
        )
        if filter.account_no:
            query = query.where(payment.c.account_no == filter.account_no)
        if filter.state is not None:
            query = query.where(payment.c.state == filter.state)
        if filter.states:
            query = query.where(payment.c.state.in_(filter.states))
        if filter.posted is not None:
            posted = func.coalesce(_paid_out_in.c.state.in_(_POSTED), false())
            query = query.where(posted if filter.posted else ~posted)
        if text := filter.text.strip():
            query = query.where(
                or_(
                    account.c.search_name.contains(search_key(text), autoescape=True),
                    account.c.account_no.istartswith(text, autoescape=True),
                    payment.c.payment_id.icontains(text, autoescape=True),
                    payment.c.processor_ref == text,
                )
            )
        if filter.from_on is not None:
            query = query.where(payment.c.created_at >= self._midnight(filter.from_on))
        if filter.to_on is not None:
            after = filter.to_on + datetime.timedelta(days=1)
            query = query.where(payment.c.created_at < self._midnight(after))
        return query

    def _midnight(self, on: datetime.date) -> datetime.datetime:
        """Return when this day began where the dealer is."""
        return datetime.datetime.combine(on, datetime.time(), self._zone)

    def _attempt_values(self, value: StoredAttempt) -> dict[str, Any]:
        return {
            **_ATTEMPTS.values(value),
            "attempt": sealed_attempt(value.attempt, self._secrets),
            "attempt_id": value.attempt.attempt_id,
            "payment_id": value.attempt.payment_id,
        }

    def _build_attempt(self, row: Any) -> StoredAttempt:
        stored = _ATTEMPTS.build(row)
        return msgspec.structs.replace(
            stored, attempt=opened_attempt(stored.attempt, self._secrets)
        )


def _values(value: Payment) -> dict[str, Any]:
    return {**_PAYMENTS.values(value), "changed_at": func.clock_timestamp()}


def _row(row: Any) -> PaymentRow:
    found = _PAYMENTS.build(row)
    posted = row.settlement_state in _POSTED
    return PaymentRow(
        payment=found,
        account_name=row.account_name,
        badge=badge(found.state, found.frozen, posted),
        settlement_id=row.settlement_id or "",
    )
