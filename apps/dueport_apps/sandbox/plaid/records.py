"""What the simulated Plaid remembers, and the typed shelves it is kept on.

Records are frozen values: a change is `shelf.put(replace(record, ...))`, which also writes the
record's JSON into the sandbox's world, so that a saved world holds everything.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from dueport_apps.sandbox.state import Table, World


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account at the simulated bank. The numbers are invented."""

    id: str
    name: str
    official_name: str
    mask: str
    subtype: str
    holder_category: str
    legal_name: str
    available_cents: int
    current_cents: int
    account_number: str
    routing_number: str
    verification_status: str | None = None
    returns_with: str | None = None
    blocked: bool = False


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One login at one bank that a person has shared."""

    id: str
    access_token: str
    institution_id: str
    username: str
    products: tuple[str, ...]
    webhook: str | None
    created_at: datetime
    accounts: tuple[BankAccount, ...]
    error_code: str | None = None
    removed: bool = False
    last_webhook_at: datetime | None = None
    last_webhook_code: str | None = None


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """Which Item an access token opens."""

    id: str
    item_id: str


class KeptKey(msgspec.Struct, frozen=True, kw_only=True):
    """An idempotency key that was seen: what it made, from what, and when."""

    id: str
    made_id: str
    fingerprint: str
    at: datetime


class PublicToken(msgspec.Struct, frozen=True, kw_only=True):
    """What Link hands to the page: exchanged once, within half an hour, for an access token."""

    id: str
    item_id: str
    expires_at: datetime
    used: bool = False


class LinkSession(msgspec.Struct, frozen=True, kw_only=True):
    """One opening of Link with a token."""

    id: str
    started_at: datetime
    finished_at: datetime | None = None
    institution_id: str | None = None
    username: str | None = None
    item_id: str | None = None
    account_ids: tuple[str, ...] = ()
    public_token: str | None = None
    exit_status: str | None = None
    events: tuple[dict[str, Any], ...] = ()


class LinkToken(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to open Link, and what Link is to do."""

    id: str
    created_at: datetime
    expires_at: datetime
    client_name: str
    language: str
    country_codes: tuple[str, ...]
    products: tuple[str, ...]
    webhook: str | None
    redirect_uri: str | None
    account_subtypes: tuple[str, ...] = ()
    item_id: str | None = None
    authorization_id: str | None = None
    hosted: bool = False
    completion_redirect_uri: str | None = None
    sessions: tuple[LinkSession, ...] = ()


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's decision about a proposed debit."""

    id: str
    item_id: str
    account_id: str
    created_at: datetime
    decision: str
    rationale_code: str | None
    amount_cents: int
    requested_cents: int
    network: str
    ach_class: str
    user: dict[str, Any]
    ledger_id: str
    transfer_id: str | None = None
    cancelled: bool = False


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One debit on its way through the ACH network."""

    id: str
    authorization_id: str
    item_id: str
    account_id: str
    created_at: datetime
    amount_cents: int
    description: str
    network: str
    ach_class: str
    user: dict[str, Any]
    metadata: dict[str, str] | None
    ledger_id: str
    status: str = "pending"
    sweep_status: str | None = "unswept"
    failure_code: str | None = None
    failure_text: str | None = None
    settled_on: date | None = None
    trace: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the event feed; ids count up without gaps."""

    id: str
    at: datetime
    kind: str
    transfer_id: str | None = None
    sweep_id: str | None = None
    sweep_amount_cents: int | None = None
    refund_id: str | None = None
    failure_code: str | None = None
    failure_text: str | None = None


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """Money between Plaid and the dealer's own bank; positive when it reaches the dealer."""

    id: str
    created_at: datetime
    amount_cents: int
    trigger: str
    description: str
    network: str = "ach"
    status: str = "pending"
    settled_on: date | None = None
    available_on: date | None = None
    trace: str | None = None
    failure_code: str | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that goes back to the person's account for one transfer."""

    id: str
    transfer_id: str
    amount_cents: int
    created_at: datetime
    status: str = "pending"
    sweep_status: str | None = "unswept"
    failure_code: str | None = None
    failure_text: str | None = None
    trace: str | None = None


class LedgerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of the Plaid Ledger's balance, and the balance after it."""

    id: str
    at: datetime
    kind: str
    description: str
    amount_cents: int
    pending_cents: int
    available_cents: int
    transfer_id: str | None = None
    refund_id: str | None = None
    sweep_id: str | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens by itself at a later instant."""

    id: str
    at: datetime
    action: str
    subject_id: str
    detail: str = ""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of the keys that webhooks are signed with."""

    id: str
    private_pem: str
    created_at: datetime
    expired_at: datetime | None = None


class PlannedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the next authorizations will be told, whatever the account says."""

    decision: str = "approved"
    rationale_code: str | None = None
    authorised_cents: int | None = None
    times: int = 1


class PlannedReturn(msgspec.Struct, frozen=True, kw_only=True):
    """The bank's return of a transfer that is still to be made, days after it settles."""

    code: str
    banking_days: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a dealer would have set in Plaid's Dashboard, and what a rehearsal has planned."""

    id: str = "settings"
    transfer_webhook_urls: tuple[str, ...] = ()
    sweeps: str = "automatic_aggregate"
    hold_banking_days: int = 3
    transfer_limit_cents: int = 100_000_000
    decisions: tuple[PlannedDecision, ...] = ()
    returns: tuple[PlannedReturn, ...] = ()


R = TypeVar("R", bound=msgspec.Struct)


class Shelf(Generic[R]):
    """The records of one kind, by id, in order of creation."""

    def __init__(self, world: World, name: str, kind: type[R]) -> None:
        self._world = world
        self._name = f"plaid.{name}"
        self._kind = kind

    @property
    def _table(self) -> Table:
        return self._world.table(self._name)

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[R]:
        """Go through the records as they stood when the loop began."""
        return iter([self._read(entry) for entry in self._table.values()])

    def get(self, record_id: str) -> R | None:
        """Return one record, or None."""
        entry = self._table.get(record_id)
        return None if entry is None else self._read(entry)

    def __getitem__(self, record_id: str) -> R:
        return self._read(self._table[record_id])

    def put(self, record: R) -> R:
        """Keep a new record, or the changed value of one."""
        entry = msgspec.to_builtins(record)
        self._table[entry["id"]] = entry
        self._world.touch()
        return record

    def remove(self, record_id: str) -> None:
        """Forget a record."""
        if self._table.pop(record_id, None) is not None:
            self._world.touch()

    def page(self, after: int, count: int) -> list[R]:
        """Return up to `count` records, leaving out the first `after` of them."""
        keys = list(self._table)[after : after + count]
        return [self._read(self._table[key]) for key in keys]

    def _read(self, entry: dict[str, Any]) -> R:
        return msgspec.convert(entry, self._kind)
