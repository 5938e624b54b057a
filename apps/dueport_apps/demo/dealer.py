"""Cedar Yard Supply: a building-supply dealer drawn from a seed, with dates relative to today.

The same seed and day always give the same dealer. Amounts add up: a statement's balance is what
its documents owed on its closing day, on every one of a year's closings.
"""

import datetime
from collections.abc import Sequence
from typing import Final

import msgspec

from dueport_apps.demo.chance import Chance
from dueport_apps.demo.customers import draw_customers
from dueport_apps.demo.documents import draw_documents
from dueport_apps.demo.records import Customer, Dealer, Document
from dueport_apps.demo.statements import (
    closings,
    draw_statements,
    statement_id,
    statement_of,
)

FIRST_DOCUMENT: Final = 500_101


def generate_dealer(seed: int, today: datetime.date) -> Dealer:
    """Draw the dealer of a seed as it stands on a day."""
    chance = Chance(seed)
    customers = draw_customers(chance)
    closed_days = closings(today)
    drawn = [
        document
        for customer in customers
        for document in draw_documents(chance, customer, closed_days, today)
    ]
    documents = _numbered(chance, drawn, customers, closed_days)
    by_account: dict[str, list[Document]] = {}
    for document in documents:
        by_account.setdefault(document.account_no, []).append(document)
    statements = [
        statement
        for customer in customers
        for statement in draw_statements(
            customer, by_account.get(customer.account_no, []), closed_days
        )
    ]
    return Dealer(
        seed=seed,
        today=today,
        customers=tuple(customers),
        documents=tuple(documents),
        statements=tuple(statements),
    )


def _numbered(
    chance: Chance,
    documents: Sequence[Document],
    customers: Sequence[Customer],
    closed_days: Sequence[datetime.date],
) -> list[Document]:
    """Number the documents in the order in which they were issued, as `2611-500101`."""
    by_job = {one.account_no for one in customers if one.billing_level == "job"}
    number = FIRST_DOCUMENT
    found = []
    for document in sorted(documents, key=lambda one: one.issued_on):
        number += chance.number(1, 4)
        first = statement_of(document, closed_days)
        job_no = document.job_no if document.account_no in by_job else ""
        found.append(
            msgspec.structs.replace(
                document,
                document_id=f"{document.issued_on:%y%m}-{number}",
                statement_id=statement_id(document.account_no, job_no, first) if first else "",
            )
        )
    return found
