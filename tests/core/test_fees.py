"""What paying by card costs on top, and what comes back with a refund."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.errors import Invalid
from dueport_core.fees import (
    CardFacts,
    FeeMode,
    FeePolicy,
    Funding,
    ach_incentive_cents,
    gross_up_fee_cents,
    surcharge_cents,
    surcharge_rate_bps,
    surcharge_refund_cents,
)
from dueport_core.money import Rounding, share_of
from tests.core.builders import vectors

CREDIT = CardFacts(brand="visa", funding=Funding.CREDIT)


def policy(rate: int = 300, cost: int = 310, state: str = "OH", **more: Any) -> FeePolicy:
    return FeePolicy(
        mode=FeeMode.SURCHARGE, rate_bps=rate, cost_bps=cost, dealer_state=state, **more
    )


@pytest.mark.parametrize("row", vectors("surcharge"), ids=str)
def test_a_surcharge_keeps_every_cap_and_ban(row: dict[str, Any]) -> None:
    base, rate, funding, brand, cost, dealer_state, customer_state = row["args"]
    card = CardFacts(brand=brand, funding=Funding(funding))
    fee = surcharge_cents(base, policy(rate, cost, dealer_state), card, customer_state)
    assert fee == row["out"]


def test_maine_and_lower_case_states_are_banned_too() -> None:
    assert surcharge_cents(100000, policy(state="me"), CREDIT, "OH") == 0
    assert surcharge_cents(100000, policy(), CREDIT, "ma") == 0


def test_colorado_caps_by_the_state_of_either_side() -> None:
    assert surcharge_cents(125050, policy(), CREDIT, "CO") == 2501


def test_the_strictest_accepted_brand_decides_for_all() -> None:
    one_brand = policy(400, 400, accepted_brands=("mastercard",))
    assert surcharge_rate_bps(one_brand, "OH") == 400
    assert surcharge_rate_bps(policy(400, 400), "OH") == 300
    assert surcharge_rate_bps(policy(400, 400, accepted_brands=("discover",)), "OH") == 300


def test_no_other_mode_charges_anything() -> None:
    for mode in (FeeMode.NONE, FeeMode.ACH_INCENTIVE):
        free = FeePolicy(mode=mode, rate_bps=300, cost_bps=300)
        assert surcharge_cents(125050, free, CREDIT, "OH") == 0


@given(st.integers(0, 10_000_000), st.integers(0, 9_999), st.integers(0, 9_999))
def test_a_surcharge_never_exceeds_three_percent_or_the_cost(
    base: int, rate: int, cost: int
) -> None:
    fee = surcharge_cents(base, policy(rate, cost), CREDIT, "OH")
    assert fee * 10_000 <= base * min(300, rate, cost)


def test_an_ach_incentive_is_a_discount_and_only_in_its_mode() -> None:
    incentive = FeePolicy(mode=FeeMode.ACH_INCENTIVE, ach_discount_bps=100)
    assert ach_incentive_cents(12450, incentive) == 125
    assert ach_incentive_cents(12450, FeePolicy(ach_discount_bps=100)) == 0


@pytest.mark.parametrize("name", ["rate_bps", "cost_bps", "ach_discount_bps"])
def test_a_rate_of_the_whole_or_below_nothing_is_refused(name: str) -> None:
    for value in (-1, 10_000):
        with pytest.raises(Invalid, match=name):
            FeePolicy(**{name: value})  # type: ignore[arg-type]  # One integer field by name.


@pytest.mark.parametrize("row", vectors("refund_surcharge"), ids=lambda row: row["principal"])
def test_the_surcharge_comes_back_with_the_refunds(row: dict[str, Any]) -> None:
    before = 0
    returned = []
    for refund in row["refunds"]:
        returned.append(surcharge_refund_cents(row["principal"], row["surcharge"], before, refund))
        before += refund
    assert returned == row["out"]


@given(st.integers(0, 100_000), st.lists(st.integers(1, 1_000_000), min_size=1, max_size=20))
def test_refunding_everything_returns_the_whole_surcharge(
    surcharge: int, refunds: list[int]
) -> None:
    principal = sum(refunds)
    returned = [
        surcharge_refund_cents(principal, surcharge, sum(refunds[:index]), refund)
        for index, refund in enumerate(refunds)
    ]
    assert sum(returned) == surcharge
    assert min(returned) >= 0


@pytest.mark.parametrize(("before", "now"), [(0, 101), (60, 41), (-1, 5), (50, -10)])
def test_more_than_the_payment_cannot_be_refunded(before: int, now: int) -> None:
    with pytest.raises(Invalid, match="refund"):
        surcharge_refund_cents(100, 3, before, now)
    with pytest.raises(Invalid, match="refund"):
        surcharge_refund_cents(0, 0, 0, 0)


def test_grossing_up_leaves_exactly_the_net() -> None:
    assert gross_up_fee_cents(100000, 290, 30) == 3018
    assert gross_up_fee_cents(10000, 290, 30) == 330
    with pytest.raises(Invalid, match="cost"):
        gross_up_fee_cents(100000, 10_000, 0)


@given(st.integers(1, 10_000_000), st.integers(0, 5_000), st.integers(0, 100))
def test_grossing_up_never_falls_short(net: int, bps: int, fixed: int) -> None:
    total = net + gross_up_fee_cents(net, bps, fixed)
    assert total - share_of(total, bps, Rounding.FLOOR) - fixed >= net
