"""Statements as the ERP drew them."""

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows
from dueport_apps.storage.tables.mirror import statement
from dueport_core.statements import Statement

_STATEMENTS = Rows(statement, Statement)


_CURRENT = (
    _STATEMENTS.select()
    .where(
        statement.c.account_no == bindparam("account_no"),
        statement.c.is_current,
        ~statement.c.gone,
    )
    .order_by(
        statement.c.job_no.is_not(None),
        statement.c.cutoff_on.desc(),
        statement.c.statement_ref.desc(),
    )
    .limit(1)
)


class SqlStatements:
    """An account's statements, newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def current(self, account_no: str) -> Statement | None:
        """Return the newest current statement; one of the whole account before one of a job."""
        row = (await self._connection.execute(_CURRENT, {"account_no": account_no})).one_or_none()
        return None if row is None else _STATEMENTS.build(row)

    async def of_account(self, account_no: str, limit: int = 24) -> list[Statement]:
        """Return the newest statements first."""
        rows = await self._connection.execute(
            _STATEMENTS.select()
            .where(statement.c.account_no == account_no, ~statement.c.gone)
            .order_by(statement.c.cutoff_on.desc(), statement.c.statement_ref.desc())
            .limit(limit)
        )
        return [_STATEMENTS.build(row) for row in rows]
