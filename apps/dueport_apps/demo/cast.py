"""The customers that every demonstration has, whatever the seed: the ones worth looking at."""

from typing import Final

from dueport_apps.demo.names import NameMaker, Person, domain_of
from dueport_apps.demo.records import Customer, Job, Pace, StatementOffer, Terms

NET_30: Final = Terms(text="Net 30", days=30)
GUEST_ACCOUNT: Final = "1001"
GUEST_EMAIL: Final = "ana@harborpine.example"
"""The customer who is registered from the start, and the address that signs in."""
GUEST_CONTACT: Final = "Ana Ruiz"
HUGE_ACCOUNT: Final = "1002"
SHARED_EMAIL: Final = "office@obrienbros.example"
LONG_NAME: Final = (
    "The Greater Monadnock Region Historic Preservation & Timber Frame Restoration Cooperative of "
    "Southwestern New Hampshire, Inc."
)


def cast(names: NameMaker) -> list[Customer]:
    """Return them in the order of their account numbers, which start at 1001."""
    offer = StatementOffer(bps=200, days=15)
    return [
        _one(
            names,
            GUEST_ACCOUNT,
            "Harbor & Pine Builders, LLC",
            Pace.STEADY,
            24,
            offer=offer,
            credit_limit=75_000,
            contacts=(
                Person(
                    name=GUEST_CONTACT,
                    email=GUEST_EMAIL,
                    phone="(603) 555-0117",
                    role="Accounts payable",
                ),
            ),
            jobs=(
                Job(job_no="1", name="Ruiz Residence – Kitchen"),
                Job(job_no="2", name="Lot 14, Birchwood"),
                Job(job_no="3", name="Mill Pond Condominiums – Siding"),
                Job(job_no="4", name="Colonial Theatre Stage House – Re-roof", status="closed"),
            ),
        ),
        _one(
            names,
            HUGE_ACCOUNT,
            "Northgate Homes of New England, Inc.",
            Pace.LATE,
            640,
            offer=StatementOffer(bps=100, days=15, as_amount=True),
            credit_limit=1_500_000,
            jobs=tuple(
                Job(job_no=str(number), name=f"Northgate Commons, Lot {number}")
                for number in range(1, 37)
            ),
        ),
        _one(names, "1003", LONG_NAME, Pace.SLOW, 18, credit_limit=60_000),
        _one(names, "1004", "O’Brien Bros. Framing", Pace.STEADY, 9, email=SHARED_EMAIL),
        _one(names, "1005", "O’Brien Bros. Roofing & Siding", Pace.LATE, 7, email=SHARED_EMAIL),
        _one(names, "1006", "Peña y Hijos Concrete, LLC", Pace.PROMPT, 12, offer=offer),
        _one(
            names, "1007", "Müller–Østergaard Timber Frames", Pace.GIVEN_UP, 34, credit_limit=25_000
        ),
        _one(names, "1008", "Charpenterie Québec Nord Ltée", Pace.SLOW, 11, offer=offer),
        _one(
            names, "1009", "Ledgewood Timberworks", Pace.STEADY, 5, email="bounce@ledgewood.example"
        ),
        _one(names, "1010", "Town of Westmoreland – Department of Public Works", Pace.IN_CREDIT, 6),
    ]


def _one(
    names: NameMaker,
    account_no: str,
    name: str,
    pace: Pace,
    volume: int,
    *,
    email: str = "",
    contacts: tuple[Person, ...] = (),
    jobs: tuple[Job, ...] = (),
    offer: StatementOffer | None = None,
    credit_limit: int | None = None,
) -> Customer:
    names.reserve(name)
    person = names.person(domain_of(name), "Accounts payable")
    if email:
        person = Person(name=person.name, email=email, phone=person.phone, role=person.role)
    return Customer(
        account_no=account_no,
        name=name,
        pace=pace,
        volume=volume,
        terms=NET_30,
        place=names.place(),
        contacts=contacts or (person,),
        jobs=jobs,
        offer=offer,
        credit_limit=credit_limit,
    )
