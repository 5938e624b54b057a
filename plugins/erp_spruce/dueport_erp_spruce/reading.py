"""The CSV set: accounts, jobs, documents and statements, their columns and words.

The layout is fixed, so there is no mapping. Amounts are decimal text, dates are ISO, and a
document's amounts are never negative: its kind says which side it is on.
"""

import datetime
import enum
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from dueport_ports import (
    Account,
    AccountKind,
    AccountStatus,
    BillingLevel,
    Contact,
    Invalid,
    Job,
    Misconfigured,
    OpenItem,
    OpenItemKind,
    PostingModel,
    RowGrade,
    RowProblem,
    Statement,
)
from dueport_ports.files import DateFormat, Table, read_date, read_money

ACCOUNTS: Final = "accounts.csv"
JOBS: Final = "jobs.csv"
DOCUMENTS: Final = "documents.csv"
STATEMENTS: Final = "statements.csv"

REQUIRED: Final = {
    ACCOUNTS: ("account_no", "name"),
    JOBS: ("account_no", "job_no"),
    DOCUMENTS: ("document_id", "kind", "account_no", "issued_on", "amount", "open_amount"),
    STATEMENTS: ("statement_id", "account_no", "statement_on", "balance", "document_ids"),
}

KEYS: Final = {
    ACCOUNTS: ("account_no",),
    JOBS: ("account_no", "job_no"),
    DOCUMENTS: ("document_id",),
    STATEMENTS: ("statement_id",),
}
"""The columns that make up a row's natural key."""

KINDS: Final = {
    "invoice": OpenItemKind.INVOICE,
    "ticket": OpenItemKind.INVOICE,
    "installed_sale": OpenItemKind.INVOICE,
    "finance_charge": OpenItemKind.FINANCE_CHARGE,
    "debit_adjustment": OpenItemKind.DEBIT,
    "credit_adjustment": OpenItemKind.CREDIT,
    "credit_memo": OpenItemKind.CREDIT,
    "payment_on_account": OpenItemKind.CREDIT,
    "balance_forward": OpenItemKind.BALANCE_FORWARD,
}

RecordT = TypeVar("RecordT", Account, Job, OpenItem, Statement)
EnumT = TypeVar("EnumT", bound=enum.StrEnum)


