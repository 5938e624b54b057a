"""One delivery, read and judged as a whole.

Everything is read at once because the parts need each other: a document finds its account through
a job, a fall in numbers is seen over all of it, and a date column speaks for its whole file.
"""

from collections.abc import Callable

from dueport_erp_generic.documents import DocumentRows, build_documents
from dueport_erp_generic.entities import build_accounts, build_jobs, build_statements
from dueport_erp_generic.mapping import Mapping
from dueport_erp_generic.rows import Reader, SourceRows
from dueport_erp_generic.uniqueness import refuse_orphans, without_duplicates
from dueport_ports import Entity, Misconfigured, OpenItem, Record, RowProblem
from dueport_ports.files import Delivery, Drop


def read_delivery(drop: Drop, mapping: Mapping) -> Delivery:
    """Read and judge a delivery; raises Misconfigured where it cannot be read as mapped."""
    reader = Reader(drop, mapping)
    grouped = {
        name: [rows for source in mapping.of(name) for rows in reader.rows(name, source)]
        for name in ("accounts", "contacts", "jobs", "documents", "statements")
    }
    problems: dict[Entity, list[RowProblem]] = {
        entity: _shape_problems(grouped[entity.value]) for entity in Entity
    }
    accounts = build_accounts(
        grouped["accounts"], grouped["contacts"], mapping, problems[Entity.ACCOUNTS]
    )
    jobs = build_jobs(grouped["jobs"], problems[Entity.JOBS])
    items = _documents(grouped, mapping, problems[Entity.DOCUMENTS])
    statements = build_statements(grouped["statements"], mapping, problems[Entity.STATEMENTS])
    if not accounts:
        raise Misconfigured("the account files hold no account that could be read")
    records: dict[Entity, tuple[Record, ...]] = {
        Entity.ACCOUNTS: tuple(accounts),
        Entity.JOBS: tuple(jobs),
        Entity.DOCUMENTS: tuple(items),
        Entity.STATEMENTS: tuple(statements),
    }
    return Delivery(
        records={entity: records[entity] for entity in mapping.entities},
        problems={entity: tuple(found) for entity, found in problems.items()},
    )


def _documents(
    grouped: dict[str, list[SourceRows]], mapping: Mapping, problems: list[RowProblem]
) -> list[OpenItem]:
    files = [build_documents(rows, mapping, problems) for rows in grouped["documents"]]
    items = without_duplicates(files, problems)
    # A refused account still exists: the stored version of it is kept, and so are its documents.
    known = {no for rows in grouped["accounts"] for no in rows.column("account_no")}
    if {item.account_no for item in items} <= known:
        return items
    return refuse_orphans(items, known.__contains__, _finder(files), problems)


def _finder(files: list[DocumentRows]) -> Callable[[str], tuple[SourceRows, int]]:
    places = {
        ref: (file.rows, row)
        for file in files
        for row, ref in enumerate(file.rows.column("document_ref"))
    }
    return places.__getitem__


def _shape_problems(files: list[SourceRows]) -> list[RowProblem]:
    """The rows that were left out before any field was looked at; joins may bring them twice."""
    return list(dict.fromkeys(problem for rows in files for problem in rows.problems))
