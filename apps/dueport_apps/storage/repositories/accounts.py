"""Accounts of the mirror, and the figures that the Customers Dashboard sorts by."""

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.repositories.account_lists import (
    access_off,
    bounced,
    has_login,
    mail_waits,
    matches,
    undecided_state,
)
from dueport_apps.storage.rows import Rows, any_of
from dueport_apps.storage.tables.mirror import account, account_figures, job
from dueport_apps.usecases.records import (
    AccountFigures,
    AccountFilter,
    AccountRow,
    AccountSort,
    Totals,
)
from dueport_core.accounts import Account, Job
from dueport_core.errors import NotFound
from dueport_core.invitations import InvitationState

_ACCOUNTS = Rows(account, Account)
_JOBS = Rows(job, Job)
_FIGURES = Rows(account_figures, AccountFigures)

# More accounts than there can be whose numbers differ in the zeros in front alone.
_LIKE_NUMBERED = 64
_BY_NUMBER = _ACCOUNTS.select().where(account.c.account_no == bindparam("account_no"))
_JOBS_OF_ACCOUNT = (
    _JOBS.select()
    .where(job.c.account_no == bindparam("account_no"), ~job.c.gone)
    .order_by(job.c.job_no)
)

_figures = account_figures.c
# The last column of each order makes it unique; the larger balance comes first among equals.
_ORDERS: dict[AccountSort, tuple[ColumnElement[Any], ...]] = {
    "priority": (_figures.priority_points, _figures.outstanding_cents, _figures.account_no),
    "name": (account.c.search_name, account.c.account_no),
    "account_no": (account.c.account_no,),
    "outstanding": (_figures.outstanding_cents, _figures.account_no),
    "current": (_figures.current_cents, _figures.account_no),
    "past_due": (_figures.past_due_cents, _figures.account_no),
    "credits": (_figures.credits_cents, _figures.account_no),
    "weighted_days": (_figures.weighted_days_tenths, _figures.account_no),
}


