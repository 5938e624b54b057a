"""Who is behind a request: one statement each, on the pool that commits by itself."""

import msgspec
from sqlalchemy import and_, bindparam, func, select

from dueport_apps.storage.engine import Database
from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.mirror import account
from dueport_apps.storage.tables.people import account_link, api_key, operator, portal_user
from dueport_apps.usecases.records import AccountLink, ApiKey, Operator, PortalUser

_USERS = Rows(portal_user, PortalUser)
_LINKS = Rows(account_link, AccountLink)
_OPERATORS = Rows(operator, Operator)
_KEYS = Rows(api_key, ApiKey)
_other_links = account_link.alias()
# Every request asks for one of these; put together once, they cost a third less.
_USER_WITH_LINK = (
    _USERS.select()
    .add_columns(*_LINKS.columns)
    .add_columns(
        select(func.count())
        .select_from(_other_links)
        .where(
            _other_links.c.user_id == portal_user.c.user_id, _other_links.c.disabled_at.is_(None)
        )
        .scalar_subquery()
    )
    .outerjoin(
        account_link,
        and_(
            account_link.c.user_id == portal_user.c.user_id,
            account_link.c.account_no == bindparam("account_no"),
            account_link.c.disabled_at.is_(None),
        ),
    )
    .where(portal_user.c.user_id == bindparam("user_id"))
)
_ACCOUNTS_OF_USER = (
    select(account.c.account_no, account.c.name)
    .join(account_link, account_link.c.account_no == account.c.account_no)
    .where(account_link.c.user_id == bindparam("user_id"), account_link.c.disabled_at.is_(None))
    .order_by(account.c.search_name, account.c.account_no)
)
_OPERATOR = _OPERATORS.select().where(operator.c.operator_id == bindparam("operator_id"))


class LinkedUser(msgspec.Struct, frozen=True):
    """A portal user, and the right to the account that is open in the session.

    A link that is switched off is no right: it is neither returned nor counted.
    """

    user: PortalUser
    link: AccountLink | None
    accounts: int
    """How many accounts the user is linked to."""


class PeopleReader:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def portal_user(self, user_id: str, account_no: str) -> LinkedUser | None:
        """Return the user, with the link to the account where there is one."""
        names = {"user_id": user_id, "account_no": account_no}
        async with self._database.statements.connect() as connection:
            row = (await connection.execute(_USER_WITH_LINK, names)).one_or_none()
        if row is None:
            return None
        linked_at = len(_USERS.names)
        link = _LINKS.build(row, linked_at) if row[linked_at] is not None else None
        return LinkedUser(_USERS.build(row), link, row[-1])

    async def accounts_of(self, user_id: str) -> list[tuple[str, str]]:
        """Return number and name of the accounts that the user may open, by name."""
        async with self._database.statements.connect() as connection:
            rows = await connection.execute(_ACCOUNTS_OF_USER, {"user_id": user_id})
            return [(row[0], row[1]) for row in rows]

    async def operator(self, operator_id: str) -> Operator | None:
        async with self._database.statements.connect() as connection:
            found = await connection.execute(_OPERATOR, {"operator_id": operator_id})
            row = found.one_or_none()
        return None if row is None else _OPERATORS.build(row)

    async def api_key(self, key_hash: bytes) -> ApiKey | None:
        """Return the key of this hash unless it is revoked."""
        query = _KEYS.select().where(
            api_key.c.token_hash == key_hash, api_key.c.revoked_at.is_(None)
        )
        async with self._database.statements.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _KEYS.build(row)
