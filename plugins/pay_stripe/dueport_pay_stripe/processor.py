"""The card processor: charges, what became of them, refunds, disputes and payouts at Stripe."""

import datetime
import math
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from dueport_pay_stripe import settlements, webhooks
from dueport_pay_stripe.api import Failure, Refused, StripeApi, as_error, intent_in
from dueport_pay_stripe.collect import Collector, customer_of
from dueport_pay_stripe.mapping import answer_of, declined, instant, is_ours, snapshot_of
from dueport_pay_stripe.settings import API_VERSION, Settings
from dueport_pay_stripe.wire import (
    Charge,
    Dispute,
    LastError,
    Page,
    PaymentIntent,
    Payout,
    Refund,
    StripeAccount,
    WebhookEndpoint,
    ref_of,
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
    DisputePhase,
    DisputeSnapshot,
    Disputing,
    Environment,
    Health,
    HttpNotification,
    Instrument,
    Instruments,
    Misconfigured,
    Notification,
    PaymentAttempt,
    PaymentMethodKind,
    PaymentProcessor,
    PaymentSnapshot,
    PluginContext,
    ProcessorCapabilities,
    Refunding,
    RefundRequest,
    RefundSnapshot,
    RefundState,
    Rejected,
    RejectedAttempt,
    SettlementHead,
    SettlementLine,
    Settling,
    Unavailable,
    Unknown,
)

KEY_LIFETIME_H: Final = 23
"""Stripe may forget a key after 24 hours; an hour is left for clocks and slow calls."""

CERTAIN_AFTER: Final = datetime.timedelta(seconds=90)
"""From then on no try of a submission can still be on its way to Stripe."""

CLOCK_DIFFERENCE: Final = datetime.timedelta(hours=1)
UNKNOWN_RETRY_S: Final = 30
REFUND_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")

REFUND_STATES: Final = {
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}
"""Every other status (pending, requires_action, one not known yet) is still pending."""

DISPUTE_PHASES: Final = {
    "warning_needs_response": DisputePhase.INQUIRY,
    "warning_under_review": DisputePhase.INQUIRY,
    "warning_closed": DisputePhase.INQUIRY,
    "prevented": DisputePhase.INQUIRY,
    "needs_response": DisputePhase.OPEN,
    "under_review": DisputePhase.OPEN,
    "appeal_needs_response": DisputePhase.OPEN,
    "appeal_under_review": DisputePhase.OPEN,
    "won": DisputePhase.WON,
    "lost": DisputePhase.LOST,
}

CAPABILITIES: Final = ProcessorCapabilities(
    methods=frozenset({PaymentMethodKind.CARD}),
    collect_modes=frozenset({CollectMode.SCRIPT}),
    saves_instruments=True,
    off_session=True,
    instant_outcome=True,
    fee_facts=True,
    refunds="partial",
    settlement_source="api",
    fees_in="settlement_lines",
    idempotency="native_key",
    key_lifetime_h=KEY_LIFETIME_H,
    minimum_cents=50,
    maximum_cents=99_999_999,
)


