"""Draws the documents of one account: a year of paid ones, and what is open today."""

import datetime
from collections.abc import Sequence
from typing import Final

import msgspec

from dueport_apps.demo import words
from dueport_apps.demo.chance import Chance
from dueport_apps.demo.customers import purchase_order
from dueport_apps.demo.records import Customer, Document, Pace

_DAY: Final = datetime.timedelta(days=1)
_SUNDAY: Final = 6
HISTORY_DAYS: Final = 365

_OPEN_AGE_DAYS: Final = {
    Pace.PROMPT: (0, 29),
    Pace.STEADY: (0, 44),
    Pace.SLOW: (0, 78),
    Pace.LATE: (0, 130),
    Pace.DELINQUENT: (4, 260),
    Pace.GIVEN_UP: (110, 340),
    Pace.PAID_UP: (0, 40),
    Pace.IN_CREDIT: (0, 35),
}
_PAYS_AFTER: Final = {
    Pace.PROMPT: (8, 30),
    Pace.STEADY: (20, 45),
    Pace.SLOW: (35, 75),
    Pace.LATE: (50, 110),
    Pace.DELINQUENT: (60, 150),
    Pace.GIVEN_UP: (60, 90),
    Pace.PAID_UP: (5, 40),
    Pace.IN_CREDIT: (10, 35),
}
_AMOUNTS: Final = (
    (22, (1_150, 9_900)),
    (45, (9_900, 78_000)),
    (25, (78_000, 420_000)),
    (8, (420_000, 1_850_000)),
)
_KINDS: Final = (
    (84, "invoice"), (4, "ticket"), (2, "installed_sale"), (3, "debit_adjustment"),
    (3, "credit_adjustment"), (3, "credit_memo"), (1, "payment_on_account"),
)  # fmt: skip
_FINANCE_CHARGE_BPS: Final = 150


def draw_documents(
    chance: Chance, customer: Customer, closings: Sequence[datetime.date], today: datetime.date
) -> list[Document]:
    """Return an account's documents without numbers; `closings` are newest first."""
    if customer.kind != "charge":
        return []
    found = _paid(chance, customer, today)
    if customer.is_balance_forward:
        return found + _balance_forward(chance, customer, closings[0], today)
    if customer.pace is Pace.PAID_UP:
        return found + (_cancelling_out(chance, customer, today) if chance.percent(30) else [])
    count = max(2, customer.volume) if customer.pace is Pace.IN_CREDIT else customer.volume
    for index in range(count):
        age_days = chance.early(*_OPEN_AGE_DAYS[customer.pace])
        # Whoever buys much has at least one of these.
        kind = "debit_adjustment" if index == 20 else chance.weighted(_KINDS)
        found.append(_open(chance, customer, kind, today - age_days * _DAY, today))
    if customer.pace in (Pace.LATE, Pace.DELINQUENT, Pace.GIVEN_UP):
        found += _finance_charges(customer, found, closings)
    if customer.pace is Pace.IN_CREDIT:
        found.append(_more_credit_than_debt(chance, customer, found, today))
    return found


def _paid(chance: Chance, customer: Customer, today: datetime.date) -> list[Document]:
    """Return what was bought and paid within the year."""
    found = []
    busy = 1 if customer.volume < 20 else 3
    for month in range(12):
        for _ in range(chance.number(0, 2 * busy)):
            issued_on = _workday(today - (month * 30 + chance.number(0, 29) + 1) * _DAY)
            paid_on = issued_on + chance.number(*_PAYS_AFTER[customer.pace]) * _DAY
            if paid_on > today or issued_on < today - HISTORY_DAYS * _DAY:
                continue
            document = _document(chance, customer, "invoice", issued_on)
            found.append(msgspec.structs.replace(document, open_cents=0, paid_on=paid_on))
    return found


