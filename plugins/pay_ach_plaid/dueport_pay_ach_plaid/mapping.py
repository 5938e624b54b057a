"""Plaid's words in the platform's: states, decisions, return codes, amounts. Pure functions."""

import datetime
from typing import Final, Literal

from dueport_pay_ach_plaid.wire import Account, Item, Reason, Refund, Transfer
from dueport_ports import (
    Accepted,
    AttemptResult,
    DeclineCode,
    DeclinedAttempt,
    Instrument,
    InstrumentHealth,
    InstrumentVerification,
    Invalid,
    PaymentMethodKind,
    PaymentSnapshot,
    ProcessorState,
    RefundSnapshot,
    RefundState,
    Unavailable,
    parse_cents,
)

Retry = Literal["never", "other_instrument", "later", "same"]
Holder = Literal["business", "person", "unknown"]

STATES: Final = {
    "pending": ProcessorState.SUBMITTED,
    "posted": ProcessorState.IN_NETWORK,
    "settled": ProcessorState.SUCCEEDED,
    "funds_available": ProcessorState.AVAILABLE,
    "cancelled": ProcessorState.CANCELED,
    "failed": ProcessorState.FAILED,
    "returned": ProcessorState.RETURNED,
}

_D = DeclineCode

RATIONALES: Final[dict[str, tuple[DeclineCode, Retry]]] = {
    "NSF": (_D.INSUFFICIENT_FUNDS, "later"),
    "RISK": (_D.FRAUD_SUSPECTED, "other_instrument"),
    "FRAUD": (_D.FRAUD_SUSPECTED, "never"),
    "ADMIN": (_D.DEBIT_BLOCKED, "never"),
    "TRANSFER_LIMIT_REACHED": (_D.LIMIT_EXCEEDED, "later"),
    # Approved without the check having been possible, and above what the dealer accepts so.
    "MANUALLY_VERIFIED_ITEM": (_D.LIMIT_EXCEEDED, "other_instrument"),
    "MIGRATED_ACCOUNT_ITEM": (_D.LIMIT_EXCEEDED, "other_instrument"),
    "ITEM_LOGIN_REQUIRED": (_D.AUTHENTICATION_REQUIRED, "same"),
    "PAYMENT_PROFILE_LOGIN_REQUIRED": (_D.AUTHENTICATION_REQUIRED, "same"),
    "ERROR": (_D.BANK_UNREACHABLE, "later"),
}
"""Why a debit was declined, or approved unassessed; ``same`` means after signing in again."""

REFUSALS: Final[dict[str, tuple[DeclineCode, Retry]]] = {
    "ITEM_NOT_FOUND": (_D.AUTHORIZATION_REVOKED, "other_instrument"),
    "INVALID_ACCESS_TOKEN": (_D.AUTHORIZATION_REVOKED, "other_instrument"),
    "ACCESS_NOT_GRANTED": (_D.AUTHORIZATION_REVOKED, "other_instrument"),
    "USER_PERMISSION_REVOKED": (_D.AUTHORIZATION_REVOKED, "other_instrument"),
    "USER_ACCOUNT_REVOKED": (_D.AUTHORIZATION_REVOKED, "other_instrument"),
    "INVALID_ACCOUNT_ID": (_D.ACCOUNT_NOT_FOUND, "other_instrument"),
    "NO_ACCOUNTS": (_D.ACCOUNT_NOT_FOUND, "other_instrument"),
    "ITEM_LOGIN_REQUIRED": (_D.AUTHENTICATION_REQUIRED, "same"),
    "ITEM_LOCKED": (_D.AUTHENTICATION_REQUIRED, "same"),
    "PRODUCT_NOT_READY": (_D.PROCESSING_ERROR, "later"),
    "PRODUCTS_NOT_SUPPORTED": (_D.DEBIT_BLOCKED, "other_instrument"),
    "TRANSFER_ACCOUNT_BLOCKED": (_D.DEBIT_BLOCKED, "other_instrument"),
    "TRANSFER_UNSUPPORTED_ACCOUNT_TYPE": (_D.DEBIT_BLOCKED, "other_instrument"),
    "TRANSFER_NETWORK_LIMIT_EXCEEDED": (_D.LIMIT_EXCEEDED, "other_instrument"),
    "TRANSFER_LIMIT_REACHED": (_D.LIMIT_EXCEEDED, "later"),
}
"""Refused requests that are about the customer's account; any other is a defect or a setting."""

