"""Addresses whose mail came back, by the address without case."""

import datetime
from collections.abc import Sequence

from sqlalchemy import delete, func, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.rows import Rows, any_of, login_key
from dueport_apps.storage.tables.inviting import bounced_address, invitation
from dueport_apps.storage.tables.mirror import account
from dueport_apps.storage.tables.people import account_link, login_name
from dueport_apps.usecases.invite_records import BouncedAccount, BouncedAddress, BouncedRow

_BOUNCED = Rows(bounced_address, BouncedAddress)
_ORDER = "bounces:newest"


class SqlBounces:
    """Marks on addresses."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def mark(self, address: str, at: datetime.datetime, reason: str) -> None:
        """Mark the address; of several returned mails the last one is told."""
        told = {"address": address.strip(), "at": at, "reason": reason}
        await self._connection.execute(
            insert(bounced_address)
            .values(address_key=login_key(address), **told)
            .on_conflict_do_update(index_elements=["address_key"], set_=told)
        )

    async def clear(self, address: str) -> bool:
        """Take the mark away; False where there was none."""
        result = await self._connection.execute(
            delete(bounced_address).where(bounced_address.c.address_key == login_key(address))
        )
        return result.rowcount == 1

    async def of(self, addresses: Sequence[str]) -> dict[str, BouncedAddress]:
        """Return the marks of these addresses, by the address in lower case."""
        keys = [login_key(address) for address in addresses]
        rows = await self._connection.execute(
            _BOUNCED.select().where(bounced_address.c.address_key == any_of(keys))
        )
        return {login_key(mark.address): mark for mark in map(_BOUNCED.build, rows)}

    async def rows(self, after: str | None, limit: int) -> tuple[list[BouncedRow], str | None]:
        """Return one page, newest first, and the cursor of the next."""
        query = cursors.keyset(
            _BOUNCED.select().add_columns(bounced_address.c.address_key),
            order=_ORDER,
            columns=(bounced_address.c.at, bounced_address.c.address_key),
            descending=True,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        shown = found[:limit]
        next_page = None
        if len(found) > limit:
            next_page = cursors.encode(_ORDER, [shown[-1].at, shown[-1].address_key])
        accounts = await self._accounts([row.address_key for row in shown])
        rows = [
            BouncedRow(mark=_BOUNCED.build(row), accounts=tuple(accounts.get(row.address_key, ())))
            for row in shown
        ]
        return rows, next_page

    async def count(self) -> int:
        """Return how many addresses are marked."""
        query = select(func.count()).select_from(bounced_address)
        return int((await self._connection.execute(query)).scalar_one())

    async def _accounts(self, keys: Sequence[str]) -> dict[str, list[BouncedAccount]]:
        """Return the customers of each address: invited there, signing in with it, or on file."""
        on_file = func.lower(account.c.email)
        user_is = login_name.c.user_id == account_link.c.user_id
        addressed = union(
            select(invitation.c.account_no, invitation.c.email_key.label("key")).where(
                invitation.c.email_key == any_of(keys)
            ),
            select(account_link.c.account_no, login_name.c.name)
            .join(login_name, user_is)
            .where(login_name.c.name == any_of(keys)),
            select(account.c.account_no, on_file).where(on_file == any_of(keys)),
        ).subquery()
        rows = await self._connection.execute(
            select(addressed.c.key, account.c.account_no, account.c.name, account.c.contacts)
            .join(account, account.c.account_no == addressed.c.account_no)
            .where(~account.c.gone)
            .order_by(account.c.account_no)
        )
        found: dict[str, list[BouncedAccount]] = {}
        for key, account_no, name, contacts in rows:
            known = {login_key(contact.email) for contact in contacts}
            found.setdefault(key, []).append(
                BouncedAccount(account_no=account_no, account_name=name, on_file=key in known)
            )
        return found
