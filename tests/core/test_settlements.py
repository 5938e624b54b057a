"""A payout proved to the cent."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.errors import Conflict
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import (
    LEGAL_MOVES,
    KnownPayment,
    Settlement,
    SettlementLine,
    SettlementLineCategory,
    SettlementMatch,
    SettlementState,
    can_resolve,
    match_settlement,
    resolve_problems,
    transition,
)
from tests.core.builders import NOW

Category = SettlementLineCategory

KNOWN = {
    "pi_1": KnownPayment(payment_id="P1", total_cents=128801),
    "pi_2": KnownPayment(payment_id="P2", total_cents=88163),
    "pi_3": KnownPayment(payment_id="P3", total_cents=50000),
}


def line(ref: str, category: Category, gross: int, fee: int = 0, **more: Any) -> SettlementLine:
    fields: dict[str, Any] = {
        "line_ref": ref,
        "category": category,
        "gross_cents": gross,
        "fee_cents": fee,
        "net_cents": gross - fee,
        "occurred_at": NOW,
    }
    return SettlementLine(**(fields | more))


def first_payout() -> list[SettlementLine]:
    return [
        line("t1", Category.PAYMENT, 128801, 3765, payment_ref="pi_1"),
        line("t2", Category.PAYMENT, 88163, 500, payment_ref="pi_2"),
        line("t3", Category.PAYMENT, 50000, 1480, payment_ref="pi_3"),
        line("t4", Category.REFUND, -41200, payment_ref="pi_1", refund_ref="re_1"),
    ]


def match(lines: list[SettlementLine], amount: int | None = None) -> SettlementMatch:
    whole = sum(one.net_cents for one in lines) if amount is None else amount
    head = Settlement(
        settlement_ref="po_1", processor="pay_stripe", amount_cents=whole, created_at=NOW
    )
    return match_settlement(head, lines, KNOWN)


def sentences(found: SettlementMatch) -> str:
    return " ".join(problem.sentence for problem in found.problems)


def test_a_payout_that_adds_up_is_matched_line_by_line() -> None:
    found = match(first_payout(), 220019)
    assert found.is_matched
    assert [one.payment_id for one in found.lines] == ["P1", "P2", "P3", "P1"]


def test_what_the_lines_leave_over_becomes_a_line_of_its_own() -> None:
    found = match(first_payout(), 220020)
    assert not found.is_matched
    assert found.unexplained_cents == 1
    last = found.lines[-1]
    assert (last.category, last.net_cents, last.fee_cents) == (Category.UNALLOCATED, 1, 0)
    assert last.occurred_at == NOW
    assert match(first_payout(), 220000).unexplained_cents == 19


def test_an_unexplained_plus_does_not_hide_an_unexplained_minus() -> None:
    found = match([*first_payout(), line("t5", Category.UNALLOCATED, 700)], 220019)
    assert found.unexplained_cents == 1400


def test_lines_of_other_programs_are_foreign_and_still_count() -> None:
    others = [
        line("x1", Category.PAYMENT, 9900, 317, payment_ref="pi_other"),
        line("x2", Category.PAYMENT, 100),
        line("x3", Category.REFUND, -900, payment_ref="pi_other"),
        line("x4", Category.FEE, -1000),
    ]
    found = match([*first_payout(), *others])
    assert found.is_matched
    assert [one.category for one in found.lines[4:]] == [
        Category.FOREIGN,
        Category.FOREIGN,
        Category.FOREIGN,
        Category.FEE,
    ]


def test_a_line_from_two_overlapping_pages_counts_once() -> None:
    assert match([*first_payout(), first_payout()[0]], 220019).is_matched


def test_a_line_that_changed_between_two_pages_is_a_problem() -> None:
    changed = line("t1", Category.PAYMENT, 128802, 3765, payment_ref="pi_1")
    assert "t1 was reported twice" in sentences(match([*first_payout(), changed], 220019))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (line("x", Category.PAYMENT, 50000, payment_ref="pi_3"), "P3 is in this payout twice"),
        (line("x", Category.FEE, 100, 5, net_cents=100), "its net is not its gross less its fee"),
        (line("x", Category.REFUND, -87602, payment_ref="pi_1"), "refunds more than payment P1"),
        (line("x", Category.DISPUTE, -50000), "this dispute does not say which payment"),
        (line("x", Category.RETURN, -50000), "this return does not say which payment"),
    ],
)
def test_a_line_that_cannot_be_right_is_a_problem(extra: SettlementLine, why: str) -> None:
    found = match([*first_payout(), extra])
    assert found.unexplained_cents == 0
    assert not found.is_matched
    assert why in sentences(found)
    assert {problem.line_ref for problem in found.problems} == {"x"}


def test_a_payment_that_brings_another_amount_is_a_problem() -> None:
    short = line("t3", Category.PAYMENT, 49999, 1480, payment_ref="pi_3")
    found = match([*first_payout()[:2], short])
    assert "brings $499.99 for payment P3 of $500.00" in sentences(found)


def test_a_refund_that_failed_makes_room_for_another() -> None:
    found = match(
        [
            *first_payout(),
            line("t5", Category.REFUND_FAILURE, 41200, payment_ref="pi_1"),
            line("t6", Category.REFUND, -128801, payment_ref="pi_1"),
        ]
    )
    assert found.is_matched


def test_disputes_and_returns_know_their_payment() -> None:
    found = match(
        [
            line("t1", Category.DISPUTE, -50000, 1500, payment_ref="pi_3", dispute_ref="dp_1"),
            line("t2", Category.RETURN, -88163, payment_ref="pi_2"),
        ],
        -139663,
    )
    assert found.is_matched
    assert [one.payment_id for one in found.lines] == ["P3", "P2"]


def test_matching_its_own_result_again_changes_nothing() -> None:
    lines = [*first_payout(), line("x1", Category.PAYMENT, 9900, payment_ref="pi_other")]
    once = match(lines, 220000)
    assert match(list(once.lines), 220000) == once


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SettlementLineCategory),
            st.integers(-500_000, 500_000),
            st.integers(0, 5_000),
            st.sampled_from([None, "pi_1", "pi_2", "pi_other"]),
        ),
        max_size=20,
    ),
    st.integers(-1_000_000, 1_000_000),
)
def test_every_cent_of_a_payout_is_in_exactly_one_line(
    rows: list[tuple[Category, int, int, str | None]], amount: int
) -> None:
    lines = [
        line(f"t{index}", category, gross, fee, payment_ref=ref)
        for index, (category, gross, fee, ref) in enumerate(rows)
    ]
    found = match(lines, amount)
    assert sum(one.net_cents for one in found.lines) == amount
    unallocated = [one.net_cents for one in found.lines if one.category is Category.UNALLOCATED]
    assert found.unexplained_cents == sum(map(abs, unallocated))


def test_resolve_needs_everything_explained_and_posted() -> None:
    good, bad = match(first_payout(), 220019), match(first_payout(), 220119)
    posted = dict.fromkeys(PostingCategory, PostingState.POSTED)
    assert can_resolve(good, posted)
    assert can_resolve(good, {})
    assert not can_resolve(bad, posted)
    waiting = posted | {PostingCategory.DEBITS: PostingState.UNKNOWN}
    assert not can_resolve(good, waiting)
    assert resolve_problems(bad, waiting) == (
        "$1.00 of the payout is unexplained.",
        "The posting of debits is unknown.",
    )
    twice = match([*first_payout(), line("x", Category.PAYMENT, 50000, payment_ref="pi_3")])
    assert resolve_problems(twice, posted) == ("Line x: payment P3 is in this payout twice.",)


@pytest.mark.parametrize(("state", "to"), list(product(SettlementState, SettlementState)), ids=str)
def test_a_settlement_moves_as_documented(state: SettlementState, to: SettlementState) -> None:
    if state is to or to in LEGAL_MOVES[state]:
        assert transition(state, to) is to
    else:
        with pytest.raises(Conflict, match=f"that is {state} cannot become {to}"):
            transition(state, to)


def test_a_settlement_is_resolved_only_after_it_was_posted_and_then_for_good() -> None:
    before = {state for state, tos in LEGAL_MOVES.items() if SettlementState.RESOLVED in tos}
    assert before == {SettlementState.POSTED}
    assert LEGAL_MOVES[SettlementState.RESOLVED] == frozenset()