RETURNS: Final[dict[str, DeclineCode]] = {
    **dict.fromkeys(("R01", "R09"), _D.INSUFFICIENT_FUNDS),
    **dict.fromkeys(("R02", "R12", "R14", "R15"), _D.ACCOUNT_CLOSED),
    **dict.fromkeys(("R03", "R04", "R13", "R28"), _D.ACCOUNT_NOT_FOUND),
    **dict.fromkeys(("R05", "R07", "R10", "R11", "R29", "R51"), _D.AUTHORIZATION_REVOKED),
    **dict.fromkeys(("R08", "R16", "R20", "R34", "R38", "R52"), _D.DEBIT_BLOCKED),
    "R17": _D.FRAUD_SUSPECTED,
    **dict.fromkeys(
        ("R06", "R18", "R19", "R21", "R22", "R24", "R25", "R26", "R27", "R31", "R32"),
        _D.PROCESSING_ERROR,
    ),
}
"""ACH return codes by what they mean for the next payment; the code itself is kept beside."""

REFUND_STATES: Final = {
    "settled": RefundState.SUCCEEDED,
    "cancelled": RefundState.CANCELED,
    "failed": RefundState.FAILED,
    "returned": RefundState.FAILED,
}
"""Every other status (pending, posted, one not known yet) is still pending."""

_V = InstrumentVerification
VERIFICATIONS: Final = {
    "automatically_verified": _V.VERIFIED,
    "manually_verified": _V.VERIFIED,
    "database_matched": _V.VERIFIED,
    "database_insights_pass": _V.VERIFIED,
    "database_insights_pass_with_caution": _V.VERIFIED,
    "pending_automatic_verification": _V.PENDING,
    "pending_manual_verification": _V.PENDING,
    "unsent": _V.PENDING,
    "verification_expired": _V.FAILED,
    "verification_failed": _V.FAILED,
    "database_insights_fail": _V.FAILED,
}

GONE: Final = (
    "ITEM_NOT_FOUND",
    "ITEM_NOT_SUPPORTED",
    "INVALID_ACCESS_TOKEN",
    "ACCESS_NOT_GRANTED",
    "NO_ACCOUNTS",
    "USER_PERMISSION_REVOKED",
    "USER_ACCOUNT_REVOKED",
)
"""Errors of an Item after which its account can only be linked anew."""


def cents(amount: str) -> int:
    """Read one of Plaid's amounts. Raises Unavailable: an unreadable amount is no answer."""
    try:
        return parse_cents(amount)
    except Invalid as error:
        raise Unavailable(f"Plaid's answer cannot be read: {error.message}") from error


def day(text: str | None) -> datetime.date | None:
    """Read a date, of which none is needed so badly that its shape may stop a payment."""
    try:
        return datetime.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def instant(text: str | None) -> datetime.datetime | None:
    """Read an instant; None where there is none or it cannot be read."""
    try:
        found = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def return_code_of(reason: Reason | None) -> str:
    """Return the network's code, ``R01`` and so on, or empty."""
    return (reason.ach_return_code or reason.failure_code or "") if reason else ""


def failure_of(transfer: Transfer) -> DeclineCode | None:
    """Return why a transfer failed or came back; a code that nobody knows is still a return."""
    if transfer.status == "returned":
        return RETURNS.get(return_code_of(transfer.failure_reason), DeclineCode.UNKNOWN)
    return DeclineCode.PROCESSING_ERROR if transfer.status == "failed" else None


