"""Draws the dealer's accounts: who they are, how they pay, and how their contacts are kept."""

from typing import Final

import msgspec

from dueport_apps.demo import words
from dueport_apps.demo.cast import NET_30, cast
from dueport_apps.demo.chance import Chance
from dueport_apps.demo.names import NameMaker, Person, domain_of
from dueport_apps.demo.records import Customer, Job, Pace, StatementOffer, Terms

CHARGE_ACCOUNTS: Final = 368
CASH_ACCOUNTS: Final = 30
JOBS: Final = 900
FIRST_NUMBER: Final = 1001

_PACES: Final = (
    (20, Pace.PROMPT), (20, Pace.STEADY), (19, Pace.SLOW), (16, Pace.LATE), (12, Pace.DELINQUENT),
    (3, Pace.GIVEN_UP), (6, Pace.PAID_UP), (4, Pace.IN_CREDIT),
)  # fmt: skip
_VOLUMES: Final = ((45, (1, 6)), (37, (5, 20)), (15, (20, 50)), (3, (70, 170)))
_TERMS: Final = (
    (60, NET_30),
    (12, Terms(text="Net 15", days=15)),
    (10, Terms(text="2% 10th, Net 30", days=30)),
    (8, Terms(text="Net 45", days=45)),
    (6, Terms(text="Due on receipt", days=0)),
    (4, Terms(text="Net 60", days=60)),
)
_OFFERS: Final = (
    (35, None),
    (30, StatementOffer(bps=200, days=15)),
    (12, StatementOffer(bps=100, days=15)),
    (8, StatementOffer(bps=150, days=15, as_amount=True)),
    (15, StatementOffer(bps=200, days=5)),
)
_STATUSES: Final = ((91, "active"), (4, "hold"), (3, "inactive"), (1, "disabled"), (1, "closed"))
_JOB_STATUSES: Final = ((80, "active"), (13, "closed"), (5, "inactive"), (2, "hold"))
_ROLES: Final = ("Owner", "Bookkeeper", "Project manager", "Purchasing")


def draw_customers(chance: Chance) -> list[Customer]:
    """Return the accounts in the order of their numbers, jobs included."""
    names = NameMaker(chance)
    found = cast(names)
    for index in range(len(found), CHARGE_ACCOUNTS):
        found.append(_charge_account(chance, names, _number(index)))
    for index in range(CHARGE_ACCOUNTS, CHARGE_ACCOUNTS + CASH_ACCOUNTS):
        found.append(_cash_account(chance, names, _number(index)))
    found += [
        _house_account(names, "900", "Cash sales, counter"),
        _house_account(names, "901", "Employee purchases"),
    ]
    return _with_jobs(chance, names, found)


def _number(index: int) -> str:
    """Return an account number; some begin with zeros, because an identifier is text."""
    return f"00{4500 + index}" if index % 61 == 60 else str(FIRST_NUMBER + index)


def _charge_account(chance: Chance, names: NameMaker, account_no: str) -> Customer:
    name = names.business()
    pace = chance.weighted(_PACES)
    volume = chance.number(*chance.weighted(_VOLUMES))
    offer = chance.weighted(_OFFERS)
    if pace in (Pace.LATE, Pace.DELINQUENT, Pace.GIVEN_UP):
        # A dealer takes the discount away from whoever is far behind.
        offer = None
    model = chance.weighted(
        ((85, "open_item"), (9, "open_item_terms"), (6, "balance_forward")),
    )
    limit = chance.weighted(((2, None), (3, 10_000), (4, 25_000), (3, 60_000), (1, 200_000)))
    return Customer(
        account_no=account_no,
        name=name,
        pace=pace,
        volume=volume,
        terms=chance.weighted(_TERMS),
        place=names.place(),
        contacts=_contacts(chance, names, name),
        status=chance.weighted(_STATUSES),
        posting_model=model,
        billing_level="job" if model == "open_item" and chance.percent(4) else "master",
        credit_limit=limit,
        offer=offer,
        branch=chance.weighted(((7, "Keene"), (3, "Brattleboro"))),
    )


def _cash_account(chance: Chance, names: NameMaker, account_no: str) -> Customer:
    name = names.business()
    return Customer(
        account_no=account_no,
        name=name,
        pace=Pace.PAID_UP,
        volume=0,
        terms=Terms(text="Due on receipt", days=0),
        place=names.place(),
        contacts=_contacts(chance, names, name),
        kind="cash",
    )


def _house_account(names: NameMaker, account_no: str, name: str) -> Customer:
    return Customer(
        account_no=account_no,
        name=name,
        pace=Pace.PAID_UP,
        volume=0,
        terms=Terms(text="Due on receipt", days=0),
        place=names.place(),
        kind="system",
    )


def _contacts(chance: Chance, names: NameMaker, name: str) -> tuple[Person, ...]:
    """Return the people of an account; a few lack an address or have one nobody can write to."""
    domain = domain_of(name)
    first = names.person(domain, chance.pick(_ROLES))
    state = chance.weighted(((89, "good"), (6, "missing"), (5, "malformed")))
    if state == "missing":
        first = msgspec.structs.replace(first, email="")
        return (first,) if chance.percent(80) else (msgspec.structs.replace(first, phone=""),)
    if state == "malformed":
        return (msgspec.structs.replace(first, email=_spoilt(chance, first.email)),)
    if chance.percent(28):
        return first, names.person(domain, chance.pick(_ROLES))
    return (first,)


def _spoilt(chance: Chance, email: str) -> str:
    """Return an address as people type it into the wrong field."""
    local, _, domain = email.partition("@")
    return chance.pick(
        (
            f"{local} at {domain}",
            f"{email}; office@{domain}",
            f"{local}@@{domain}",
            f"{local}@{domain.removesuffix('.example')}",
            f"{local} @{domain}",
            "none",
        )
    )


def _with_jobs(chance: Chance, names: NameMaker, customers: list[Customer]) -> list[Customer]:
    """Hand out the rest of the jobs among the charge accounts that have none yet."""
    left = JOBS - sum(len(one.jobs) for one in customers)
    open_for_jobs = [
        index
        for index, one in enumerate(customers)
        if one.kind == "charge" and not one.jobs and not one.is_balance_forward
    ]
    counts = dict.fromkeys(open_for_jobs, 0)
    for index in open_for_jobs:
        # Whoever is billed by job has jobs.
        if customers[index].billing_level == "job":
            counts[index] = 2
            left -= 2
    for _ in range(left):
        counts[chance.pick(open_for_jobs)] += 1
    for index, count in counts.items():
        jobs = tuple(
            Job(
                job_no=str(number),
                name=names.job(),
                status=chance.weighted(_JOB_STATUSES),
            )
            for number in range(1, count + 1)
        )
        customers[index] = msgspec.structs.replace(customers[index], jobs=jobs)
    return customers


def purchase_order(chance: Chance) -> str:
    """Return what a buyer gave as the purchase order, or nothing."""
    return chance.weighted(
        (
            (5, str(chance.number(1000, 98_999))),
            (2, chance.pick(words.BUYERS)),
            (4, ""),
        )
    )
