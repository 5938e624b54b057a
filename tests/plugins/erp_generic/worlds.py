"""A dealer whose files are as dirty as they come, for the generic connector."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from dueport_erp_generic.plugin import build
from dueport_erp_generic.settings import Posting, Settings
from dueport_ports import ErpConnector, OpenItem, PluginContext, decimal_text
from dueport_ports.testing.erp_files import FileErpWorld
from dueport_ports.testing.receivables import Receivables

MAPPING = """
[[accounts]]
file = "KUNDEN.csv"

[[jobs]]
file = "jobs.tsv"

[[documents]]
file = "open_items.csv"
columns = { account_no = "Cust No." }
words.kind = { "Inv." = "invoice", "Adj+" = "debit", "Fin Chg" = "finance_charge" }
decimal = ","

[[statements]]
file = "statements.csv"
"""

WORDS = {
    "invoice": "Inv.",
    "debit": "Adj+",
    "credit": "Credit Memo",
    "finance_charge": "Fin Chg",
    "balance_forward": "Balance Forward",
}


def delimited(rows: Iterable[list[str]], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def european(cents: int) -> str:
    whole, fraction = divmod(abs(cents), 100)
    return f"{whole:,}".replace(",", ".") + f",{fraction:02d}" + ("-" if cents < 0 else "")


def document_row(item: OpenItem) -> list[str]:
    return [
        f" {item.document_ref} ",
        item.account_no,
        item.job_no,
        WORDS[item.kind.value],
        f"{item.issued_on:%m/%d/%Y}",
        f"{item.due_on:%m/%d/%Y} 00:00:00",
        european(item.original_amount_cents),
        european(item.open_amount_cents),
        item.po_number,
        item.statement_ref or "",
    ]


class GenericWorld(FileErpWorld):
    """Semicolons, decimal commas, trailing minus, Windows-1252, a byte-order mark, US dates."""

    def __init__(self, root: Path, posting: Posting | None = None) -> None:
        super().__init__(root)
        self.mapping = root / "mapping.toml"
        self.mapping.write_text(MAPPING)
        self.posting = posting or Posting()

    def files_of(self, receivables: Receivables, bad_row: bool) -> Mapping[str, bytes]:
        documents = [document_row(item) for item in receivables.items]
        # One clear date settles the order of all of them.
        documents.append(
            ["2603-000900", "1001", "0", "Inv.", "03/31/2026", "", "1,00", "0,00", "", ""]
        )
        if bad_row:
            documents.insert(2, [*document_row(receivables.items[0])])
            documents[2][0], documents[2][7] = "2603-000999", "twelve"
        accounts = [
            [one.account_no, one.name, one.kind.value, one.status.value]
            + ([one.contacts[0].email] if one.contacts else [""])
            for one in receivables.accounts
        ]
        jobs = [
            [one.account_no, one.job_no, one.name, one.status.value] for one in receivables.jobs
        ]
        statements = []
        for one in receivables.statements:
            days = [one.statement_on.isoformat(), one.due_on.isoformat()]
            balance, refs = decimal_text(one.balance_cents), " ".join(one.document_refs)
            statements.append([one.statement_ref, one.account_no, *days, balance, refs])
        header = [
            "Invoice No.", "Cust No.", "JOB", "Doc Type", "Invoice Date", "Due", "Total",
            "Balance Due", "P.O. Number", "Statement-ID",
        ]  # fmt: skip
        return {
            "Kunden.csv": delimited(
                [["ACCOUNT_NO", "Account Name", "Kind", "Status", "E-Mail"], *accounts],
                ",",
                "cp1252",
            ),
            "jobs.tsv": delimited(
                [["account", "job id", "job name", "job status"], *jobs], "\t", "utf-16"
            ),
            "open_items.csv": delimited([header, *documents], ";", "utf-8-sig"),
            "statements.csv": delimited(
                [
                    ["statement id", "account", "statement date", "due", "balance", "documents"],
                    *statements,
                ],
                ",",
                "utf-8",
            ),
        }

    def build(self, context: PluginContext) -> ErpConnector:
        settings = Settings(
            folder=self.inbox, mapping=self.mapping, outbox=self.outbox, posting=self.posting
        )
        return build(settings, context)

    def money_rows(self, name: str, content: bytes) -> Iterable[tuple[str, str]]:
        if name.startswith("payments_"):
            for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
                yield row["document_ref"], row["amount"]
