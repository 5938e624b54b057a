"""The Outstanding page's rows: what an account owes, job by job."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from dueport_core.accounts import Job
from dueport_core.aging import OPERATOR_BOUNDS, Aging, AgingBasis, AgingBounds, age
from dueport_core.open_items import MASTER_JOB, OpenItem, OpenItemKind

MASTER_JOB_NAME: Final = "Master job"


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One job: net balance, credits (zero or below), ageing, and how many documents of each side.

    ``debit_count`` is everything owed that is not an invoice: debit adjustments, finance charges
    and balances brought forward.
    """

    job_no: str
    name: str
    aging: Aging
    balance_cents: int
    credits_cents: int
    invoice_count: int
    debit_count: int
    credit_count: int
    items: tuple[OpenItem, ...]


def group_by_job(
    items: Iterable[OpenItem],
    jobs: Iterable[Job],
    today: date,
    bounds: AgingBounds = OPERATOR_BOUNDS,
    basis: AgingBasis = AgingBasis.DUE_DATE,
) -> tuple[JobSummary, ...]:
    """Group one account's items by job; the rows add up to the account.

    An item without a job belongs to the master job. Rows come with the oldest debt first, then
    the largest balance, then by job number; a job without items has no row. Items keep the order
    in which they were handed over.
    """
    names = {job.job_no: job.name for job in jobs}
    by_job: dict[str, list[OpenItem]] = {}
    for item in items:
        by_job.setdefault(item.job_no or MASTER_JOB, []).append(item)
    rows = [
        _summary(job_no, names.get(job_no, ""), found, age(found, today, bounds, basis))
        for job_no, found in by_job.items()
    ]
    return tuple(sorted(rows, key=_row_order))


def _summary(job_no: str, name: str, items: list[OpenItem], aging: Aging) -> JobSummary:
    invoices = sum(item.kind is OpenItemKind.INVOICE for item in items)
    credit_count = sum(item.is_credit for item in items)
    return JobSummary(
        job_no=job_no,
        name=name or (MASTER_JOB_NAME if job_no == MASTER_JOB else f"Job {job_no}"),
        aging=aging,
        balance_cents=aging.total_cents,
        credits_cents=aging.credits_cents,
        invoice_count=invoices,
        debit_count=len(items) - invoices - credit_count,
        credit_count=credit_count,
        items=tuple(items),
    )


def _row_order(row: JobSummary) -> tuple[int, int, str]:
    oldest = row.aging.oldest_bucket
    return (1 if oldest is None else -oldest, -row.balance_cents, row.job_no)
