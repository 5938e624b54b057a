"""Reads the posting files that Dueport writes: receipts, credits to apply, journal entries.

Which kind a file is, its header says. A file with one line that cannot be read is refused whole,
because half an import is worse than none.
"""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from msgspec.structs import replace

from dueport_apps.sandbox.demo_erp.money import cents_of
from dueport_apps.sandbox.demo_erp.records import Entry, JournalLine

_RECEIPT: Final = {"account_no", "document_ref", "amount"}
_CREDIT: Final = {"action", "document_ref", "amount", "against"}
_JOURNAL: Final = {"account", "debit", "credit", "source"}
Row = dict[str, str]
LineT = TypeVar("LineT")


class FileRefused(ValueError):
    """A file that is not imported, with the reason for a person."""


def read_posting(content: bytes) -> tuple[list[Entry], list[JournalLine]]:
    """Return what a file asks for; raises FileRefused with the line that is wrong."""
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileRefused(f"it is not a CSV file in UTF-8: {error}") from error
    header = set(rows[0]) if rows else set()
    if header >= _CREDIT:
        return _numbered(rows, _credits), []
    if header >= _RECEIPT and ("check_no" in header or "receipt_key" in header):
        return _numbered(rows, _receipt), []
    if header >= _JOURNAL:
        return [], _numbered(rows, _journal)
    raise FileRefused("its header is neither that of receipts, of credits, nor of a journal")


def _numbered(rows: list[Row], read: Callable[[Row], Iterable[LineT]]) -> list[LineT]:
    found: list[LineT] = []
    for number, row in enumerate(rows, start=2):
        try:
            found += read(row)
        except (ValueError, TypeError, AttributeError) as error:
            raise FileRefused(f"line {number}: {error}") from error
    return found


def _receipt(row: Row) -> list[Entry]:
    if not row["document_ref"] or not (row.get("receipt_key") or row.get("check_no")):
        raise ValueError("a receipt needs a document, and a key or a check number")
    return [
        Entry(
            kind="payment",
            receipt_key=row.get("receipt_key", ""),
            document_id=row["document_ref"],
            amount_cents=_positive(row["amount"]),
            discount_cents=_positive(row.get("discount") or "0"),
            check_no=row.get("check_no", ""),
            account_no=row["account_no"],
            job_no=row.get("job_no", "0"),
            method=row.get("method", ""),
            processor_ref=row.get("processor_ref", ""),
            settlement_ref=row.get("settlement_ref", ""),
            received_on=row.get("received_on", ""),
        )
    ]


def _credits(row: Row) -> list[Entry]:
    """Read one instruction of the credits' list.

    `against` names all documents that the receipt's credits go to, on each of its lines; they are
    the same entries every time and so count once.
    """
    line = Entry(
        kind="credit_used",
        receipt_key=row.get("receipt_key", ""),
        document_id=row["document_ref"],
        amount_cents=_positive(row["amount"]),
        account_no=row.get("account_no", ""),
        job_no=row.get("job_no", "0"),
        method="credit",
        settlement_ref=row.get("settlement_ref", ""),
        received_on=row.get("received_on", ""),
    )
    if row["action"] == "allow discount":
        return [replace(line, kind="discount", amount_cents=0, discount_cents=line.amount_cents)]
    if row["action"] != "apply credit":
        raise ValueError(f"{row['action']!r} is nothing that can be done with a credit")
    applied = [part.rpartition("=") for part in row["against"].split()]
    return [
        line,
        *(
            replace(
                line,
                kind="credit_applied",
                document_id=document_id,
                amount_cents=_positive(amount),
            )
            for document_id, _, amount in applied
        ),
    ]


def _journal(row: Row) -> list[JournalLine]:
    debit, credit = _positive(row["debit"] or "0"), _positive(row["credit"] or "0")
    if bool(debit) == bool(credit):
        raise ValueError("a journal line has either a debit or a credit")
    return [
        JournalLine(
            source=row["source"],
            account=row["account"],
            debit_cents=debit,
            credit_cents=credit,
            occurred_on=row.get("occurred_on", ""),
            description=row.get("description", ""),
        )
    ]


def _positive(text: str) -> int:
    cents = cents_of(text)
    if cents < 0:
        raise ValueError(f"{text} is negative")
    return cents
