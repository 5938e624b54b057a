"""Stripe's words in the platform's: states, declines, cards. Pure functions."""

import datetime
from typing import Final, Literal

from dueport_pay_stripe.wire import (
    BalanceTransaction,
    Card,
    Charge,
    LastError,
    PaymentIntent,
    PaymentMethod,
    ref_of,
)
from dueport_ports import (
    Accepted,
    ActionRequired,
    AttemptResult,
    CardFacts,
    DeclineCode,
    DeclinedAttempt,
    Funding,
    Instrument,
    PaymentMethodKind,
    PaymentSnapshot,
    ProcessorState,
)

Retry = Literal["never", "other_instrument", "later", "same"]

STATES: Final = {
    "requires_payment_method": ProcessorState.CREATED,
    "requires_confirmation": ProcessorState.CREATED,
    "requires_action": ProcessorState.ACTION_REQUIRED,
    "requires_capture": ProcessorState.SUBMITTED,
    "processing": ProcessorState.IN_NETWORK,
    "succeeded": ProcessorState.SUCCEEDED,
    "canceled": ProcessorState.CANCELED,
}

WAITING: Final = ("requires_payment_method", "requires_confirmation")
"""A payment in these states moves no money, but another tab could still complete it."""

_D = DeclineCode
DECLINES: Final[dict[str, tuple[DeclineCode, Retry]]] = {
    "insufficient_funds": (_D.INSUFFICIENT_FUNDS, "later"),
    "expired_card": (_D.EXPIRED, "other_instrument"),
    "incorrect_address": (_D.INCORRECT_DATA, "other_instrument"),
    "incorrect_cvc": (_D.INCORRECT_DATA, "other_instrument"),
    "incorrect_number": (_D.INCORRECT_DATA, "other_instrument"),
    "incorrect_pin": (_D.INCORRECT_DATA, "other_instrument"),
    "incorrect_zip": (_D.INCORRECT_DATA, "other_instrument"),
    "invalid_cvc": (_D.INCORRECT_DATA, "other_instrument"),
    "invalid_expiry_month": (_D.INCORRECT_DATA, "other_instrument"),
    "invalid_expiry_year": (_D.INCORRECT_DATA, "other_instrument"),
    "invalid_number": (_D.INCORRECT_DATA, "other_instrument"),
    "authentication_not_handled": (_D.AUTHENTICATION_REQUIRED, "same"),
    "authentication_required": (_D.AUTHENTICATION_REQUIRED, "same"),
    "payment_intent_authentication_failure": (_D.AUTHENTICATION_REQUIRED, "same"),
    "card_velocity_exceeded": (_D.LIMIT_EXCEEDED, "later"),
    "withdrawal_count_limit_exceeded": (_D.LIMIT_EXCEEDED, "later"),
    "fraudulent": (_D.FRAUD_SUSPECTED, "never"),
    "lost_card": (_D.FRAUD_SUSPECTED, "never"),
    "merchant_blacklist": (_D.FRAUD_SUSPECTED, "never"),
    "pickup_card": (_D.FRAUD_SUSPECTED, "never"),
    "security_violation": (_D.FRAUD_SUSPECTED, "never"),
    "stolen_card": (_D.FRAUD_SUSPECTED, "never"),
    "invalid_account": (_D.ACCOUNT_NOT_FOUND, "other_instrument"),
    "new_account_information_available": (_D.ACCOUNT_CLOSED, "other_instrument"),
    "revocation_of_all_authorizations": (_D.AUTHORIZATION_REVOKED, "never"),
    "revocation_of_authorization": (_D.AUTHORIZATION_REVOKED, "never"),
    "stop_payment_order": (_D.AUTHORIZATION_REVOKED, "never"),
    "issuer_not_available": (_D.BANK_UNREACHABLE, "later"),
    "approve_with_id": (_D.PROCESSING_ERROR, "later"),
    "processing_error": (_D.PROCESSING_ERROR, "later"),
    "reenter_transaction": (_D.PROCESSING_ERROR, "later"),
    "try_again_later": (_D.PROCESSING_ERROR, "later"),
    "call_issuer": (_D.CARD_DECLINED, "other_instrument"),
    "card_declined": (_D.CARD_DECLINED, "other_instrument"),
    "card_not_supported": (_D.CARD_DECLINED, "other_instrument"),
    "currency_not_supported": (_D.CARD_DECLINED, "other_instrument"),
    "do_not_honor": (_D.CARD_DECLINED, "other_instrument"),
    "do_not_try_again": (_D.CARD_DECLINED, "other_instrument"),
    "generic_decline": (_D.CARD_DECLINED, "other_instrument"),
    "no_action_taken": (_D.CARD_DECLINED, "other_instrument"),
    "not_permitted": (_D.CARD_DECLINED, "other_instrument"),
    "restricted_card": (_D.CARD_DECLINED, "other_instrument"),
    "service_not_allowed": (_D.CARD_DECLINED, "other_instrument"),
    "transaction_not_allowed": (_D.CARD_DECLINED, "other_instrument"),
}
"""Stripe's decline codes; one that is not listed is UNKNOWN and asks for another card."""

