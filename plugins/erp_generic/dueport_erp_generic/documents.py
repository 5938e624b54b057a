"""Open items from rows: the one builder that must be quick, so it works by column.

A row without a document, an account, an amount or a possible date is refused. A row that lacks
less is taken with a warning: leaving out an invoice because its due date is blank would hide debt.
"""

import datetime
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from dueport_erp_generic import fields
from dueport_erp_generic.dates import Dates
from dueport_erp_generic.mapping import Mapping
from dueport_erp_generic.rows import SourceRows
from dueport_ports import (
    MASTER_JOB,
    Misconfigured,
    OpenItem,
    OpenItemKind,
    RowGrade,
    RowProblem,
    decimal_text,
)
from dueport_ports.files import MoneyColumn, normalize_header, read_money_column

_DATE_FIELDS: Final = ("issued_on", "due_on", "posted_on")
_NET_DAYS: Final = re.compile(r"net\s*(\d{1,3})|^\s*(\d{1,3})(?:\s*days?)?\s*$", re.IGNORECASE)
"""Terms such as ``2% 10 Net 30`` or ``30 days``; any other wording says no number of days."""


class Settled(msgspec.Struct, frozen=True):
    """A row whose document is paid; it is no open item and no problem."""


SETTLED: Final = Settled()

Outcome = OpenItem | Settled | None
"""What became of a row: an item, nothing owed, or None for a refusal."""


class DocumentRows(msgspec.Struct, frozen=True):
    """The judged rows of one file, in its order."""

    rows: SourceRows
    outcomes: list[Outcome]


def build_documents(rows: SourceRows, mapping: Mapping, problems: list[RowProblem]) -> DocumentRows:
    """Judge every row of one file; duplicates are looked at later, over all files."""
    return DocumentRows(rows, _Builder(rows, mapping, problems).outcomes())


class _Refused(Exception):
    """A row's refusal on its way out of the builder."""

    def __init__(self, problem: RowProblem) -> None:
        self.problem = problem


