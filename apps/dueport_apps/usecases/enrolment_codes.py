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

PAGE = 1000


class EnrolmentCodeMaker(Protocol):
    """Derives codes and compares what people typed."""

    def code(self, account_no: str, generation: int) -> str:
        """Return the code as it is printed, such as ``7K2QM-XA94T``."""
        ...

    def matches(self, account_no: str, generation: int, typed: str) -> bool:
        """Whether this is the code, in constant time; case, blanks, dashes and look-alike letters
        are forgiven."""
        ...

    def is_whole(self, typed: str) -> bool:
        """Whether this could be a code of any account: a slip of the hand is no try."""
        ...


class PrintedCode(msgspec.Struct, frozen=True, kw_only=True):
    """One account's code, and whether it is locked."""

    account: Account
    code: str
    enrolment: Enrolment
    access_off: bool = False
    """An operator has switched the customer's portal access off, so the code opens nothing."""


class EnrolmentCodes:
    """The operator's side: print codes, and make new ones."""

    def __init__(self, uow: UnitOfWorkFactory, codes: EnrolmentCodeMaker, clock: Clock) -> None:
        self._uow = uow
        self._codes = codes
        self._clock = clock

    async def page(self, after: str, limit: int) -> list[tuple[Account, str]]:
        """Return accounts that nobody had a login for, each with its code, in the order of their
        numbers after the given one. Where access was switched off a code opens nothing."""
        async with self._uow() as uow:
            found = await uow.enrolments.page(after, limit)
        return [
            (account, self._codes.code(account.account_no, enrolment.generation))
            for account, enrolment in found
        ]

    async def all(self) -> list[tuple[Account, str]]:
        """Return every account that nobody had a login for, with its code."""
        found: list[tuple[Account, str]] = []
        while True:
            page = await self.page(found[-1][0].account_no if found else "", PAGE)
            found += page
            if len(page) < PAGE:
                return found

    async def export(self, after: str, limit: int, by: Principal) -> list[tuple[Account, str]]:
        """Return a page to be taken away; the audit log says who took how many codes."""
        found = await self.page(after, limit)
        await self._record_export(len(found), by)
        return found

    async def export_all(self, by: Principal) -> list[tuple[Account, str]]:
        """Return all of them to be taken away; the audit log says who took how many codes."""
        found = await self.all()
        await self._record_export(len(found), by)
        return found

    async def _record_export(self, codes: int, by: Principal) -> None:
        async with self._uow() as uow:
            await uow.audit.append(
                audit(by, self._clock.now(), "enrolment.exported", "accounts", codes=str(codes))
            )
            await uow.commit()

    async def of_account(self, account_no: str) -> PrintedCode:
        """Return one account's code; raises NotFound for an unknown number."""
        async with self._uow() as uow:
            account = await uow.accounts.get(account_no)
            enrolment = await uow.enrolments.get(account_no)
            row = await uow.accounts.row(account_no)
        return PrintedCode(
            account=account,
            code=self._codes.code(account_no, enrolment.generation),
            enrolment=enrolment,
            access_off=row.access_off,
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
