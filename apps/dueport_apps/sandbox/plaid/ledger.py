"""The Plaid Ledger: a balance held with Plaid, which debits fill and withdrawals empty.

Only a world whose `sweeps` setting is `ledger` sends transfers through it; with automatic
aggregate sweeps their money never touches it. A debit is pending here from its settlement and
available when its hold ends; a later return is taken from what is available, below zero if need
be. A withdrawal names no transfers.
"""

from typing import Any

from msgspec.structs import replace

from dueport_apps.sandbox.plaid.agenda import Agenda
from dueport_apps.sandbox.plaid.banking_days import (
    CUT_OFF,
    SETTLES_AT,
    banking_day_after,
    eastern_day,
    next_at,
)
from dueport_apps.sandbox.plaid.banking_days import at as instant_at
from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field
from dueport_apps.sandbox.plaid.money import cents, decimal
from dueport_apps.sandbox.plaid.paging import page_of
from dueport_apps.sandbox.plaid.records import Due, LedgerEvent, Sweep
from dueport_apps.sandbox.plaid.requests import LedgerEventList, LedgerGet, LedgerMove
from dueport_apps.sandbox.plaid.returns import return_text
from dueport_apps.sandbox.plaid.sandbox_requests import SandboxLedgerSimulate, SandboxSweepMove
from dueport_apps.sandbox.plaid.views import ledger_event_view, sweep_view
from dueport_apps.sandbox.plaid.world import LEDGER_ID, PlaidWorld

_NEXT = {
    "sweep.posted": ("pending", "posted"),
    "sweep.settled": ("posted", "settled"),
    "sweep.failed": ("pending", "failed"),
    "sweep.returned": ("posted", "returned"),
    "sweep.funds_available": ("settled", "funds_available"),
}


