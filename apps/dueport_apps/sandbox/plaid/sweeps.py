"""Automatic aggregate sweeps: once a banking day, everything that moved, as one bank entry.

A sweep's amount is the sum of the events that name it: `swept` and `refund.return_swept` bring
money to the dealer, `return_swept` and `refund.swept` take it back, so the sum may be negative.
It is posted at the ACH cut-off and settles on the next banking day at 9:00 Eastern Time.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from dueport_apps.sandbox.plaid.agenda import Agenda
from dueport_apps.sandbox.plaid.banking_days import (
    CUT_OFF,
    SETTLES_AT,
    SWEEPS_AT,
    banking_day_after,
    eastern_day,
    next_at,
)
from dueport_apps.sandbox.plaid.banking_days import at as instant_at
from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.money import decimal
from dueport_apps.sandbox.plaid.paging import page_of
from dueport_apps.sandbox.plaid.records import Due, Sweep
from dueport_apps.sandbox.plaid.requests import SweepGet, SweepList
from dueport_apps.sandbox.plaid.views import sweep_view
from dueport_apps.sandbox.plaid.world import PlaidWorld

TRIGGER: Final = "automatic_aggregate"
AVAILABLE: Final = ("funds_available",)
MOVING: Final = ("pending", "posted", "settled", "funds_available")
"""What `/sandbox/transfer/sweep/simulate` sweeps without waiting for any hold to end."""

SWEPT: Final = ("swept", "swept_settled")


class SweepPart(msgspec.Struct, frozen=True):
    """One transfer's or refund's share of a sweep; positive towards the dealer."""

    kind: str
    transfer_id: str
    refund_id: str | None
    amount_cents: int


class Sweeps:
    """`/transfer/sweep/*` and the daily run."""

    def __init__(self, world: PlaidWorld, agenda: Agenda) -> None:
        self._world = world
        self._agenda = agenda
        agenda.teach("sweep", self._daily)
        agenda.teach("post_sweep", self._post_due)
        agenda.teach("settle_sweep", self._settle_due)
        world.on_event.append(self._plan_daily)

    def get(self, request: SweepGet) -> dict[str, Any]:
        """Answer `/transfer/sweep/get`."""
        sweep = self._world.sweeps.get(request.sweep_id)
        if sweep is None:
            raise PlaidRefusal("NOT_FOUND", "sweep not found")
        return {"sweep": sweep_view(sweep)}

    def page(self, request: SweepList) -> dict[str, Any]:
        """Answer `/transfer/sweep/list`, newest first."""
        named: set[str | None] = set()
        if request.transfer_id is not None:
            events = self._world.events
            named = {one.sweep_id for one in events if one.transfer_id == request.transfer_id}
        kept = [
            one
            for one in self._world.sweeps
            if (request.transfer_id is None or one.id in named)
            and (request.status is None or one.status == request.status)
            and (request.trigger is None or one.trigger == request.trigger)
            and (request.amount is None or decimal(one.amount_cents) == request.amount)
        ]
        page, _ = page_of(kept, request, lambda one: one.created_at)
        return {"sweeps": [sweep_view(one) for one in page]}

    def run(self, statuses: tuple[str, ...] = AVAILABLE) -> Sweep | None:
        """Sweep what waits; return the sweep, or None when nothing does."""
        parts = [*self._transfer_parts(statuses), *self._refund_parts()]
        if not parts:
            return None
        sweep = Sweep(
            id=self._world.new_uuid(),
            created_at=self._world.now(),
            amount_cents=sum(part.amount_cents for part in parts),
            trigger=TRIGGER,
            description="PLAID",
        )
        self._world.sweeps.put(sweep)
        for part in parts:
            self._mark(part)
            self._world.record_event(
                part.kind,
                transfer_id=part.transfer_id,
                refund_id=part.refund_id,
                sweep_id=sweep.id,
                sweep_amount_cents=part.amount_cents,
            )
        self._agenda.plan(next_at(self._world.now(), CUT_OFF), "post_sweep", sweep.id)
        return sweep

    def settle_open(self) -> None:
        """Settle every aggregate sweep that is still on its way, without waiting."""
        for sweep in self._world.sweeps:
            if sweep.trigger == TRIGGER and sweep.status != "settled":
                self._settle(sweep)

    def _settle(self, sweep: Sweep) -> None:
        """Bring a sweep to the dealer's bank account."""
        trace = sweep.trace or self._world.new_trace()
        today = eastern_day(self._world.now())
        self._world.sweeps.put(replace(sweep, status="settled", settled_on=today, trace=trace))
        parts = [one for one in self._world.events if one.sweep_id == sweep.id]
        for part in parts:
            if part.kind != "swept" or part.transfer_id is None:
                continue
            transfer = self._world.transfers[part.transfer_id]
            if transfer.sweep_status == "swept":
                self._world.transfers.put(replace(transfer, sweep_status="swept_settled"))
            self._world.record_event(
                "swept_settled",
                transfer_id=part.transfer_id,
                sweep_id=sweep.id,
                sweep_amount_cents=part.sweep_amount_cents,
            )

    def _post_due(self, due: Due) -> None:
        sweep = self._world.sweeps[due.subject_id]
        if sweep.status != "pending":
            return
        self._world.sweeps.put(replace(sweep, status="posted", trace=self._world.new_trace()))
        settles_on = banking_day_after(eastern_day(self._world.now()))
        self._agenda.plan(instant_at(settles_on, SETTLES_AT), "settle_sweep", sweep.id)

    def _settle_due(self, due: Due) -> None:
        sweep = self._world.sweeps[due.subject_id]
        if sweep.status == "posted":
            self._settle(sweep)

    def _plan_daily(self) -> None:
        """Have the next daily run come when something may wait for it and none is planned."""
        if self._world.settings.sweeps != TRIGGER or self._agenda.planned("sweep", "daily"):
            return
        if self._transfer_parts(MOVING) or self._refund_parts(("pending", "posted", "settled")):
            self._agenda.plan(next_at(self._world.now(), SWEEPS_AT), "sweep", "daily")

    def _daily(self, _: Due) -> None:
        if self._world.settings.sweeps == TRIGGER:
            self.run()
            self._plan_daily()

    def _transfer_parts(self, statuses: tuple[str, ...]) -> list[SweepPart]:
        parts = []
        for one in self._world.transfers:
            if one.status in statuses and one.sweep_status == "unswept":
                parts.append(SweepPart("swept", one.id, None, one.amount_cents))
            elif one.status == "returned" and one.sweep_status in SWEPT:
                parts.append(SweepPart("return_swept", one.id, None, -one.amount_cents))
        return parts

    def _refund_parts(self, statuses: tuple[str, ...] = ("posted", "settled")) -> list[SweepPart]:
        parts = []
        for one in self._world.refunds:
            amount = one.amount_cents
            if one.status in statuses and one.sweep_status == "unswept":
                parts.append(SweepPart("refund.swept", one.transfer_id, one.id, -amount))
            elif one.status == "returned" and one.sweep_status == "swept":
                parts.append(SweepPart("refund.return_swept", one.transfer_id, one.id, amount))
        return parts

    def _mark(self, part: SweepPart) -> None:
        status = part.kind.removeprefix("refund.")
        if part.refund_id is not None:
            refund = self._world.refunds[part.refund_id]
            self._world.refunds.put(replace(refund, sweep_status=status))
        else:
            transfer = self._world.transfers[part.transfer_id]
            self._world.transfers.put(replace(transfer, sweep_status=status))
