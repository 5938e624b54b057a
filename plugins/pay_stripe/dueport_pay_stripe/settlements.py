"""Payouts and the rows they are made of.

A row is classified by Stripe's ``reporting_category``, which is made for accounting, and by its
``type`` where there is none, never by its description. The payout's own debit row is among the
rows that Stripe lists for a payout and is left out: without it the nets are the payout's amount.
"""

import datetime
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

from dueport_pay_stripe.api import StripeApi
from dueport_pay_stripe.mapping import instant, is_ours
from dueport_pay_stripe.wire import BalanceTransaction, Payout, Source, ref_of
from dueport_ports import SettlementHead, SettlementLine, SettlementLineCategory

PayoutState = Literal["pending", "in_transit", "paid", "failed", "canceled"]
Completeness = Literal["none", "partial", "complete"]

PAYOUT_STATES: Final[dict[str, PayoutState]] = {
    "pending": "pending",
    "in_transit": "in_transit",
    "paid": "paid",
    "failed": "failed",
    "canceled": "canceled",
}

_C = SettlementLineCategory
CATEGORIES: Final = {
    "charge": _C.PAYMENT,
    "charge_failure": _C.RETURN,
    "dispute": _C.DISPUTE,
    "dispute_reversal": _C.DISPUTE_REVERSAL,
    "fee": _C.FEE,
    "network_cost": _C.FEE,
    "other_adjustment": _C.ADJUSTMENT,
    "partial_capture_reversal": _C.ADJUSTMENT,
    "payout": _C.PRIOR_SETTLEMENT,
    "payout_minimum_balance_hold": _C.RESERVE_HOLD,
    "payout_minimum_balance_release": _C.RESERVE_RELEASE,
    "payout_reversal": _C.PRIOR_SETTLEMENT,
    "refund": _C.REFUND,
    "refund_failure": _C.REFUND_FAILURE,
    "tax": _C.FEE,
    "topup": _C.TOPUP,
    "topup_reversal": _C.TOPUP,
}
"""By ``reporting_category``; reserves, which have one category for both ways, are in the code."""

CATEGORIES_BY_TYPE: Final = {
    "adjustment": _C.ADJUSTMENT,
    "application_fee": _C.FEE,
    "charge": _C.PAYMENT,
    "payment": _C.PAYMENT,
    "payment_failure_refund": _C.RETURN,
    "payment_refund": _C.REFUND,
    "payout_cancel": _C.PRIOR_SETTLEMENT,
    "payout_failure": _C.PRIOR_SETTLEMENT,
    "payout_minimum_balance_hold": _C.RESERVE_HOLD,
    "payout_minimum_balance_release": _C.RESERVE_RELEASE,
    "payment_network_reserve_hold": _C.RESERVE_HOLD,
    "payment_network_reserve_release": _C.RESERVE_RELEASE,
    "refund": _C.REFUND,
    "refund_failure": _C.REFUND_FAILURE,
    "reserve_hold": _C.RESERVE_HOLD,
    "reserve_release": _C.RESERVE_RELEASE,
    "stripe_fee": _C.FEE,
    "stripe_fx_fee": _C.FEE,
    "tax_fee": _C.FEE,
    "topup": _C.TOPUP,
    "topup_reversal": _C.TOPUP,
}

RESERVES: Final = ("risk_reserved_funds", "connect_reserved_funds")
RESERVE_TYPES: Final = ("reserve_transaction", "reserved_funds")


async def heads(api: StripeApi, since: datetime.datetime) -> AsyncIterator[SettlementHead]:
    """Yield every payout created since then, the oldest first."""
    params = {"created": {"gte": int(since.timestamp())}}
    newest_first = [payout async for payout in api.pages(Payout, api.v1.payouts.list_async, params)]
    for payout in reversed(newest_first):
        yield head_of(payout)


async def lines(api: StripeApi, payout_ref: str, deployment: str) -> AsyncIterator[SettlementLine]:
    """Yield the rows of one automatic payout, without its own."""
    params: dict[str, Any] = {"payout": payout_ref, "expand": ["data.source"]}
    async for row in api.pages(BalanceTransaction, api.v1.balance_transactions.list_async, params):
        if not is_own_row(row, payout_ref):
            yield line_of(row, deployment)


def head_of(payout: Payout) -> SettlementHead:
    """Return a payout. Only automatic ones can say what they are made of."""
    completeness: Completeness = "none"
    if payout.automatic:
        completeness = "complete" if payout.reconciliation_status == "completed" else "partial"
    failure = " ".join(filter(None, (payout.failure_code, payout.failure_message)))
    if payout.status not in PAYOUT_STATES:
        failure = f"Stripe reports a status that this version does not know: {payout.status}"
    return SettlementHead(
        settlement_ref=payout.id,
        kind="payout",
        amount_cents=payout.amount,
        state=PAYOUT_STATES.get(payout.status, "pending"),
        lines=completeness,
        created_at=instant(payout.created),
        arrival_on=instant(payout.arrival_date).date() if payout.arrival_date else None,
        bank_trace=(payout.trace_id.value or "") if payout.trace_id else "",
        failure=failure,
        currency=payout.currency.upper(),
    )


def is_own_row(row: BalanceTransaction, payout_ref: str) -> bool:
    """Whether the row is the payout itself leaving the balance."""
    source_ref = row.source if isinstance(row.source, str) else row.source and row.source.id
    return row.type == "payout" and source_ref in (payout_ref, "", None)


def line_of(row: BalanceTransaction, deployment: str) -> SettlementLine:
    """Return one row as a settlement line."""
    source = row.source if isinstance(row.source, Source) else None
    source_ref = row.source if isinstance(row.source, str) else source.id if source else ""
    category = category_of(row)
    if category is _C.PAYMENT and (source is None or not is_ours(source.metadata, deployment)):
        category = _C.FOREIGN
    about_refund = category in (_C.REFUND, _C.REFUND_FAILURE)
    about_dispute = category in (_C.DISPUTE, _C.DISPUTE_REVERSAL)
    return SettlementLine(
        line_ref=row.id,
        category=category,
        gross_cents=row.amount,
        fee_cents=row.fee,
        net_cents=row.net,
        occurred_at=instant(row.created),
        payment_ref=(ref_of(source.payment_intent) if source else "") or None,
        refund_ref=source_ref or None if about_refund else None,
        dispute_ref=source_ref or None if about_dispute else None,
        raw_type=row.reporting_category or row.type,
        description=row.description or "",
    )


def category_of(row: BalanceTransaction) -> SettlementLineCategory:
    """Return what a row is; one that nobody knows is left to a person, as UNALLOCATED."""
    if row.reporting_category in RESERVES or row.type in RESERVE_TYPES:
        return _C.RESERVE_HOLD if row.net < 0 else _C.RESERVE_RELEASE
    if row.reporting_category in CATEGORIES:
        return CATEGORIES[row.reporting_category]
    return CATEGORIES_BY_TYPE.get(row.type, _C.UNALLOCATED)
