"""The files that Spruce imports, and the list of what a person must do by hand.

Payment Entry > Import (F2) takes five columns without a header; a credit memo cannot be in it. The
General Ledger import takes five others, without header, quotes, commas or negative amounts. What
neither takes, credits to consume and discounts to allow, goes to a work list with a header.
"""

import re
from collections.abc import Iterator
from typing import Final

from dueport_erp_spruce.settings import Settings
from dueport_ports import Misconfigured, NamedFile, PostingBatch, PostingCategory, decimal_text
from dueport_ports.files import CellRefused, file_safe, short_digest, write_delimited

_AMOUNT: Final = re.compile(r"[0-9]{1,8}\.[0-9]{2}")
_PAYMENT_COLUMNS: Final = {
    "Customer": re.compile(r"[A-Za-z0-9._-]{1,20}"),
    "JobID": re.compile(r"[A-Za-z0-9._-]{1,20}"),
    "CheckNum": re.compile(r"[A-Za-z0-9]{1,15}"),
    "CheckAmount": _AMOUNT,
    "Apply DocId": re.compile(r"[A-Za-z0-9._-]{1,30}"),
}
_GL_ACCOUNT: Final = re.compile(r"[A-Za-z0-9.-]{1,20}")
_GL_TEXT: Final = re.compile(r"[^\",\r\n]{1,50}")
_WORKLIST_HEADER: Final = ("Customer", "JobID", "Action", "DocId", "Amount", "Against", "Received")


def render(batch: PostingBatch, settings: Settings) -> tuple[NamedFile, ...]:
    """Render a batch's files; one without rows is left out.

    Raises CellRefused where a cell is outside what Spruce takes, and Misconfigured where a ledger
    account has no GL account.
    """
    name = f"{file_safe(batch.settlement_ref)}_{batch.category}_{short_digest(batch.key)}.csv"
    files = []
    for prefix, rows, quotes in (
        ("payments", list(_payments(batch, settings)), False),
        ("credit_worklist", list(_worklist(batch)), True),
        ("gl", list(_journal(batch, settings)), False),
    ):
        if not rows:
            continue
        if quotes:
            rows.insert(0, list(_WORKLIST_HEADER))
        try:
            content = write_delimited(rows, quotes=quotes)
        except ValueError as error:
            raise CellRefused(f"{prefix}: {error}") from error
        files.append(NamedFile(f"{prefix}_{name}", "text/csv", content))
    return tuple(files)


def check_number(template: str, check_no: str, account_no: str) -> str:
    """Fill the check-number template; raises Misconfigured when it names anything else."""
    try:
        return template.format_map({"check_no": check_no, "account_no": account_no})
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise Misconfigured(
            f"check_no {template!r} may use {{check_no}} and {{account_no}}, or be a constant"
        ) from error


def _payments(batch: PostingBatch, settings: Settings) -> Iterator[list[str]]:
    """One row for each job and document, money only."""
    if batch.category is PostingCategory.CREDITS:
        return
    for receipt in batch.receipts:
        if receipt.credits_used:
            raise CellRefused(
                "a payment row cannot consume a credit; credits are posted as their own category",
                receipt.key,
            )
        check_no = check_number(settings.check_no, receipt.check_no, receipt.account_no)
        for application in receipt.applications:
            if application.amount_cents == 0:
                continue
            cells = [
                receipt.account_no,
                receipt.job_no,
                check_no,
                decimal_text(application.amount_cents),
                application.document_ref,
            ]
            for (name, pattern), cell in zip(_PAYMENT_COLUMNS.items(), cells, strict=True):
                if not pattern.fullmatch(cell):
                    raise CellRefused(
                        f"{name} {cell!r} does not match what Spruce imports ({pattern.pattern})",
                        receipt.key,
                    )
            yield cells


def _worklist(batch: PostingBatch) -> Iterator[list[str]]:
    """What to do in Receivables > Posting: the Apply column, and discounts to allow."""
    for receipt in batch.receipts:
        head = [receipt.account_no, receipt.job_no]
        received = receipt.received_on.isoformat()
        against = " ".join(
            f"{each.document_ref}={decimal_text(each.amount_cents)}"
            for each in receipt.applications
        )
        for used in receipt.credits_used:
            amount = decimal_text(used.amount_cents)
            yield _shown([*head, "apply credit", used.document_ref, amount, against, received])
        for application in receipt.applications:
            if application.discount_cents:
                amount = decimal_text(application.discount_cents)
                ref = application.document_ref
                yield _shown([*head, "allow discount", ref, amount, ref, received])


def _journal(batch: PostingBatch, settings: Settings) -> Iterator[list[str]]:
    for entry in batch.journal:
        day = entry.occurred_on
        first, last = settings.gl_open_from, settings.gl_open_until
        if (first and day < first) or (last and day > last):
            raise CellRefused(
                f"{entry.source} is of {day.isoformat()}, outside the open GL cycle; set "
                "gl_open_from and gl_open_until to the cycle that is open now"
            )
        for line in entry.lines:
            account = settings.gl_accounts.get(line.account)
            if account is None:
                raise Misconfigured(
                    f"the ledger account {line.account!r} has no GL account; name it under "
                    "gl_accounts"
                )
            if not _GL_ACCOUNT.fullmatch(account):
                raise Misconfigured(f"gl_accounts: {account!r} is no GL account number")
            description = f"{day.isoformat()} {entry.kind}".replace("_", " ")
            for text in (batch.settlement_ref, description):
                if not _GL_TEXT.fullmatch(text):
                    raise CellRefused(
                        f"{text!r} cannot stand in a GL import: at most 50 letters, no comma, "
                        "no quote"
                    )
            amount = decimal_text(abs(line.amount_cents))
            sides = [amount, ""] if line.amount_cents > 0 else ["", amount]
            yield [account, batch.settlement_ref, description, *sides]


def _shown(cells: list[str]) -> list[str]:
    """Keep a spreadsheet from running a cell as a formula."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
