"""What the Outstanding page shows, ready for its template."""

import datetime
from collections.abc import Collection, Sequence

import msgspec

from dueport_apps.usecases.show_outstanding import Outstanding, Payable
from dueport_apps.web.templating import Freshness
from dueport_core.aging import Aging, AgingBounds
from dueport_core.jobs import JobSummary
from dueport_core.open_items import MASTER_JOB, OpenItem, OpenItemKind
from dueport_core.statements import Statement, StatementView

GROUPS: Sequence[tuple[OpenItemKind, str]] = (
    (OpenItemKind.INVOICE, "Invoices"),
    (OpenItemKind.DEBIT, "Debit adjustments"),
    (OpenItemKind.FINANCE_CHARGE, "Finance charges"),
    (OpenItemKind.BALANCE_FORWARD, "Balances forward"),
    (OpenItemKind.CREDIT, "Credit adjustments"),
)
VIEW_LABELS: Sequence[tuple[StatementView, str]] = (
    (StatementView.ALL, "All"),
    (StatementView.CURRENT_STATEMENT, "Current Statement"),
    (StatementView.NEW_CHARGES, "New Charges"),
)
JOBS_OPEN_AT_ONCE = 3


class ItemLine(msgspec.Struct, frozen=True, kw_only=True):
    """One document. ``lock`` says why it cannot be selected, empty where it can."""

    item: OpenItem
    payable_cents: int
    days_past_due: int
    lock: str
    checked: bool

    @property
    def due_words(self) -> str:
        """How late it is, or nothing."""
        days = self.days_past_due
        if self.item.is_credit or days < 1:
            return ""
        return f"{days} day{'' if days == 1 else 's'} past due"

    @property
    def is_partly_paid(self) -> bool:
        """Whether the open amount differs from what the document was made out for."""
        return self.item.open_amount_cents != self.item.original_amount_cents


class ItemGroup(msgspec.Struct, frozen=True):
    label: str
    lines: tuple[ItemLine, ...]


class LateChip(msgspec.Struct, frozen=True):
    """An ageing bucket of a job: `30+`, with the whole range for those who ask."""

    label: str
    range_words: str
    cents: int
    severity: int


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    job_no: str
    key: str
    """A name for this page's markup alone."""
    name: str
    is_master: bool
    balance_cents: int
    credits_cents: int
    past_due_cents: int
    counts: str
    buckets: tuple[int, ...]
    chips: tuple[LateChip, ...]
    groups: tuple[ItemGroup, ...]
    selectable: int
    opened: bool


class OutstandingPage(msgspec.Struct, frozen=True, kw_only=True):
    account_name: str
    account_no: str
    view: StatementView
    toggle: tuple[tuple[str, str, bool], ...]
    statement: Statement | None
    discount_open: bool
    """Whether the statement's discount can still be earned today."""
    labels: tuple[str, ...]
    aging: Aging
    oldest_days: int
    counts: str
    jobs: tuple[JobRow, ...]
    selectable: int
    late_selectable: int
    today: datetime.date
    sync_failure: str


def outstanding_page(
    shown: Outstanding,
    bounds: AgingBounds,
    today: datetime.date,
    *,
    selected: Collection[str] = (),
    select: str = "",
) -> OutstandingPage:
    """Arrange what is owed. ``select`` ticks boxes without a script: `all`, `past_due` or
    `job:<number>`; ``selected`` ticks the named documents again after a refusal."""
    lines = {
        ref: _line(payable, selected, select, job.job_no)
        for job in shown.jobs
        for item in job.items
        if (payable := shown.payables[(ref := item.document_ref)])
    }
    jobs = tuple(
        _job(job, [lines[item.document_ref] for item in job.items], bounds, number, shown)
        for number, job in enumerate(shown.jobs)
    )
    late = [line for line in lines.values() if line.due_words]
    invoices = sum(job.invoice_count for job in shown.jobs)
    return OutstandingPage(
        account_name=shown.account.name,
        account_no=shown.account.account_no,
        view=shown.view,
        toggle=tuple(
            (label, f"/outstanding?view={view.value}", view is shown.view)
            for view, label in VIEW_LABELS
        ),
        statement=shown.statement,
        discount_open=_discount_open(shown, today),
        labels=shown.aging.labels(),
        aging=shown.aging,
        oldest_days=max((line.days_past_due for line in late), default=0),
        counts=f"{_count(invoices, 'invoice')} in {_count(len(jobs), 'job')}",
        jobs=jobs,
        selectable=sum(not line.lock for line in lines.values()),
        late_selectable=sum(not line.lock for line in late),
        today=today,
        sync_failure=shown.freshness.failure,
    )


