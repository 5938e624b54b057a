"""What Stripe's resources share: their tables, their events, and what is due later.

Objects are stored exactly as they are answered. Facts that the API never shows (which test card
a payment method is, which payout a row went out with) live in the table `stripe.private`.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.sandbox.state import JsonObject, Table
from dueport_apps.sandbox.stripe.errors import missing_object

API_VERSION: Final = "2026-08-26.dahlia"

TABLE_BY_PREFIX: Final = {
    "cus": "customers",
    "pm": "payment_methods",
    "seti": "setup_intents",
    "ctoken": "confirmation_tokens",
    "pi": "payment_intents",
    "ch": "charges",
    "re": "refunds",
    "du": "disputes",
    "txn": "balance_transactions",
    "po": "payouts",
    "evt": "events",
    "we": "webhook_endpoints",
    "cs": "checkout_sessions",
    "mandate": "mandates",
}


class RequestContext(msgspec.Struct, frozen=True):
    """The API call that is being answered."""

    id: str
    idempotency_key: str | None
    publishable: bool = False


Job = Callable[["StripeWorld", str], None]


class StripeWorld:
    """The state of one simulated Stripe account."""

    def __init__(self, frame: SandboxFrame) -> None:
        self.frame = frame
        self.clock = frame.clock
        self.request: RequestContext | None = None
        self.jobs: dict[str, Job] = {}
        self.announce: Callable[[JsonObject], None] = lambda event: None
        self._afterwards: list[Callable[[], None]] = []

    # Objects.

    def table(self, name: str) -> Table:
        """Return one of Stripe's tables."""
        return self.frame.world.table(f"stripe.{name}")

    def new_id(self, prefix: str, length: int = 24) -> str:
        """Return a new id such as `ch_...`."""
        return self.frame.world.new_id(prefix, length)

    def add(self, made: JsonObject) -> JsonObject:
        """Put a new object into its table and return it."""
        self.table(TABLE_BY_PREFIX[made["id"].split("_", 1)[0]])[made["id"]] = made
        self.frame.world.touch()
        return made

    def find(self, object_id: str) -> JsonObject | None:
        """Return any object by its id, or None."""
        name = TABLE_BY_PREFIX.get(object_id.split("_", 1)[0])
        return None if name is None else self.table(name).get(object_id)

    def get(
        self, table: str, object_id: str, label: str, param: str, status: int = 404
    ) -> JsonObject:
        """Return an object, or raise Stripe's answer for one it does not know."""
        found = self.table(table).get(object_id)
        if found is None:
            raise missing_object(label, object_id, param, status)
        return found

    def newest_first(self, table: str) -> Iterable[JsonObject]:
        """Return a table's objects, the newest first, as every list shows them."""
        return reversed(list(self.table(table).values()))

    def private(self, object_id: str) -> JsonObject:
        """Return the facts about an object that the API never shows, to be added to."""
        return self.table("private").setdefault(object_id, {})

    def fact(self, object_id: str, name: str) -> Any:
        """Return one fact that the API never shows, or None."""
        return self.table("private").get(object_id, {}).get(name)

    def view(self, stored: JsonObject) -> JsonObject:
        """Return an object as it reads at this instant."""
        shown = copy.deepcopy(stored)
        kind = shown.get("object")
        if kind == "balance_transaction":
            available = shown["available_on"] <= self.now()
            shown["status"] = "available" if available else "pending"
        elif kind == "dispute":
            shown["balance_transactions"] = [
                self.view(row) for row in shown["balance_transactions"]
            ]
        elif kind == "charge" and shown["balance_transaction"] is not None:
            hidden = self._acts(FaultKind.BALANCE_TRANSACTION_NULL, shown["id"])
            shown["balance_transaction"] = None if hidden else shown["balance_transaction"]
        elif kind == "payout" and shown["reconciliation_status"] == "completed":
            unfinished = self._acts(FaultKind.RECONCILIATION_IN_PROGRESS, shown["id"])
            shown["reconciliation_status"] = "in_progress" if unfinished else "completed"
        return shown

    def _acts(self, kind: FaultKind, object_id: str) -> bool:
        return bool(self.frame.faults.meet("stripe", object_id, kind))

    # Time.

    def now(self) -> int:
        """Return the virtual instant as Stripe writes it."""
        return self.clock.timestamp()

    def later(self, at: datetime, job: str, ref: str) -> None:
        """Do a named job at an instant. It is kept with the world and survives a restart."""
        due = self.table("due")
        due_id = self.new_id("due_")
        due[due_id] = {"at": at.isoformat(), "job": job, "ref": ref}
        self._schedule(due_id)

    def after(self, delay: timedelta, job: str, ref: str) -> None:
        """Do a named job when that much time has passed."""
        self.later(self.clock.now() + delay, job, ref)

    def resume(self) -> None:
        """Put what a saved world still waits for back on the clock."""
        for due_id in list(self.table("due")):
            self._schedule(due_id)

    def _schedule(self, due_id: str) -> None:
        entry = self.table("due")[due_id]

        async def run() -> None:
            if self.table("due").pop(due_id, None) is not None:
                self.jobs[entry["job"]](self, entry["ref"])
                self.settle()

        name = f"stripe: {entry['job']} {entry['ref']}"
        self.clock.schedule(datetime.fromisoformat(entry["at"]), name, run)

    # Events.

    def emit(
        self, kind: str, about: JsonObject, previous: dict[str, Any] | None = None
    ) -> JsonObject:
        """Record an event with a snapshot of its object and tell every address that listens."""
        request = self.request
        data: JsonObject = {"object": self.view(about)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.add(
            {
                "id": self.new_id("evt_"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": {
                    "id": None if request is None else request.id,
                    "idempotency_key": None if request is None else request.idempotency_key,
                },
                "type": kind,
            }
        )
        self.announce(event)
        return event

    # Calls.

    @contextmanager
    def answering(self, context: RequestContext) -> Iterator[None]:
        """Be inside one call: its events name it, and what waits for its answer comes after."""
        self.request = context
        try:
            yield
        finally:
            self.request = None
            self.settle()

    def afterwards(self, change: Callable[[], None]) -> None:
        """Make a change once the current call has been answered."""
        self._afterwards.append(change)

    def settle(self) -> None:
        """Make the changes that waited for the answer."""
        while self._afterwards:
            self._afterwards.pop(0)()
        self.frame.world.touch()


def instant(timestamp: int) -> datetime:
    """Return Unix seconds as an aware instant."""
    return datetime.fromtimestamp(timestamp, UTC)


def dollars(cents: int) -> str:
    """Return an amount as Stripe's messages write it."""
    return f"${cents // 100:,}.{cents % 100:02d}"
