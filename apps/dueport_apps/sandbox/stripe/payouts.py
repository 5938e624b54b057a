"""Payouts: what is available goes to the bank each banking day, and sometimes comes back.

An automatic payout takes every available row of the ledger; its rows and its own debit add up
to zero. It arrives on the next banking day. When a bank sends it back, its rows are free again
and go out with a later payout, while the payout keeps its own debit and the row that undid it.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from dueport_apps.sandbox.faults import FaultKind
from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe import ledger
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.customers import merged_metadata
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.paging import in_range, page, same
from dueport_apps.sandbox.stripe.params import (
    PAGE,
    RANGE,
    Spec,
    hash_of_text,
    integer,
    one_of,
    text,
    unset,
)
from dueport_apps.sandbox.stripe.world import StripeWorld, dollars, instant
from dueport_core.calendar import add_banking_days, is_banking_day

DAILY_AT: Final = time(0, 30)
ARRIVES_AT: Final = time(14, 0)
RECONCILED_AFTER: Final = timedelta(hours=1)
FAILS_AFTER_DAYS: Final = 2
CURRENCY: Final = "usd"


def schedule_daily(world: StripeWorld) -> None:
    """Put the next daily payout on the clock, unless it is there already."""
    if any(entry["job"] == "daily_payout" for entry in world.table("due").values()):
        return
    now = world.clock.now()
    day = now.date()
    if now >= datetime.combine(day, DAILY_AT, UTC):
        day += timedelta(days=1)
    while not is_banking_day(day):
        day += timedelta(days=1)
    world.later(datetime.combine(day, DAILY_AT, UTC), "daily_payout", "")


def interval(world: StripeWorld) -> str:
    """Return `daily` or `manual`."""
    return str(world.table("settings").get("payouts", {}).get("interval", "daily"))


def set_interval(world: StripeWorld, chosen: str) -> None:
    """Switch automatic payouts on (`daily`) or off (`manual`)."""
    world.table("settings")["payouts"] = {"interval": chosen}


def daily(world: StripeWorld, ref: str) -> None:
    """Pay out what is available and plan the next day."""
    if interval(world) == "daily":
        pay_out(world)
    schedule_daily(world)


def pay_out(world: StripeWorld, *, collect_negative: bool = False) -> JsonObject | None:
    """Make an automatic payout of everything available; None when nothing is owed.

    A negative balance waits for new money; with `collect_negative` it is taken from the bank as
    a payout with a negative amount.
    """
    rows = ledger.unpaid(world)
    if not rows:
        return None
    amount = sum(row["net"] for row in rows)
    for fault in world.frame.faults.meet("stripe", "*", FaultKind.PAYOUT_RESIDUAL):
        amount += int(fault.value or 100)
    if amount == 0 or (amount < 0 and not collect_negative):
        return None
    payout = _create(world, amount, automatic=True)
    for row in rows:
        world.private(row["id"])["payout"] = payout["id"]
    world.emit("payout.created", payout)
    world.after(RECONCILED_AFTER, "payout_reconciled", payout["id"])
    return payout


def _create(
    world: StripeWorld,
    amount: int,
    *,
    automatic: bool,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    statement_descriptor: str | None = None,
) -> JsonObject:
    payout_id = world.new_id("po_")
    arrival = datetime.combine(add_banking_days(instant(world.now()).date(), 1), ARRIVES_AT, UTC)
    row = ledger.record(
        world,
        source=payout_id,
        amount=-amount,
        kind="payout",
        category="payout",
        description="STRIPE PAYOUT",
        available=world.now(),
    )
    world.private(row["id"])["payout"] = payout_id
    world.later(arrival, "payout_arrives", payout_id)
    return world.add(
        {
            "id": payout_id,
            "object": "payout",
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": _midnight(arrival.date()),
            "automatic": automatic,
            "balance_transaction": row["id"],
            "created": world.now(),
            "currency": CURRENCY,
            "description": description or "STRIPE PAYOUT",
            "destination": "ba_sandbox",
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": metadata or {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "in_progress" if automatic else "not_applicable",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": statement_descriptor,
            "status": "in_transit" if automatic else "pending",
            "trace_id": {"status": "pending", "value": None},
            "type": "bank_account",
        }
    )


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def reconciled(world: StripeWorld, payout_id: str) -> None:
    """Say that the list of a payout's rows is complete."""
    payout = world.table("payouts")[payout_id]
    if payout["reconciliation_status"] == "in_progress":
        payout["reconciliation_status"] = "completed"
        world.emit("payout.reconciliation_completed", payout)


