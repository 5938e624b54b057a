"""Accounts with their contacts, jobs and statements from rows.

There are far fewer of these than of documents, so they are built row by row.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from dueport_erp_generic import fields
from dueport_erp_generic.dates import Dates
from dueport_erp_generic.documents import flag
from dueport_erp_generic.mapping import Mapping
from dueport_erp_generic.rows import SourceRows
from dueport_ports import (
    Account,
    AccountKind,
    AccountStatus,
    BillingLevel,
    Contact,
    Invalid,
    Job,
    PostingModel,
    RowGrade,
    RowProblem,
    Statement,
)
from dueport_ports.files import normalize_header, read_money, read_money_column

_DATE_FIELDS: Final = ("statement_on", "cutoff_on", "due_on", "discount_on")

EnumT = TypeVar("EnumT", bound=enum.StrEnum)
RecordT = TypeVar("RecordT", Account, Job, Statement)


def build_accounts(
    files: Sequence[SourceRows],
    contact_files: Sequence[SourceRows],
    mapping: Mapping,
    problems: list[RowProblem],
) -> list[Account]:
    """Return the accounts, each with the contacts of its own row and of the contact files."""
    contacts: dict[str, list[Contact]] = {}
    for rows in contact_files:
        for row, account_no in enumerate(rows.column("account_no")):
            contact = _contact(rows, row)
            if contact and contact not in contacts.setdefault(account_no, []):
                contacts[account_no].append(contact)

    def build(rows: SourceRows, row: int) -> Account | None:
        account_no = rows.column("account_no")[row]
        if not account_no:
            _refuse(rows, row, "the row names no account", "account_no", problems)
            return None
        own = _contact(rows, row) if "email" in rows.fields else None
        address = rows.column("address")[row]
        return Account(
            account_no=account_no,
            name=rows.column("name")[row] or account_no,
            kind=_word(rows, row, "kind", AccountKind, AccountKind.CHARGE, problems),
            status=_status(rows, row, problems),
            posting_model=_word(
                rows, row, "posting_model", PostingModel, PostingModel.OPEN_ITEM, problems
            ),
            billing_level=_word(
                rows, row, "billing_level", BillingLevel, BillingLevel.MASTER, problems
            ),
            contacts=(*((own,) if own else ()), *contacts.get(account_no, ())),
            ship_to_zip=rows.column("ship_to_zip")[row],
            terms_text=rows.column("terms_text")[row],
            credit_limit_cents=_credit_limit(rows, row, mapping, problems),
            address_lines=tuple(line.strip() for line in address.splitlines() if line.strip()),
            billing_state=rows.column("billing_state")[row].upper()[:2],
            branch=rows.column("branch")[row],
        )

    return _once(files, build, lambda account: account.account_no, problems)


def build_jobs(files: Sequence[SourceRows], problems: list[RowProblem]) -> list[Job]:
    """Return the jobs, keyed by account and number."""

    def build(rows: SourceRows, row: int) -> Job | None:
        account_no, job_no = rows.column("account_no")[row], rows.column("job_no")[row]
        if not account_no or not job_no:
            missing = "account_no" if not account_no else "job_no"
            _refuse(rows, row, f"the row has no {missing}", missing, problems)
            return None
        return Job(
            account_no=account_no,
            job_no=job_no,
            name=rows.column("name")[row],
            status=_status(rows, row, problems),
        )

    return _once(files, build, lambda job: f"{job.account_no} job {job.job_no}", problems)


def build_statements(
    files: Sequence[SourceRows], mapping: Mapping, problems: list[RowProblem]
) -> list[Statement]:
    """Return the statements; without an own word for it, the latest of an account is current."""
    told_current = all("is_current" in rows.fields for rows in files)
    dates = {id(rows): Dates(rows, _DATE_FIELDS, mapping.date_format) for rows in files}
    columns = {
        id(rows): {name: dates[id(rows)].column(name) for name in _DATE_FIELDS} for rows in files
    }

    def build(rows: SourceRows, row: int) -> Statement | None:
        for name in _DATE_FIELDS:
            if problem := dates[id(rows)].problem(name, row):
                problems.append(problem)
                return None
        on = {name: column[row] for name, column in columns[id(rows)].items()}
        ref, account_no = rows.column("statement_ref")[row], rows.column("account_no")[row]
        statement_on = on["statement_on"]
        if not ref or not account_no or statement_on is None:
            missing = (
                "statement_ref" if not ref else "account_no" if not account_no else "statement_on"
            )
            _refuse(rows, row, f"the row has no {missing}", missing, problems)
            return None
        decimal = rows.source.decimal or mapping.decimal
        try:
            balance = read_money(rows.column("balance")[row], decimal, rows.source.extra_zeros)
            discount = rows.column("discount_amount")[row]
            percent = rows.column("discount_percent")[row].rstrip("% ")
            return Statement(
                statement_ref=ref,
                account_no=account_no,
                statement_on=statement_on,
                cutoff_on=on["cutoff_on"] or statement_on,
                due_on=on["due_on"] or statement_on,
                balance_cents=balance,
                job_no=rows.column("job_no")[row] or None,
                discount_on=on["discount_on"],
                # Two decimals of a percent are whole basis points, as cents are to a dollar.
                discount_bps=read_money(percent, decimal) if percent else None,
                discount_cents=read_money(discount, decimal) if discount else None,
                document_refs=_refs(rows.column("document_refs")[row]),
                is_current=flag(rows.column("is_current")[row]) is True,
            )
        except (ValueError, Invalid) as error:
            _refuse(rows, row, str(error), "balance", problems)
            return None

    found = _once(files, build, lambda statement: statement.statement_ref, problems)
    return found if told_current else _with_latest_current(found)


def _with_latest_current(statements: list[Statement]) -> list[Statement]:
    latest: dict[tuple[str, str | None], Statement] = {}
    for statement in statements:
        key = (statement.account_no, statement.job_no)
        if key not in latest or latest[key].statement_on < statement.statement_on:
            latest[key] = statement
    current = {statement.statement_ref for statement in latest.values()}
    return [
        msgspec.structs.replace(statement, is_current=statement.statement_ref in current)
        for statement in statements
    ]


def _once(
    files: Sequence[SourceRows],
    build: Callable[[SourceRows, int], RecordT | None],
    key_of: Callable[[RecordT], str],
    problems: list[RowProblem],
) -> list[RecordT]:
    """Build each row and keep one record for a key.

    An exact repetition is ignored, different content under one key refuses all of it. A source
    that is ``distinct`` repeats by its nature: the first row counts, and another name is a warning.
    """
    found: dict[str, tuple[RecordT, SourceRows, int]] = {}
    refused: set[str] = set()
    for rows in files:
        for row in range(rows.size):
            record = build(rows, row)
            if record is None:
                continue
            key = key_of(record)
            if key not in found:
                found[key] = (record, rows, row)
                continue
            first, first_rows, first_row = found[key]
            if first == record:
                if not rows.source.distinct:
                    reason = f"{key} stands in {first_rows.file} line {first_rows.lines[first_row]}"
                    problems.append(rows.problem(RowGrade.IGNORED, row, f"{reason} already"))
            elif rows.source.distinct:
                reason = f"{key} differs from line {first_rows.lines[first_row]}; the first counts"
                problems.append(rows.problem(RowGrade.WARNING, row, reason, "name"))
            else:
                reason = "stands again with other content; all are refused"
                if key not in refused:
                    _refuse(first_rows, first_row, f"{key} {reason}", "", problems)
                refused.add(key)
                _refuse(rows, row, f"{key} {reason}", "", problems)
    return [record for key, (record, _, _) in found.items() if key not in refused]


def _contact(rows: SourceRows, row: int) -> Contact | None:
    contact = Contact(
        name=rows.column("contact_name")[row],
        email=rows.column("email")[row],
        phone=rows.column("phone")[row],
        role=rows.column("contact_role")[row],
        is_primary=flag(rows.column("is_primary")[row]) is True,
    )
    return contact if contact != Contact() else None


def _status(rows: SourceRows, row: int, problems: list[RowProblem]) -> AccountStatus:
    return _word(rows, row, "status", AccountStatus, AccountStatus.ACTIVE, problems)


def _word(
    rows: SourceRows,
    row: int,
    field: str,
    kind: type[EnumT],
    default: EnumT,
    problems: list[RowProblem],
) -> EnumT:
    """Read a word of a closed list; one that is unknown is a warning and means the default."""
    text = rows.column(field)[row]
    if not text:
        return default
    word = normalize_header(text)
    told = rows.source.words.get(field, {})
    meaning = next((means for says, means in told.items() if normalize_header(says) == word), "")
    known = {normalize_header(member.value): member for member in kind}
    if not meaning and field == "status":
        meaning = fields.STATUSES.get(word, "")
    member = known.get(normalize_header(meaning or text))
    if member is None:
        problems.append(
            rows.problem(
                RowGrade.WARNING,
                row,
                f"{text!r} is no known {field}; {default} is taken, or say words.{field} in the "
                "mapping",
                field,
                default.value,
            )
        )
        return default
    return member


def _credit_limit(
    rows: SourceRows, row: int, mapping: Mapping, problems: list[RowProblem]
) -> int | None:
    text = rows.column("credit_limit")[row]
    decimal = rows.source.decimal or mapping.decimal
    column = read_money_column([text], decimal, rows.source.extra_zeros)
    if column.refused:
        problems.append(
            rows.problem(
                RowGrade.WARNING, row, f"{column.refused[0]}; no limit is kept", "credit_limit"
            )
        )
    return column.cents[0]


def _refs(text: str) -> tuple[str, ...]:
    for separator in ("|", ";", ","):
        text = text.replace(separator, " ")
    return tuple(dict.fromkeys(text.split()))


def _refuse(
    rows: SourceRows, row: int, reason: str, field: str, problems: list[RowProblem]
) -> None:
    problems.append(rows.problem(RowGrade.REFUSED, row, reason, field))
