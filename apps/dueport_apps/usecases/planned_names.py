"""Which usernames a plan can give, so that no two people are promised the same one."""

from collections.abc import Iterable

from dueport_apps.usecases.invite_records import InviteCandidate, LeftOutKind
from dueport_ports import plain_letters

ALWAYS_FREE = "account number or random is always unique"


class PlannedNames:
    """The names that are in use, and those that this plan has given away so far."""

    def __init__(self) -> None:
        self._in_use: set[str] = set()
        self._given: dict[str, str] = {}

    def in_use(self, names: Iterable[str]) -> None:
        """Somebody signs in with these names, or an invitation promises them."""
        self._in_use |= {name.lower() for name in names}

    def busy(self, candidate: InviteCandidate, email: str, own: str) -> frozenset[str]:
        """Return which names of the record cannot be given; the customer's own can."""
        return frozenset(
            name
            for name in possible_names(candidate, email)
            if name != own and (name in self._in_use or name in self._given)
        )

    def collision(self, username: str, account_no: str) -> tuple[LeftOutKind, str] | None:
        """Return who has the name already, and in words; None for one that is free."""
        name = username.lower()
        if (holder := self._given.get(name)) is not None:
            who = "another contact" if holder == account_no else "another customer of this list"
            return LeftOutKind.USERNAME_SHARED, f"{who} gets the username “{username}”"
        if name in self._in_use:
            words = f"somebody signs in with the username “{username}” already"
            return LeftOutKind.USERNAME_TAKEN, words
        return None

    def give(self, username: str, account_no: str) -> None:
        self._given[username.lower()] = account_no


def possible_names(candidate: InviteCandidate, email: str = "") -> set[str]:
    """Return every text of the record that could become a username, as usernames are written."""
    account = candidate.account
    names = {account.account_no, _digits(account.ship_to_zip)[:5], email}
    for contact in account.contacts:
        names |= {contact.email, _digits(contact.phone)[-10:]}
        names |= set(contact.name.replace(",", " ").split())
    return {typed for typed in map(plain_letters, names) if typed}


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())
