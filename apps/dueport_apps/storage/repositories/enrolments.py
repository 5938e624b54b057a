"""Enrolment: which generation of an account's code is good, and what was tried with it."""

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.repositories.account_lists import ever_had_login
from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.inviting import enrolment
from dueport_apps.storage.tables.mirror import account
from dueport_apps.usecases.invite_records import Enrolment
from dueport_core.accounts import Account
from dueport_core.errors import NotFound

_ENROLMENTS = Rows(enrolment, Enrolment)
_ACCOUNTS = Rows(account, Account)
_FIRST = Enrolment(account_no="")


class SqlEnrolments:
    """Enrolments by account; an account of which nothing is stored has a fresh one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, account_no: str, *, for_update: bool = False) -> Enrolment:
        """Return the account's enrolment, locked if asked, a fresh one where nothing is stored.

        Locking stores the fresh one, so that two first tries at once are counted one by one;
        it raises NotFound for an unknown account.
        """
        query = _ENROLMENTS.select().where(enrolment.c.account_no == account_no)
        if for_update:
            await self._store_fresh(account_no)
            query = query.with_for_update()
        row = (await self._connection.execute(query)).one_or_none()
        if row is not None:
            return _ENROLMENTS.build(row)
        if for_update:
            raise NotFound(f"There is no account {account_no}.")
        return Enrolment(account_no=account_no)

    async def save(self, enrolment: Enrolment) -> None:
        """Store the enrolment of its account."""
        values = _ENROLMENTS.values(enrolment)
        changed = {name: value for name, value in values.items() if name != "account_no"}
        await self._connection.execute(
            insert(_ENROLMENTS.table)
            .values(values)
            .on_conflict_do_update(index_elements=["account_no"], set_=changed)
        )

    async def page(self, after: str, limit: int) -> list[tuple[Account, Enrolment]]:
        """Return the next accounts in order of number that nobody had a login for: where access
        was switched off, no code opens it again."""
        rows = await self._connection.execute(
            select(
                *_ACCOUNTS.columns,
                account.c.account_no,
                func.coalesce(enrolment.c.generation, _FIRST.generation),
                func.coalesce(enrolment.c.failures, _FIRST.failures),
                enrolment.c.locked_at,
                enrolment.c.used_at,
            )
            .outerjoin(enrolment, enrolment.c.account_no == account.c.account_no)
            .where(~account.c.gone, ~ever_had_login, account.c.account_no > after)
            .order_by(account.c.account_no)
            .limit(limit)
        )
        return [
            (_ACCOUNTS.build(row), _ENROLMENTS.build(row, len(_ACCOUNTS.names))) for row in rows
        ]

    async def _store_fresh(self, account_no: str) -> None:
        names = list(_ENROLMENTS.names)
        fresh = select(
            account.c.account_no,
            *(
                literal(getattr(_FIRST, name), type_=enrolment.c[name].type).label(name)
                for name in names[1:]
            ),
        ).where(account.c.account_no == account_no)
        await self._connection.execute(
            insert(enrolment).from_select(names, fresh).on_conflict_do_nothing()
        )