class SqlAccounts:
    """Accounts by number, and pages of the dashboard."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, account_no: str) -> Account:
        """Return an account; raises NotFound for an unknown number."""
        found = await self.find(account_no)
        if found is None:
            raise _unknown(account_no)
        return found

    async def find(self, account_no: str) -> Account | None:
        """Return an account, also one that has gone from the ERP; None for an unknown number."""
        row = (await self._connection.execute(_BY_NUMBER, {"account_no": account_no})).one_or_none()
        return None if row is None else _ACCOUNTS.build(row)

    async def find_typed(self, number: str) -> Account | None:
        """Return the account of a number as people type it; None for an unknown or a doubtful one."""
        rows = await self._connection.execute(
            _ACCOUNTS.select()
            .where(func.ltrim(account.c.account_no, "0") == number.lstrip("0"))
            .where(account.c.account_no != "", literal(number) != "")
            .limit(_LIKE_NUMBERED)
        )
        found = [_ACCOUNTS.build(row) for row in rows]
        exact = [one for one in found if one.account_no == number]
        alike = exact or found
        return alike[0] if len(alike) == 1 else None

    async def many(self, account_nos: Sequence[str]) -> dict[str, Account]:
        """Return those of these accounts that exist, by number."""
        rows = await self._connection.execute(
            _ACCOUNTS.select().where(account.c.account_no == any_of(account_nos))
        )
        return {found.account_no: found for found in map(_ACCOUNTS.build, rows)}

    async def jobs(self, account_no: str) -> list[Job]:
        """Return the account's jobs by number."""
        rows = await self._connection.execute(_JOBS_OF_ACCOUNT, {"account_no": account_no})
        return [_JOBS.build(row) for row in rows]

    async def lock(self, account_no: str) -> None:
        """Hold the account's row until commit; raises NotFound for an unknown number."""
        # NO KEY: rows that merely refer to the account can still be written.
        row = await self._connection.execute(
            select(account.c.account_no)
            .where(account.c.account_no == account_no)
            .with_for_update(key_share=True)
        )
        if row.one_or_none() is None:
            raise _unknown(account_no)

    async def rows(
        self,
        filter: AccountFilter,
        sort: AccountSort,
        descending: bool,
        after: str | None,
        limit: int,
    ) -> tuple[list[AccountRow], str | None]:
        """Return one page of the dashboard and the cursor of the next."""
        order = f"accounts:{sort}:{'desc' if descending else 'asc'}"
        columns = _ORDERS[sort]
        query = cursors.keyset(
            _dashboard(*columns).where(matches(filter)),
            order=order,
            columns=columns,
            descending=descending,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        more = len(found) > limit
        next_page = cursors.encode(order, page[-1][-len(columns) :]) if more else None
        return [_row(row) for row in page], next_page

    async def row(self, account_no: str) -> AccountRow:
        """Return the dashboard's line of one account; raises NotFound for an unknown number."""
        found = await self._connection.execute(
            _dashboard().where(account.c.account_no == account_no)
        )
        row = found.one_or_none()
        if row is None:
            raise _unknown(account_no)
        return _row(row)

    async def totals(self, filter: AccountFilter) -> Totals:
        """Add up what the filter shows."""
        names = [name for name in Totals.__struct_fields__ if name != "accounts"]
        query = _joined(
            select(
                func.count(),
                *(func.coalesce(func.sum(_figures[name]), 0) for name in names),
            )
        ).where(matches(filter))
        accounts, *sums = (await self._connection.execute(query)).one()
        return Totals(accounts=accounts, **{n: int(s) for n, s in zip(names, sums, strict=True)})

    async def with_email(self, email: str) -> list[Account]:
        """Return the accounts that have this address for any contact."""
        holds = text(
            "EXISTS (SELECT FROM jsonb_array_elements(account.contacts) AS contact"
            r" WHERE lower(btrim(contact ->> 'email', E' \t')) = :email)"
        ).bindparams(email=email.strip().lower())
        rows = await self._connection.execute(
            _ACCOUNTS.select().where(~account.c.gone, holds).order_by(account.c.account_no)
        )
        return [_ACCOUNTS.build(row) for row in rows]

    async def numbers_after(self, account_no: str, limit: int) -> list[str]:
        """Return the next account numbers in order; the empty text starts at the first."""
        rows = await self._connection.scalars(
            select(account.c.account_no)
            .where(account.c.account_no > account_no, ~account.c.gone)
            .order_by(account.c.account_no)
            .limit(limit)
        )
        return list(rows)

    async def figures(self, account_nos: Sequence[str]) -> dict[str, AccountFigures]:
        """Return the figures of those accounts that have been computed."""
        rows = await self._connection.execute(
            _FIGURES.select().where(
                _figures.account_no.in_(account_nos), _figures.computed_on.is_not(None)
            )
        )
        return {figures.account_no: figures for figures in map(_FIGURES.build, rows)}

    async def save_figures(self, figures: Sequence[AccountFigures]) -> None:
        """Store figures that were computed in this transaction; unknown accounts are skipped."""
        if not figures:
            return
        names = [name for name in _FIGURES.names if name != "account_no"]
        statement = (
            update(account_figures)
            .where(_figures.account_no == bindparam("which"))
            .values(stale=False, **{name: bindparam(name) for name in names})
        )
        # In order, so that two walks over the same accounts never wait for each other in a circle.
        await self._connection.execute(
            statement,
            [
                {"which": one.account_no, **{name: getattr(one, name) for name in names}}
                for one in sorted(figures, key=lambda one: one.account_no)
            ],
        )

    async def stale_figures(self, today: datetime.date, limit: int) -> list[str]:
        """Return accounts that need new figures, skipping those that somebody else works on.

        The rows stay locked until commit: data that changes between computing and saving marks
        the account anew after the save, so no change is lost.
        """
        rows = await self._connection.scalars(
            select(_figures.account_no)
            .where(
                or_(
                    _figures.stale,
                    _figures.computed_on.is_(None),
                    _figures.computed_on < today,
                )
            )
            .order_by(_figures.account_no)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(rows)


def _joined(query: Select[Any]) -> Select[Any]:
    return query.select_from(
        account.join(account_figures, _figures.account_no == account.c.account_no)
    )


def _dashboard(*order: ColumnElement[Any]) -> Select[Any]:
    return _joined(
        select(
            account.c.account_no,
            account.c.name,
            account.c.kind,
            account.c.status,
            account.c.email,
            account.c.email_problem,
            has_login,
            undecided_state,
            bounced,
            access_off,
            mail_waits,
            *_FIGURES.columns,
            # Once more at the end, labelled: the key of the row for the next page's cursor.
            *(column.label(f"key_{place}") for place, column in enumerate(order)),
        )
    )


def _row(row: Any) -> AccountRow:
    account_no, name, kind, status, email, email_problem = row[:6]
    signs_in, undecided, returned, off, waits = row[6:11]
    figures = _FIGURES.build(row, 11)
    return AccountRow(
        account_no=account_no,
        name=name,
        kind=kind.value,
        status=status.value,
        email=email,
        email_problem=email_problem,
        figures=figures if figures.computed_on is not None else None,
        invitation=InvitationState.ACCEPTED if signs_in else undecided,
        has_login=signs_in,
        bounced=returned,
        access_off=off,
        mail_waits=waits and not signs_in,
    )


def _unknown(account_no: str) -> NotFound:
    return NotFound(f"There is no account {account_no}.")
