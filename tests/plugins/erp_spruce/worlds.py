"""A dealer whose Spruce exports its CSV set with a manifest."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from dueport_erp_spruce.plugin import build
from dueport_erp_spruce.settings import Settings
from dueport_ports import (
    Contact,
    ErpConnector,
    OpenItem,
    OpenItemKind,
    PluginContext,
    decimal_text,
    decode_settings,
)
from dueport_ports.testing.erp_files import FileErpWorld
from dueport_ports.testing.receivables import Receivables

WORDS = {
    OpenItemKind.INVOICE: "invoice",
    OpenItemKind.DEBIT: "debit_adjustment",
    OpenItemKind.CREDIT: "credit_memo",
    OpenItemKind.FINANCE_CHARGE: "finance_charge",
    OpenItemKind.BALANCE_FORWARD: "balance_forward",
}


def csv_bytes(header: list[str], rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def document_row(item: OpenItem) -> list[str]:
    return [
        item.document_ref,
        WORDS[item.kind],
        item.account_no,
        item.job_no,
        item.issued_on.isoformat(),
        item.due_on.isoformat(),
        decimal_text(abs(item.original_amount_cents)),
        decimal_text(abs(item.open_amount_cents)),
        item.po_number,
        item.statement_ref or "",
    ]


def spruce_files(receivables: Receivables, bad_row: bool = False) -> dict[str, bytes]:
    """Write receivables as Spruce's CSV set, without a manifest."""
    documents = [document_row(item) for item in receivables.items]
    if bad_row:
        row = documents[0].copy()
        row[0], row[7] = "2603-000999", "twelve"
        documents.insert(3, row)
    accounts = []
    for account in receivables.accounts:
        contact = account.contacts[0] if account.contacts else Contact()
        facts = [account.account_no, account.name, account.kind.value, account.status.value]
        accounts.append([*facts, contact.name, contact.email, contact.phone])
    return {
        "accounts.csv": csv_bytes(
            ["account_no", "name", "kind", "status", "contact_name", "email", "phone"], accounts
        ),
        "jobs.csv": csv_bytes(
            ["account_no", "job_no", "name", "status"],
            [[job.account_no, job.job_no, job.name, job.status.value] for job in receivables.jobs],
        ),
        "documents.csv": csv_bytes(
            [
                "document_id", "kind", "account_no", "job_no", "issued_on", "due_on", "amount",
                "open_amount", "po_number", "statement_id",
            ],
            documents,
        ),
        "statements.csv": csv_bytes(
            [
                "statement_id", "account_no", "statement_on", "due_on", "balance",
                "discount_amount", "discount_last_day", "document_ids", "is_current",
            ],
            [
                [
                    found.statement_ref, found.account_no, found.statement_on.isoformat(),
                    found.due_on.isoformat(), decimal_text(found.balance_cents),
                    decimal_text(found.discount_cents or 0),
                    found.discount_on.isoformat() if found.discount_on else "",
                    ";".join(found.document_refs), "true",
                ]
                for found in receivables.statements
            ],
        ),
    }  # fmt: skip


def manifest_of(files: Mapping[str, bytes], **told: object) -> bytes:
    """Return the manifest of a delivery; ``told`` adds the batch, the time and what else it says."""
    return json.dumps(
        {
            "full": True,
            "files": [
                {
                    "name": name,
                    "rows": len(list(csv.reader(io.StringIO(content.decode())))) - 1,
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in files.items()
            ],
            **told,
        }
    ).encode()


class SpruceWorld(FileErpWorld):
    def __init__(self, root: Path, **settings: object) -> None:
        super().__init__(root)
        self.settings = settings

    def files_of(self, receivables: Receivables, bad_row: bool) -> Mapping[str, bytes]:
        files = spruce_files(receivables, bad_row)
        now = self.clock.now().isoformat()
        manifest = manifest_of(files, batch=f"drop-{now}", generated_at=now)
        return {**files, "manifest.json": manifest}

    def build(self, context: PluginContext) -> ErpConnector:
        raw = {"folder": str(self.inbox), "outbox": str(self.outbox), **self.settings}
        return build(decode_settings(raw, Settings), context)

    def money_rows(self, name: str, content: bytes) -> Iterable[tuple[str, str]]:
        if name.startswith("payments_"):
            for row in csv.reader(io.StringIO(content.decode())):
                yield row[4], row[3]
