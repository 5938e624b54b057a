"""The bank payment processor: linked accounts, debits, refunds and sweeps at Plaid."""

import datetime
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from plaid.model.transfer_cancel_request import TransferCancelRequest
from plaid.model.transfer_get_request import TransferGetRequest
from plaid.model.transfer_ledger_get_request import TransferLedgerGetRequest
from plaid.model.transfer_refund_create_request import TransferRefundCreateRequest
from plaid.model.transfer_refund_get_request import TransferRefundGetRequest
from plaid.model.transfer_refund_idempotency_key import TransferRefundIdempotencyKey

from dueport_pay_ach_plaid import settlements, webhooks
from dueport_pay_ach_plaid.api import PlaidApi
from dueport_pay_ach_plaid.banks import Banks
from dueport_pay_ach_plaid.charges import KEY_LIFETIME_H, Charger
from dueport_pay_ach_plaid.collect import Collector
from dueport_pay_ach_plaid.journal import Journal
from dueport_pay_ach_plaid.mapping import cents, refund_snapshot, snapshot_of
from dueport_pay_ach_plaid.settings import Settings
from dueport_pay_ach_plaid.verifier import Verifier
from dueport_pay_ach_plaid.wire import (
    LedgerAnswer,
    Nothing,
    RefundAnswer,
    TransferAnswer,
)
from dueport_ports import (
    AttemptResult,
    Cancelling,
    ChangeFeed,
    ChangePage,
    CollectMode,
    CollectRequest,
    CollectResult,
    CollectSession,
    Conflict,
    Environment,
    Health,
    HttpNotification,
    Instrument,
    Instruments,
    NotFound,
    Notification,
    PaymentAttempt,
    PaymentMethodKind,
    PaymentProcessor,
    PaymentSnapshot,
    PluginContext,
    PortError,
    ProcessorCapabilities,
    ProcessorState,
    Refunding,
    RefundRequest,
    RefundSnapshot,
    Rejected,
    SettlementHead,
    SettlementLine,
    Settling,
    decimal_text,
    dollars,
)

CAPABILITIES: Final = ProcessorCapabilities(
    methods=frozenset({PaymentMethodKind.ACH}),
    collect_modes=frozenset({CollectMode.SCRIPT}),
    saves_instruments=True,
    off_session=True,
    instant_outcome=False,
    refunds="partial",
    settlement_source="api",
    fees_in="none",
    idempotency="by_authorization",
    key_lifetime_h=KEY_LIFETIME_H,
)


class PlaidProcessor(PaymentProcessor, ChangeFeed, Instruments, Cancelling, Refunding, Settling):
    """One Plaid client in one environment."""

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        self._settings = settings
        self._environment = context.environment
        self._api = PlaidApi(settings, context.environment)
        self._journal = Journal(context.data_folder)
        self._banks = Banks(self._api, self._journal, context)
        self._collector = Collector(self._api, self._banks, self._journal, settings, context)
        self._charger = Charger(
            self._api, self._banks, self._journal, self._collector, settings, context
        )
        self._verifier = Verifier(self._api, context.clock)

    def capabilities(self) -> ProcessorCapabilities:
        hosted = self._settings.bank_entry == "hosted"
        mode = CollectMode.REDIRECT if hosted else CollectMode.SCRIPT
        return msgspec.structs.replace(CAPABILITIES, collect_modes=frozenset({mode}))

    async def health(self) -> Health:
        ledger_id = self._settings.ledger_id
        request = TransferLedgerGetRequest(**({"ledger_id": ledger_id} if ledger_id else {}))
        try:
            answer = await self._api.read(
                LedgerAnswer, self._api.calls.transfer_ledger_get, request
            )
        except (PortError, NotFound) as error:
            return Health(ok=False, detail=str(error))
        available = cents(answer.balance.available)
        if available < 0:
            return Health(
                ok=False,
                detail=f"returned debits have taken the Plaid Ledger {dollars(-available)} below "
                "zero; deposit that much in Plaid's Dashboard",
            )
        return Health(ok=True, detail=f"Plaid answers; its Ledger holds {dollars(available)}")

    async def begin_collect(self, request: CollectRequest) -> CollectSession:
        return await self._collector.begin(request)

    async def finish_collect(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        return await self._collector.finish(session_ref, browser_payload)

    async def submit(self, attempt: PaymentAttempt) -> AttemptResult:
        return await self._charger.submit(attempt)

    async def lookup(self, attempt: PaymentAttempt) -> AttemptResult | None:
        return await self._charger.lookup(attempt)

    async def fetch(self, processor_ref: str) -> PaymentSnapshot:
        request = TransferGetRequest(transfer_id=processor_ref)
        try:
            answer = await self._api.read(TransferAnswer, self._api.calls.transfer_get, request)
        except Rejected as error:
            # Plaid refuses what does not look like one of its ids.
            raise NotFound(error.message) from error
        live = self._environment is Environment.LIVE
        return snapshot_of(answer.transfer, self._settings.deployment, live=live)

    async def receive(self, notification: HttpNotification) -> Notification:
        proof = await self._verifier.verify(notification)
        return await webhooks.read_notification(
            notification.body, proof, self._journal, self._environment
        )

    async def changes(self, cursor: str | None, limit: int) -> ChangePage:
        return await webhooks.changes(self._api, cursor, limit)

    async def refresh_instrument(self, instrument: Instrument) -> Instrument:
        return await self._banks.refresh(instrument)

    async def remove_instrument(self, instrument: Instrument) -> None:
        await self._banks.remove(instrument)

    async def cancel(self, processor_ref: str) -> PaymentSnapshot:
        """Stop a debit that has not been handed to the network, which happens at the cut-off."""
        request = TransferCancelRequest(transfer_id=processor_ref)
        try:
            await self._api.read(Nothing, self._api.calls.transfer_cancel, request)
        except Rejected as error:
            snapshot = await self.fetch(processor_ref)
            if snapshot.state is not ProcessorState.CANCELED:
                raise Conflict(
                    f"Plaid reports the debit as {snapshot.raw_state}; it cannot be stopped"
                ) from error
            return snapshot
        return await self.fetch(processor_ref)

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Refund once per request, also where Plaid has forgotten its key."""
        known = await self._journal.refund_ref(request.refund_id)
        if known:
            return await self.fetch_refund(known)
        fields: dict[str, Any] = {
            "transfer_id": request.processor_ref,
            "amount": decimal_text(request.amount_cents),
            "idempotency_key": TransferRefundIdempotencyKey(request.refund_id),
        }
        answer = await self._api.read(
            RefundAnswer,
            self._api.calls.transfer_refund_create,
            TransferRefundCreateRequest(**fields),
        )
        await self._journal.add_refund(request.refund_id, answer.refund.id)
        return refund_snapshot(answer.refund)

    async def fetch_refund(self, refund_ref: str) -> RefundSnapshot:
        request = TransferRefundGetRequest(refund_id=refund_ref)
        answer = await self._api.read(RefundAnswer, self._api.calls.transfer_refund_get, request)
        return refund_snapshot(answer.refund)

    def settlements(self, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
        return settlements.heads(self._api, since)

    def settlement_lines(self, settlement_ref: str) -> AsyncIterator[SettlementLine]:
        return settlements.lines(self._api, settlement_ref)

    async def close(self) -> None:
        await self._journal.close()
        await self._api.close()
