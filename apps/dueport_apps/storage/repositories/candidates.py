"""Who is selected, with everything that decides whether they can be invited.

Three statements for a page of accounts, whatever is on it; the selection by a filter is the
Customers Dashboard's own, so that whom the operator sees is whom the operator invites.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.repositories.account_lists import access_off, has_login, matches
from dueport_apps.storage.repositories.invitation_lists import of_accounts
from dueport_apps.storage.rows import Rows, any_of, login_key
from dueport_apps.storage.tables.inviting import bounced_address
from dueport_apps.storage.tables.mirror import account, account_figures
from dueport_apps.usecases.invite_records import InvitationRow, InviteCandidate, Selection
from dueport_core.accounts import Account

_ACCOUNTS = Rows(account, Account)
_SELECTED = (
    select(*_ACCOUNTS.columns, has_login.label("has_login"), access_off.label("access_off"))
    .join(account_figures, account_figures.c.account_no == account.c.account_no)
    .order_by(account.c.account_no)
)


async def candidates(
    connection: AsyncConnection, selection: Selection, after: str, limit: int
) -> list[InviteCandidate]:
    """Return the selected accounts in order of their numbers after the given one."""
    rows = await connection.execute(
        _SELECTED.where(
            _selected(selection),
            account.c.account_no > after,
            # Said of both sides, so that neither is read from its beginning.
            account_figures.c.account_no > after,
        ).limit(limit)
    )
    found = [(_ACCOUNTS.build(row), row.has_login, row.access_off) for row in rows]
    invited = await of_accounts(connection, [one.account_no for one, *_ in found])
    addresses = {
        one.account_no: _addresses(one, invited.get(one.account_no, ())) for one, *_ in found
    }
    bounced = await bounced_of(connection, {key for keys in addresses.values() for key in keys})
    return [
        InviteCandidate(
            account=one,
            has_login=signs_in,
            invitations=tuple(invited.get(one.account_no, ())),
            bounced=addresses[one.account_no] & bounced,
            access_off=off,
        )
        for one, signs_in, off in found
    ]


async def bounced_of(connection: AsyncConnection, keys: Iterable[str]) -> frozenset[str]:
    """Return which of these addresses, without case, have had mail returned."""
    found = await connection.scalars(
        select(bounced_address.c.address_key).where(
            bounced_address.c.address_key == any_of(sorted(keys))
        )
    )
    return frozenset(found)


def _selected(selection: Selection) -> ColumnElement[bool]:
    if selection.matching is None:
        chosen = and_(~account.c.gone, account.c.account_no == any_of(selection.account_nos))
    else:
        chosen = matches(selection.matching)
    if selection.excluded:
        chosen = and_(chosen, ~(account.c.account_no == any_of(selection.excluded)))
    return chosen


def _addresses(one: Account, invitations: Iterable[InvitationRow]) -> frozenset[str]:
    keys = {login_key(contact.email) for contact in one.contacts}
    keys.update(login_key(row.invitation.email) for row in invitations)
    return frozenset(keys - {""})
