"""Enrolment codes: printed on statements, typed in with the account number, stored nowhere.

A code is derived from the deployment's key, the account and a generation, so it can be printed
again at any time; a new generation voids the old code.
"""

from typing import Protocol

import msgspec

from dueport_apps.usecases.invite_records import Enrolment
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_ports import Clock


class EnrolmentCodeMaker(Protocol):
    """Derives codes and compares what people typed."""

    def code(self, account_no: str, generation: int) -> str:
        """Return the code as it is printed, such as ``7K2QM-XA94T``."""
        ...

    def matches(self, account_no: str, generation: int, typed: str) -> bool:
        """Whether this is the code, in constant time; case, blanks, dashes and look-alike letters
        are forgiven."""
        ...


class PrintedCode(msgspec.Struct, frozen=True, kw_only=True):
    """One account's code, and whether it is locked."""

    account: Account
    code: str
    enrolment: Enrolment


class EnrolmentCodes:
    """The operator's side: print codes, and make new ones."""

    def __init__(self, uow: UnitOfWorkFactory, codes: EnrolmentCodeMaker, clock: Clock) -> None:
        self._uow = uow
        self._codes = codes
        self._clock = clock

    async def page(self, after: str, limit: int) -> list[tuple[Account, str]]:
        """Return accounts that nobody can sign in for, each with its code, in the order of their
        numbers after the given one."""
        async with self._uow() as uow:
            found = await uow.enrolments.page(after, limit)
        return [
            (account, self._codes.code(account.account_no, enrolment.generation))
            for account, enrolment in found
        ]

    async def of_account(self, account_no: str) -> PrintedCode:
        """Return one account's code; raises NotFound for an unknown number."""
        async with self._uow() as uow:
            account = await uow.accounts.get(account_no)
            enrolment = await uow.enrolments.get(account_no)
        return PrintedCode(
            account=account,
            code=self._codes.code(account_no, enrolment.generation),
            enrolment=enrolment,
        )

    async def renew(self, account_no: str, by: Principal) -> str:
        """Return a new code: the old one is void, and a lock is lifted. Raises NotFound for an
        unknown number."""
        async with self._uow() as uow:
            await uow.accounts.lock(account_no)
            enrolment = await uow.enrolments.get(account_no, for_update=True)
            renewed = Enrolment(account_no=account_no, generation=enrolment.generation + 1)
            await uow.enrolments.save(renewed)
            await uow.audit.append(
                audit(by, self._clock.now(), "enrolment.renewed", f"account:{account_no}")
            )
            await uow.commit()
        return self._codes.code(account_no, renewed.generation)
