"""The dealer's staff and their second factors."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import Rows, insert_new
from dueport_apps.storage.tables.people import operator, operator_recovery_code
from dueport_apps.usecases.records import Operator
from dueport_core.errors import NotFound

_OPERATORS = Rows(operator, Operator)


class SqlOperators:
    """Operators by id and e-mail address."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, operator: Operator) -> None:
        """Insert; raises Conflict if the e-mail address is an operator's already."""
        await insert_new(
            self._connection,
            _OPERATORS.table,
            _OPERATORS.values(operator),
            f"{operator.email} is an operator already.",
        )

    async def get(self, operator_id: str) -> Operator:
        """Return an operator; raises NotFound for an unknown id."""
        row = (
            await self._connection.execute(
                _OPERATORS.select().where(operator.c.operator_id == operator_id)
            )
        ).one_or_none()
        if row is None:
            raise _unknown()
        return _OPERATORS.build(row)

    async def by_email(self, email: str) -> Operator | None:
        """Find by e-mail address, case-insensitively."""
        row = (
            await self._connection.execute(
                _OPERATORS.select().where(func.lower(operator.c.email) == func.lower(email.strip()))
            )
        ).one_or_none()
        return None if row is None else _OPERATORS.build(row)

    async def save(self, operator: Operator) -> None:
        """Store a changed operator; the last time step of the second factor never goes back."""
        table = _OPERATORS.table
        values = _OPERATORS.values(operator)
        values["totp_last_step"] = func.greatest(table.c.totp_last_step, operator.totp_last_step)
        result = await self._connection.execute(
            update(table).where(table.c.operator_id == operator.operator_id).values(values)
        )
        if result.rowcount != 1:
            raise _unknown()

    async def use_totp_step(self, operator_id: str, step: int) -> bool:
        """Record the step if it is newer than the last; False means the code was used already."""
        result = await self._connection.execute(
            update(operator)
            .where(operator.c.operator_id == operator_id, operator.c.totp_last_step < step)
            .values(totp_last_step=step)
        )
        return result.rowcount == 1

    async def all(self) -> list[Operator]:
        """Return every operator by name."""
        rows = await self._connection.execute(
            _OPERATORS.select().order_by(operator.c.name, operator.c.operator_id)
        )
        return [_OPERATORS.build(row) for row in rows]

    async def add_recovery_codes(self, operator_id: str, hashes: Sequence[bytes]) -> None:
        """Replace the operator's recovery codes."""
        codes = operator_recovery_code
        await self._connection.execute(delete(codes).where(codes.c.operator_id == operator_id))
        if hashes:
            await self._connection.execute(
                insert(codes),
                [
                    {"operator_id": operator_id, "code_hash": code_hash}
                    for code_hash in dict.fromkeys(hashes)
                ],
            )

    async def use_recovery_code(self, operator_id: str, code_hash: bytes) -> bool:
        """Consume a code; False when it is not one of the operator's, or was used before."""
        codes = operator_recovery_code
        result = await self._connection.execute(
            delete(codes).where(codes.c.operator_id == operator_id, codes.c.code_hash == code_hash)
        )
        return result.rowcount == 1


def _unknown() -> NotFound:
    return NotFound("There is no such operator.")
