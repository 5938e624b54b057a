"""Stores and finders in memory, for the tests of the web base and for the gallery."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from dueport_apps.web.assets import Assets
from dueport_apps.web.http.idempotency import KeptAnswer
from dueport_apps.web.http.sessions import Principal, SessionRecord
from dueport_apps.web.http.settings import HttpSettings, Portal


@cache
def built_in_assets() -> Assets:
    """Return the static files that ship with Dueport, read once per test process."""
    return Assets()


NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class MemorySessionStore:
    """The session table as a dictionary, counting its writes."""

    def __init__(self) -> None:
        self.rows: dict[bytes, SessionRecord] = {}
        self.touches = 0

    async def find(self, token_hash: bytes) -> SessionRecord | None:
        return self.rows.get(token_hash)

    async def create(self, record: SessionRecord) -> None:
        self.rows[record.token_hash] = record

    async def touch(self, token_hash: bytes, last_seen_at: datetime) -> None:
        self.touches += 1
        if token_hash in self.rows:
            row = self.rows[token_hash]
            self.rows[token_hash] = msgspec.structs.replace(row, last_seen_at=last_seen_at)

    async def save(self, token_hash: bytes, data: Mapping[str, Any]) -> None:
        if token_hash in self.rows:
            row = self.rows[token_hash]
            self.rows[token_hash] = msgspec.structs.replace(row, data=dict(data))

    async def rotate(self, token_hash: bytes, record: SessionRecord) -> bool:
        if self.rows.pop(token_hash, None) is None:
            return False
        self.rows[record.token_hash] = record
        return True

    async def delete(self, token_hash: bytes) -> None:
        self.rows.pop(token_hash, None)

    async def delete_for_user(self, portal: Portal, user_id: str, keep: bytes | None = None) -> int:
        doomed = [
            token_hash
            for token_hash, row in self.rows.items()
            if row.portal is portal and row.user_id == user_id and token_hash != keep
        ]
        for token_hash in doomed:
            del self.rows[token_hash]
        return len(doomed)


class MemoryPrincipals:
    """People by portal and id; removing one disables the login."""

    def __init__(self, *people: Principal) -> None:
        self.people = {(one.portal, one.user_id): one for one in people}
        self.keys: dict[bytes, Principal] = {}

    async def find(self, record: SessionRecord) -> Principal | None:
        return self.people.get((record.portal, record.user_id))

    async def find_key(self, portal: Portal, key_hash: bytes) -> Principal | None:
        return self.keys.get(key_hash)


class MemoryIdempotency:
    """Kept answers in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[bytes, KeptAnswer] = {}

    async def claim(self, key: bytes, answer: KeptAnswer) -> KeptAnswer | None:
        if key in self.rows:
            return self.rows[key]
        self.rows[key] = answer
        return None

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        self.rows[key] = answer

    async def release(self, key: bytes) -> None:
        self.rows.pop(key, None)


ANNA = Principal(
    portal=Portal.CUSTOMER,
    user_id="user-anna",
    name="Anna Delgado",
    email="anna@ridgeline.example",
    permissions=frozenset({"pay"}),
)
OMAR = Principal(
    portal=Portal.OPERATOR,
    user_id="operator-omar",
    name="Omar Haddad",
    email="omar@cedarstone.example",
    permissions=frozenset({"payments.read"}),
)


def settings(base: str = "https://pay.cedarstone.example", **changes: Any) -> HttpSettings:
    """Return settings with both portals on one host."""
    return HttpSettings(
        customer_url=base, operator_url=f"{base}/operator", secret=b"s" * 32, **changes
    )