def _open(
    chance: Chance, customer: Customer, kind: str, day: datetime.date, today: datetime.date
) -> Document:
    document = _document(chance, customer, kind, _workday(day))
    age_days = (today - document.issued_on).days
    if document.kind != "invoice" or age_days < 3 or not chance.percent(7):
        return document
    # A part was paid: the ERP keeps the rest open.
    part = document.amount_cents * chance.number(20, 80) // 100
    paid_on = document.issued_on + chance.number(1, age_days - 1) * _DAY
    return msgspec.structs.replace(
        document, open_cents=document.amount_cents - part, paid_on=paid_on
    )


def _document(chance: Chance, customer: Customer, kind: str, issued_on: datetime.date) -> Document:
    amount = chance.number(*chance.weighted(_AMOUNTS))
    credit = kind.startswith(("credit", "payment"))
    if credit or kind == "debit_adjustment":
        amount = max(950, amount // 4)
    goods = words.RETURNS if credit else words.DEBITS if kind.startswith("debit") else words.GOODS
    job_no = "0"
    if customer.jobs and chance.percent(82):
        job_no = customer.jobs[chance.early(0, len(customer.jobs) - 1)].job_no
    return Document(
        kind=kind,
        account_no=customer.account_no,
        job_no=job_no,
        issued_on=issued_on,
        due_on=issued_on if credit else issued_on + customer.terms.days * _DAY,
        amount_cents=amount,
        open_cents=amount,
        po_number="" if credit else purchase_order(chance),
        reference="Payment on account" if kind == "payment_on_account" else chance.pick(goods),
    )


def _balance_forward(
    chance: Chance, customer: Customer, closed_on: datetime.date, today: datetime.date
) -> list[Document]:
    """Return one carried balance, and what was bought after the closing."""
    carried = chance.number(20_000, 900_000)
    found = [
        Document(
            kind="balance_forward",
            account_no=customer.account_no,
            job_no="0",
            issued_on=closed_on,
            due_on=closed_on + 25 * _DAY,
            amount_cents=carried,
            open_cents=carried,
            reference="Previous balance",
        )
    ]
    for _ in range(min(customer.volume, 8)):
        day = _workday(today - chance.number(0, 4) * _DAY)
        found.append(_document(chance, customer, "invoice", max(day, closed_on + _DAY)))
    return found


def _cancelling_out(chance: Chance, customer: Customer, today: datetime.date) -> list[Document]:
    """Return an invoice and a credit of the same amount that nobody has applied yet."""
    invoice = _document(chance, customer, "invoice", _workday(today - 20 * _DAY))
    credit = msgspec.structs.replace(
        invoice,
        kind="credit_memo",
        due_on=invoice.issued_on,
        po_number="",
        reference=chance.pick(words.RETURNS),
    )
    return [invoice, credit]


def _finance_charges(
    customer: Customer, documents: Sequence[Document], closings: Sequence[datetime.date]
) -> list[Document]:
    """Return a charge on what was past due at each of the last closings."""
    found = []
    for closed_on in closings[: 1 if customer.pace is Pace.LATE else 3]:
        late = sum(one.owed_cents(closed_on) for one in documents if one.due_on < closed_on)
        charge = late * _FINANCE_CHARGE_BPS // 10_000
        if charge < 100:
            continue
        found.append(
            Document(
                kind="finance_charge",
                account_no=customer.account_no,
                job_no="0",
                issued_on=closed_on,
                due_on=closed_on + 10 * _DAY,
                amount_cents=charge,
                open_cents=charge,
                reference="Finance charge 1.5 %",
            )
        )
    return found


def _more_credit_than_debt(
    chance: Chance, customer: Customer, documents: Sequence[Document], today: datetime.date
) -> Document:
    owed = max(0, sum(one.owed_cents(today) for one in documents))
    credit = _document(chance, customer, "payment_on_account", _workday(today - 9 * _DAY))
    amount = owed + chance.number(4_000, 250_000)
    return msgspec.structs.replace(credit, amount_cents=amount, open_cents=amount)


def _workday(day: datetime.date) -> datetime.date:
    """The yard is closed on Sundays."""
    return day - _DAY if day.weekday() == _SUNDAY else day
