"""Refunds of debits: their own small transfer back, posted once the debit has settled."""

from datetime import timedelta
from typing import Any, Final

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
from dueport_apps.sandbox.plaid.ledger import Ledger
from dueport_apps.sandbox.plaid.money import cents
from dueport_apps.sandbox.plaid.records import Due, Refund, Transfer
from dueport_apps.sandbox.plaid.requests import RefundCreate, RefundRequest
from dueport_apps.sandbox.plaid.returns import return_text
from dueport_apps.sandbox.plaid.sandbox_requests import SandboxRefundSimulate
from dueport_apps.sandbox.plaid.views import refund_view
from dueport_apps.sandbox.plaid.world import LEDGER_ID, PlaidWorld

REFUNDABLE_FOR: Final = timedelta(days=180)
GONE: Final = ("cancelled", "failed", "returned")
SETTLED: Final = ("settled", "funds_available")
_STEPS: Final = {
    "refund.posted": ("pending", "posted"),
    "refund.failed": ("pending", "failed"),
    "refund.settled": ("posted", "settled"),
    "refund.returned": ("posted", "returned"),
}


class Refunds:
    """`/transfer/refund/*`."""

    def __init__(self, world: PlaidWorld, agenda: Agenda, ledger: Ledger) -> None:
        self._world = world
        self._agenda = agenda
        self._ledger = ledger
        agenda.teach("post_refund", self._post_due)
        agenda.teach("settle_refund", self._settle_due)

    def create(self, request: RefundCreate) -> dict[str, Any]:
        """Ask for a refund; the same key returns the same refund."""
        if not 1 <= len(request.idempotency_key) <= 50:
            raise invalid_field("idempotency_key must be between 1 and 50 characters")
        fingerprint = f"{request.transfer_id}|{request.amount}"
        made_id = self._world.kept("refund", request.idempotency_key, fingerprint, None)
        if made_id is not None:
            return {"refund": refund_view(self._world.refunds[made_id], LEDGER_ID)}
        transfer = self._world.transfers.get(request.transfer_id)
        if transfer is None:
            raise PlaidRefusal("NOT_FOUND", "transfer not found")
        amount = cents(request.amount)
        self._check(transfer, amount)
        from_ledger = self._world.settings.sweeps == "ledger"
        refund = Refund(
            id=self._world.new_uuid(),
            transfer_id=transfer.id,
            amount_cents=amount,
            created_at=self._world.now(),
            sweep_status=None if from_ledger else "unswept",
        )
        self._world.refunds.put(refund)
        self._world.keep("refund", request.idempotency_key, fingerprint, refund.id)
        if from_ledger:
            self._ledger.move("Refund", available_cents=-amount, refund_id=refund.id)
        self._event("refund.pending", refund)
        self._agenda.plan(next_at(self._world.now(), CUT_OFF), "post_refund", refund.id)
        return {"refund": refund_view(refund, LEDGER_ID)}

    def get(self, request: RefundRequest) -> dict[str, Any]:
        """Return a refund."""
        return {"refund": refund_view(self._find(request.refund_id), LEDGER_ID)}

    def cancel(self, request: RefundRequest) -> dict[str, Any]:
        """Cancel a refund that has not been handed to the network."""
        refund = self._find(request.refund_id)
        if refund.status != "pending":
            raise PlaidRefusal("TRANSFER_NOT_CANCELLABLE", "refund is not cancellable")
        self._undo(refund, "refund.cancelled", None)
        return {}

    def simulate(self, request: SandboxRefundSimulate) -> dict[str, Any]:
        """Take one documented step at once."""
        refund = self._find(request.refund_id)
        step = _STEPS.get(request.event_type)
        transfer = self._world.transfers[refund.transfer_id]
        too_early = request.event_type == "refund.posted" and transfer.status not in SETTLED
        if step is None or refund.status != step[0] or too_early:
            raise PlaidRefusal(
                "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID",
                f"{request.event_type} does not follow a refund that is {refund.status} "
                f"on a transfer that is {transfer.status}",
            )
        reason = request.failure_reason
        code = None if reason is None else reason.ach_return_code or reason.failure_code
        if request.event_type == "refund.posted":
            self._post(refund)
        elif request.event_type == "refund.settled":
            self._settle(refund)
        else:
            self._undo(refund, request.event_type, code)
        return {}

    def give_back(self, refund_id: str, code: str) -> Refund:
        """Have the receiving bank refuse a refund, even after it settled."""
        refund = self._find(refund_id)
        if refund.status not in ("posted", "settled"):
            raise PlaidRefusal(
                "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID",
                f"a refund that is {refund.status} cannot be returned",
            )
        return self._undo(refund, "refund.returned", code)

    def _check(self, transfer: Transfer, amount: int) -> None:
        if transfer.status in GONE:
            raise invalid_field(f"a transfer that is {transfer.status} cannot be refunded")
        if self._world.now() > transfer.created_at + REFUNDABLE_FOR:
            raise invalid_field("a transfer can be refunded for 180 days after it was created")
        earlier = sum(
            one.amount_cents
            for one in self._world.refunds
            if one.transfer_id == transfer.id and one.status not in GONE
        )
        if earlier + amount > transfer.amount_cents:
            raise invalid_field("amount exceeds what is left to refund of the transfer")
        if self._world.settings.sweeps == "ledger" and amount > self._ledger.balances()[1]:
            raise invalid_field("amount exceeds the available balance of the ledger")

    def _post_due(self, due: Due) -> None:
        refund = self._world.refunds[due.subject_id]
        if refund.status != "pending":
            return
        transfer = self._world.transfers[refund.transfer_id]
        if transfer.status in GONE:
            self._undo(refund, "refund.cancelled", None)
        elif transfer.status not in SETTLED:
            self._agenda.plan(next_at(self._world.now(), CUT_OFF), "post_refund", refund.id)
        else:
            self._post(refund)

    def _post(self, refund: Refund) -> None:
        self._world.refunds.put(replace(refund, status="posted", trace=self._world.new_trace()))
        self._event("refund.posted", refund)
        day = banking_day_after(eastern_day(self._world.now()))
        self._agenda.plan(instant_at(day, SETTLES_AT), "settle_refund", refund.id)

    def _settle_due(self, due: Due) -> None:
        refund = self._world.refunds[due.subject_id]
        if refund.status == "posted":
            self._settle(refund)

    def _settle(self, refund: Refund) -> None:
        self._world.refunds.put(replace(refund, status="settled"))
        self._event("refund.settled", refund)

    def _undo(self, refund: Refund, kind: str, code: str | None) -> Refund:
        """End a refund whose money stays with, or comes back to, the dealer."""
        status = kind.removeprefix("refund.")
        text = None if status == "cancelled" else return_text(code or "")
        changed = replace(
            refund,
            status=status,
            sweep_status="swept" if refund.sweep_status == "swept" else None,
            failure_code=code,
            failure_text=text,
        )
        self._world.refunds.put(changed)
        if self._world.settings.sweeps == "ledger":
            self._ledger.move(
                "Refund undone", available_cents=refund.amount_cents, refund_id=refund.id
            )
        self._event(kind, changed)
        return changed

    def _find(self, refund_id: str) -> Refund:
        refund = self._world.refunds.get(refund_id)
        if refund is None:
            raise PlaidRefusal("NOT_FOUND", "refund not found")
        return refund

    def _event(self, kind: str, refund: Refund) -> None:
        self._world.record_event(
            kind,
            transfer_id=refund.transfer_id,
            refund_id=refund.id,
            failure_code=refund.failure_code,
            failure_text=refund.failure_text,
        )