class _Builder:
    """The columns of one file, and the verdict on each of its rows."""

    def __init__(self, rows: SourceRows, mapping: Mapping, problems: list[RowProblem]) -> None:
        self._rows = rows
        self._source = rows.source
        self._problems = problems
        self._currencies = {currency.upper() for currency in mapping.currencies}
        decimal = rows.source.decimal or mapping.decimal
        self._decimal = decimal
        self._dates = Dates(rows, _DATE_FIELDS, mapping.date_format)
        self._money: dict[str, MoneyColumn] = {}
        self._original, self._open = self._amounts()
        self._has_posted = "posted_on" in rows.fields

    def outcomes(self) -> list[Outcome]:
        rows = self._rows
        kinds = self._kinds()
        make = self._item
        outcomes: list[Outcome] = []
        add = outcomes.append
        extras = zip(
            [text or MASTER_JOB for text in rows.column("job_no")],
            self._dates.column("issued_on"),
            self._dates.column("due_on"),
            self._dates.column("posted_on"),
            rows.column("reference"),
            rows.column("po_number"),
            [text or None for text in rows.column("statement_ref")],
            self._flags("discount_eligible"),
            [flag is not False for flag in self._flags("released")],
            rows.column("kind"),
            strict=True,
        )
        for row, (ref, account, kind, original, left, extra) in enumerate(
            zip(
                rows.column("document_ref"),
                rows.column("account_no"),
                kinds,
                self._original,
                self._open,
                extras,
                strict=True,
            )
        ):
            if left == 0 and ref:
                add(SETTLED)
            else:
                try:
                    add(make(row, ref, account, kind, original, left, extra))
                except _Refused as refusal:
                    self._problems.append(refusal.problem)
                    add(None)
        self._check_currencies(outcomes)
        return outcomes

    def _item(
        self,
        row: int,
        ref: str,
        account: str,
        kind: OpenItemKind | None,
        original: int | None,
        left: int | None,
        extra: tuple[
            str,
            datetime.date | None,
            datetime.date | None,
            datetime.date | None,
            str,
            str,
            str | None,
            bool | None,
            bool,
            str,
        ],
    ) -> OpenItem:
        job, issued, due, posted, reference, po_number, statement, eligible, released, word = extra
        if not ref:
            raise _Refused(self._refusal(row, "the row names no document", "document_ref"))
        if not account:
            raise _Refused(self._refusal(row, "the row names no account", "account_no"))
        if kind is None:
            raise _Refused(
                self._refusal(row, f"{word!r} is no known kind; add it under words.kind", "kind")
            )
        if original is None or left is None:
            raise _Refused(self._money_refusal(row))
        if kind is OpenItemKind.CREDIT:
            original, left = -abs(original), -abs(left)
        elif left < 0 or original < 0:
            kind, original, left = self._negative(row, ref, kind, original, left)
        unclear = posted is None and self._has_posted
        if issued is None or due is None or due < issued or unclear:
            issued, due = self._settle_dates(row, issued, due)
        return OpenItem(
            document_ref=ref,
            account_no=account,
            kind=kind,
            issued_on=issued,
            due_on=due,
            original_amount_cents=original,
            open_amount_cents=left,
            job_no=job,
            posted_on=posted,
            reference=reference,
            po_number=po_number,
            statement_ref=statement,
            discount_eligible=eligible,
            released=released,
            erp_kind=word,
        )

    def _amounts(self) -> tuple[Sequence[int | None], Sequence[int | None]]:
        """Return original and open amounts, the latter from where the mapping says."""
        found = self._rows.fields
        rule = self._source.open_amount
        if not rule:
            if "open_amount" in found:
                rule = "column"
            elif "paid_amount" in found:
                rule = "amount_less_paid"
            else:
                raise Misconfigured(
                    f"{self._rows.file} has neither an open nor a paid amount; if every document "
                    'in it is open in full, say open_amount = "amount" in the mapping'
                )
        needed = {
            "column": ("open_amount",),
            "amount_less_paid": ("amount", "paid_amount"),
            "amount": ("amount",),
        }[rule]
        for name in needed:
            if name not in found:
                raise Misconfigured(
                    f"{self._rows.file}: no column for {name} was found, which "
                    f'open_amount = "{rule}" needs; name it under columns.{name}'
                )
        if rule == "column":
            left = self._cents("open_amount")
            original = self._cents("amount") if "amount" in found else left
            return original, left
        original = self._cents("amount")
        if rule == "amount":
            return original, original
        paid_column = self._money_column("paid_amount")
        bad = paid_column.refused
        return original, [
            None if amount is None or row in bad else amount - (paid or 0)
            for row, (amount, paid) in enumerate(zip(original, paid_column.cents, strict=True))
        ]

    def _money_column(self, name: str) -> MoneyColumn:
        if name not in self._money:
            self._money[name] = read_money_column(
                self._rows.fields[name], self._decimal, self._source.extra_zeros
            )
        return self._money[name]

    def _cents(self, name: str) -> Sequence[int | None]:
        return self._money_column(name).cents

    def _kinds(self) -> list[OpenItemKind | None]:
        texts = self._rows.column("kind")
        if "kind" not in self._rows.fields:
            return [OpenItemKind.INVOICE] * len(texts)
        told = {
            normalize_header(word): meaning
            for word, meaning in self._source.words.get("kind", {}).items()
        }
        meanings = {text: _kind(text, told) for text in set(texts)}
        return [meanings[text] for text in texts]

    def _flags(self, name: str) -> list[bool | None]:
        texts = self._rows.column(name)
        if name not in self._rows.fields:
            return [None] * len(texts)
        meanings = {text: flag(text) for text in set(texts)}
        return [meanings[text] for text in texts]

    def _negative(
        self, row: int, ref: str, kind: OpenItemKind, original: int, left: int
    ) -> tuple[OpenItemKind, int, int]:
        if self._source.negatives == "refuse":
            raise _Refused(
                self._refusal(
                    row,
                    f"{ref} is a {kind} with {decimal_text(original)} of which "
                    f"{decimal_text(left)} are open; if a negative amount is a credit here, say "
                    'negatives = "credit" in the mapping',
                    "amount",
                    f"a credit of {decimal_text(min(left, original))}",
                )
            )
        if left > 0:
            raise _Refused(
                self._refusal(
                    row, f"{ref} has a negative amount and a positive open amount", "amount"
                )
            )
        if original > 0:
            self._warn(
                row,
                f"{ref} is paid beyond its amount; {decimal_text(-left)} are taken as a credit",
                "paid_amount",
            )
            original = left
        return OpenItemKind.CREDIT, original, left

    def _settle_dates(
        self, row: int, issued: datetime.date | None, due: datetime.date | None
    ) -> tuple[datetime.date, datetime.date]:
        for name in _DATE_FIELDS:
            if problem := self._dates.problem(name, row):
                raise _Refused(problem)
        if issued is None:
            if due is None:
                raise _Refused(self._refusal(row, "the row has no date", "issued_on"))
            self._warn(row, "the issue date is blank; the due date is taken", "issued_on")
            return due, due
        if due is None:
            terms = _NET_DAYS.search(self._rows.column("terms_text")[row])
            days = int(terms[1] or terms[2]) if terms else self._source.due_days
            due = issued + datetime.timedelta(days=days)
            # A file that has no due dates at all is not worth a warning for each of its rows.
            if "due_on" in self._rows.fields:
                self._warn(
                    row,
                    f"the due date is blank; {days} days after the issue date are taken",
                    "due_on",
                    due.isoformat(),
                )
        elif due < issued:
            self._warn(row, "the due date lies before the issue date", "due_on")
        return issued, due

    def _check_currencies(self, outcomes: list[Outcome]) -> None:
        if "currency" not in self._rows.fields:
            return
        for row, text in enumerate(self._rows.fields["currency"]):
            if text and text.upper() not in self._currencies and outcomes[row] is not None:
                allowed = ", ".join(sorted(self._currencies))
                self._problems.append(
                    self._refusal(row, f"the currency {text} is not {allowed}", "currency")
                )
                outcomes[row] = None

    def _money_refusal(self, row: int) -> RowProblem:
        for name, column in self._money.items():
            if row in column.refused:
                return self._refusal(row, column.refused[row], name)
        name = "open_amount" if self._open[row] is None and "open_amount" in self._money else ""
        return self._refusal(row, "the amount is blank", name or "amount")

    def _refusal(self, row: int, reason: str, field: str, proposal: str = "") -> RowProblem:
        return self._rows.problem(RowGrade.REFUSED, row, reason, field, proposal)

    def _warn(self, row: int, reason: str, field: str, proposal: str = "") -> None:
        self._problems.append(self._rows.problem(RowGrade.WARNING, row, reason, field, proposal))


def flag(text: str) -> bool | None:
    """Read yes or no; None for a blank and for anything else."""
    word = text.casefold()
    return True if word in fields.YES else False if word in fields.NO else None


def _kind(text: str, told: dict[str, str]) -> OpenItemKind | None:
    word = normalize_header(text)
    meaning = told.get(word) or fields.KINDS.get(word)
    # What the mapping says may itself be one of the field's words, such as credit_memo.
    meaning = fields.KINDS.get(normalize_header(meaning), meaning) if meaning else meaning
    try:
        return OpenItemKind(meaning) if meaning else None
    except ValueError:
        return None