BRANDS: Final = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def instant(seconds: int) -> datetime.datetime:
    """Return Stripe's Unix seconds as an aware instant."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def needs_authentication(intent: PaymentIntent) -> bool:
    """Whether an off-session charge waits for the cardholder to come and authenticate."""
    error = intent.last_payment_error
    return (
        intent.status == "requires_payment_method"
        and error is not None
        and "authentication_required" in (error.code, error.decline_code)
    )


def state_of(intent: PaymentIntent) -> ProcessorState:
    """Return the state of a payment; an unknown status is UNRECOGNIZED, never a guess."""
    if needs_authentication(intent):
        return ProcessorState.ACTION_REQUIRED
    if intent.status == "canceled" and intent.last_payment_error is not None:
        # Cancelled because its card was declined: what happened is the decline.
        return ProcessorState.FAILED
    row = balance_row(intent)
    if intent.status == "succeeded" and row is not None and row.status == "available":
        return ProcessorState.AVAILABLE
    return STATES.get(intent.status, ProcessorState.UNRECOGNIZED)


def balance_row(intent: PaymentIntent) -> BalanceTransaction | None:
    """Return the charge's balance transaction, absent for a while after every confirmation."""
    charge = intent.latest_charge
    if isinstance(charge, Charge) and isinstance(charge.balance_transaction, BalanceTransaction):
        return charge.balance_transaction
    return None


def decline_of(error: LastError | None) -> tuple[DeclineCode, str, Retry]:
    """Return our code, Stripe's own word for it, and what may be tried next."""
    if error is None:
        return DeclineCode.UNKNOWN, "canceled", "other_instrument"
    raw = error.decline_code or error.code or error.type or "unknown"
    for word in (error.decline_code, error.code):
        if word in DECLINES:
            code, retry = DECLINES[word]
            return code, raw, retry
    return DeclineCode.UNKNOWN, raw, "other_instrument"


def declined(intent_ref: str, error: LastError | None) -> DeclinedAttempt:
    """Return the decline that an ended payment stands for."""
    code, raw, retry = decline_of(error)
    return DeclinedAttempt(code=code, raw_code=raw, retry=retry, processor_ref=intent_ref)


def answer_of(intent: PaymentIntent, publishable_key: str) -> AttemptResult | None:
    """Return what a payment says about its attempt, or None where it must be ended first."""
    state = state_of(intent)
    if state is ProcessorState.ACTION_REQUIRED:
        return ActionRequired(
            processor_ref=intent.id,
            kind="authenticate",
            bootstrap=_action_bootstrap(intent, publishable_key),
        )
    if intent.status in WAITING:
        return None
    if state in (ProcessorState.FAILED, ProcessorState.CANCELED):
        return declined(intent.id, intent.last_payment_error)
    return Accepted(processor_ref=intent.id, state=state)


def _action_bootstrap(intent: PaymentIntent, publishable_key: str) -> dict[str, str]:
    bootstrap = {
        "publishable_key": publishable_key,
        "client_secret": intent.client_secret or "",
    }
    if needs_authentication(intent) and intent.last_payment_error is not None:
        # Declined off session: Stripe has taken the card off the payment, so the browser must
        # name it again.
        bootstrap["payment_method"] = ref_of(intent.last_payment_error.payment_method)
    return bootstrap


def snapshot_of(intent: PaymentIntent, deployment: str, *, disputed: bool) -> PaymentSnapshot:
    """Return a payment as it was fetched, with ``latest_charge.balance_transaction`` expanded."""
    metadata = intent.metadata or {}
    charge = intent.latest_charge if isinstance(intent.latest_charge, Charge) else None
    row = balance_row(intent)
    available_on = row.available_on if row is not None else None
    error = intent.last_payment_error
    return PaymentSnapshot(
        processor_ref=intent.id,
        attempt_id=str(metadata.get("attempt_id", "")) if is_ours(metadata, deployment) else "",
        state=state_of(intent),
        # What was really taken: less than the amount after a partial capture.
        amount_cents=intent.amount_received if intent.status == "succeeded" else intent.amount,
        refunded_cents=charge.amount_refunded if charge is not None else 0,
        disputed=disputed,
        currency=intent.currency.upper(),
        fee_cents=row.fee if row is not None else None,
        expected_available_on=instant(available_on).date() if available_on else None,
        failure_code=decline_of(error)[0] if error is not None else None,
        raw_state=intent.status,
        live=intent.livemode,
    )


def is_ours(metadata: dict[str, object] | None, deployment: str) -> bool:
    """Whether this deployment made the object; the dealer's other programs share the account."""
    return metadata is not None and metadata.get("deployment") == deployment


def instrument_of(ref: str, method: PaymentMethod | None, *, reusable: bool) -> Instrument:
    """Return a card as the platform keeps it."""
    card = (method.card if method is not None else None) or Card()
    last4 = card.last4 or ""
    brand = card.brand or ""
    funding = card.funding if card.funding in set(Funding) else Funding.UNKNOWN
    expires = ""
    if card.exp_month and card.exp_year:
        expires = f"{card.exp_month:02}/{card.exp_year % 100:02}"
    return Instrument(
        instrument_ref=ref,
        kind=PaymentMethodKind.CARD,
        label=f"{BRANDS.get(brand, brand.title() or 'Card')} •••• {last4}",
        last4=last4,
        card=CardFacts(brand=brand, funding=Funding(funding), country=card.country or ""),
        reusable=reusable,
        expires=expires,
    )
