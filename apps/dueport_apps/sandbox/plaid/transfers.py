"""Debits on their way: pending, posted at the ACH cut-off, settled, available; or sent back.

Everything a bank does by itself is planned on the agenda when the step before it is taken; each
step first asks whether the transfer still stands where the step expects it.
"""

from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from dueport_apps.sandbox.plaid.agenda import Agenda
from dueport_apps.sandbox.plaid.authorizations import LIFETIME
from dueport_apps.sandbox.plaid.banking_days import (
    CUT_OFF,
    SAME_DAY_CUT_OFF,
    SAME_DAY_SETTLES_AT,
    SETTLES_AT,
    banking_day_after,
    eastern_day,
    next_at,
    on_or_after,
)
from dueport_apps.sandbox.plaid.banking_days import at as instant_at
from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field
from dueport_apps.sandbox.plaid.ledger import Ledger
from dueport_apps.sandbox.plaid.money import cents
from dueport_apps.sandbox.plaid.paging import page_of
from dueport_apps.sandbox.plaid.records import Authorization, Due, Transfer
from dueport_apps.sandbox.plaid.requests import (
    TransferCancel,
    TransferCreate,
    TransferGet,
    TransferList,
)
from dueport_apps.sandbox.plaid.returns import BLOCKING_CODES, LATE_CODES, return_text
from dueport_apps.sandbox.plaid.views import transfer_view
from dueport_apps.sandbox.plaid.world import PlaidWorld

DESCRIPTION_LENGTH_MAX: Final = 10
RETURNABLE: Final = ("posted", "settled", "funds_available")
LATE_RETURN_DAYS: Final = 30
EARLY_RETURN_BANKING_DAYS: Final = 1