def arrives(world: StripeWorld, payout_id: str) -> None:
    """Let the money arrive at the bank, with the trace that its statement shows."""
    payout = world.table("payouts")[payout_id]
    if payout["status"] not in ("pending", "in_transit"):
        return
    before = {"status": payout["status"], "trace_id": payout["trace_id"]}
    payout["status"] = "paid"
    trace = f"0210000{world.frame.world.draw(10**8):08d}"
    payout["trace_id"] = {"status": "supported", "value": trace}
    world.emit("payout.updated", payout, before)
    world.emit("payout.paid", payout)
    if world.frame.faults.meet("stripe", payout_id, FaultKind.PAYOUT_FAILS_AFTER_PAID):
        day = add_banking_days(world.clock.now().date(), FAILS_AFTER_DAYS)
        world.later(datetime.combine(day, ARRIVES_AT, UTC), "payout_fails", payout_id)


def fail(world: StripeWorld, payout_id: str) -> None:
    """Let the bank send a payout back, paid or not."""
    payout = world.table("payouts")[payout_id]
    if payout["status"] not in ("pending", "in_transit", "paid"):
        return
    undone = ledger.record(
        world,
        source=payout_id,
        amount=payout["amount"],
        kind="payout_failure",
        category="payout_reversal",
        description="STRIPE PAYOUT FAILURE",
        available=world.now(),
    )
    own = (payout["balance_transaction"], undone["id"])
    for row_id, facts in world.table("private").items():
        if facts.get("payout") == payout_id and row_id not in own:
            del facts["payout"]
    world.private(undone["id"])["payout"] = payout_id
    payout["status"] = "failed"
    payout["failure_balance_transaction"] = undone["id"]
    payout["failure_code"] = "account_closed"
    payout["failure_message"] = "The bank account has been closed"
    world.emit("payout.failed", payout)


def create(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Make a manual payout. No list of rows belongs to it."""
    amount = params["amount"]
    if amount < 1:
        message = "Invalid positive integer"
        raise StripeError(400, message, code="parameter_invalid_integer", param="amount")
    here = ledger.available(world)
    if amount > here:
        message = (
            f"Payout amount ({dollars(amount)}) is greater than your available balance "
            f"({dollars(max(0, here))})."
        )
        raise StripeError(400, message, code="balance_insufficient")
    payout = _create(
        world,
        amount,
        automatic=False,
        description=params.get("description"),
        metadata=params.get("metadata"),
        statement_descriptor=unset(params.get("statement_descriptor")),
    )
    world.emit("payout.created", payout)
    return payout


def cancel(world: StripeWorld, params: dict[str, Any], payout_id: str) -> JsonObject:
    """Cancel a manual payout that has not left yet."""
    payout = retrieve(world, {}, payout_id)
    if payout["status"] != "pending":
        message = f"Payouts can only be canceled while they are pending; {payout_id} is not."
        raise StripeError(400, message)
    undone = ledger.record(
        world,
        source=payout_id,
        amount=payout["amount"],
        kind="payout_cancel",
        category="payout_reversal",
        description="STRIPE PAYOUT CANCELLATION",
        available=world.now(),
    )
    world.private(undone["id"])["payout"] = payout_id
    payout["status"] = "canceled"
    payout["failure_balance_transaction"] = undone["id"]
    world.emit("payout.canceled", payout)
    return payout


def retrieve(world: StripeWorld, params: dict[str, Any], payout_id: str) -> JsonObject:
    """Return a payout."""
    return world.get("payouts", payout_id, "payout", "payout")


def update(world: StripeWorld, params: dict[str, Any], payout_id: str) -> JsonObject:
    """Change a payout's metadata."""
    payout = retrieve(world, {}, payout_id)
    before = {"metadata": payout["metadata"]}
    payout["metadata"] = merged_metadata(payout["metadata"], params.get("metadata", {}))
    world.emit("payout.updated", payout, before)
    return payout


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List payouts."""
    wanted = same(params, "status", "destination")
    arrives_in = in_range(params.get("arrival_date"))

    def keep(row: JsonObject) -> bool:
        return wanted(row) and arrives_in(row["arrival_date"])

    return page(world, "/v1/payouts", "payout", world.newest_first("payouts"), params, keep)


JOBS: Final = {
    "daily_payout": daily,
    "payout_reconciled": reconciled,
    "payout_arrives": arrives,
    "payout_fails": fail,
}
ROUTES: Final = (
    Route(
        "POST",
        "/payouts",
        create,
        Spec(
            "amount currency",
            amount=integer,
            currency=one_of(CURRENCY),
            description=text,
            metadata=hash_of_text,
            method=one_of("standard"),
            source_type=one_of("card"),
            statement_descriptor=text,
        ),
    ),
    Route(
        "GET",
        "/payouts",
        listing,
        PAGE.with_fields(created=RANGE, arrival_date=RANGE, status=text, destination=text),
    ),
    Route("GET", "/payouts/{payout}", retrieve, Spec()),
    Route("POST", "/payouts/{payout}", update, Spec(metadata=hash_of_text)),
    Route("POST", "/payouts/{payout}/cancel", cancel, Spec()),
)