def answer_of(transfer: Transfer) -> AttemptResult:
    """Return what a transfer says about its attempt."""
    state = STATES.get(transfer.status, ProcessorState.UNRECOGNIZED)
    if state in (ProcessorState.FAILED, ProcessorState.CANCELED):
        return DeclinedAttempt(
            code=DeclineCode.PROCESSING_ERROR,
            raw_code=return_code_of(transfer.failure_reason) or transfer.status,
            retry="same",
            processor_ref=transfer.id,
        )
    return Accepted(processor_ref=transfer.id, state=state)


def is_ours(transfer: Transfer, deployment: str) -> bool:
    """Whether this deployment made the transfer; the dealer's other programs make some too."""
    return (transfer.metadata or {}).get("deployment") == deployment


def attempt_of(transfer: Transfer, deployment: str) -> str:
    """Return the attempt that a transfer of ours was made for, or empty."""
    if not is_ours(transfer, deployment):
        return ""
    return str((transfer.metadata or {}).get("attempt_id", ""))


def snapshot_of(transfer: Transfer, deployment: str, *, live: bool) -> PaymentSnapshot:
    """Return a payment as it was fetched. Plaid's fees are not in its API, so none is known."""
    returned = transfer.status == "returned"
    return PaymentSnapshot(
        processor_ref=transfer.id,
        attempt_id=attempt_of(transfer, deployment),
        state=STATES.get(transfer.status, ProcessorState.UNRECOGNIZED),
        amount_cents=cents(transfer.amount),
        refunded_cents=sum(
            cents(refund.amount)
            for refund in transfer.refunds or ()
            if refund.status not in ("cancelled", "failed", "returned")
        ),
        currency=transfer.iso_currency_code,
        expected_available_on=day(transfer.expected_funds_available_date),
        failure_code=failure_of(transfer),
        return_code=return_code_of(transfer.failure_reason) if returned else "",
        raw_state=transfer.status,
        live=live,
    )


def refund_snapshot(refund: Refund) -> RefundSnapshot:
    """Return a refund; one that has settled can still be refused by the customer's bank."""
    reason = refund.failure_reason
    return RefundSnapshot(
        refund_ref=refund.id,
        processor_ref=refund.transfer_id,
        amount_cents=cents(refund.amount),
        state=REFUND_STATES.get(refund.status, RefundState.PENDING),
        failure_reason=return_code_of(reason) or (reason and reason.description) or "",
    )


def holder_of(account: Account) -> Holder:
    """Return who holds an account, where the bank says so."""
    match account.holder_category:
        case "business":
            return "business"
        case "personal":
            return "person"
        case _:
            return "unknown"


def verification_of(account: Account) -> InstrumentVerification:
    """Return how far an account is proved. One that Plaid's sign-in proved carries no status."""
    if account.verification_status is None:
        return InstrumentVerification.VERIFIED
    return VERIFICATIONS.get(account.verification_status, InstrumentVerification.PENDING)


def health_of(item: Item, now: datetime.datetime, before: InstrumentHealth) -> InstrumentHealth:
    """Return whether a sign-in still works. What is wrong with the bank itself changes nothing."""
    if item.error is not None and item.error.error_code:
        if item.error.error_code in GONE:
            return InstrumentHealth.DISABLED
        if item.error.error_type == "ITEM_ERROR":
            return InstrumentHealth.NEEDS_REAUTHORIZATION
        return before
    ends_at = instant(item.consent_expiration_time)
    if ends_at is not None and ends_at - now <= datetime.timedelta(days=7):
        return InstrumentHealth.NEEDS_REAUTHORIZATION
    return InstrumentHealth.OK


def instrument_of(account: Account, item: Item, instrument_ref: str) -> Instrument:
    """Return a linked account as people read it."""
    last4 = (account.mask or "")[-4:]
    bank = item.institution_name or "Bank account"
    return Instrument(
        instrument_ref=instrument_ref,
        kind=PaymentMethodKind.ACH,
        label=f"{bank} •••• {last4}" if last4 else bank,
        last4=last4,
        bank_name=item.institution_name or "",
        holder=holder_of(account),
        reusable=True,
        verification=verification_of(account),
    )
