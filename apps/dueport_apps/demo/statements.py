"""Draws a year of statements: at each closing, everything that was open then."""

import calendar
import datetime
from collections.abc import Sequence
from typing import Final

from dueport_apps.demo.records import Customer, Document, Statement, StatementOffer

CLOSED_DAYS_AGO: Final = 6
MONTHS: Final = 12
DUE_AFTER: Final = datetime.timedelta(days=25)


def closings(today: datetime.date) -> list[datetime.date]:
    """Return the closing days of a year, the newest first: a few days ago, and monthly before."""
    newest = today - datetime.timedelta(days=CLOSED_DAYS_AGO)
    return [_months_before(newest, months) for months in range(MONTHS)]


def draw_statements(
    customer: Customer, documents: Sequence[Document], closed_days: Sequence[datetime.date]
) -> list[Statement]:
    """Return an account's statements, the newest first; none for a closing with nothing open."""
    if customer.kind != "charge":
        return []
    scopes = [""]
    if customer.billing_level == "job":
        scopes = ["0", *(job.job_no for job in customer.jobs)]
    found = []
    for index, closed_on in enumerate(closed_days):
        for job_no in scopes:
            listed = [
                one for one in documents if one.owed_cents(closed_on) and job_no in ("", one.job_no)
            ]
            if listed:
                found.append(_statement(customer, job_no, closed_on, listed, index == 0))
    return found


def statement_of(document: Document, closed_days: Sequence[datetime.date]) -> datetime.date | None:
    """Return the closing of the first statement that shows a document, None before there is one."""
    return next((day for day in reversed(closed_days) if document.issued_on <= day), None)


def statement_id(account_no: str, job_no: str, closed_on: datetime.date) -> str:
    """Return the number of an account's (or job's) statement of a closing day."""
    job = f"-J{job_no}" if job_no else ""
    return f"ST{closed_on:%y%m}-{account_no}{job}"


def _statement(
    customer: Customer,
    job_no: str,
    closed_on: datetime.date,
    listed: Sequence[Document],
    is_current: bool,
) -> Statement:
    balance = sum(one.owed_cents(closed_on) for one in listed)
    offer = customer.offer if balance > 0 else None
    return Statement(
        statement_id=statement_id(customer.account_no, job_no, closed_on),
        account_no=customer.account_no,
        job_no=job_no,
        statement_on=closed_on,
        due_on=closed_on + DUE_AFTER,
        balance_cents=balance,
        document_ids=tuple(one.document_id for one in listed),
        is_current=is_current,
        discount_on=closed_on + datetime.timedelta(days=offer.days) if offer else None,
        discount_bps=offer.bps if offer and not offer.as_amount else None,
        discount_cents=_share(balance, offer) if offer and offer.as_amount else None,
    )


def _share(balance_cents: int, offer: StatementOffer) -> int:
    """Return the offer's share of a balance, half a cent rounded up."""
    return (balance_cents * offer.bps + 5_000) // 10_000


def _months_before(day: datetime.date, months: int) -> datetime.date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))
