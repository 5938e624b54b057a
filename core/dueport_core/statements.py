"""Statements, the three views of the Outstanding page, and the statement discount.

Every open item is in exactly one of Current Statement and New Charges. The discount is computed
once per statement, never per line, and is then split over the lines without losing a cent.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import BPS_PER_ONE, Rounding, largest_remainder, share_of
from dueport_core.open_items import OpenItem, OpenItemKind


class StatementView(StrEnum):
    """What the customer looks at, and pays from."""

    ALL = "all"
    CURRENT_STATEMENT = "current_statement"
    NEW_CHARGES = "new_charges"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A closed statement as the ERP drew it.

    ``balance_cents`` is the balance on the day it was drawn. ``discount_on`` is the last day on
    which the discount is honoured, the ERP's grace days included: nothing is ever added to it.
    ``discount_cents`` is the ERP's own figure and wins over what ``discount_bps`` would give; zero
    is a figure too, None is none.
    ``job_no`` is None for a statement of the whole account.
    """

    statement_ref: str
    account_no: str
    statement_on: date
    cutoff_on: date
    due_on: date
    balance_cents: int
    job_no: str | None = None
    discount_on: date | None = None
    discount_bps: int | None = None
    discount_cents: int | None = None
    document_refs: tuple[str, ...] = ()
    is_current: bool = True

    def __post_init__(self) -> None:
        if self.discount_bps is not None and not 0 <= self.discount_bps <= BPS_PER_ONE:
            raise Invalid(f"The discount of statement {self.statement_ref} must be 0 to 100 %.")
        if self.discount_cents is not None and self.discount_cents < 0:
            raise Invalid(f"The discount of statement {self.statement_ref} must not be negative.")

    def holds(self, item: OpenItem) -> bool:
        """Whether the item entered the ledger by the cut-off (and belongs to the job, if any)."""
        return item.entered_on <= self.cutoff_on and self.job_no in (None, item.job_no)


class DiscountReason(StrEnum):
    """Why there is no statement discount. The values are stable; ``sentence`` is for people."""

    NO_STATEMENT = "no_statement"
    NO_DISCOUNT_OFFERED = "no_discount_offered"
    NOT_STATEMENT_VIEW = "not_statement_view"
    NOT_CURRENT_STATEMENT = "not_current_statement"
    AFTER_DISCOUNT_DATE = "after_discount_date"
    STATEMENT_NOT_WHOLE = "statement_not_whole"
    ITEM_IN_FLIGHT = "item_in_flight"
    ALREADY_PARTLY_PAID = "already_partly_paid"
    NOTHING_ELIGIBLE = "nothing_eligible"

    @property
    def sentence(self) -> str:
        """One sentence that says what would have to be different."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    DiscountReason.NO_STATEMENT: "There is no statement for this account yet.",
    DiscountReason.NO_DISCOUNT_OFFERED: "This statement offers no discount.",
    DiscountReason.NOT_STATEMENT_VIEW: (
        "The discount is given when the statement is paid from Current Statement."
    ),
    DiscountReason.NOT_CURRENT_STATEMENT: "A newer statement has replaced this one.",
    DiscountReason.AFTER_DISCOUNT_DATE: "The discount date of this statement has passed.",
    DiscountReason.STATEMENT_NOT_WHOLE: (
        "The discount is given when everything on the statement is paid in one payment."
    ),
    DiscountReason.ITEM_IN_FLIGHT: (
        "An item of this statement is already being paid by another payment."
    ),
    DiscountReason.ALREADY_PARTLY_PAID: "A part of this statement has been paid before.",
    DiscountReason.NOTHING_ELIGIBLE: "Nothing on this statement earns a discount.",
}


class DiscountPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The dealer's choices: rounding as the ERP does it, and whether an earlier part payment of
    the statement forfeits the discount."""

    rounding: Rounding = Rounding.HALF_UP
    forfeit_after_partial: bool = False


class DiscountDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Granted with its parts per document, or refused with every reason that applies.

    ``parts`` maps document to cents and adds up to ``discount_cents``.
    """

    granted: bool
    discount_cents: int = 0
    reasons: tuple[DiscountReason, ...] = ()
    parts: dict[str, int] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        """The reasons as sentences, in the same order."""
        return tuple(reason.sentence for reason in self.reasons)


def items_in_view(
    items: Iterable[OpenItem], statement: Statement | None, view: StatementView
) -> tuple[OpenItem, ...]:
    """Return the items of a view, in their order.

    Without a statement everything is a new charge. Credits that entered after the cut-off are new
    charges too and do not lower the statement.
    """
    if view is StatementView.ALL:
        return tuple(items)
    on_statement = view is StatementView.CURRENT_STATEMENT
    return tuple(
        item for item in items if (statement is not None and statement.holds(item)) is on_statement
    )


def statement_discount(
    *,
    statement: Statement | None,
    items: Sequence[OpenItem],
    view: StatementView,
    selected: Collection[str],
    in_flight: Collection[str],
    today: date,
    policy: DiscountPolicy = DiscountPolicy(),  # noqa: B008 - a frozen value without state
) -> DiscountDecision:
    """Decide the statement discount for a payment of everything in ``selected``.

    ``items`` are all open items that the customer sees; ``selected`` and ``in_flight`` are
    document refs, the former those that this payment pays in full, the latter those that another
    payment holds. ``today`` is the dealer's day on which the customer submits.
    """
    if statement is None:
        return _refused(DiscountReason.NO_STATEMENT)
    own_figure = statement.discount_cents
    offered = statement.discount_bps if own_figure is None else own_figure
    if not offered or statement.discount_on is None:
        return _refused(DiscountReason.NO_DISCOUNT_OFFERED)
    remaining = [
        item
        for item in items_in_view(items, statement, StatementView.CURRENT_STATEMENT)
        if item.open_amount_cents
    ]
    tests = (
        (DiscountReason.NOT_STATEMENT_VIEW, view is not StatementView.CURRENT_STATEMENT),
        (DiscountReason.NOT_CURRENT_STATEMENT, not statement.is_current),
        (DiscountReason.AFTER_DISCOUNT_DATE, today > statement.discount_on),
        (
            DiscountReason.STATEMENT_NOT_WHOLE,
            not all(item.document_ref in selected for item in remaining),
        ),
        (
            DiscountReason.ITEM_IN_FLIGHT,
            any(item.document_ref in in_flight for item in remaining),
        ),
        (
            DiscountReason.ALREADY_PARTLY_PAID,
            policy.forfeit_after_partial
            and sum(item.open_amount_cents for item in remaining) < statement.balance_cents,
        ),
    )
    reasons = tuple(reason for reason, applies in tests if applies)
    if reasons:
        return _refused(*reasons)
    return _granted(statement, remaining, today, policy.rounding)


def _refused(*reasons: DiscountReason) -> DiscountDecision:
    return DiscountDecision(granted=False, reasons=reasons)


def _earns_discount(item: OpenItem, today: date) -> bool:
    if item.discount_eligible is not None:
        return item.discount_eligible
    return item.kind is OpenItemKind.INVOICE and item.days_past_due(today) <= 0


def _granted(
    statement: Statement, remaining: Sequence[OpenItem], today: date, rounding: Rounding
) -> DiscountDecision:
    eligible = sorted(
        (item for item in remaining if not item.is_credit and _earns_discount(item, today)),
        key=lambda item: item.document_ref,
    )
    credits_cents = sum(
        item.open_amount_cents
        for item in remaining
        if item.is_credit and item.discount_eligible is not False
    )
    base = max(0, sum(item.open_amount_cents for item in eligible) + credits_cents)
    if statement.discount_cents is not None:
        # The ERP's figure wins. Our own, rounded up, bounds it: the figure was printed with the
        # statement, and what has been paid since earns nothing any more.
        bound = (
            base
            if not statement.discount_bps
            else share_of(base, statement.discount_bps, Rounding.CEIL)
        )
        discount = min(statement.discount_cents, bound)
    else:
        discount = share_of(base, statement.discount_bps or 0, rounding)
    # Credits that do not touch the base still pay: the discount never turns the balance around.
    discount = min(discount, max(0, sum(item.open_amount_cents for item in remaining)))
    if not discount:
        return _refused(DiscountReason.NOTHING_ELIGIBLE)
    shares = largest_remainder(discount, [item.open_amount_cents for item in eligible])
    parts = {
        item.document_ref: cents for item, cents in zip(eligible, shares, strict=True) if cents
    }
    return DiscountDecision(granted=True, discount_cents=discount, parts=parts)
