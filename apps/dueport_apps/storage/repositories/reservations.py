"""What payments hold of the documents.

A document is held by at most one payment at a time, which a unique index decides; what has settled
and does not show in the ERP yet lowers what is left to pay. Every change asks for new figures of
the account, because money in flight is not money owed.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.mirror_load import mark_stale
from dueport_apps.storage.tables.mirror import document
from dueport_apps.storage.tables.paying import ReservationState, reservation
from dueport_core.errors import Conflict
from dueport_core.money import dollars
from dueport_core.payments import Payment


async def reserve(connection: AsyncConnection, payment: Payment, paid_by: str) -> None:
    """Hold every line and credit of the payment, or raise Conflict and hold nothing.

    Repeating it for the same payment is harmless.
    """
    wanted = _wanted(payment)
    left = await _left_to_take(connection, payment, sorted(wanted))
    for document_ref, amount_cents in wanted.items():
        if amount_cents > left[document_ref]:
            raise Conflict(
                f"Only {dollars(left[document_ref])} of {document_ref} is left to pay; look at "
                "your selection again."
            )
    await connection.execute(
        insert(reservation)
        .values(
            [
                {
                    "payment_id": payment.payment_id,
                    "account_no": payment.account_no,
                    "document_ref": document_ref,
                    "amount_cents": wanted[document_ref],
                    "open_after_cents": left[document_ref] - wanted[document_ref],
                    "state": "held",
                    "paid_by": paid_by,
                }
                for document_ref in sorted(wanted)
            ]
        )
        .on_conflict_do_nothing()
    )
    held = await connection.scalars(
        select(reservation.c.document_ref).where(
            reservation.c.payment_id == payment.payment_id, reservation.c.state == "held"
        )
    )
    if missing := sorted(set(wanted) - set(held)):
        # Somebody who does not wait for the documents' rows was faster; the index has decided.
        raise Conflict(f"{missing[0]} is being paid by somebody else; look at it again later.")
    await mark_stale(connection, [payment.account_no])


async def move(
    connection: AsyncConnection,
    payment_id: str,
    from_states: Sequence[ReservationState],
    to: ReservationState,
) -> None:
    """Move a payment's reservations from any of these states; the others stay as they are."""
    moved = await connection.execute(
        update(reservation)
        .where(reservation.c.payment_id == payment_id, reservation.c.state.in_(from_states))
        .values(state=to)
        .returning(
            reservation.c.number,
            reservation.c.account_no,
            reservation.c.document_ref,
            reservation.c.amount_cents,
        )
    )
    rows = moved.all()
    if to == "reopened":
        # Who paid the rest later expected this payment to show in the ERP first.
        for row in rows:
            await connection.execute(
                update(reservation)
                .where(
                    reservation.c.document_ref == row.document_ref,
                    reservation.c.number > row.number,
                    reservation.c.state.in_(("held", "applied")),
                )
                .values(open_after_cents=reservation.c.open_after_cents + row.amount_cents)
            )
    await mark_stale(connection, {row.account_no for row in rows})


async def clear_seen(connection: AsyncConnection) -> int:
    """Clear applied reservations whose document has dropped far enough; return how many."""
    cleared = await connection.scalars(
        update(reservation)
        .where(
            reservation.c.state == "applied",
            reservation.c.document_ref == document.c.document_ref,
            func.abs(document.c.open_amount_cents) <= reservation.c.open_after_cents,
        )
        .values(state="seen")
        .returning(reservation.c.account_no)
    )
    account_nos = list(cleared)
    await mark_stale(connection, account_nos)
    return len(account_nos)


def _wanted(payment: Payment) -> dict[str, int]:
    """Return how much of each document the payment takes, as magnitudes."""
    parts = [(line.document_ref, line.amount_cents) for line in payment.lines]
    parts += [(use.document_ref, use.amount_cents) for use in payment.credits]
    wanted: dict[str, int] = {}
    for document_ref, amount_cents in parts:
        wanted[document_ref] = wanted.get(document_ref, 0) + amount_cents
    return {document_ref: cents for document_ref, cents in wanted.items() if cents}


async def _left_to_take(
    connection: AsyncConnection, payment: Payment, document_refs: Sequence[str]
) -> dict[str, int]:
    """Lock the documents and return what is left of each, as magnitudes."""
    rows = await connection.execute(
        select(document.c.document_ref, func.abs(document.c.open_amount_cents))
        .where(
            document.c.document_ref.in_(document_refs),
            document.c.account_no == payment.account_no,
        )
        .order_by(document.c.document_ref)
        .with_for_update(key_share=True)
    )
    left: dict[str, int] = dict.fromkeys(document_refs, 0)
    left |= dict(_pairs(rows))
    taken = await connection.execute(
        select(reservation)
        .where(
            reservation.c.document_ref.in_(document_refs),
            reservation.c.payment_id != payment.payment_id,
            reservation.c.state.in_(("held", "applied")),
        )
        .order_by(reservation.c.number)
    )
    for row in taken:
        if row.state == "held":
            raise Conflict(
                f"{row.document_ref} is being paid by {row.paid_by}; it can be paid again only "
                "if that payment does not go through."
            )
        left[row.document_ref] = max(0, left[row.document_ref] - row.amount_cents)
    return left


def _pairs(rows: Any) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in rows]
