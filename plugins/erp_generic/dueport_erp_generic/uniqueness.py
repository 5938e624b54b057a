"""Each document once, and only those whose account is known."""

from collections import Counter
from collections.abc import Callable, Sequence

from dueport_erp_generic.documents import SETTLED, DocumentRows, Outcome
from dueport_erp_generic.rows import SourceRows
from dueport_ports import OpenItem, RowGrade, RowProblem


def without_duplicates(files: Sequence[DocumentRows], problems: list[RowProblem]) -> list[OpenItem]:
    """Return the items of all files, each document once.

    A row that repeats another exactly is ignored; rows that name the same document with different
    content are all refused, because nobody can say which is right.
    """
    items = [
        outcome for file in files for outcome in file.outcomes if isinstance(outcome, OpenItem)
    ]
    refs = [ref for file in files for ref in file.rows.column("document_ref") if ref]
    if len(set(refs)) == len(refs):
        return items
    repeated = {ref for ref, times in Counter(refs).items() if times > 1}
    seen: dict[str, list[tuple[SourceRows, int, Outcome]]] = {ref: [] for ref in repeated}
    for file in files:
        for row, ref in enumerate(file.rows.column("document_ref")):
            if ref in repeated:
                seen[ref].append((file.rows, row, file.outcomes[row]))
    refused: set[str] = set()
    for ref, copies in seen.items():
        first_rows, first_row, first = copies[0]
        same = all(outcome == first for _, _, outcome in copies)
        if first is None and same:
            continue
        if not same:
            refused.add(ref)
        for rows, row, _ in copies[1:] if same else copies:
            if same and first is not SETTLED:
                reason = f"{ref} stands in {first_rows.file} line {first_rows.lines[first_row]}"
                problems.append(
                    rows.problem(RowGrade.IGNORED, row, f"{reason} already", "document_ref")
                )
            elif not same:
                others = ", ".join(
                    f"line {other.lines[at]}"
                    for other, at, _ in copies
                    if (other, at) != (rows, row)
                )
                reason = f"{ref} stands again with other content in {others}; all are refused"
                problems.append(rows.problem(RowGrade.REFUSED, row, reason, "document_ref"))
    return _first_of_each(items, refused)


def refuse_orphans(
    items: list[OpenItem],
    known: Callable[[str], bool],
    where: Callable[[str], tuple[SourceRows, int]],
    problems: list[RowProblem],
) -> list[OpenItem]:
    """Leave out items of accounts that no account file names."""
    kept = []
    for item in items:
        if known(item.account_no):
            kept.append(item)
            continue
        rows, row = where(item.document_ref)
        problems.append(
            rows.problem(
                RowGrade.REFUSED,
                row,
                f"the account {item.account_no} of {item.document_ref} is in no account file",
                "account_no",
            )
        )
    return kept


def _first_of_each(items: list[OpenItem], refused: set[str]) -> list[OpenItem]:
    kept: dict[str, OpenItem] = {}
    for item in items:
        if item.document_ref not in refused:
            kept.setdefault(item.document_ref, item)
    return list(kept.values())