class StripeProcessor(
    PaymentProcessor, ChangeFeed, Instruments, Cancelling, Refunding, Disputing, Settling
):
    """One Stripe account, in the mode that its keys are for."""

    def __init__(self, api: StripeApi, settings: Settings, context: PluginContext) -> None:
        self._api = api
        self._settings = settings
        self._clock = context.clock
        self._live = context.environment is Environment.LIVE
        self._collector = Collector(api, settings, context)

    def capabilities(self) -> ProcessorCapabilities:
        hosted = self._settings.card_entry == "hosted"
        mode = CollectMode.REDIRECT if hosted else CollectMode.SCRIPT
        return msgspec.structs.replace(CAPABILITIES, collect_modes=frozenset({mode}))

    async def health(self) -> Health:
        account = await self._api.read(
            StripeAccount, self._api.v1.accounts.retrieve_current_async()
        )
        params: Any = {"limit": 1}
        recent = await self._api.read(Page[Payout], self._api.v1.payouts.list_async(params))
        if not account.charges_enabled:
            return Health(ok=False, detail="Stripe does not let this account charge cards yet")
        if not account.payouts_enabled:
            return Health(ok=False, detail="Stripe does not pay this account out yet")
        if account.pays_out_by_hand or any(not payout.automatic for payout in recent.data):
            return Health(
                ok=False,
                detail="payouts are manual, and Stripe explains only automatic ones; "
                "set a payout schedule in Stripe's Dashboard",
            )
        return Health(ok=True, detail=f"Stripe account {account.id} charges and is paid out")

    async def begin_collect(self, request: CollectRequest) -> CollectSession:
        return await self._collector.begin(request)

    async def finish_collect(self, session_ref: str, browser_payload: bytes) -> CollectResult:
        return await self._collector.finish(session_ref, browser_payload)

    async def submit(self, attempt: PaymentAttempt) -> AttemptResult:
        if attempt.kind is not PaymentMethodKind.CARD:
            return RejectedAttempt(code="not_a_card", detail="pay_stripe charges cards only")
        if attempt.currency not in CAPABILITIES.currencies:
            # Not every currency has cents, so an amount must not be sent on trust.
            return RejectedAttempt(
                code="currency_not_supported",
                detail=f"pay_stripe charges in {', '.join(CAPABILITIES.currencies)} only",
            )
        try:
            if self._age(attempt) > datetime.timedelta(hours=KEY_LIFETIME_H):
                return await self._too_late(attempt)
            params = await self._charge_params(attempt)
            intent = await self._api.ask(
                PaymentIntent,
                self._api.v1.payment_intents.create_async(
                    params, {"idempotency_key": attempt.attempt_id}
                ),
            )
            return await self._answer(attempt, intent)
        except Refused as refused:
            try:
                return await self._refused(attempt, refused.failure)
            except Unavailable as error:
                return _unknown(error)
        except Unavailable as error:
            return _unknown(error)

    async def lookup(self, attempt: PaymentAttempt) -> AttemptResult | None:
        """Search the payments of the time and the customer; lists are current, search is not."""
        latest = datetime.timedelta(hours=KEY_LIFETIME_H) + CLOCK_DIFFERENCE
        params: dict[str, Any] = {
            "created": {
                "gte": int((attempt.created_at - CLOCK_DIFFERENCE).timestamp()),
                "lte": int((attempt.created_at + latest).timestamp()),
            }
        }
        if attempt.payer.processor_customer_ref:
            params["customer"] = attempt.payer.processor_customer_ref
        async for intent in self._api.pages(
            PaymentIntent, self._api.v1.payment_intents.list_async, params
        ):
            if self._belongs_to(attempt, intent):
                return await self._answer(attempt, intent)
        wait_s = math.ceil((CERTAIN_AFTER - self._age(attempt)).total_seconds())
        if wait_s > 0:
            return Unknown(
                retry_after_s=wait_s, detail="not there; it may still be on its way to Stripe"
            )
        return None

    async def fetch(self, processor_ref: str) -> PaymentSnapshot:
        intent = await self._intent(processor_ref)
        charge = intent.latest_charge
        disputed = False
        if isinstance(charge, Charge) and charge.disputed:
            disputed = await self._money_is_disputed(intent.id)
        return snapshot_of(intent, self._settings.deployment, disputed=disputed)

    async def receive(self, notification: HttpNotification) -> Notification:
        webhooks.verify(notification, self._settings.webhook_secrets, self._clock.now())
        return webhooks.read_notification(notification, live=self._live)

    async def changes(self, cursor: str | None, limit: int) -> ChangePage:
        return await webhooks.changes(self._api, cursor, limit, self._clock.now())

    async def refresh_instrument(self, instrument: Instrument) -> Instrument:
        return await self._collector.refresh(instrument)

    async def remove_instrument(self, instrument: Instrument) -> None:
        await self._collector.remove(instrument)

    async def cancel(self, processor_ref: str) -> PaymentSnapshot:
        ended = await self._end(processor_ref)
        if ended.status != "canceled":
            raise Conflict(f"Stripe reports the payment as {ended.status}; it cannot be stopped")
        return await self.fetch(processor_ref)

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Refund once per request, also after Stripe has forgotten the key."""
        async for made in self._api.pages(
            Refund, self._api.v1.refunds.list_async, {"payment_intent": request.processor_ref}
        ):
            if (made.metadata or {}).get("refund_id") == request.refund_id:
                return _refund_snapshot(made)
        params: Any = {
            "payment_intent": request.processor_ref,
            "amount": request.amount_cents,
            "metadata": {
                "refund_id": request.refund_id,
                "deployment": self._settings.deployment,
            },
        }
        if request.reason in REFUND_REASONS:
            params["reason"] = request.reason
        key = {"idempotency_key": request.refund_id}
        made = await self._api.read(Refund, self._api.v1.refunds.create_async(params, key))  # type: ignore[arg-type]  # A TypedDict of the SDK's.
        return _refund_snapshot(made)

    async def fetch_refund(self, refund_ref: str) -> RefundSnapshot:
        return _refund_snapshot(
            await self._api.read(Refund, self._api.v1.refunds.retrieve_async(refund_ref))
        )

    async def fetch_dispute(self, dispute_ref: str) -> DisputeSnapshot:
        return dispute_snapshot(
            await self._api.read(Dispute, self._api.v1.disputes.retrieve_async(dispute_ref))
        )

    def settlements(self, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
        return settlements.heads(self._api, since)

    def settlement_lines(self, settlement_ref: str) -> AsyncIterator[SettlementLine]:
        return settlements.lines(self._api, settlement_ref, self._settings.deployment)

    async def close(self) -> None:
        await self._api.close()

    async def install_webhook(self, url: str) -> str:
        """Create the webhook endpoint and return its secret, which Stripe shows only now.

        Raises Conflict where the address is installed already: its secret cannot be read again.
        """
        listing = self._api.v1.webhook_endpoints
        async for endpoint in self._api.pages(WebhookEndpoint, listing.list_async, {}):
            if endpoint.url == url:
                raise Conflict(
                    f"Stripe already sends to {url} ({endpoint.id}); "
                    "delete that endpoint in the Dashboard to get a new secret"
                )
        params: Any = {
            "url": url,
            "enabled_events": [*webhooks.WEBHOOK_EVENTS],
            "api_version": API_VERSION,
            "description": "Dueport",
            "metadata": {"deployment": self._settings.deployment},
        }
        made = await self._api.read(WebhookEndpoint, listing.create_async(params))
        if not made.secret:
            raise Unavailable("Stripe made the endpoint and showed no secret; delete it and repeat")
        return made.secret

    # How a charge is made and ended.

    async def _charge_params(self, attempt: PaymentAttempt) -> Any:
        """Everything comes from the frozen attempt: the same key must carry the same request."""
        params: dict[str, Any] = {
            "amount": attempt.total_cents,
            "currency": attempt.currency.lower(),
            "payment_method_types": ["card"],
            "confirm": True,
            "description": attempt.description,
            "metadata": {
                "attempt_id": attempt.attempt_id,
                "payment_id": attempt.payment_id,
                "deployment": self._settings.deployment,
                "fee_cents": str(attempt.parts.fee_cents),
                "account_ref": attempt.account_ref[:500],
            },
            "expand": ["latest_charge.balance_transaction"],
        }
        if attempt.payer.processor_customer_ref:
            params["customer"] = attempt.payer.processor_customer_ref
        elif attempt.save:
            params["customer"] = await customer_of(
                self._api, attempt.payer, self._settings.deployment
            )
        ref = attempt.instrument.instrument_ref
        if ref.startswith("ctoken_"):
            params["confirmation_token"] = ref
        else:
            params["payment_method"] = ref
        if attempt.save:
            params["setup_future_usage"] = "off_session"
        if self._settings.statement_suffix:
            params["statement_descriptor_suffix"] = self._settings.statement_suffix
        if attempt.present:
            params["use_stripe_sdk"] = True
            if attempt.return_url:
                params["return_url"] = attempt.return_url
        else:
            params["off_session"] = True
        return params

    async def _answer(self, attempt: PaymentAttempt, intent: PaymentIntent) -> AttemptResult:
        """Say what became of an attempt; a payment that only waits is ended before it is failed."""
        answer = answer_of(intent, self._settings.publishable_key)
        if answer is not None:
            return answer
        if intent.last_payment_error is None and self._age(attempt) < CERTAIN_AFTER:
            # Created and not confirmed yet: another call may be working on it this moment.
            return Unknown(retry_after_s=UNKNOWN_RETRY_S, detail="Stripe has not decided yet")
        return await self._failed(intent, intent.last_payment_error)

    async def _failed(self, intent: PaymentIntent, error: LastError | None) -> AttemptResult:
        ended = await self._end(intent.id)
        if ended.status == "canceled":
            return declined(intent.id, error)
        answer = answer_of(ended, self._settings.publishable_key)
        return answer or Unknown(retry_after_s=UNKNOWN_RETRY_S, detail="the payment did not end")

    async def _refused(self, attempt: PaymentAttempt, failure: Failure) -> AttemptResult:
        if failure.is_silence:
            retry_after_s = failure.retry_after_s or UNKNOWN_RETRY_S
            return Unknown(retry_after_s=retry_after_s, detail=failure.error.message or "")
        intent = intent_in(failure)
        if failure.status == 402:
            if intent is None:
                return declined("", failure.error)
            answer = answer_of(intent, self._settings.publishable_key)
            return answer or await self._failed(intent, failure.error)
        if failure.error.type == "idempotency_error":
            # The key made something else before; only looking can tell whether money moved.
            found = await self.lookup(attempt)
            if found is not None:
                return found
        if failure.status in (401, 403):
            raise as_error(failure)
        return RejectedAttempt(
            code=failure.error.code or failure.error.type or "invalid",
            detail=failure.error.message or "Stripe gave no reason",
        )

    async def _too_late(self, attempt: PaymentAttempt) -> AttemptResult:
        """The key may be forgotten, and the same request would then be a second charge."""
        found = await self.lookup(attempt)
        return found or RejectedAttempt(
            code="attempt_too_old",
            detail=f"an attempt older than {KEY_LIFETIME_H} hours is not sent; make a new one",
        )

    async def _end(self, intent_ref: str) -> PaymentIntent:
        """Cancel a payment, and read it where Stripe says that it is too late for that."""
        try:
            return await self._api.read(
                PaymentIntent, self._api.v1.payment_intents.cancel_async(intent_ref)
            )
        except Rejected:
            return await self._intent(intent_ref)

    async def _intent(self, intent_ref: str) -> PaymentIntent:
        params: Any = {"expand": ["latest_charge.balance_transaction"]}
        intent = await self._api.read(
            PaymentIntent, self._api.v1.payment_intents.retrieve_async(intent_ref, params)
        )
        if intent.livemode is not self._live:
            raise Misconfigured("Stripe answered with a payment of the other mode (test or live)")
        return intent

    async def _money_is_disputed(self, intent_ref: str) -> bool:
        """Whether a dispute holds or took the money: inquiries and won disputes do neither."""
        async for dispute in self._api.pages(
            Dispute, self._api.v1.disputes.list_async, {"payment_intent": intent_ref}
        ):
            if phase_of(dispute) in (DisputePhase.OPEN, DisputePhase.LOST):
                return True
        return False

    def _belongs_to(self, attempt: PaymentAttempt, intent: PaymentIntent) -> bool:
        metadata = intent.metadata or {}
        return metadata.get("attempt_id") == attempt.attempt_id and is_ours(
            metadata, self._settings.deployment
        )

    def _age(self, attempt: PaymentAttempt) -> datetime.timedelta:
        return self._clock.now() - attempt.created_at


def _unknown(error: Unavailable) -> Unknown:
    return Unknown(retry_after_s=error.retry_after_s or UNKNOWN_RETRY_S, detail=error.message)


def _refund_snapshot(refund: Refund) -> RefundSnapshot:
    return RefundSnapshot(
        refund_ref=refund.id,
        processor_ref=ref_of(refund.payment_intent),
        amount_cents=refund.amount,
        state=REFUND_STATES.get(refund.status or "", RefundState.PENDING),
        failure_reason=refund.failure_reason or "",
    )


def phase_of(dispute: Dispute) -> DisputePhase:
    """Return how far a dispute is; an unknown status is judged by whether money has moved."""
    known = DISPUTE_PHASES.get(dispute.status)
    if known is not None:
        return known
    moved = sum(row.amount for row in dispute.balance_transactions)
    return DisputePhase.OPEN if moved < 0 else DisputePhase.INQUIRY


def dispute_snapshot(dispute: Dispute) -> DisputeSnapshot:
    """Return a dispute. Its fee is what its rows say; a win never brings it back."""
    due_by = dispute.evidence_details.due_by if dispute.evidence_details else None
    return DisputeSnapshot(
        dispute_ref=dispute.id,
        processor_ref=ref_of(dispute.payment_intent),
        amount_cents=dispute.amount,
        fee_cents=sum(row.fee for row in dispute.balance_transactions),
        phase=phase_of(dispute),
        respond_by=instant(due_by) if due_by else None,
    )
