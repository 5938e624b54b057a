"""The ERP's own files, and what of every document is still open.

Rows are passed on as they are, the doubtful ones too: an ERP exports what people typed into it.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from dueport_apps.sandbox.demo_erp.money import amount_text, cents_of
from dueport_apps.sandbox.demo_erp.records import AccountBalance, Entry, OpenDocument

DOCUMENTS: Final = "documents.csv"
FILES: Final = ("accounts.csv", "contacts.csv", "jobs.csv", DOCUMENTS, "statements.csv")
CREDIT_KINDS: Final = frozenset({"credit_adjustment", "credit_memo", "payment_on_account"})
ON_ACCOUNT: Final = "payment_on_account"


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a delivery."""

    name: str
    rows: int
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Books:
    """The opening files and every entry that was applied since."""

    def __init__(self, folder: Path) -> None:
        self._files = {name: (folder / name).read_bytes() for name in FILES if name != DOCUMENTS}
        self.accounts = {row["account_no"]: row for row in _rows(self._files["accounts.csv"])}
        self._documents = list(_rows((folder / DOCUMENTS).read_bytes()))
        self._by_id: dict[str, dict[str, str]] = {}
        self._open: dict[str, int] = {}
        for row in self._documents:
            self._take(row)

    def apply(self, entry: Entry) -> None:
        """Lower a document by an entry; what is above its open amount stays on account."""
        left = self._open.get(entry.document_id, 0)
        self._lower(entry.document_id, min(left, entry.applied_cents))
        above = entry.applied_cents - min(left, entry.applied_cents)
        if above and entry.kind == "payment":
            self._put_on_account(entry, above)

    def open_cents(self, document_id: str) -> int | None:
        """Return what of a document is open, always positive; None for an unknown one."""
        return self._open.get(document_id)

    def totals(self) -> tuple[int, int]:
        """Return how many documents are open and their sum, credits subtracted."""
        amounts = [self._signed(document_id) for document_id in list(self._open)]
        return sum(1 for cents in amounts if cents), sum(amounts)

    def balances(self) -> list[AccountBalance]:
        """Return every account in the order of its number."""
        counts = dict.fromkeys(self.accounts, 0)
        sums = dict.fromkeys(self.accounts, 0)
        for document_id, left in list(self._open.items()):
            if left:
                account_no = self._by_id[document_id]["account_no"]
                counts[account_no] += 1
                sums[account_no] += self._signed(document_id)
        return [
            AccountBalance(
                account_no=account_no,
                name=row["name"],
                status=row["status"],
                open_documents=counts[account_no],
                balance_cents=sums[account_no],
            )
            for account_no, row in sorted(self.accounts.items(), key=lambda item: _natural(item[0]))
        ]

    def open_documents(self, account_no: str) -> list[OpenDocument]:
        """Return an account's open documents, the oldest due date first."""
        found = [
            OpenDocument(
                document_id=document_id,
                kind=row["kind"].replace("_", " "),
                job_no=row["job_no"],
                due_on=row["due_on"],
                amount_cents=cents_of(row["amount"]),
                open_cents=self._signed(document_id),
            )
            for document_id, row in list(self._by_id.items())
            if row["account_no"] == account_no and self._open[document_id]
        ]
        return sorted(found, key=lambda one: (one.due_on, one.document_id))

    def export(self) -> Iterator[ExportedFile]:
        """Yield the files of a delivery as the books stand now."""
        for name, content in self._files.items():
            yield ExportedFile(name=name, rows=sum(1 for _ in _rows(content)), content=content)
        for row in self._documents:
            row["open_amount"] = self._shown(row)
        yield ExportedFile(
            name=DOCUMENTS, rows=len(self._documents), content=_encoded(self._documents)
        )

    def _take(self, row: dict[str, str]) -> None:
        """Keep a row's open amount, if it is one that an import can make sense of."""
        if row["document_id"] in self._by_id or row["account_no"] not in self.accounts:
            return
        try:
            left = cents_of(row["open_amount"])
        except ValueError:
            return
        self._by_id[row["document_id"]] = row
        self._open[row["document_id"]] = left

    def _shown(self, row: dict[str, str]) -> str:
        known = self._by_id.get(row["document_id"])
        if known is None or known["account_no"] != row["account_no"]:
            return row["open_amount"]
        return amount_text(self._open[row["document_id"]])

    def _lower(self, document_id: str, cents: int) -> None:
        if cents:
            self._open[document_id] -= cents

    def _put_on_account(self, entry: Entry, cents: int) -> None:
        """Make a credit of money that no document was open for."""
        if entry.account_no not in self.accounts:
            return
        known = self._by_id.get(entry.document_id, {})
        row = dict.fromkeys(self._documents[0], "")
        row |= {
            "document_id": f"OA-{len(self._documents):06d}",
            "kind": ON_ACCOUNT,
            "account_no": entry.account_no,
            "job_no": known.get("job_no", entry.job_no),
            "issued_on": entry.received_on,
            "due_on": entry.received_on,
            "amount": amount_text(cents),
            "open_amount": amount_text(cents),
            "reference": f"Check {entry.check_no}, above {entry.document_id}",
        }
        self._documents.append(row)
        self._take(row)

    def _signed(self, document_id: str) -> int:
        left = self._open[document_id]
        return -left if self._by_id[document_id]["kind"] in CREDIT_KINDS else left


def _natural(account_no: str) -> tuple[int, str]:
    """Order numbers by their value, whatever zeros they begin with."""
    return (int(account_no) if account_no.isdecimal() else 0, account_no)


def _rows(content: bytes) -> Iterable[dict[str, str]]:
    return csv.DictReader(io.StringIO(content.decode(), newline=""))


def _encoded(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode()
