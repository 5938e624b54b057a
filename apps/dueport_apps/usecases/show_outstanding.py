"""What a customer owes, grouped by job: the page, the API and the quote read the same values."""

import datetime
from collections.abc import Mapping, Sequence

import msgspec

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Reserved
from dueport_apps.usecases.sync_erp import Freshness, freshness
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.aging import Aging, age
from dueport_core.jobs import JobSummary, group_by_job
from dueport_core.open_items import OpenItem
from dueport_core.statements import Statement, StatementView, items_in_view
from dueport_ports import Clock


class OutstandingQuery(msgspec.Struct, frozen=True, kw_only=True):
    account_no: str
    view: StatementView = StatementView.ALL


class Payable(msgspec.Struct, frozen=True, kw_only=True):
    """One document as listed: what is open, what can be paid now, and why not all of it."""

    item: OpenItem
    payable_cents: int
    days_past_due: int
    reserved: Reserved | None = None


class Outstanding(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    view: StatementView
    has_statements: bool
    statement: Statement | None
    jobs: tuple[JobSummary, ...]
    payables: dict[str, Payable]
    """By document reference."""
    aging: Aging
    payable_cents: int
    """Everything in this view that can be paid now, credits not deducted."""
    freshness: Freshness


class ShowOutstanding:
    """Read one account's open items from the mirror; the ERP is never asked here."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock, policies: Policies) -> None:
        self._uow = uow
        self._clock = clock
        self._policies = policies

    async def __call__(self, query: OutstandingQuery) -> Outstanding:
        """Raises NotFound for an account that the dealer's ERP does not have."""
        async with self._uow() as uow:
            return await self.read(uow, query)

    async def read(self, uow: UnitOfWork, query: OutstandingQuery) -> Outstanding:
        """Do the same inside a unit of work that is already open."""
        today = self._clock.today()
        account = await uow.accounts.get(query.account_no)
        reserved = await uow.items.reserved(query.account_no)
        applied = {ref: entry.applied_cents for ref, entry in reserved.items()}
        every_item = less_settled(await uow.items.of_account(query.account_no), applied)
        statement = await uow.statements.current(query.account_no)
        view = query.view if statement else StatementView.ALL
        items = items_in_view(every_item, statement, view)
        payables = {
            item.document_ref: _payable(item, reserved.get(item.document_ref), today)
            for item in items
        }
        bounds = self._policies.bounds
        return Outstanding(
            account=account,
            view=view,
            has_statements=statement is not None,
            statement=statement,
            jobs=tuple(
                group_by_job(items, await uow.accounts.jobs(query.account_no), today, bounds)
            ),
            payables=payables,
            aging=age(items, today, bounds),
            payable_cents=sum(
                payable.payable_cents for payable in payables.values() if not payable.item.is_credit
            ),
            freshness=await freshness(
                uow,
                self._clock.now(),
                self._policies.payments.warn_when_balances_older_than_h,
            ),
        )


def less_settled(items: Sequence[OpenItem], applied: Mapping[str, int]) -> list[OpenItem]:
    """Return the items as the ERP will show them once it has what is settled already; paid ones
    are gone."""
    left = [
        msgspec.structs.replace(
            item, open_amount_cents=item.payable_cents(0, applied[item.document_ref])
        )
        if applied.get(item.document_ref)
        else item
        for item in items
    ]
    return [item for item in left if item.open_amount_cents]


def _payable(item: OpenItem, reserved: Reserved | None, today: datetime.date) -> Payable:
    held = reserved.held_cents if reserved else 0
    return Payable(
        item=item,
        payable_cents=item.payable_cents(held),
        days_past_due=item.days_past_due(today),
        reserved=reserved,
    )
