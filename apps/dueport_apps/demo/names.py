"""Names, people and addresses of the made-up dealer's customers."""

import re
import unicodedata
from typing import Final

import msgspec

from dueport_apps.demo import words
from dueport_apps.demo.chance import Chance

_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]+")
_DOMAIN_LENGTH: Final = 9
"""Words of a name are taken until the domain is so long."""
# What decomposition leaves alone.
_PLAIN: Final = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "’": "", "'": ""})


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works for a customer."""

    name: str
    email: str
    phone: str
    role: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address."""

    street: str
    town: str
    state: str
    zip_code: str

    @property
    def text(self) -> str:
        return f"{self.street}\n{self.town}, {self.state} {self.zip_code}"


class NameMaker:
    """Draws names; no two businesses are called the same."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._taken: set[str] = set()

    def reserve(self, name: str) -> None:
        """Keep a name from being drawn."""
        self._taken.add(name)

    def business(self) -> str:
        """Return a business name that was not drawn before."""
        while (name := self._business()) in self._taken:
            continue
        self._taken.add(name)
        return name

    def person(self, domain: str, role: str) -> Person:
        """Return somebody with an address at the domain."""
        first, last = self._chance.pick(words.FIRST_NAMES), self._chance.pick(words.SURNAMES)
        local = self._chance.weighted(
            (
                (5, f"{plain(first)}.{plain(last)}"),
                (3, plain(first)),
                (2, f"{plain(first)[:1]}{plain(last)}"),
            )
        )
        return Person(
            name=f"{first} {last}", email=f"{local}@{domain}", phone=self.phone(), role=role
        )

    def phone(self) -> str:
        """Return a number of the range that is kept free for stories."""
        area = self._chance.pick(("603", "802", "413", "207"))
        return f"({area}) 555-01{self._chance.number(0, 99):02d}"

    def place(self) -> Place:
        """Return an address in the towns around the yard."""
        town, state, zip_code = self._chance.pick(words.TOWNS)
        street = f"{self._chance.number(2, 1180)} {self._chance.pick(words.STREETS)}"
        return Place(street=street, town=town, state=state, zip_code=zip_code)

    def job(self) -> str:
        """Return the name of a job; jobs of different customers may be called the same."""
        chance = self._chance
        if chance.percent(1):
            return chance.pick(words.LONG_JOBS)
        owner, project = chance.pick(words.SURNAMES), chance.pick(words.PROJECTS)
        house = f"{chance.number(1, 480)} {chance.pick(words.STREETS)}"
        return chance.weighted(
            (
                (5, f"{owner} Residence – {project}"),
                (3, f"{house} {project}"),
                (3, f"Lot {chance.number(1, 48)}, {chance.pick(words.PLACES)}"),
                (2, f"{chance.pick(words.SITES)} – {project}"),
            )
        )

    def _business(self) -> str:
        chance = self._chance
        place, trade = chance.pick(words.PLACES), chance.pick(words.TRADES)
        one, other = chance.pick(words.SURNAMES), chance.pick(words.SURNAMES)
        first, form = chance.pick(words.FIRST_NAMES), chance.pick(words.FORMS)
        return chance.weighted(
            (
                (20, f"{one} {trade}"),
                (16, f"{place} {trade}, {form}"),
                (14, f"{one} & Sons {trade}"),
                (10, f"{one} & {other} {trade}, {form}"),
                (8, f"{first} {one} {trade}"),
                (6, f"{one} Bros. {trade}, {form}"),
                (4, f"{one} & Daughter {trade}"),
                (4, f"{first}’s {trade}"),
                (3, chance.pick(words.PUBLIC_BODIES).format(place=place)),
                (2, f"{one}, {other}, {chance.pick(words.SURNAMES)} & Associates {trade}, {form}"),
            )
        )


def plain(text: str) -> str:
    """Return the letters and digits of a name as addresses write them: `Côté & Fils` is `cotefils`."""
    bare = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return _NOT_A_LETTER.sub("", bare.encode("ascii", "ignore").decode().lower())


def domain_of(business: str) -> str:
    """Return the domain of a business, below a top level that can never exist."""
    domain = ""
    for word in business.split():
        if len(domain) >= _DOMAIN_LENGTH:
            break
        domain += plain(word)
    return f"{domain}.example"
