"""Balance transactions: every cent that came in or went out, and the balance they add up to."""

import copy
from datetime import UTC, datetime, time
from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.api import Route
from dueport_apps.sandbox.stripe.errors import StripeError, missing_object
from dueport_apps.sandbox.stripe.paging import page, same
from dueport_apps.sandbox.stripe.params import PAGE, RANGE, Spec, text
from dueport_apps.sandbox.stripe.world import StripeWorld, instant
from dueport_core.calendar import add_banking_days

FEE_BPS: Final = 290
FEE_FIXED: Final = 30
DISPUTE_FEE: Final = 1500
AVAILABLE_AFTER_DAYS: Final = 2


def card_fee(amount: int) -> int:
    """Return 2.9 % and 30 cents, rounded half up to the cent."""
    return (amount * FEE_BPS + 5_000) // 10_000 + FEE_FIXED


def available_on(world: StripeWorld) -> int:
    """Return midnight UTC of the second banking day from today."""
    day = add_banking_days(instant(world.now()).date(), AVAILABLE_AFTER_DAYS)
    return int(datetime.combine(day, time(), UTC).timestamp())


def record(
    world: StripeWorld,
    *,
    source: str | None,
    amount: int,
    kind: str,
    category: str,
    currency: str = "usd",
    fee: int = 0,
    fee_name: str = "Stripe processing fees",
    description: str | None = None,
    available: int | None = None,
) -> JsonObject:
    """Write one row into the ledger; `net` is the amount less the fee."""
    fee_details = []
    if fee:
        fee_details.append(
            {
                "amount": fee,
                "application": None,
                "currency": currency,
                "description": fee_name,
                "type": "stripe_fee",
            }
        )
    return world.add(
        {
            "id": world.new_id("txn_"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on(world) if available is None else available,
            "balance_type": "payments",
            "created": world.now(),
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": fee_details,
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "pending",
            "type": kind,
        }
    )


def unpaid(world: StripeWorld, currency: str = "usd") -> list[JsonObject]:
    """Return the available rows that no payout has taken yet, oldest first."""
    now = world.now()
    return [
        row
        for row in world.table("balance_transactions").values()
        if row["currency"] == currency
        and row["available_on"] <= now
        and world.fact(row["id"], "payout") is None
    ]


def available(world: StripeWorld, currency: str = "usd") -> int:
    """Return what could be paid out now, in cents."""
    now = world.now()
    rows = world.table("balance_transactions").values()
    return sum(
        row["net"] for row in rows if row["available_on"] <= now and row["currency"] == currency
    )


def balance(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """Return the account's balance per currency."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for row in world.table("balance_transactions").values():
        column = sums["available" if row["available_on"] <= world.now() else "pending"]
        column[row["currency"]] = column.get(row["currency"], 0) + row["net"]
    shown = {
        name: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in column.items()
        ]
        for name, column in sums.items()
    }
    return {"object": "balance", "livemode": False, **shown}


def retrieve(world: StripeWorld, params: dict[str, Any], row_id: str) -> JsonObject:
    """Return one row."""
    return world.get("balance_transactions", row_id, "balance transaction", "id")


def listing(world: StripeWorld, params: dict[str, Any]) -> JsonObject:
    """List rows. `payout` lists those of an automatic payout, with the payout's own debit.

    A filter by a dispute finds nothing although rows name it, as in the real API.
    """
    wanted = same(params, "type", "currency")
    source, payout_ref = params.get("source"), params.get("payout")
    if payout_ref is not None:
        _must_be_automatic(world, payout_ref)

    def keep(row: JsonObject) -> bool:
        if source is not None and (row["source"] != source or source.startswith("du_")):
            return False
        if payout_ref is not None and world.fact(row["id"], "payout") != payout_ref:
            return False
        return wanted(row)

    rows = world.newest_first("balance_transactions")
    url = "/v1/balance_transactions"
    return page(world, url, "balance transaction", rows, params, keep)


def _must_be_automatic(world: StripeWorld, payout_ref: str) -> None:
    payout = world.table("payouts").get(payout_ref)
    if payout is None:
        raise missing_object("payout", payout_ref, "payout")
    if not payout["automatic"]:
        message = (
            "Balance transaction history can only be filtered on automatic transfers, not manual."
        )
        raise StripeError(400, message, param="payout")


def copy_of(row: JsonObject) -> JsonObject:
    """Return a row as it is embedded in another object."""
    return copy.deepcopy(row)


ROUTES: Final = (
    Route("GET", "/balance", balance, Spec()),
    Route(
        "GET",
        "/balance_transactions",
        listing,
        PAGE.with_fields(created=RANGE, currency=text, payout=text, source=text, type=text),
    ),
    Route("GET", "/balance_transactions/{id}", retrieve, Spec()),
)
