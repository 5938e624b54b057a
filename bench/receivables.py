"""A dealer's receivables of any size, from a seed: as records, and as the files of an export."""

import csv
import datetime
import random
from collections.abc import Iterator
from pathlib import Path

from dueport_ports import Account, Contact, OpenItem, OpenItemKind, decimal_text

TODAY = datetime.date(2026, 3, 31)

MAPPING = """\
date_format = "mdy"

[[accounts]]
file = "customers.csv"

[[documents]]
file = "open_items.csv"
negatives = "credit"
"""

_WORDS = ("Harbor", "Cedar", "Granite", "Summit", "Müller", "O'Brien", "Lakeside", "Northern")
_TRADES = ("Builders, LLC", "Framing", "Roofing & Sons", "Custom Homes", "Contracting Inc")


def accounts(count: int) -> Iterator[Account]:
    """Return accounts, most of them with an address to write to."""
    chance = random.Random(1)
    for number in range(count):
        name = f"{chance.choice(_WORDS)} {chance.choice(_TRADES)}"
        email = f"ap{number}@customer{number % 997}.example" if number % 10 else ""
        yield Account(
            account_no=f"{10_000 + number}",
            name=name,
            contacts=(Contact(name="Accounts Payable", email=email, is_primary=True),),
            terms_text="Net 30",
            credit_limit_cents=chance.randrange(1, 50) * 100_000,
            billing_state="NH",
        )


def documents(count: int, account_count: int, jobs: int = 4) -> Iterator[OpenItem]:
    """Return open documents, spread over all accounts and their jobs; one in twelve is a credit."""
    chance = random.Random(2)
    for number in range(count):
        credit = number % 12 == 7
        cents = chance.randrange(1_000, 900_000) * (-1 if credit else 1)
        left = cents if credit or number % 5 else cents // 2
        issued_on = TODAY - datetime.timedelta(days=chance.randrange(1, 120))
        yield OpenItem(
            document_ref=f"2603-{number:06d}",
            account_no=f"{10_000 + number % account_count}",
            job_no=str(number // account_count % jobs),
            kind=OpenItemKind.CREDIT if credit else OpenItemKind.INVOICE,
            issued_on=issued_on,
            due_on=issued_on + datetime.timedelta(days=30),
            original_amount_cents=cents,
            open_amount_cents=left,
            reference=f"Delivery {number % 4_000}",
            po_number=f"PO-{chance.randrange(100_000)}" if number % 3 else "",
        )


def write_export(folder: Path, account_count: int, document_count: int) -> None:
    """Write the files that an ERP would export, and the mapping that says what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["Customer No", "Name", "Email", "Contact Name", "Terms", "Credit Limit", "State"]
        )
        for account in accounts(account_count):
            rows.writerow(
                [
                    account.account_no,
                    account.name,
                    account.contacts[0].email,
                    account.contacts[0].name,
                    account.terms_text,
                    decimal_text(account.credit_limit_cents or 0),
                    account.billing_state,
                ]
            )
    with (folder / "open_items.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            [
                "Invoice No", "Customer No", "Job", "Doc Type", "Invoice Date", "Due Date",
                "Amount", "Balance", "Reference", "PO Number",
            ]
        )  # fmt: skip
        for item in documents(document_count, account_count):
            rows.writerow(
                [
                    item.document_ref,
                    item.account_no,
                    item.job_no,
                    "CM" if item.is_credit else "Invoice",
                    f"{item.issued_on:%m/%d/%Y}",
                    f"{item.due_on:%m/%d/%Y}",
                    decimal_text(item.original_amount_cents),
                    decimal_text(item.open_amount_cents),
                    item.reference,
                    item.po_number,
                ]
            )
    (folder / "mapping.toml").write_text(MAPPING)
