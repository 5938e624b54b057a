"""The three views and the statement discount."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.discounts import (
    finance_charge_base,
    finance_charge_cents,
    partial_terms_discount,
)
from dueport_core.errors import Invalid
from dueport_core.money import Rounding
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.statements import (
    DiscountDecision,
    DiscountPolicy,
    DiscountReason,
    Statement,
    StatementView,
    items_in_view,
    statement_discount,
)
from tests.core.builders import TODAY, cedar_items, cedar_statement, item, on, vectors

CURRENT = StatementView.CURRENT_STATEMENT


def decide(
    items: list[OpenItem], statement: Statement | None = None, **more: Any
) -> DiscountDecision:
    """Decide for a payment of the whole of the statement, unless told otherwise."""
    arguments: dict[str, Any] = {
        "statement": statement or cedar_statement(),
        "items": items,
        "view": CURRENT,
        "selected": {one.document_ref for one in items},
        "in_flight": set(),
        "today": TODAY,
    }
    return statement_discount(**(arguments | more))


def balance(items: list[OpenItem]) -> int:
    return sum(one.open_amount_cents for one in items)


def test_every_item_is_in_exactly_one_of_statement_and_new_charges() -> None:
    items = cedar_items()
    current = items_in_view(items, cedar_statement(), CURRENT)
    new = items_in_view(items, cedar_statement(), StatementView.NEW_CHARGES)
    assert [one.document_ref for one in current] == ["I100", "I101", "I102", "D7", "F3", "C55"]
    assert [one.document_ref for one in new] == ["I110", "C60"]
    assert (balance(list(current)), balance(list(new))) == (87275, 55000)
    assert items_in_view(items, cedar_statement(), StatementView.ALL) == tuple(items)


def test_without_a_statement_everything_is_a_new_charge() -> None:
    items = cedar_items()
    assert items_in_view(items, None, CURRENT) == ()
    assert items_in_view(items, None, StatementView.NEW_CHARGES) == tuple(items)


def test_a_job_statement_holds_its_job_alone() -> None:
    current = items_in_view(cedar_items(), cedar_statement(job_no="12"), CURRENT)
    assert {one.job_no for one in current} == {"12"}


def test_two_percent_of_a_statement_leaves_finance_charges_out() -> None:
    items = [item("I1", 40000), item("I2", 35500), item("I3", 12575)]
    items.append(item("F1", 1850, kind=OpenItemKind.FINANCE_CHARGE))
    decision = decide(items)
    assert (decision.discount_cents, balance(items) - decision.discount_cents) == (1762, 88163)
    with_credit = [*items, item("C1", -10025)]
    decision = decide(with_credit)
    assert decision.discount_cents == 1561
    assert balance(with_credit) - decision.discount_cents == 78339


def test_what_was_paid_earlier_earns_nothing_and_may_forfeit_the_rest() -> None:
    items = [item("I1", 40000), item("I3", 12575)]
    items.append(item("F1", 1850, kind=OpenItemKind.FINANCE_CHARGE))
    statement = cedar_statement(balance_cents=89925)
    decision = decide(items, statement)
    assert (decision.discount_cents, balance(items) - decision.discount_cents) == (1052, 53373)
    forfeited = decide(items, statement, policy=DiscountPolicy(forfeit_after_partial=True))
    assert forfeited.reasons == (DiscountReason.ALREADY_PARTLY_PAID,)
    whole = cedar_statement(balance_cents=balance(items))
    assert decide(items, whole, policy=DiscountPolicy(forfeit_after_partial=True)).granted


def test_past_due_invoices_and_debit_adjustments_earn_nothing() -> None:
    decision = decide(cedar_items(), in_flight={"I110"})
    assert decision == DiscountDecision(
        granted=True, discount_cents=1310, parts={"I101": 694, "I102": 616}
    )
    assert 87275 - decision.discount_cents == 85965


def test_the_erps_mark_decides_what_is_eligible() -> None:
    items = [
        item("I1", 10000, "2026-01-01", discount_eligible=True),
        item("I2", 10000, discount_eligible=False),
        item("C1", -5000, discount_eligible=False),
    ]
    assert decide(items).parts == {"I1": 200}


@pytest.mark.parametrize(
    ("cents", "bps", "rounding", "expected"),
    [
        (12450, 100, Rounding.HALF_UP, 125),
        (12450, 100, Rounding.HALF_EVEN, 124),
        (25, 200, Rounding.HALF_UP, 1),
        (25, 200, Rounding.HALF_EVEN, 0),
        (75, 200, Rounding.HALF_UP, 2),
        (75, 200, Rounding.HALF_EVEN, 2),
    ],
)
def test_ties_round_as_the_dealer_chose(
    cents: int, bps: int, rounding: Rounding, expected: int
) -> None:
    decision = decide(
        [item("I1", cents)],
        cedar_statement(discount_bps=bps),
        policy=DiscountPolicy(rounding=rounding),
    )
    assert decision.discount_cents == expected


def test_the_discount_is_computed_once_and_not_per_line() -> None:
    items = [item(f"I{index:02}", 1225) for index in range(37)]
    decision = decide(items)
    assert decision.discount_cents == 907
    assert sum(decision.parts.values()) == 907


def test_credits_above_the_debits_earn_no_discount() -> None:
    decision = decide([item("I1", 5000), item("C1", -6000)])
    assert decision.reasons == (DiscountReason.NOTHING_ELIGIBLE,)
    assert decision.sentences == ("Nothing on this statement earns a discount.",)


def test_a_discount_never_exceeds_what_credits_leave_to_pay() -> None:
    items = [item("I1", 10000), item("C1", -9900, discount_eligible=False)]
    assert decide(items).discount_cents == 100


def test_the_erps_own_figure_wins_within_reason() -> None:
    items = [item("I1", 12450)]
    assert decide(items, cedar_statement(discount_cents=248)).discount_cents == 248
    # 2 % of 124.50 is 2.49: a printed figure beyond that was for what has been paid since.
    assert decide(items, cedar_statement(discount_cents=500)).discount_cents == 249
    none = decide(items, cedar_statement(discount_cents=0))
    assert none.reasons == (DiscountReason.NO_DISCOUNT_OFFERED,)
    fixed = cedar_statement(discount_bps=None, discount_cents=500)
    assert decide(items, fixed).discount_cents == 500
    assert decide([item("I1", 300)], fixed).discount_cents == 300


def test_the_last_day_is_honoured_and_the_day_after_is_not() -> None:
    items = cedar_items()
    assert decide(items, today=on("2026-04-10")).granted
    late = decide(items, today=on("2026-04-11"))
    assert not late.granted
    assert late.reasons == (DiscountReason.AFTER_DISCOUNT_DATE,)


def test_every_reason_that_applies_is_named() -> None:
    items = cedar_items()
    decision = decide(
        items,
        cedar_statement(is_current=False),
        view=StatementView.ALL,
        selected={"I101"},
        in_flight={"I102"},
        today=on("2026-05-01"),
    )
    assert decision.reasons == (
        DiscountReason.NOT_STATEMENT_VIEW,
        DiscountReason.NOT_CURRENT_STATEMENT,
        DiscountReason.AFTER_DISCOUNT_DATE,
        DiscountReason.STATEMENT_NOT_WHOLE,
        DiscountReason.ITEM_IN_FLIGHT,
    )
    assert len(set(decision.sentences)) == 5


def test_one_document_short_or_a_credit_left_out_is_not_the_whole_statement() -> None:
    items = cedar_items()
    whole = {"I100", "I101", "I102", "D7", "F3", "C55"}
    assert decide(items, selected=whole).granted
    for missing in ("D7", "C55"):
        decision = decide(items, selected=whole - {missing})
        assert decision.reasons == (DiscountReason.STATEMENT_NOT_WHOLE,)


def test_no_statement_and_no_offer_are_reasons_too() -> None:
    items = cedar_items()
    none = statement_discount(
        statement=None, items=items, view=CURRENT, selected=(), in_flight=(), today=TODAY
    )
    assert none.reasons == (DiscountReason.NO_STATEMENT,)
    for statement in (cedar_statement(discount_bps=None), cedar_statement(discount_on=None)):
        assert decide(items, statement).reasons == (DiscountReason.NO_DISCOUNT_OFFERED,)


def test_every_reason_has_its_own_sentence() -> None:
    sentences = {reason.sentence for reason in DiscountReason}
    assert len(sentences) == len(DiscountReason)
    assert all(sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("wrong", [{"discount_bps": 10_001}, {"discount_cents": -1}], ids=str)
def test_a_statement_with_an_impossible_discount_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="S-3"):
        cedar_statement(**wrong)


@given(
    st.lists(st.integers(-50_000, 100_000).filter(bool), min_size=1, max_size=30),
    st.integers(1, 10_000),
    st.sampled_from(Rounding),
)
def test_the_parts_of_a_discount_add_up_and_never_exceed_their_documents(
    amounts: list[int], bps: int, rounding: Rounding
) -> None:
    items = [item(f"D{index}", cents) for index, cents in enumerate(amounts)]
    decision = decide(
        items, cedar_statement(discount_bps=bps), policy=DiscountPolicy(rounding=rounding)
    )
    assert sum(decision.parts.values()) == decision.discount_cents <= max(0, balance(items))
    opens = {one.document_ref: one.open_amount_cents for one in items}
    assert all(0 < cents <= opens[ref] for ref, cents in decision.parts.items())
    assert decision.granted is bool(decision.discount_cents)


@pytest.mark.parametrize("row", vectors("partial_discount"), ids=str)
def test_a_part_payment_earns_its_part_of_the_discount(row: dict[str, Any]) -> None:
    taken = partial_terms_discount(row["paid"], row["bps"], row["open"])
    assert [taken.gross_cents, taken.discount_cents] == row["out"]


@pytest.mark.parametrize(("paid", "bps"), [(0, 200), (101, 200), (50, 10_000), (50, -1)])
def test_an_impossible_part_payment_is_refused(paid: int, bps: int) -> None:
    with pytest.raises(Invalid):
        partial_terms_discount(paid, bps, 100)


@given(st.integers(1, 10_000_000), st.integers(0, 9_999), st.integers(0, 10_000_000))
def test_money_and_discount_are_what_is_taken_off(paid: int, bps: int, more: int) -> None:
    taken = partial_terms_discount(paid, bps, paid + more)
    assert paid + taken.discount_cents == taken.gross_cents <= paid + more
    assert taken.discount_cents >= 0


@pytest.mark.parametrize(
    ("base", "minimum", "charge"),
    [(125050, 0, 1876), (33333, 0, 500), (1000, 50, 50), (0, 50, 0), (2500, 50, 50)],
)
def test_a_finance_charge_has_a_minimum_but_not_on_nothing(
    base: int, minimum: int, charge: int
) -> None:
    assert finance_charge_cents(base, 150, minimum) == charge


def test_a_finance_charge_is_previewed_on_what_is_past_due_less_credits() -> None:
    late = item("F1", 300, "2026-03-01", kind=OpenItemKind.FINANCE_CHARGE)
    items = [item("I1", 20000, "2026-03-10"), item("I2", 99999), item("C1", -5000), late]
    assert finance_charge_base(items, TODAY) == 15000
    assert finance_charge_base(items, TODAY, compounding=True) == 15300
    assert finance_charge_base([item("C1", -5000)], TODAY) == 0
