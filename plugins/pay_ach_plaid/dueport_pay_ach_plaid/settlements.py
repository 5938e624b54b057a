"""Sweeps and what they are made of.

An automatic aggregate sweep names every transfer and refund in it: the amounts of its ``swept`` and
``return_swept`` events add up to its own, signed as the dealer's bank sees them. A later
``swept_settled`` repeats an amount and is left out. Money that goes through a Plaid Ledger is
different: a withdrawal names no transfers, so it has no lines.
"""

import datetime
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

from plaid.model.transfer_event_list_request import TransferEventListRequest
from plaid.model.transfer_sweep_list_request import TransferSweepListRequest

from dueport_pay_ach_plaid.api import PAGE_SIZE, PlaidApi
from dueport_pay_ach_plaid.mapping import cents, day, instant
from dueport_pay_ach_plaid.wire import Event, EventPage, Sweep, SweepPage
from dueport_ports import SettlementHead, SettlementLine, SettlementLineCategory

SweepState = Literal["pending", "in_transit", "paid", "failed"]

STATES: Final[dict[str, SweepState]] = {
    "pending": "pending",
    "posted": "in_transit",
    "settled": "paid",
    "funds_available": "paid",
    "failed": "failed",
    "returned": "failed",
}

AGGREGATE: Final = "automatic_aggregate"

_C = SettlementLineCategory
CATEGORIES: Final = {
    "swept": _C.PAYMENT,
    "return_swept": _C.RETURN,
    "refund.swept": _C.REFUND,
    "refund.return_swept": _C.REFUND_FAILURE,
    "adjustment": _C.ADJUSTMENT,
}
"""By event type; a type that nobody knows is left to a person, as UNALLOCATED."""


async def heads(api: PlaidApi, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
    """Yield every sweep created since then, the oldest first."""

    def request(offset: int) -> Any:
        return TransferSweepListRequest(start_date=since, count=PAGE_SIZE, offset=offset)

    listed = api.entries(SweepPage, api.calls.transfer_sweep_list, request, lambda one: one.sweeps)
    # A sweep that is made meanwhile brings another one twice.
    sweeps = {sweep.id: sweep async for sweep in listed}
    for sweep in sorted(sweeps.values(), key=lambda one: one.created):
        yield head_of(sweep)


async def lines(api: PlaidApi, sweep_ref: str) -> AsyncIterator[SettlementLine]:
    """Yield the transfers' and refunds' shares of one sweep, the oldest first."""

    def request(offset: int) -> Any:
        return TransferEventListRequest(sweep_id=sweep_ref, count=PAGE_SIZE, offset=offset)

    listed = api.entries(
        EventPage, api.calls.transfer_event_list, request, lambda one: one.transfer_events
    )
    events = {event.event_id: event async for event in listed}
    for event_id in sorted(events):
        if is_share(events[event_id]):
            yield line_of(events[event_id])


def head_of(sweep: Sweep) -> SettlementHead:
    """Return a sweep; one to the dealer's bank is positive."""
    aggregate = sweep.trigger == AGGREGATE
    status = sweep.status or ""
    reason = sweep.failure_reason
    failure = " ".join(filter(None, (reason.failure_code, reason.description))) if reason else ""
    if status not in STATES:
        failure = f"Plaid reports a status that this version does not know: {status}"
    return SettlementHead(
        settlement_ref=sweep.id,
        kind="sweep" if aggregate else "ledger_withdrawal",
        amount_cents=cents(sweep.amount) if sweep.amount else 0,
        state=STATES.get(status, "pending"),
        lines="complete" if aggregate else "none",
        created_at=sweep.created,
        arrival_on=day(sweep.settled),
        bank_trace=sweep.network_trace_id or "",
        failure=failure,
        currency=sweep.iso_currency_code,
    )


def is_share(event: Event) -> bool:
    """Whether an event moves money within its sweep: a sweep's own steps and repetitions do not."""
    if event.sweep_amount is None or event.event_type.startswith("sweep."):
        return False
    return event.event_type != "swept_settled"


def line_of(event: Event) -> SettlementLine:
    """Return one share of a sweep. Plaid bills its fees by the month, apart from the sweeps."""
    amount = cents(event.sweep_amount or "")
    occurred_at = instant(event.timestamp) or datetime.datetime.fromtimestamp(0, datetime.UTC)
    return SettlementLine(
        line_ref=str(event.event_id),
        category=CATEGORIES.get(event.event_type, _C.UNALLOCATED),
        gross_cents=amount,
        fee_cents=0,
        net_cents=amount,
        occurred_at=occurred_at,
        payment_ref=event.transfer_id or None,
        refund_ref=event.refund_id or None,
        raw_type=event.event_type,
    )
