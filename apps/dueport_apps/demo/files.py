"""Writes the drawn dealer as the files that its ERP exports, and the mapping that reads them."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from dueport_apps.demo.records import Customer, Dealer, Document, Statement

ACCOUNTS: Final = (
    "account_no", "name", "kind", "status", "posting_model", "billing_level", "branch",
    "terms_text", "credit_limit", "address", "billing_state", "ship_to_zip", "contact_name",
    "email", "phone", "contact_role",
)  # fmt: skip
CONTACTS: Final = ("account_no", "name", "email", "phone", "role")
JOBS: Final = ("account_no", "job_no", "name", "status")
DOCUMENTS: Final = (
    "document_id", "kind", "account_no", "job_no", "issued_on", "due_on", "amount", "open_amount",
    "paid_on", "po_number", "reference", "statement_id",
)  # fmt: skip
STATEMENTS: Final = (
    "statement_id", "account_no", "job_no", "statement_on", "due_on", "balance",
    "discount_last_day", "discount_percent", "discount_amount", "document_ids", "is_current",
)  # fmt: skip

MAPPING: Final = """\
# How the files of the demonstration's ERP are read. Their headers are known by name.
version = 1
date_format = "iso"

[[accounts]]
file = "accounts.csv"

[[contacts]]
file = "contacts.csv"

[[jobs]]
file = "jobs.csv"

[[documents]]
file = "documents.csv"

[[statements]]
file = "statements.csv"
"""

UNKNOWN_ACCOUNT: Final = "9999999"
PLANNED_REFUSALS: Final = 2
"""Rows that no import should take: an account that does not exist, an amount that is no number."""
PLANNED_WARNINGS: Final = 2
"""A blank due date, a status that nobody knows."""
PLANNED_IGNORED: Final = 1
"""A row that stands there twice."""


def write_files(folder: Path, dealer: Dealer) -> None:
    """Write the five files and ``mapping.toml`` into a folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    accounts = [_account(one) for one in dealer.customers]
    accounts[-1][ACCOUNTS.index("status")] = "seasonal"
    _write(folder / "accounts.csv", ACCOUNTS, accounts)
    second = [
        (one.account_no, person.name, person.email, person.phone, person.role)
        for one in dealer.customers
        for person in one.contacts[1:]
    ]
    _write(folder / "contacts.csv", CONTACTS, second)
    jobs = [
        (one.account_no, job.job_no, job.name, job.status)
        for one in dealer.customers
        for job in one.jobs
    ]
    _write(folder / "jobs.csv", JOBS, jobs)
    _write(folder / "documents.csv", DOCUMENTS, _documents(dealer))
    _write(folder / "statements.csv", STATEMENTS, map(_statement, dealer.statements))
    (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")


def dollars(cents: int) -> str:
    """Return an amount as the files write it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def _account(one: Customer) -> list[str]:
    person = one.contacts[0] if one.contacts else None
    return [
        one.account_no,
        one.name,
        one.kind,
        one.status,
        one.posting_model,
        one.billing_level,
        one.branch,
        one.terms.text,
        "" if one.credit_limit is None else str(one.credit_limit),
        one.place.text,
        one.place.state,
        one.place.zip_code,
        person.name if person else "",
        person.email if person else "",
        person.phone if person else "",
        person.role if person else "",
    ]


def _documents(dealer: Dealer) -> list[list[str]]:
    """Return every document, and a few rows as a real export has them."""
    rows = [_document(one) for one in dealer.documents]
    open_invoices = [
        row for row, one in zip(rows, dealer.documents, strict=True)
        if one.kind == "invoice" and one.open_cents and one.open_cents == one.amount_cents
    ]  # fmt: skip
    open_invoices[-1][DOCUMENTS.index("due_on")] = ""
    stranger, no_number = list(open_invoices[-2]), list(open_invoices[-3])
    stranger[0], stranger[DOCUMENTS.index("account_no")] = "2601-499001", UNKNOWN_ACCOUNT
    no_number[0], no_number[DOCUMENTS.index("open_amount")] = "2601-499002", "see memo"
    return [*rows, list(open_invoices[0]), stranger, no_number]


def _document(one: Document) -> list[str]:
    return [
        one.document_id,
        one.kind,
        one.account_no,
        one.job_no,
        one.issued_on.isoformat(),
        one.due_on.isoformat(),
        dollars(one.amount_cents),
        dollars(one.open_cents),
        one.paid_on.isoformat() if one.paid_on else "",
        one.po_number,
        one.reference,
        one.statement_id,
    ]


def _statement(one: Statement) -> list[str]:
    return [
        one.statement_id,
        one.account_no,
        one.job_no,
        one.statement_on.isoformat(),
        one.due_on.isoformat(),
        dollars(one.balance_cents),
        one.discount_on.isoformat() if one.discount_on else "",
        "" if one.discount_bps is None else dollars(one.discount_bps),
        "" if one.discount_cents is None else dollars(one.discount_cents),
        " ".join(one.document_ids),
        "yes" if one.is_current else "no",
    ]
