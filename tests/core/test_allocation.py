"""How money and credits are spread over documents."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.allocation import Allocation, allocate_exact, apply_credits, oldest_first
from dueport_core.errors import Invalid
from dueport_core.open_items import OpenItem
from tests.core.builders import TODAY, cedar_items, credit_use, item, vectors

CEDAR = {one.document_ref: one for one in cedar_items()}


@st.composite
def documents(draw: st.DrawFn, low: int, high: int) -> list[OpenItem]:
    rows = draw(
        st.lists(
            st.tuples(st.integers(low, high), st.integers(0, 60), st.sampled_from(["0", "1", "2"])),
            max_size=12,
        )
    )
    side = "C" if low < 0 else "D"
    return [
        item(f"{side}{index}", cents, (TODAY + timedelta(days)).isoformat(), job_no=job_no)
        for index, (cents, days, job_no) in enumerate(rows)
    ]


@pytest.mark.parametrize("row", vectors("oldest_first"), ids=str)
def test_money_goes_to_the_oldest_documents_first(row: dict[str, Any]) -> None:
    items = [
        item(f"I{index}", cents, (TODAY + timedelta(index)).isoformat())
        for index, cents in enumerate(row["opens"])
    ]
    spread = oldest_first(row["amount"], reversed(items))
    parts = {allocation.document_ref: allocation.amount_cents for allocation in spread.allocations}
    assert [parts.get(one.document_ref, 0) for one in items] == row["out"][0]
    assert spread.rest_cents == row["out"][1]


def test_documents_of_one_due_date_come_by_their_entry_and_then_by_name() -> None:
    items = [
        item("I3", 100, posted_on=TODAY),
        item("I2", 100, posted_on=TODAY),
        item("I9", 100, posted_on=TODAY - timedelta(1)),
        item("C1", -100),
    ]
    spread = oldest_first(250, items, reserved={"I9": 40})
    assert spread.allocations == (
        Allocation("I9", 60),
        Allocation("I2", 100),
        Allocation("I3", 90),
    )


def test_a_negative_amount_cannot_be_spread() -> None:
    with pytest.raises(Invalid, match="negative"):
        oldest_first(-1, [])


@given(documents(0, 100_000), st.integers(0, 500_000))
def test_spreading_keeps_every_cent(items: list[OpenItem], amount: int) -> None:
    spread = oldest_first(amount, items)
    opens = {one.document_ref: one.open_amount_cents for one in items}
    assert sum(part.amount_cents for part in spread.allocations) + spread.rest_cents == amount
    assert all(0 < part.amount_cents <= opens[part.document_ref] for part in spread.allocations)
    assert spread.rest_cents == max(0, amount - sum(opens.values()))


def test_exact_amounts_are_taken_as_they_are() -> None:
    taken = allocate_exact(300, {"I1": 100, "I2": 200}, {"I1": 100, "I2": 5000})
    assert taken == (Allocation("I1", 100), Allocation("I2", 200))


def test_exact_amounts_that_do_not_fit_are_each_named() -> None:
    payable = {"I1": 100, "I3": 0}
    with pytest.raises(Invalid) as refused:
        allocate_exact(301, {"I1": 101, "I2": 100, "I3": 100}, payable)
    assert set(refused.value.fields) == {"I1", "I2", "I3"}
    assert refused.value.fields["I1"] == "must be between $0.01 and $1.00"
    with pytest.raises(Invalid, match="between"):
        allocate_exact(0, {"I1": 0}, payable)
    with pytest.raises(Invalid, match=r"add up to \$1\.00, but the payment is \$0\.99"):
        allocate_exact(99, {"I1": 100}, payable)


def test_a_credit_lowers_the_oldest_debit_of_its_own_job() -> None:
    applied = apply_credits([CEDAR["I100"], CEDAR["I101"], CEDAR["I102"]], [CEDAR["C55"]])
    assert applied.uses == (credit_use("C55", "I101", 10025),)
    assert applied.left_open == {}


def test_a_credit_of_another_job_goes_on_and_its_excess_stays_open() -> None:
    smaller = item("I101", 4000, "2026-04-20", job_no="12")
    applied = apply_credits([smaller, CEDAR["F3"]], [CEDAR["C60"]])
    assert applied.uses == (credit_use("C60", "F3", 300), credit_use("C60", "I101", 4000))
    assert applied.left_open == {"C60": 700}


def test_a_credit_can_cover_everything() -> None:
    applied = apply_credits({CEDAR["I110"]: 5000}, {CEDAR["C60"]: 5000})
    assert applied.applied_to("I110") == 5000
    assert applied.left_open == {}


@given(documents(0, 100_000), documents(-100_000, -1))
def test_credits_are_used_up_or_the_debits_are(
    debits: list[OpenItem], credit_items: list[OpenItem]
) -> None:
    applied = apply_credits(debits, credit_items)
    used = sum(use.amount_cents for use in applied.uses)
    available = -sum(one.open_amount_cents for one in credit_items)
    owed = sum(one.open_amount_cents for one in debits)
    assert used == min(available, owed)
    assert used + sum(applied.left_open.values()) == available
    assert all(use.amount_cents > 0 for use in applied.uses)
    for debit in debits:
        assert applied.applied_to(debit.document_ref) <= debit.open_amount_cents
