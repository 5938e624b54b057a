"""The documents of an account, and how much of each is spoken for."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.mirror import document
from dueport_apps.storage.tables.paying import reservation
from dueport_apps.usecases.records import Reserved
from dueport_core.open_items import OpenItem

_ITEMS = Rows(document, OpenItem)
# Oldest first, as people pay: by due date, then by entry into the ledger, then by document.
_AGE = (
    document.c.due_on,
    func.coalesce(document.c.posted_on, document.c.issued_on),
    document.c.document_ref,
)
# What every page of a customer asks for is put together once, which saves a third of its cost.
_OF_ACCOUNT = (
    _ITEMS.select()
    .where(document.c.account_no == bindparam("account_no"), document.c.open_amount_cents != 0)
    .order_by(*_AGE)
)
_RELEASED_OF_ACCOUNT = _OF_ACCOUNT.where(document.c.released)
_RESERVED = (
    select(reservation)
    .where(
        reservation.c.account_no == bindparam("account_no"),
        or_(reservation.c.state == "held", reservation.c.state == "applied"),
    )
    .order_by(reservation.c.number)
)


class SqlOpenItems:
    """Open items as pages and payments need them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_account(self, account_no: str, *, released_only: bool = True) -> list[OpenItem]:
        """Return the account's items with an open amount, oldest due date first."""
        query = _RELEASED_OF_ACCOUNT if released_only else _OF_ACCOUNT
        rows = await self._connection.execute(query, {"account_no": account_no})
        return [_ITEMS.build(row) for row in rows]

    async def of_accounts(self, account_nos: Sequence[str]) -> dict[str, list[OpenItem]]:
        """Return the released open items of several accounts; every account has a list."""
        found: dict[str, list[OpenItem]] = {account_no: [] for account_no in account_nos}
        rows = await self._connection.execute(
            _ITEMS.select()
            .where(
                document.c.account_no.in_(list(found)),
                document.c.open_amount_cents != 0,
                document.c.released,
            )
            .order_by(*_AGE)
        )
        for item in map(_ITEMS.build, rows):
            found[item.account_no].append(item)
        return found

    async def by_refs(self, account_no: str, document_refs: Sequence[str]) -> list[OpenItem]:
        """Return the named documents of this account only, open or not, oldest first."""
        rows = await self._connection.execute(
            _ITEMS.select()
            .where(document.c.account_no == account_no, document.c.document_ref.in_(document_refs))
            .order_by(*_AGE)
        )
        return [_ITEMS.build(row) for row in rows]

    async def reserved(self, account_no: str) -> dict[str, Reserved]:
        """Return what is in flight or settled but not yet seen in the ERP, by document."""
        rows = await self._connection.execute(_RESERVED, {"account_no": account_no})
        found: dict[str, Reserved] = {}
        for row in rows:
            known = found.get(row.document_ref) or Reserved(
                document_ref=row.document_ref,
                held_cents=0,
                applied_cents=0,
                payment_id=row.payment_id,
                paid_by=row.paid_by,
            )
            if row.state == "applied":
                changes = {"applied_cents": known.applied_cents + row.amount_cents}
            else:
                # Whoever holds the document is the one to name to the next who wants it.
                changes = {
                    "held_cents": known.held_cents + row.amount_cents,
                    "payment_id": row.payment_id,
                    "paid_by": row.paid_by,
                }
            found[row.document_ref] = msgspec.structs.replace(known, **changes)
        return found

    async def applied(self, account_nos: Sequence[str]) -> dict[str, int]:
        """Return, by document, what is settled and not yet seen in the ERP."""
        rows = await self._connection.execute(
            select(reservation.c.document_ref, func.sum(reservation.c.amount_cents))
            .where(reservation.c.account_no.in_(account_nos), reservation.c.state == "applied")
            .group_by(reservation.c.document_ref)
        )
        return {row[0]: int(row[1]) for row in rows}
