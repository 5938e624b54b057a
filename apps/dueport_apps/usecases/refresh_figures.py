"""Keep what the dashboard sorts by: balance, ageing and priority per account.

Figures change when an account's data changes and when the dealer's day does. They are computed
here, in the background, so that the dashboard is one indexed read.
"""

import datetime

from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountFigures
from dueport_apps.usecases.show_outstanding import less_settled
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.aging import AgingBounds, age, weighted_days_overdue_tenths
from dueport_core.open_items import OpenItem
from dueport_core.priority import factors_of, priority_score
from dueport_ports import Clock

BATCH = 500


class RefreshFigures:
    def __init__(self, uow: UnitOfWorkFactory, clock: Clock, policies: Policies) -> None:
        self._uow = uow
        self._clock = clock
        self._policies = policies

    async def __call__(self) -> int:
        """Recompute every account that is out of date; return how many there were."""
        total = 0
        while True:
            async with self._uow() as uow:
                numbers = await uow.accounts.stale_figures(self._clock.today(), BATCH)
                await self._refresh(uow, numbers)
                await uow.commit()
            total += len(numbers)
            if len(numbers) < BATCH:
                return total

    async def account(self, account_no: str) -> None:
        """Recompute one account, after one of its payments moved."""
        async with self._uow() as uow:
            await self._refresh(uow, [account_no])
            await uow.commit()

    async def _refresh(self, uow: UnitOfWork, numbers: list[str]) -> None:
        if not numbers:
            return
        items = await uow.items.of_accounts(numbers)
        applied = await uow.items.applied(numbers)
        today = self._clock.today()
        figures = []
        for number in numbers:
            account = await uow.accounts.get(number)
            figures.append(
                figures_of(
                    account,
                    less_settled(items.get(number, []), applied),
                    today,
                    self._policies.bounds,
                )
            )
        await uow.accounts.save_figures(figures)


def figures_of(
    account: Account, items: list[OpenItem], today: datetime.date, bounds: AgingBounds
) -> AccountFigures:
    """Compute one account's figures from its open items."""
    aging = age(items, today, bounds)
    score = priority_score(factors_of(items, today, credit_limit_cents=account.credit_limit_cents))
    return AccountFigures(
        account_no=account.account_no,
        computed_on=today,
        outstanding_cents=aging.total_cents,
        current_cents=aging.buckets[0],
        past_due_cents=aging.past_due_cents,
        debits_cents=aging.debits_cents,
        credits_cents=aging.credits_cents,
        bucket_cents=aging.buckets,
        weighted_days_tenths=weighted_days_overdue_tenths(items, today),
        open_items=len(items),
        priority=score.score,
        priority_points=score.points,
        priority_reasons=score.reasons,
    )
