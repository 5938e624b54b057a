"""The payment quote: what a customer previews is what is charged, or it is refused.

A quote is computed from the open items and the dealer's policies alone; the customer's request
names documents (and amounts, where the dealer allows partial payments), never a total.

Per line and in total, ``amount = money + credit + discount``; the charge is the money plus the fee.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec

from dueport_core.allocation import CreditApplication, CreditUse, age_order, apply_credits
from dueport_core.errors import Conflict, Invalid
from dueport_core.fees import CardFacts, FeePolicy, ach_incentive_cents, surcharge_cents
from dueport_core.money import Cents, dollars, largest_remainder
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.statements import (
    DiscountDecision,
    DiscountPolicy,
    Statement,
    StatementView,
    items_in_view,
    statement_discount,
)

QUOTE_LIFETIME: Final = timedelta(minutes=15)
PROCESSOR_MINIMUM_CENTS: Final = 50


class PaymentMethodKind(StrEnum):
    """How the money comes."""

    CARD = "card"
    ACH = "ach"


class QuoteLine(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a quote. ``amount_cents`` is what the document is lowered by.

    ``open_amount_cents`` is what is open of it, less what has settled and is not posted yet.
    """

    document_ref: str
    job_no: str
    kind: OpenItemKind
    open_amount_cents: Cents
    amount_cents: Cents
    credit_cents: Cents
    discount_cents: Cents
    money_cents: Cents


class PaymentQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A priced selection, valid for fifteen minutes.

    ``subtotal_cents`` is the sum of the lines' amounts, before credits and discounts;
    ``money_cents`` what is left of it to pay; ``total_cents`` that plus the fee. ``discount`` is
    the decision on the statement discount, ``incentive_cents`` the discount for paying by ACH;
    the lines carry both. Two quotes with the same ``fingerprint`` move the same money.
    """

    quote_id: str
    account_no: str
    portal_user_id: str
    view: StatementView
    method: PaymentMethodKind | None
    lines: tuple[QuoteLine, ...]
    credits: tuple[CreditUse, ...]
    discount: DiscountDecision
    incentive_cents: Cents
    fee_cents: Cents
    subtotal_cents: Cents
    total_cents: Cents
    created_at: datetime
    expires_at: datetime
    fingerprint: str

    @property
    def money_cents(self) -> int:
        """What the processor moves for the documents themselves, without the fee."""
        return sum(line.money_cents for line in self.lines)

    @property
    def credits_cents(self) -> int:
        """All credit that is used."""
        return sum(line.credit_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        """All discounts: the statement's and the incentive."""
        return sum(line.discount_cents for line in self.lines)

    @property
    def is_credit_only(self) -> bool:
        """Whether credits cover everything: nothing is charged, yet it is applied and posted."""
        return self.total_cents == 0

    def is_expired(self, now: datetime) -> bool:
        """Whether a new preview is needed before anything may be charged."""
        return now >= self.expires_at


def build_quote(
    *,
    quote_id: str,
    account_no: str,
    portal_user_id: str,
    selected: Sequence[str],
    items: Sequence[OpenItem],
    statement: Statement | None,
    view: StatementView,
    today: date,
    now: datetime,
    reserved: Mapping[str, int] | None = None,
    settled_unposted: Mapping[str, int] | None = None,
    amounts: Mapping[str, int] | None = None,
    allow_partial: bool = False,
    method: PaymentMethodKind | None = None,
    card: CardFacts | None = None,
    fee_policy: FeePolicy | None = None,
    discount_policy: DiscountPolicy | None = None,
    customer_state: str = "",
    minimum_cents: int = PROCESSOR_MINIMUM_CENTS,
) -> PaymentQuote:
    """Price a selection of documents; the same arguments give the same quote.

    ``items`` are the account's open items. ``reserved`` and ``settled_unposted`` are magnitudes
    per document: what payments in flight hold, and what has settled but still shows as open in
    the ERP. ``amounts`` holds the customer's own amounts (positive, also for credits) where
    ``allow_partial``; a document without one is paid in full. ``card`` is None until the
    processor has said what the card is; no fee is computed before that.

    Raises ``Conflict`` for a document that another payment holds, and ``Invalid`` for an empty or
    doubled selection, an unknown, unreleased or differently listed document, an amount that is
    not allowed, credits above the charges, or a charge below the processor's minimum.
    """
    visible = _visible_items(items, account_no, settled_unposted or {})
    chosen = _chosen_items(selected, visible, statement, view)
    wanted = _wanted_amounts(chosen, amounts or {}, reserved or {}, allow_partial)
    decision = statement_discount(
        statement=statement,
        items=visible,
        view=view,
        selected={
            item.document_ref
            for item, cents in wanted.items()
            if cents == abs(item.open_amount_cents)
        },
        in_flight={ref for ref, cents in (reserved or {}).items() if cents},
        today=today,
        policy=discount_policy or DiscountPolicy(),
    )
    policy = fee_policy or FeePolicy()
    applied = _applied_credits(wanted, decision)
    lines, incentive = _lines(wanted, decision, applied, policy, method)
    money = sum(line.money_cents for line in lines)
    fee = 0
    if method is PaymentMethodKind.CARD and card is not None:
        fee = surcharge_cents(money, policy, card, customer_state)
    total = money + fee
    if 0 < total < minimum_cents:
        raise Invalid(
            f"The payment comes to {dollars(total)}, and the least that can be charged is "
            f"{dollars(minimum_cents)}; select more to pay."
        )
    facts = (account_no, view, method, card if fee else None, lines, applied.uses, decision.parts)
    return PaymentQuote(
        quote_id=quote_id,
        account_no=account_no,
        portal_user_id=portal_user_id,
        view=view,
        method=method,
        lines=lines,
        credits=applied.uses,
        discount=decision,
        incentive_cents=incentive,
        fee_cents=fee,
        subtotal_cents=sum(line.amount_cents for line in lines),
        total_cents=total,
        created_at=now,
        expires_at=now + QUOTE_LIFETIME,
        fingerprint=_fingerprint((*facts, fee, total)),
    )