def page_freshness(shown: Outstanding) -> Freshness | None:
    """Return the layout's freshness; None while nothing was ever read."""
    fresh = shown.freshness
    return None if fresh.as_of is None else Freshness(fresh.as_of, fresh.stale)


def everything_payable(shown: Outstanding) -> tuple[str, ...]:
    """Return all documents of the view that can be selected now."""
    return tuple(ref for ref, payable in shown.payables.items() if not _lock(payable))


def _line(payable: Payable, selected: Collection[str], select: str, job_no: str) -> ItemLine:
    lock = _lock(payable)
    late = payable.days_past_due >= 1 and not payable.item.is_credit
    picked = (
        payable.item.document_ref in selected
        or select == "all"
        or (select == "past_due" and late)
        or select == f"job:{job_no}"
    )
    return ItemLine(
        item=payable.item,
        payable_cents=payable.payable_cents,
        days_past_due=payable.days_past_due,
        lock=lock,
        checked=picked and not lock,
    )


def _lock(payable: Payable) -> str:
    reserved = payable.reserved
    if reserved is not None and reserved.held_cents:
        return f"Being paid by {reserved.paid_by}"
    return ""


def _job(
    job: JobSummary,
    lines: Sequence[ItemLine],
    bounds: AgingBounds,
    number: int,
    shown: Outstanding,
) -> JobRow:
    groups = tuple(
        ItemGroup(label, found)
        for kind, label in GROUPS
        if (found := tuple(line for line in lines if line.item.kind is kind))
    )
    return JobRow(
        job_no=job.job_no,
        key=f"job-{number}",
        name=job.name,
        is_master=job.job_no == MASTER_JOB,
        balance_cents=job.balance_cents,
        credits_cents=job.credits_cents,
        past_due_cents=job.aging.past_due_cents,
        counts=" · ".join(
            _count(amount, word)
            for amount, word in (
                (job.invoice_count, "invoice"),
                (job.debit_count, "debit"),
                (job.credit_count, "credit"),
            )
            if amount
        ),
        buckets=job.aging.buckets,
        chips=_chips(job.aging, bounds),
        groups=groups,
        selectable=sum(not line.lock for line in lines),
        opened=len(shown.jobs) <= JOBS_OPEN_AT_ONCE or any(line.checked for line in lines),
    )


def _chips(aging: Aging, bounds: AgingBounds) -> tuple[LateChip, ...]:
    """Name the buckets after the first as people say them: 31 days and more are `30+`."""
    labels = bounds.labels()
    return tuple(
        LateChip(_plus(low), f"{labels[index]} days past due", aging.buckets[index], index)
        for index, low in enumerate(bounds.lower, start=1)
        if low > 1
    )


def _plus(low: int) -> str:
    return f"{low - 1 if low % 10 == 1 else low}+"


def _discount_open(shown: Outstanding, today: datetime.date) -> bool:
    statement = shown.statement
    return (
        statement is not None
        and statement.discount_on is not None
        and today <= statement.discount_on
        and bool(statement.discount_cents or statement.discount_bps)
    )


def _count(amount: int, word: str) -> str:
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"
