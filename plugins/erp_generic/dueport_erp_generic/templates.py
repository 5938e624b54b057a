"""Posting files by template: which rows, which columns, how written.

A template is data, so a dealer describes the file that the ERP imports instead of programming it.
A cell that does not fit its column's pattern refuses the whole batch before anything is written.
"""

import datetime
import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from dueport_ports import (
    Misconfigured,
    NamedFile,
    PostingBatch,
    PostingCategory,
    Receipt,
    decimal_text,
)
from dueport_ports.files import CellRefused, file_safe, short_digest, write_delimited

RowsOf = Literal["application", "receipt", "credit", "journal"]

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "application": (
        "account_no", "job_no", "check_no", "document_ref", "amount", "discount", "method",
        "processor_ref", "received_on", "receipt_key", "receipt_amount",
    ),
    "receipt": (
        "account_no", "job_no", "check_no", "amount", "method", "processor_ref", "received_on",
        "receipt_key", "documents",
    ),
    "credit": (
        "account_no", "job_no", "action", "document_ref", "amount", "against", "receipt_key",
        "received_on",
    ),
    "journal": ("account", "reference", "description", "debit", "credit", "occurred_on", "source"),
}  # fmt: skip
"""What each kind of row can show; the batch's own fields come on top of these."""

BATCH_FIELDS: Final = ("settlement_ref", "deposit_on", "batch_key", "category", "currency", "text")


class PostingColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    field: str
    header: str = ""
    """Empty means the field's name."""
    text: str = ""
    """The constant that the field ``text`` shows."""
    pattern: str = ""
    """A regular expression that the whole cell must match; empty allows anything."""


class PostingFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a posting. A file without rows is not written."""

    name: str
    """May use settlement, category and batch, such as ``payments_{settlement}_{batch}.csv``."""
    rows: RowsOf
    columns: tuple[PostingColumn, ...]
    header: bool = True
    delimiter: str = ","
    quotes: bool = True
    line_end: Literal["\r\n", "\n"] = "\r\n"
    date_format: str = "%Y-%m-%d"
    formulas: bool = True
    """False puts an apostrophe before text that a spreadsheet would run as a formula."""
    zero_rows: bool = True
    """False leaves out rows whose amount is zero, such as a document that a discount alone pays."""


def check_templates(files: tuple[PostingFile, ...], check_no: str) -> None:
    """Raise Misconfigured for a template that could never be rendered."""
    for file in files:
        known = (*FIELDS[file.rows], *BATCH_FIELDS)
        for column in file.columns:
            if column.field not in known:
                raise Misconfigured(
                    f"posting file {file.name}: {column.field!r} is no field of {file.rows} rows; "
                    f"the fields are {', '.join(known)}"
                )
            try:
                re.compile(column.pattern)
            except re.error as error:
                raise Misconfigured(
                    f"posting file {file.name}: the pattern {column.pattern!r} is wrong: {error}"
                ) from error
        if "{batch}" not in file.name:
            raise Misconfigured(
                f"posting file {file.name}: the name needs {{batch}}, or one batch would "
                "overwrite another"
            )
        _fill(file.name, {"settlement": "", "category": "", "batch": ""}, "posting file name")
    sample = dict.fromkeys(
        ("check_no", "processor_ref", "settlement_ref", "method", "account_no"), ""
    )
    _fill(check_no, sample, "posting.check_no")


def render(
    files: tuple[PostingFile, ...],
    batch: PostingBatch,
    check_no: str,
    gl_accounts: dict[str, str],
) -> tuple[NamedFile, ...]:
    """Render a batch; raises CellRefused for the first cell outside its pattern."""
    rendered = []
    # A discount that stands beside the money must not be entered by hand as well.
    by_hand = batch.category is PostingCategory.CREDITS or not shows_discount(files)
    for file in files:
        rows = [
            _cells(file, values, batch)
            for values in _values(file.rows, batch, check_no, gl_accounts, by_hand)
            if file.zero_rows or values.get("amount") != 0
        ]
        if not rows:
            continue
        if file.header:
            rows.insert(0, [column.header or column.field for column in file.columns])
        try:
            content = write_delimited(
                rows, delimiter=file.delimiter, line_end=file.line_end, quotes=file.quotes
            )
        except ValueError as error:
            raise CellRefused(f"{file.name}: {error}") from error
        names = {
            "settlement": file_safe(batch.settlement_ref),
            "category": batch.category.value,
            "batch": short_digest(batch.key),
        }
        name = file_safe(_fill(file.name, names, "posting file name"))
        rendered.append(NamedFile(name, "text/csv", content))
    return tuple(rendered)


def shows_discount(files: tuple[PostingFile, ...]) -> bool:
    """Whether a file tells the ERP of discounts, so that nobody has to enter them."""
    return any(
        column.field == "discount"
        for file in files
        if file.rows == "application"
        for column in file.columns
    )


Values = dict[str, str | int | datetime.date]


def _values(
    kind: RowsOf,
    batch: PostingBatch,
    check_no: str,
    gl_accounts: dict[str, str],
    discounts_by_hand: bool,
) -> Iterator[Values]:
    common: Values = {
        "settlement_ref": batch.settlement_ref,
        "deposit_on": batch.deposit_on,
        "batch_key": batch.key,
        "category": batch.category.value,
        "currency": batch.currency,
    }
    if kind == "journal":
        yield from ({**common, **line} for line in _journal(batch, gl_accounts))
        return
    for receipt in batch.receipts:
        own: Values = {
            **common,
            "account_no": receipt.account_no,
            "job_no": receipt.job_no,
            "method": receipt.method.value,
            "processor_ref": receipt.processor_ref,
            "received_on": receipt.received_on,
            "receipt_key": receipt.key,
        }
        words = {name: str(own[name]) for name in ("processor_ref", "settlement_ref", "method")}
        words.update(check_no=receipt.check_no, account_no=receipt.account_no)
        own["check_no"] = _fill(check_no, words, "posting.check_no")
        by_credit = batch.category is PostingCategory.CREDITS
        if kind == "credit":
            yield from ({**own, **row} for row in _credits(receipt, discounts_by_hand))
        elif kind == "application" and not by_credit:
            for application in receipt.applications:
                yield {
                    **own,
                    "document_ref": application.document_ref,
                    "amount": application.amount_cents,
                    "discount": application.discount_cents,
                    "receipt_amount": receipt.amount_cents,
                }
        elif kind == "receipt" and not by_credit:
            documents = " ".join(each.document_ref for each in receipt.applications)
            yield {**own, "amount": receipt.amount_cents, "documents": documents}


def _credits(receipt: Receipt, discounts_by_hand: bool) -> Iterator[Values]:
    """What a person does by hand: credits to consume, on which documents, and discounts."""
    against = " ".join(
        f"{each.document_ref}={decimal_text(each.amount_cents)}" for each in receipt.applications
    )
    for used in receipt.credits_used:
        yield {
            "action": "apply credit",
            "document_ref": used.document_ref,
            "amount": used.amount_cents,
            "against": against,
        }
    for application in receipt.applications:
        if application.discount_cents and discounts_by_hand:
            yield {
                "action": "allow discount",
                "document_ref": application.document_ref,
                "amount": application.discount_cents,
                "against": application.document_ref,
            }


def _journal(batch: PostingBatch, gl_accounts: dict[str, str]) -> Iterator[Values]:
    for entry in batch.journal:
        for line in entry.lines:
            yield {
                "account": gl_accounts.get(line.account, line.account),
                "reference": batch.settlement_ref,
                "description": f"{entry.occurred_on.isoformat()} {entry.kind.value}",
                "debit": max(line.amount_cents, 0),
                "credit": max(-line.amount_cents, 0),
                "occurred_on": entry.occurred_on,
                "source": entry.source,
            }


_AMOUNTS: Final = frozenset({"amount", "discount", "receipt_amount", "debit", "credit"})
_BLANK_ZERO: Final = frozenset({"debit", "credit"})


def _cells(file: PostingFile, values: Values, batch: PostingBatch) -> list[str]:
    cells = []
    for column in file.columns:
        value = column.text if column.field == "text" else values[column.field]
        if isinstance(value, datetime.date):
            cell = value.strftime(file.date_format)
        elif column.field in _AMOUNTS:
            cents = int(value)
            cell = "" if column.field in _BLANK_ZERO and not cents else decimal_text(cents)
        else:
            cell = str(value)
            if not file.formulas and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
                cell = f"'{cell}"
        if column.pattern and not re.fullmatch(column.pattern, cell):
            raise CellRefused(
                f"{column.header or column.field} {cell!r} does not match what the importer takes "
                f"({column.pattern}); batch {batch.key}",
                str(values.get("receipt_key", "")),
            )
        cells.append(cell)
    return cells


def _fill(template: str, words: dict[str, str], what: str) -> str:
    try:
        return template.format_map(words)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise Misconfigured(
            f"{what} {template!r} is wrong; in braces it may use {', '.join(words)}"
        ) from error