class Ledger:
    """Balances and their movements."""

    def __init__(self, world: PlaidWorld, agenda: Agenda) -> None:
        self._world = world
        self._agenda = agenda
        for kind in _NEXT:
            agenda.teach(kind, self._due)

    def balances(self) -> tuple[int, int]:
        """Return pending and available cents."""
        newest = self._world.ledger_events.get(str(len(self._world.ledger_events)))
        return (0, 0) if newest is None else (newest.pending_cents, newest.available_cents)

    def move(
        self,
        description: str,
        *,
        pending_cents: int = 0,
        available_cents: int = 0,
        transfer_id: str | None = None,
        refund_id: str | None = None,
        sweep_id: str | None = None,
    ) -> LedgerEvent:
        """Add to the balances and write down why."""
        pending_before, available_before = self.balances()
        source = "transfer" if transfer_id else "refund" if refund_id else "sweep"
        return self._world.ledger_events.put(
            LedgerEvent(
                id=str(len(self._world.ledger_events) + 1),
                at=self._world.now(),
                kind=source,
                description=description,
                amount_cents=available_cents or pending_cents,
                pending_cents=pending_before + pending_cents,
                available_cents=available_before + available_cents,
                transfer_id=transfer_id,
                refund_id=refund_id,
                sweep_id=sweep_id,
            )
        )

    def get(self, request: LedgerGet) -> dict[str, Any]:
        """Answer `/transfer/ledger/get`."""
        _check_ledger(request.ledger_id)
        pending, available = self.balances()
        return {
            "ledger_id": LEDGER_ID,
            "name": "Default",
            "is_default": True,
            "balance": {"available": decimal(available), "pending": decimal(pending)},
        }

    def events(self, request: LedgerEventList) -> dict[str, Any]:
        """Answer `/transfer/ledger/event/list`."""
        _check_ledger(request.ledger_id)
        kept = [one for one in self._world.ledger_events if _wanted(one, request)]
        page, has_more = page_of(kept, request, lambda one: one.at)
        return {"ledger_events": [ledger_event_view(one) for one in page], "has_more": has_more}

    def withdraw(self, request: LedgerMove) -> dict[str, Any]:
        """Answer `/transfer/ledger/withdraw`: the money leaves the available balance at once."""
        amount = cents(request.amount)

        def check() -> None:
            if amount > self.balances()[1]:
                raise invalid_field("amount exceeds the available balance of the ledger")

        return self._move_between_banks("withdraw", request, amount, check)

    def deposit(self, request: LedgerMove) -> dict[str, Any]:
        """Answer `/transfer/ledger/deposit`: the money is pending until its hold ends."""
        if request.network not in ("ach", "same-day-ach"):
            raise invalid_field("network must be one of: ach, same-day-ach")
        return self._move_between_banks("deposit", request, -cents(request.amount), lambda: None)

    def _move_between_banks(
        self, word: str, request: LedgerMove, amount: int, check: Any
    ) -> dict[str, Any]:
        _check_ledger(request.ledger_id)
        if len(request.idempotency_key) > 50:
            raise invalid_field("idempotency_key must be at most 50 characters")
        if len(request.description or "") > 10:
            raise invalid_field("description must be at most 10 characters")
        fingerprint = f"{request.amount}|{request.network}"
        made_before = self._world.kept(word, request.idempotency_key, fingerprint, None)
        if made_before is not None:
            return {"sweep": sweep_view(self._world.sweeps[made_before])}
        check()
        sweep = Sweep(
            id=self._world.new_uuid(),
            created_at=self._world.now(),
            amount_cents=amount,
            trigger="manual",
            description=request.description or word,
            network=request.network,
        )
        self._world.sweeps.put(sweep)
        self._world.keep(word, request.idempotency_key, fingerprint, sweep.id)
        if amount > 0:
            self.move("Withdrawal", available_cents=-amount, sweep_id=sweep.id)
        self._event("sweep.pending", sweep)
        self._agenda.plan(next_at(self._world.now(), CUT_OFF), "sweep.posted", sweep.id)
        return {"sweep": sweep_view(sweep)}

    def simulate(self, request: SandboxSweepMove) -> dict[str, Any]:
        """Answer `/sandbox/transfer/ledger/{deposit,withdraw}/simulate`."""
        sweep = self._world.sweeps.get(request.sweep_id)
        if sweep is None or sweep.trigger != "manual":
            raise PlaidRefusal("NOT_FOUND", "sweep not found")
        before = _NEXT.get(request.event_type)
        if before is None or sweep.status != before[0]:
            raise PlaidRefusal(
                "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID",
                f"{request.event_type} does not follow {sweep.status}",
            )
        reason = request.failure_reason
        code = None if reason is None else reason.ach_return_code or reason.failure_code
        self._step(sweep, request.event_type, code)
        return {}

    def simulate_available(self, request: SandboxLedgerSimulate) -> dict[str, Any]:
        """Answer `/sandbox/transfer/ledger/simulate_available`: end every hold now."""
        _check_ledger(request.ledger_id)
        pending, _ = self.balances()
        if pending:
            self.move("Converted to available", pending_cents=-pending, available_cents=pending)
        return {}

    def _due(self, due: Due) -> None:
        sweep = self._world.sweeps[due.subject_id]
        if sweep.status == _NEXT[due.action][0]:
            self._step(sweep, due.action, None)

    def _step(self, sweep: Sweep, kind: str, code: str | None) -> None:
        today = eastern_day(self._world.now())
        changed = replace(sweep, status=_NEXT[kind][1], failure_code=code)
        deposit = sweep.amount_cents < 0
        if kind == "sweep.posted":
            changed = replace(changed, trace=self._world.new_trace())
            self._agenda.plan(
                instant_at(banking_day_after(today), SETTLES_AT), "sweep.settled", sweep.id
            )
        elif kind == "sweep.settled":
            changed = replace(changed, settled_on=today)
            if deposit:
                free_on = banking_day_after(today, self._world.settings.hold_banking_days)
                changed = replace(changed, available_on=free_on)
                self.move("Deposit", pending_cents=-sweep.amount_cents, sweep_id=sweep.id)
                self._agenda.plan(
                    instant_at(free_on, SETTLES_AT), "sweep.funds_available", sweep.id
                )
        elif kind == "sweep.funds_available":
            amount = -sweep.amount_cents
            held = self.balances()[0] >= amount
            self.move(
                "Converted to available",
                pending_cents=-amount if held else 0,
                available_cents=amount if held else 0,
                sweep_id=sweep.id,
            )
        elif not deposit:
            self.move("Withdrawal undone", available_cents=sweep.amount_cents, sweep_id=sweep.id)
        self._world.sweeps.put(changed)
        self._event(kind, changed)

    def _event(self, kind: str, sweep: Sweep) -> None:
        failed = kind in ("sweep.failed", "sweep.returned")
        self._world.record_event(
            kind,
            sweep_id=sweep.id,
            sweep_amount_cents=sweep.amount_cents,
            failure_code=sweep.failure_code if failed else None,
            failure_text=return_text(sweep.failure_code or "") if failed else None,
        )


def _check_ledger(ledger_id: str | None) -> None:
    if ledger_id not in (None, LEDGER_ID):
        raise PlaidRefusal("NOT_FOUND", "ledger not found")


def _wanted(event: LedgerEvent, request: LedgerEventList) -> bool:
    source_id = event.transfer_id or event.refund_id or event.sweep_id
    return (
        (request.ledger_event_id is None or event.id == request.ledger_event_id)
        and (request.source_type is None or event.kind == request.source_type.lower())
        and (request.source_id is None or source_id == request.source_id)
    )
