"""The collection priority, held against the cases that everybody agrees on."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dueport_core.errors import Invalid
from dueport_core.open_items import OpenItem
from dueport_core.priority import (
    PriorityBand,
    PriorityFactor,
    PriorityFactors,
    PriorityScore,
    factors_of,
    priority_score,
)
from tests.core.builders import TODAY, item

optional_bps = st.one_of(st.none(), st.integers(0, 30_000))
histories = st.fixed_dictionaries(
    {
        "late_paid_bps": st.one_of(st.none(), st.integers(0, 10_000)),
        "credit_limit_cents": st.one_of(st.none(), st.integers(0, 10_000_000)),
        "broken_promises": st.one_of(st.none(), st.integers(0, 5)),
    }
)
ages = st.lists(st.tuples(st.integers(1, 5_000_000), st.integers(-40, 150)), max_size=10)


def late(ref: str, dollars: int, days: int) -> OpenItem:
    return item(ref, dollars * 100, (TODAY - timedelta(days)).isoformat())


def owing(rows: list[tuple[int, int]]) -> list[OpenItem]:
    return [
        item(f"I{index}", cents, (TODAY - timedelta(days)).isoformat())
        for index, (cents, days) in enumerate(rows)
    ]


def score(*items: OpenItem, **known: Any) -> PriorityScore:
    return priority_score(factors_of(items, TODAY, **known))


@pytest.mark.parametrize(
    ("debts", "known", "points", "out_of_ten"),
    [
        # A large balance, hardly late, from somebody reliable.
        ([(50_000, 15)], {"late_paid_bps": 0, "broken_promises": 0}, 28, 3),
        # A small one, very late, from somebody who often is, with a broken promise.
        ([(5_000, 90)], {"late_paid_bps": 7000, "broken_promises": 1}, 62, 6),
        # A medium one over three buckets.
        (
            [(10_000, 15), (10_000, 45), (10_000, 75)],
            {"late_paid_bps": 4000, "broken_promises": 0},
            58,
            6,
        ),
        # A very large one, ten days late.
        ([(200_000, 10)], {"late_paid_bps": 1000, "broken_promises": 0}, 43, 4),
        # A trifle that is four months late.
        ([(500, 120)], {"late_paid_bps": 4500, "broken_promises": 0}, 42, 4),
        # Old, over the limit, two broken promises.
        (
            [(25_000, 95)],
            {"late_paid_bps": 9000, "credit_limit_cents": 2_000_000, "broken_promises": 2},
            91,
            9,
        ),
        # Much money, none of it late.
        ([(80_000, 0)], {"late_paid_bps": 3200, "broken_promises": 0}, 5, 1),
    ],
)
def test_the_score_agrees_with_what_collectors_say(
    debts: list[tuple[int, int]], known: dict[str, int], points: int, out_of_ten: int
) -> None:
    items = [late(f"I{index}", dollars, days) for index, (dollars, days) in enumerate(debts)]
    scored = score(*items, **known)
    assert (scored.points, scored.score) == (points, out_of_ten)


@pytest.mark.parametrize(
    ("out_of_ten", "band"),
    [
        (0, PriorityBand.MINIMAL),
        (1, PriorityBand.MINIMAL),
        (2, PriorityBand.LOW),
        (4, PriorityBand.LOW),
        (5, PriorityBand.MEDIUM),
        (7, PriorityBand.MEDIUM),
        (8, PriorityBand.HIGH),
        (10, PriorityBand.HIGH),
    ],
)
def test_the_bands_are_the_documented_ones(out_of_ten: int, band: PriorityBand) -> None:
    # History alone moves the score in steps of what the other factors leave: search for it.
    found = {
        scored.score: scored.band
        for dollars in (0, 500, 3_000, 10_000, 60_000)
        for days in (0, 10, 40, 70, 100)
        for bps in range(0, 10_001, 1_000)
        for scored in [score(late("I1", dollars, days), late_paid_bps=bps, broken_promises=2)]
    } | {0: score().band}
    assert found[out_of_ten] is band


def test_an_account_that_owes_nothing_scores_nothing() -> None:
    empty = score()
    assert (empty.score, empty.points, empty.reasons) == (0, 0, ())
    assert [share.points for share in empty.shares] == [0, 0, 0]


def test_with_nothing_past_due_the_points_end_at_ten() -> None:
    capped = score(
        late("I1", 80_000, 0), late_paid_bps=10_000, credit_limit_cents=100, broken_promises=9
    )
    assert (capped.points, capped.score) == (10, 1)
    assert sum(share.points for share in capped.shares) == 10


def test_the_three_largest_shares_are_given_as_words() -> None:
    scored = score(late("I1", 25_000, 95), late_paid_bps=9000, broken_promises=2)
    assert [share.factor for share in scored.shares[:1]] == [PriorityFactor.AT_RISK]
    assert len(scored.reasons) == 3
    assert scored.reasons[0] == "how much of the money is at risk"


def test_every_factor_brings_exactly_its_weight_when_it_is_at_its_worst() -> None:
    worst = PriorityFactors(
        buckets_cents=(0, 0, 0, 0, 5_000_000),
        weighted_days_overdue_tenths=600,
        late_paid_bps=10_000,
        credit_used_bps=10_000,
        broken_promises=2,
    )
    assert {share.factor: share.points for share in priority_score(worst).shares} == {
        PriorityFactor.AT_RISK: 40,
        PriorityFactor.AGING: 15,
        PriorityFactor.DAYS_OVERDUE: 15,
        PriorityFactor.HISTORY: 15,
        PriorityFactor.PROMISES: 10,
        PriorityFactor.CREDIT_USE: 5,
    }
    beyond = replace(worst, credit_used_bps=30_000, broken_promises=9)
    assert priority_score(beyond) == priority_score(worst)


@pytest.mark.parametrize(("used_bps", "points"), [(5_000, 0), (6_000, 1), (8_000, 3), (10_000, 5)])
def test_the_credit_limit_counts_from_half_of_it_on(used_bps: int, points: int) -> None:
    factors = PriorityFactors(
        buckets_cents=(0, 0, 0, 0, 5_000_000),
        weighted_days_overdue_tenths=600,
        late_paid_bps=10_000,
        credit_used_bps=used_bps,
        broken_promises=2,
    )
    shares = {share.factor: share.points for share in priority_score(factors).shares}
    assert shares[PriorityFactor.CREDIT_USE] == points


def test_a_limit_of_zero_is_no_limit_and_a_credit_balance_uses_none() -> None:
    assert factors_of([late("I1", 100, 0)], TODAY, credit_limit_cents=0).credit_used_bps is None
    in_credit = factors_of([item("C1", -100)], TODAY, credit_limit_cents=50_000)
    assert in_credit.credit_used_bps == 0


def test_what_is_not_known_gives_its_weight_to_the_rest() -> None:
    items = [late("I1", 25_000, 95)]
    assert score(*items).points > score(*items, late_paid_bps=0).points


def test_negative_factors_are_refused() -> None:
    with pytest.raises(Invalid, match="negative"):
        PriorityFactors(buckets_cents=(0, 0, 0, 0, 0), weighted_days_overdue_tenths=-1)


@given(ages, histories)
def test_the_shares_add_up_to_the_points(
    rows: list[tuple[int, int]], known: dict[str, Any]
) -> None:
    scored = score(*owing(rows), **known)
    assert sum(share.points for share in scored.shares) == scored.points
    assert all(share.points >= 0 for share in scored.shares)
    assert 0 <= scored.points <= 100
    assert abs(10 * scored.score - scored.points) <= 5


@given(ages.filter(bool), histories, st.data())
def test_making_any_item_older_never_lowers_the_score(
    rows: list[tuple[int, int]], known: dict[str, Any], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    cents, days = rows[index]
    older = [*rows]
    older[index] = (cents, days + data.draw(st.integers(1, 200)))
    assert score(*owing(older), **known).points >= score(*owing(rows), **known).points
