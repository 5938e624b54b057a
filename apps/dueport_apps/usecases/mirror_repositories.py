"""How use cases reach what was read from the ERP: accounts, open items, statements."""

import datetime
from collections.abc import Sequence
from typing import Protocol

from dueport_apps.usecases.records import (
    AccountFigures,
    AccountFilter,
    AccountRow,
    AccountSort,
    Reserved,
    StoreCounts,
    StoredProblem,
    SyncRun,
    Totals,
)
from dueport_core.accounts import Account, Job
from dueport_core.open_items import OpenItem
from dueport_core.statements import Statement
from dueport_ports import Entity, Record, RowProblem


class AccountRepository(Protocol):
    async def get(self, account_no: str) -> Account: ...

    async def find(self, account_no: str) -> Account | None: ...

    async def find_typed(self, number: str) -> Account | None:
        """Return the account of a number as people type it: zeros in front do not matter where one
        account alone is meant."""
        ...

    async def many(self, account_nos: Sequence[str]) -> dict[str, Account]:
        """Return those that exist, by number."""
        ...

    async def jobs(self, account_no: str) -> list[Job]: ...

    async def lock(self, account_no: str) -> None:
        """Hold the account's row until commit: payments of one account are decided one by one."""
        ...

    async def rows(
        self,
        filter: AccountFilter,
        sort: AccountSort,
        descending: bool,
        after: str | None,
        limit: int,
    ) -> tuple[list[AccountRow], str | None]:
        """Return one keyset page and the cursor of the next, None on the last. ``after`` is
        opaque; a cursor that was tampered with raises Invalid."""
        ...

    async def row(self, account_no: str) -> AccountRow: ...

    async def totals(self, filter: AccountFilter) -> Totals: ...

    async def with_email(self, email: str) -> list[Account]:
        """Return the accounts that have this address for any contact, case-insensitively, in the
        order of their numbers; those that are gone from the ERP are not among them."""
        ...

    async def numbers_after(self, account_no: str, limit: int) -> list[str]:
        """Return account numbers in order after the given one, for walks over all accounts."""
        ...

    async def figures(self, account_nos: Sequence[str]) -> dict[str, AccountFigures]: ...

    async def save_figures(self, figures: Sequence[AccountFigures]) -> None: ...

    async def stale_figures(self, today: datetime.date, limit: int) -> list[str]:
        """Return accounts whose figures were computed before today, or whose data changed since."""
        ...


class OpenItemRepository(Protocol):
    async def of_account(self, account_no: str, *, released_only: bool = True) -> list[OpenItem]:
        """Return the account's items with an open amount, oldest due date first."""
        ...

    async def of_accounts(self, account_nos: Sequence[str]) -> dict[str, list[OpenItem]]: ...

    async def by_refs(self, account_no: str, document_refs: Sequence[str]) -> list[OpenItem]:
        """Return the named documents of this account only, open or not."""
        ...

    async def reserved(self, account_no: str) -> dict[str, Reserved]:
        """Return what is in flight or settled but not yet seen in the ERP, by document."""
        ...

    async def applied(self, account_nos: Sequence[str]) -> dict[str, int]:
        """Return, by document, what is settled and not yet seen in the ERP."""
        ...


class StatementRepository(Protocol):
    async def current(self, account_no: str) -> Statement | None: ...

    async def of_account(self, account_no: str, limit: int = 24) -> list[Statement]: ...


class MirrorRepository(Protocol):
    """The ERP's data as last pulled. Pages are upserted by natural key; a content hash decides
    inserted, updated or unchanged, and touched accounts are marked for new figures."""

    async def start_run(self, run: SyncRun) -> None:
        """Record the run; raises Conflict while another run of this source is under way and
        younger than two hours (an older one is marked failed)."""
        ...

    async def cursor(self, entity: Entity) -> str | None: ...

    async def store_page(
        self, run_id: str, entity: Entity, records: Sequence[Record], cursor: str | None
    ) -> StoreCounts:
        """Upsert the records and save the cursor. Jobs, documents and statements of an account
        that is not mirrored raise Invalid naming it."""
        ...

    async def store_account(
        self, account: Account, items: Sequence[OpenItem], statement: Statement | None
    ) -> bool:
        """Replace one account's data with what was just read live: upsert its items, close those
        that are absent. True when any amount or item changed."""
        ...

    async def keep(self, run_id: str, entity: Entity, keys: Sequence[str]) -> None:
        """Count these rows as seen by the run, so that its snapshot leaves them as they are."""
        ...

    async def finish_snapshot(self, run_id: str, entity: Entity) -> int:
        """Close documents (open amount 0) and mark other rows gone that this run did not see."""
        ...

    async def add_problems(
        self, run_id: str, entity: Entity, problems: Sequence[RowProblem]
    ) -> None: ...

    async def finish_run(self, run: SyncRun) -> None: ...

    async def last_run(self) -> SyncRun | None:
        """Return the newest run of whatever state."""
        ...

    async def last_good_run(self) -> SyncRun | None: ...

    async def runs(self, limit: int) -> list[SyncRun]: ...

    async def problems(self, run_id: str, after: int, limit: int) -> list[StoredProblem]: ...

    async def known_accounts(self, account_nos: Sequence[str]) -> frozenset[str]: ...

    async def open_totals(self) -> tuple[int, int]:
        """Return how many documents are open and their signed sum in cents."""
        ...