def _visible_items(
    items: Sequence[OpenItem], account_no: str, settled_unposted: Mapping[str, int]
) -> tuple[OpenItem, ...]:
    """What the customer may see, with the open amounts that the ERP will show once posted."""
    visible = (item for item in items if item.account_no == account_no and item.released)
    return tuple(
        msgspec.structs.replace(item, open_amount_cents=item.payable_cents(0, settled))
        if (settled := settled_unposted.get(item.document_ref, 0))
        else item
        for item in visible
    )


def _chosen_items(
    selected: Sequence[str],
    visible: Sequence[OpenItem],
    statement: Statement | None,
    view: StatementView,
) -> tuple[OpenItem, ...]:
    if not selected:
        raise Invalid("Nothing is selected; select at least one item to pay.")
    listed = {item.document_ref: item for item in items_in_view(visible, statement, view)}
    wrong = {
        ref: "is selected twice"
        if ref in listed
        else "is not among the open items of this view; load the page again"
        for ref in selected
        if ref not in listed or selected.count(ref) > 1
    }
    if wrong:
        raise Invalid("; ".join(f"{ref} {why}" for ref, why in wrong.items()) + ".", wrong)
    return tuple(listed[ref] for ref in selected)


def _wanted_amounts(
    chosen: Sequence[OpenItem],
    amounts: Mapping[str, int],
    reserved: Mapping[str, int],
    allow_partial: bool,
) -> dict[OpenItem, int]:
    """Return the magnitude that is paid, or used, of each chosen document."""
    refs = {item.document_ref for item in chosen}
    wrong = {ref: "has an amount but is not selected" for ref in amounts if ref not in refs}
    wanted = {}
    for item in chosen:
        ref = item.document_ref
        whole = abs(item.open_amount_cents)
        payable = abs(item.payable_cents(reserved.get(ref, 0)))
        if payable == 0 or (payable < whole and not allow_partial):
            raise Conflict(
                f"{ref} is already part of a payment in progress; take it out of the selection "
                "or wait until that payment has ended."
                if reserved.get(ref, 0)
                else f"{ref} has nothing left to pay; take it out of the selection."
            )
        cents = amounts.get(ref, payable)
        if cents != payable and not allow_partial:
            wrong[ref] = f"must be paid in full, which is {dollars(payable)}"
        elif not 1 <= cents <= payable:
            wrong[ref] = f"must be between {dollars(1)} and {dollars(payable)}"
        wanted[item] = cents
    if wrong:
        listed = "; ".join(f"{ref} {why}" for ref, why in wrong.items())
        raise Invalid(f"Change these amounts: {listed}.", wrong)
    return wanted


def _applied_credits(
    wanted: Mapping[OpenItem, int], decision: DiscountDecision
) -> CreditApplication:
    # The discount has its place on each line before credits fill the rest: it was computed on the
    # balance after credits, so there is always room for both.
    debits = {
        item: cents - decision.parts.get(item.document_ref, 0)
        for item, cents in wanted.items()
        if not item.is_credit
    }
    used = {item: cents for item, cents in wanted.items() if item.is_credit}
    if sum(used.values()) > sum(debits.values()):
        raise Invalid(
            f"The selected credits of {dollars(sum(used.values()))} are more than the selected "
            f"charges of {dollars(sum(debits.values()))}; select more charges or fewer credits."
        )
    return apply_credits(debits, used)


def _lines(
    wanted: Mapping[OpenItem, int],
    decision: DiscountDecision,
    applied: CreditApplication,
    policy: FeePolicy,
    method: PaymentMethodKind | None,
) -> tuple[tuple[QuoteLine, ...], int]:
    """Return the lines, ordered by job and age, and the ACH incentive that is part of them."""
    debits = sorted(
        (item for item in wanted if not item.is_credit),
        key=lambda item: (item.job_no, age_order(item)),
    )
    discounts = [decision.parts.get(item.document_ref, 0) for item in debits]
    credit_parts = [applied.applied_to(item.document_ref) for item in debits]
    money = [
        wanted[item] - discount - credit
        for item, discount, credit in zip(debits, discounts, credit_parts, strict=True)
    ]
    incentive = 0
    if method is PaymentMethodKind.ACH:
        incentive = ach_incentive_cents(sum(money), policy)
    incentives = largest_remainder(incentive, money)
    lines = tuple(
        QuoteLine(
            document_ref=item.document_ref,
            job_no=item.job_no,
            kind=item.kind,
            open_amount_cents=item.open_amount_cents,
            amount_cents=wanted[item],
            credit_cents=credit,
            discount_cents=discount + reward,
            money_cents=cents - reward,
        )
        for item, discount, credit, cents, reward in zip(
            debits, discounts, credit_parts, money, incentives, strict=True
        )
    )
    return lines, incentive


def _fingerprint(facts: object) -> str:
    return sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()
