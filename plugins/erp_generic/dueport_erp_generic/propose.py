"""A first mapping file, proposed from the headers of the files that lie in a folder.

What is proposed is written out in full, so that a person sees which column was taken for what and
corrects it; what could not be decided is said in notes and stands as comments in the file.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from dueport_erp_generic import fields
from dueport_ports import Misconfigured
from dueport_ports.files import (
    DatesUndecided,
    Table,
    decide_date_formats,
    normalize_header,
    read_money,
    read_table,
)

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".xlsx")
_DATES: Final = ("issued_on", "due_on", "posted_on", "statement_on", "cutoff_on", "discount_on")
_AMOUNTS: Final = ("amount", "open_amount", "paid_amount", "balance")

Role = Literal["accounts", "contacts", "jobs", "documents", "statements", "payments", ""]


class Proposal(msgspec.Struct, frozen=True):
    """The text of a mapping file, and what a person should look at."""

    text: str
    notes: tuple[str, ...]


class _File(msgspec.Struct, frozen=True):
    table: Table
    role: Role
    headers: dict[str, str]
    """Field to the header that was taken for it."""

    @property
    def name(self) -> str:
        return self.table.source


def propose_mapping(folder: Path) -> Proposal:
    """Read every table in a folder and propose a mapping for it.

    Raises Misconfigured where no file looks like a list of documents.
    """
    notes: list[str] = []
    files = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.suffix.lower() not in SUFFIXES:
            continue
        try:
            found = _classified(read_table(path.name, path.read_bytes()))
        except Misconfigured as error:
            notes.append(str(error))
            continue
        if not found.role:
            notes.append(f"{found.name} is not used: nothing in it is known ({_listed(found)})")
        files.append(found)
    documents = [file for file in files if file.role == "documents"]
    if not documents:
        raise Misconfigured(
            f"no file in {folder} has a document number, a date and an amount; name them in a "
            "mapping file by hand"
        )
    blocks = ["version = 1"]
    if any(_has_decimal_comma(file) for file in documents):
        blocks.append('decimal = ","')
    for role in ("accounts", "contacts", "jobs"):
        blocks.extend(_block(file, role, notes) for file in files if file.role == role)
    if not any(file.role == "accounts" for file in files):
        notes.append(f"no account file was found; accounts are drawn from {documents[0].name}")
        blocks.append(_drawn_accounts(documents[0]))
    blocks.extend(_document_block(file, files, notes) for file in documents)
    blocks.extend(_block(file, "statements", notes) for file in files if file.role == "statements")
    comments = "".join(f"# Look at this: {note}.\n" for note in notes)
    return Proposal(comments + "\n\n".join(blocks) + "\n", tuple(notes))


def _classified(table: Table) -> _File:
    """Say what a file is: the more specific role first."""
    as_documents = _found(table, "documents")
    if {"document_ref", "issued_on"} <= as_documents.keys() and (
        as_documents.keys() & {"amount", "open_amount"}
    ):
        return _File(table, "documents", as_documents)
    as_statements = _found(table, "statements")
    if {"statement_ref", "statement_on", "balance"} <= as_statements.keys():
        return _File(table, "statements", as_statements)
    if {"document_ref", "paid_amount"} <= as_documents.keys():
        return _File(table, "payments", as_documents)
    as_jobs = _found(table, "jobs")
    if {"account_no", "job_no"} <= as_jobs.keys():
        return _File(table, "jobs", as_jobs)
    as_accounts = _found(table, "accounts")
    if {"account_no", "name"} <= as_accounts.keys():
        return _File(table, "accounts", as_accounts)
    as_contacts = _found(table, "contacts")
    if {"account_no", "email"} <= as_contacts.keys():
        return _File(table, "contacts", as_contacts)
    return _File(table, "", {})


def _found(table: Table, entity: str) -> dict[str, str]:
    by_name = {normalize_header(header): header for header in table.headers}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for field, synonyms in fields.OF_ENTITY[entity].items():
        for synonym in synonyms:
            if synonym in by_name and synonym not in taken:
                found[field] = by_name[synonym]
                taken.add(synonym)
                break
    return found


def _block(
    file: _File, entity: str, notes: list[str], extra: Sequence[str] = (), **columns: str
) -> str:
    pairs = {**file.headers, **columns}
    shown = ", ".join(f"{field} = {_q(header)}" for field, header in pairs.items())
    lines = [f"[[{entity}]]", f"file = {_q(file.name)}"]
    lines += [*extra, f"columns = {{ {shown} }}"]
    orders = {}
    for field, header in file.headers.items():
        if field not in _DATES:
            continue
        try:
            orders[field] = decide_date_formats(file.table.column(header) or ())
        except DatesUndecided as error:
            notes.append(f"{file.name}, column {header}: {error}; set date_formats.{field}")
    if orders:
        shown = ", ".join(f"{field} = {json.dumps(order)}" for field, order in orders.items())
        lines.append(f"date_formats = {{ {shown} }}")
    return "\n".join(lines)


def _drawn_accounts(documents: _File) -> str:
    return "\n".join(
        (
            "[[accounts]]",
            f"file = {_q(documents.name)}",
            "distinct = true",
            f"columns = {{ account_no = {json.dumps(documents.headers.get('account_no', ''))} }}",
        )
    )


def _document_block(file: _File, files: list[_File], notes: list[str]) -> str:
    extra: list[str] = []
    columns: dict[str, str] = {}
    joins: list[str] = []
    if "account_no" not in file.headers:
        job = file.headers.get("job_no")
        jobs = next((each for each in files if each.role == "jobs"), None)
        if job and jobs:
            taken = jobs.headers["account_no"]
            joins.append(_join(jobs.name, job, jobs.headers["job_no"], f"take = [{_q(taken)}]"))
            columns["account_no"] = taken
            notes.append(f"{file.name} names no account; it is taken from {jobs.name} by the job")
        else:
            notes.append(f"{file.name} names no account; add columns.account_no or a join")
    has_open = "open_amount" in file.headers or "paid_amount" in file.headers
    payments = next((each for each in files if each.role == "payments"), None)
    if not has_open and payments and _share_keys(file, payments):
        paid = payments.headers["paid_amount"]
        on, to = file.headers["document_ref"], payments.headers["document_ref"]
        joins.append(_join(payments.name, on, to, f"add_up = [{_q(paid)}]"))
        columns["paid_amount"] = paid
        notes.append(f"what is paid of {file.name} is added up from {payments.name}")
    elif not has_open:
        extra.append('open_amount = "amount"')
        notes.append(f"every document of {file.name} is taken as open in full")
    if joins:
        extra.append(f"joins = [{', '.join(joins)}]")
    if any(text.startswith(("-", "(")) for text in _texts(file, "amount")):
        notes.append(
            f'{file.name} has negative amounts; say negatives = "credit" if they are credits'
        )
    return _block(file, "documents", notes, extra, **columns)


def _join(file: str, on: str, to: str, what: str) -> str:
    target = "" if normalize_header(on) == normalize_header(to) else f", to = {_q(to)}"
    return f"{{ file = {_q(file)}, on = {_q(on)}{target}, {what} }}"


def _share_keys(file: _File, payments: _File) -> bool:
    """Whether most payments name a document of the file."""
    refs = set(_texts(file, "document_ref"))
    paid = set(_texts(payments, "document_ref"))
    return bool(paid) and len(paid & refs) * 2 > len(paid)


def _has_decimal_comma(file: _File) -> bool:
    points = commas = 0
    for field in _AMOUNTS:
        for text in _texts(file, field)[:1_000]:
            points += _reads(text, ".")
            commas += _reads(text, ",")
    return commas > points


def _reads(text: str, decimal: Literal[".", ","]) -> bool:
    try:
        read_money(text, decimal)
    except ValueError:
        return False
    return True


def _texts(file: _File, field: str) -> Sequence[str]:
    header = file.headers.get(field)
    return (file.table.column(header) if header else None) or ()


def _listed(file: _File) -> str:
    return ", ".join(file.table.headers[:8])


def _q(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