class Transfers:
    """`/transfer/{create,get,list,cancel}` and the ACH timeline."""

    def __init__(self, world: PlaidWorld, agenda: Agenda, ledger: Ledger) -> None:
        self._world = world
        self._agenda = agenda
        self._ledger = ledger
        agenda.teach("post", lambda due: self._if_status(due, "pending", self.post))
        agenda.teach("settle", lambda due: self._if_status(due, "posted", self.settle))
        agenda.teach("make_available", lambda due: self._if_status(due, "settled", self.release))
        agenda.teach("return", self._return_due)

    def create(self, request: TransferCreate) -> dict[str, Any]:
        """Create the transfer of an authorization; the same authorization returns the same one."""
        authorization = self._world.authorizations.get(request.authorization_id)
        if authorization is None:
            raise PlaidRefusal("NOT_FOUND", "authorization not found")
        if authorization.transfer_id is not None:
            return {"transfer": self.view(self._world.transfers[authorization.transfer_id])}
        self._check(request, authorization)
        amount = authorization.amount_cents if request.amount is None else cents(request.amount)
        if amount > authorization.amount_cents:
            raise invalid_field("amount must not exceed the amount of the authorization")
        ledger_only = self._world.settings.sweeps == "ledger"
        transfer = Transfer(
            id=self._world.new_uuid(),
            authorization_id=authorization.id,
            item_id=authorization.item_id,
            account_id=authorization.account_id,
            created_at=self._world.now(),
            amount_cents=amount,
            description=request.description,
            network=authorization.network,
            ach_class=authorization.ach_class,
            user=authorization.user,
            metadata=request.metadata,
            ledger_id=authorization.ledger_id,
            sweep_status=None if ledger_only else "unswept",
        )
        self._world.transfers.put(transfer)
        self._world.authorizations.put(replace(authorization, transfer_id=transfer.id))
        self._world.record_event("pending", transfer_id=transfer.id)
        hour = SAME_DAY_CUT_OFF if transfer.network == "same-day-ach" else CUT_OFF
        self._agenda.plan(next_at(self._world.now(), hour), "post", transfer.id)
        return {"transfer": self.view(transfer)}

    def get(self, request: TransferGet) -> dict[str, Any]:
        """Find a transfer by its own id or by its authorization's."""
        if (request.transfer_id is None) == (request.authorization_id is None):
            raise invalid_field("exactly one of transfer_id and authorization_id must be given")
        transfer_id = request.transfer_id
        if request.authorization_id is not None:
            authorization = self._world.authorizations.get(request.authorization_id)
            transfer_id = None if authorization is None else authorization.transfer_id
        return {"transfer": self.view(self._find(transfer_id or ""))}

    def page(self, request: TransferList) -> dict[str, Any]:
        """Return one page of transfers, newest first."""
        page, _ = page_of(self._world.transfers, request, lambda one: one.created_at)
        return {"transfers": [self.view(one) for one in page]}

    def cancel(self, request: TransferCancel) -> dict[str, Any]:
        """Cancel a transfer that has not been handed to the network."""
        transfer = self._find(request.transfer_id)
        if transfer.status != "pending":
            raise PlaidRefusal("TRANSFER_NOT_CANCELLABLE", "transfer is not cancellable")
        self._world.transfers.put(replace(transfer, status="cancelled", sweep_status=None))
        self._world.record_event("cancelled", transfer_id=transfer.id)
        return {}

    def view(self, transfer: Transfer) -> dict[str, Any]:
        """Return a transfer as Plaid writes it."""
        refunds = [one for one in self._world.refunds if one.transfer_id == transfer.id]
        return transfer_view(transfer, refunds, self._world.settings.hold_banking_days)

    def post(self, transfer: Transfer) -> None:
        """Hand a pending transfer to the network, and plan what the bank will do with it."""
        changed = replace(transfer, status="posted", trace=self._world.new_trace())
        self._world.transfers.put(changed)
        self._world.record_event("posted", transfer_id=transfer.id)
        today = on_or_after(eastern_day(self._world.now()))
        settles_at = instant_at(banking_day_after(today), SETTLES_AT)
        if transfer.network == "same-day-ach":
            settles_at = max(instant_at(today, SAME_DAY_SETTLES_AT), self._world.now())
        self._agenda.plan(settles_at, "settle", transfer.id)

    def settle(self, transfer: Transfer) -> None:
        """Complete a posted transfer in the network; its money stays on hold."""
        today = eastern_day(self._world.now())
        self._world.transfers.put(replace(transfer, status="settled", settled_on=today))
        self._world.record_event("settled", transfer_id=transfer.id)
        if self._world.settings.sweeps == "ledger":
            self._ledger.move(
                "Transfer settled", pending_cents=transfer.amount_cents, transfer_id=transfer.id
            )
        free_on = banking_day_after(today, self._world.settings.hold_banking_days)
        self._agenda.plan(instant_at(free_on, SETTLES_AT), "make_available", transfer.id)
        self._plan_return(transfer)

    def release(self, transfer: Transfer) -> None:
        """End the hold on a settled transfer."""
        self._world.transfers.put(replace(transfer, status="funds_available"))
        self._world.record_event("funds_available", transfer_id=transfer.id)
        if self._world.settings.sweeps == "ledger":
            amount = transfer.amount_cents
            held = self._ledger.balances()[0] >= amount
            if held:
                self._ledger.move(
                    "Converted to available",
                    pending_cents=-amount,
                    available_cents=amount,
                    transfer_id=transfer.id,
                )

    def fail(self, transfer: Transfer, text: str | None = None) -> None:
        """End a pending transfer without moving money."""
        reason = text or "The transfer could not be sent."
        self._world.transfers.put(
            replace(transfer, status="failed", sweep_status=None, failure_text=reason)
        )
        self._world.record_event("failed", transfer_id=transfer.id, failure_text=reason)

    def send_back(self, transfer: Transfer, code: str, text: str | None = None) -> Transfer:
        """Return a transfer with an ACH code, on any day after it was posted."""
        if transfer.status not in RETURNABLE:
            raise PlaidRefusal(
                "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID",
                f"a transfer that is {transfer.status} cannot be returned",
            )
        reason = text or return_text(code)
        swept = transfer.sweep_status in ("swept", "swept_settled")
        changed = replace(
            transfer,
            status="returned",
            sweep_status=transfer.sweep_status if swept else None,
            failure_code=code,
            failure_text=reason,
        )
        self._world.transfers.put(changed)
        if self._world.settings.sweeps == "ledger" and transfer.status != "posted":
            self._claw_back(transfer)
        if code in BLOCKING_CODES:
            item = self._world.items[transfer.item_id]
            account = self._world.account_of(item, transfer.account_id)
            self._world.change_account(item, replace(account, blocked=True))
        self._world.record_event(
            "returned", transfer_id=transfer.id, failure_code=code, failure_text=reason
        )
        return changed

    def plan_return(self, transfer: Transfer, code: str, days: int) -> None:
        """Have a transfer come back so many calendar days from now."""
        self._agenda.plan(
            self._world.now() + timedelta(days=days), "return", transfer.id, detail=code
        )

    def _claw_back(self, transfer: Transfer) -> None:
        """Take a returned debit from the ledger, below zero when nothing is left."""
        on_hold = transfer.status == "settled" and self._ledger.balances()[0] >= (
            transfer.amount_cents
        )
        self._ledger.move(
            "Transfer returned",
            pending_cents=-transfer.amount_cents if on_hold else 0,
            available_cents=0 if on_hold else -transfer.amount_cents,
            transfer_id=transfer.id,
        )

    def _plan_return(self, transfer: Transfer) -> None:
        """Plan the return that a magic user or the rehearsal has in store for this transfer."""
        settings = self._world.settings
        today = eastern_day(self._world.now())
        if settings.returns:
            planned, *rest = settings.returns
            self._world.change_settings(replace(settings, returns=tuple(rest)))
            day = banking_day_after(today, planned.banking_days)
            self._agenda.plan(
                instant_at(day, SETTLES_AT), "return", transfer.id, detail=planned.code
            )
            return
        item = self._world.items[transfer.item_id]
        code = self._world.account_of(item, transfer.account_id).returns_with
        if code is None:
            return
        late = on_or_after(today + timedelta(days=LATE_RETURN_DAYS))
        early = banking_day_after(today, EARLY_RETURN_BANKING_DAYS)
        day = late if code in LATE_CODES else early
        self._agenda.plan(instant_at(day, SETTLES_AT), "return", transfer.id, detail=code)

    def _return_due(self, due: Due) -> None:
        transfer = self._world.transfers[due.subject_id]
        if transfer.status in RETURNABLE:
            self.send_back(transfer, due.detail)

    def _if_status(self, due: Due, status: str, step: Any) -> None:
        transfer = self._world.transfers[due.subject_id]
        if transfer.status == status:
            step(transfer)

    def _check(self, request: TransferCreate, authorization: Authorization) -> None:
        item = self._world.item_of(request.access_token)
        account = self._world.account_of(item, request.account_id)
        if (item.id, account.id) != (authorization.item_id, authorization.account_id):
            raise invalid_field("authorization_id belongs to another account")
        if authorization.decision != "approved" or authorization.cancelled:
            raise invalid_field("authorization_id is not an approved authorization")
        if self._world.now() >= authorization.created_at + LIFETIME:
            raise invalid_field("authorization_id has expired; create a new authorization")
        if not 1 <= len(request.description) <= DESCRIPTION_LENGTH_MAX:
            raise invalid_field(
                f"description must be between 1 and {DESCRIPTION_LENGTH_MAX} characters for ACH"
            )
        _check_metadata(request.metadata or {})

    def _find(self, transfer_id: str) -> Transfer:
        transfer = self._world.transfers.get(transfer_id)
        if transfer is None:
            raise PlaidRefusal("NOT_FOUND", "transfer not found")
        return transfer


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > 50:
        raise invalid_field("metadata must have at most 50 entries")
    for key, value in metadata.items():
        if len(key) > 40 or len(value) > 500 or not (key + value).isascii():
            raise invalid_field(
                "metadata keys have at most 40 and values at most 500 ASCII characters"
            )