class _Contact(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    email: str = ""
    phone: str = ""
    role: str = ""
    primary: bool = False


class _Refused(Exception):
    """A row that cannot be taken: the sentence, the column and its value."""

    def __init__(self, reason: str, column: str = "", value: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.value = value


class Sheet:
    """One file of the set, by row: typed cells, and the problems found on the way."""

    def __init__(self, table: Table) -> None:
        self._columns: dict[str, Sequence[str]] = {}
        for header in table.headers:
            self._columns[header.casefold()] = table.column(header) or ()
        for name in REQUIRED[table.source]:
            column = table.column(name)
            if column is None:
                raise Misconfigured(f"{table.source} has no column {name!r}")
            self._columns[name] = column
        self.table = table
        self._keys = KEYS[table.source]
        self.problems: list[RowProblem] = [
            msgspec.structs.replace(
                problem,
                key=_joined([table.sure_cell(problem.line, name) for name in self._keys]),
            )
            for problem in table.problems
        ]
        self._row = 0

    def records(
        self, build: Callable[["Sheet"], RecordT], key_of: Callable[[RecordT], str]
    ) -> list[RecordT]:
        """Build every row; one record for a key, none where rows contradict each other."""
        found: dict[str, tuple[RecordT, int]] = {}
        refused: set[str] = set()
        for row in range(self.table.rows):
            self._row = row
            try:
                record = build(self)
            except _Refused as refusal:
                self._report(
                    RowGrade.REFUSED, self._row, refusal.reason, refusal.column, refusal.value
                )
                continue
            key = key_of(record)
            if key not in found:
                found[key] = (record, self._row)
            elif found[key][0] == record:
                first = self.table.lines[found[key][1]]
                self._report(RowGrade.IGNORED, self._row, f"{key} stands in line {first} already")
            else:
                reason = f"{key} stands again with other content; all are refused"
                if key not in refused:
                    self._report(RowGrade.REFUSED, found[key][1], reason)
                refused.add(key)
                self._report(RowGrade.REFUSED, self._row, reason)
        return [record for key, (record, _) in found.items() if key not in refused]

    def text(self, name: str) -> str:
        column = self._columns.get(name)
        return column[self._row] if column else ""

    def needed(self, name: str) -> str:
        text = self.text(name)
        if not text:
            raise _Refused(f"{name} is blank", name)
        return text

    def cents(self, name: str) -> int:
        text = self.needed(name)
        try:
            return read_money(text)
        except ValueError as error:
            raise _Refused(str(error), name, text) from error

    def cents_or_none(self, name: str) -> int | None:
        return self.cents(name) if self.text(name) else None

    def day(self, name: str) -> datetime.date:
        text = self.needed(name)
        found = read_date(text, DateFormat.ISO)
        if found is None:
            raise _Refused(f"{text!r} is not a date written as 2026-03-31", name, text)
        return found

    def day_or_none(self, name: str) -> datetime.date | None:
        return self.day(name) if self.text(name) else None

    def word(self, name: str, kind: type[EnumT], default: EnumT) -> EnumT:
        """Read a word of a closed list; an unknown one is a warning and means the default."""
        text = self.text(name).casefold()
        if not text:
            return default
        try:
            return kind(text)
        except ValueError:
            self.warn(f"{text!r} is no {name}; {default} is taken", name, text)
            return default

    def flag(self, name: str) -> bool | None:
        text = self.text(name).casefold()
        return {"true": True, "false": False, "1": True, "0": False}.get(text)

    def warn(self, reason: str, column: str, value: str, proposal: str = "") -> None:
        self._report(RowGrade.WARNING, self._row, reason, column, value, proposal)

    def _report(
        self,
        grade: RowGrade,
        row: int,
        reason: str,
        column: str = "",
        value: str = "",
        proposal: str = "",
    ) -> None:
        self.problems.append(
            RowProblem(
                grade=grade,
                source=self.table.source,
                line=self.table.lines[row],
                reason=reason,
                column=column,
                value=value,
                proposal=proposal,
                key=_joined([self._columns[name][row] for name in self._keys]),
            )
        )


def build_account(sheet: Sheet) -> Account:
    address = sheet.text("address")
    return Account(
        account_no=sheet.needed("account_no"),
        name=sheet.needed("name"),
        kind=sheet.word("kind", AccountKind, AccountKind.CHARGE),
        status=sheet.word("status", AccountStatus, AccountStatus.ACTIVE),
        posting_model=sheet.word("posting_model", PostingModel, PostingModel.OPEN_ITEM),
        billing_level=sheet.word("billing_level", BillingLevel, BillingLevel.MASTER),
        contacts=_contacts(sheet),
        ship_to_zip=sheet.text("ship_to_zip"),
        terms_text=sheet.text("terms_text") or sheet.text("terms_code"),
        credit_limit_cents=sheet.cents_or_none("credit_limit"),
        address_lines=tuple(line.strip() for line in address.splitlines() if line.strip()),
        billing_state=sheet.text("billing_state").upper(),
        branch=sheet.text("branch"),
    )


def build_job(sheet: Sheet) -> Job:
    return Job(
        account_no=sheet.needed("account_no"),
        job_no=sheet.needed("job_no"),
        name=sheet.text("name"),
        status=sheet.word("status", AccountStatus, AccountStatus.ACTIVE),
    )


def build_document(sheet: Sheet, accounts: frozenset[str], due_days: int) -> OpenItem:
    """Build one document; what is paid or void has an open amount of zero."""
    ref, word = sheet.needed("document_id"), sheet.needed("kind").casefold()
    kind = KINDS.get(word)
    if kind is None:
        raise _Refused(f"{word!r} is no kind; the kinds are {', '.join(KINDS)}", "kind", word)
    amount, left = sheet.cents("amount"), sheet.cents("open_amount")
    state = sheet.text("status").casefold() or "open"
    for name, cents in (("amount", amount), ("open_amount", left)):
        if cents < 0:
            raise _Refused(
                f"{name} is negative; the kind says which side it is on", name, sheet.text(name)
            )
    account_no = sheet.needed("account_no")
    if account_no not in accounts:
        raise _Refused(f"the account {account_no} is not in {ACCOUNTS}", "account_no", account_no)
    issued_on, due_on = sheet.day("issued_on"), sheet.day_or_none("due_on")
    if due_on is None:
        due_on = issued_on + datetime.timedelta(days=due_days)
        if kind is not OpenItemKind.CREDIT and left:
            reason = f"due_on is blank; {due_days} days after issued_on are taken"
            sheet.warn(reason, "due_on", "", due_on.isoformat())
    elif due_on < issued_on:
        sheet.warn("due_on lies before issued_on", "due_on", due_on.isoformat())
    if state in ("paid", "void"):
        left = 0
    side = -1 if kind is OpenItemKind.CREDIT else 1
    discount = sheet.cents_or_none("discount_amount")
    return OpenItem(
        document_ref=ref,
        account_no=account_no,
        kind=kind,
        issued_on=issued_on,
        due_on=due_on,
        original_amount_cents=side * amount,
        open_amount_cents=side * left,
        job_no=sheet.text("job_no") or "0",
        posted_on=sheet.day_or_none("posted_on"),
        reference=sheet.text("reference"),
        po_number=sheet.text("po_number"),
        statement_ref=sheet.text("statement_id") or None,
        discount_eligible=None if discount is None else discount > 0,
        released=state != "held",
        erp_kind=word,
    )


def build_statement(sheet: Sheet) -> Statement:
    refs = sheet.text("document_ids").replace(",", " ").replace(";", " ").replace("|", " ")
    statement_on = sheet.day("statement_on")
    try:
        return Statement(
            statement_ref=sheet.needed("statement_id"),
            account_no=sheet.needed("account_no"),
            statement_on=statement_on,
            cutoff_on=sheet.day_or_none("cutoff_on") or statement_on,
            due_on=sheet.day_or_none("due_on") or statement_on,
            balance_cents=sheet.cents("balance"),
            job_no=sheet.text("job_no") or None,
            discount_on=sheet.day_or_none("discount_last_day"),
            discount_cents=sheet.cents_or_none("discount_amount"),
            document_refs=tuple(refs.split()),
            is_current=sheet.flag("is_current") is not False,
        )
    except Invalid as error:
        raise _Refused(str(error)) from error


def _joined(parts: Sequence[str]) -> str:
    """Return a natural key; nothing where a part of it is missing."""
    return "/".join(parts) if all(parts) else ""


def _contacts(sheet: Sheet) -> tuple[Contact, ...]:
    """Read ``contacts``, a JSON list, or the plain columns contact_name, email and phone."""
    text = sheet.text("contacts")
    if text:
        try:
            told = msgspec.json.decode(text, type=tuple[_Contact, ...])
        except msgspec.DecodeError as error:
            sheet.warn(f"contacts cannot be read: {error}", "contacts", text[:80])
            return ()
        return tuple(
            Contact(
                name=one.name,
                email=one.email,
                phone=one.phone,
                role=one.role,
                is_primary=one.primary,
            )
            for one in told
        )
    contact = Contact(
        name=sheet.text("contact_name"), email=sheet.text("email"), phone=sheet.text("phone")
    )
    return (contact,) if contact != Contact() else ()
