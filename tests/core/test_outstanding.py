"""What is owed: open items, ageing and jobs."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.accounts import Job
from dueport_core.aging import (
    OPERATOR_BOUNDS,
    PORTAL_BOUNDS,
    AgingBasis,
    AgingBounds,
    age,
    weighted_days_overdue_tenths,
)
from dueport_core.errors import Invalid
from dueport_core.jobs import group_by_job
from dueport_core.open_items import OpenItem, OpenItemKind
from tests.core.builders import ACCOUNT, TODAY, cedar_items, item, on

AS_OF = on("2026-03-31")


def aged_items() -> list[OpenItem]:
    rows = [
        ("I1", 100000, "2026-03-31", "2026-03-01"),
        ("I2", 25050, "2026-03-30", "2026-02-28"),
        ("I3", 40000, "2026-03-01", "2026-01-30"),
        ("I4", 7525, "2026-02-28", "2026-01-29"),
        ("I5", 1999, "2026-01-30", "2025-12-31"),
        ("I6", 50000, "2025-12-31", "2025-12-01"),
        ("C1", -12000, "2026-03-15", "2026-03-15"),
    ]
    return [item(ref, cents, due, issued_on=on(issued)) for ref, cents, due, issued in rows]


@st.composite
def open_items(draw: st.DrawFn) -> list[OpenItem]:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(-100_000, 1_000_000),
                st.dates(date(2025, 1, 1), date(2026, 12, 31)),
                st.sampled_from(["0", "1", "2", ""]),
            ),
            max_size=25,
        )
    )
    return [
        item(f"D{index}", cents, due.isoformat(), job_no=job_no)
        for index, (cents, due, job_no) in enumerate(rows)
    ]


def test_a_credit_above_zero_and_an_invoice_below_zero_cannot_exist() -> None:
    with pytest.raises(Invalid, match="Credit C1"):
        item("C1", 1, kind=OpenItemKind.CREDIT)
    with pytest.raises(Invalid, match="must not have a negative amount"):
        item("I1", -1, kind=OpenItemKind.BALANCE_FORWARD)
    with pytest.raises(Invalid, match="I1"):
        item("I1", 1, original_amount_cents=-1)


def test_what_is_in_flight_or_settled_is_not_payable_again() -> None:
    invoice = item("I1", 40000)
    assert invoice.payable_cents() == 40000
    assert invoice.payable_cents(15000) == 25000
    assert invoice.payable_cents(settled_unposted_cents=40000) == 0
    assert invoice.payable_cents(40000, 40000) == 0
    credit = item("C1", -5000)
    assert credit.payable_cents(2000) == -3000
    assert credit.payable_cents(9000) == 0


def test_the_entry_into_the_ledger_is_the_issue_unless_the_erp_says_otherwise() -> None:
    assert item("I1", 1).entered_on == on("2026-03-01")
    assert item("I1", 1, posted_on=on("2026-03-05")).entered_on == on("2026-03-05")


def test_portal_buckets() -> None:
    aging = age(aged_items(), AS_OF, PORTAL_BOUNDS)
    assert aging.buckets == (100000, 25050, 47525, 1999, 50000)
    assert aging.credits_cents == -12000
    assert aging.labels() == ("Current", "1–29", "30–59", "60–89", "90+")


def test_operator_buckets_are_the_default() -> None:
    aging = age(aged_items(), AS_OF)
    assert aging.bounds is OPERATOR_BOUNDS
    assert aging.buckets == (100000, 65050, 9524, 50000, 0)
    assert aging.labels() == ("Current", "1–30", "31–60", "61–90", "91+")
    assert (aging.debits_cents, aging.total_cents, aging.past_due_cents) == (224574, 212574, 124574)
    assert aging.oldest_bucket == 3


def test_ageing_by_invoice_date_still_knows_what_is_past_due() -> None:
    bounds = AgingBounds((31, 61, 91))
    aging = age(aged_items(), AS_OF, bounds, AgingBasis.INVOICE_DATE)
    assert aging.buckets == (100000, 65050, 9524, 50000)
    assert aging.labels() == ("0–30", "31–60", "61–90", "91+")
    assert aging.total_cents == 212574
    assert aging.past_due_cents == 124574


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-5, 0), (0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4)],
)
def test_thirty_plus_is_more_than_thirty_days(days: int, bucket: int) -> None:
    assert OPERATOR_BOUNDS.bucket_of(days) == bucket


def test_a_leap_day_is_a_day() -> None:
    leap = age([item("I1", 1, "2028-01-31")], on("2028-03-01"), PORTAL_BOUNDS)
    plain = age([item("I1", 1, "2027-01-31")], on("2027-03-01"), PORTAL_BOUNDS)
    assert (leap.oldest_bucket, plain.oldest_bucket) == (2, 1)


def test_nothing_owed_has_no_oldest_bucket() -> None:
    aging = age([item("C1", -12500)], AS_OF)
    assert aging.oldest_bucket is None
    assert aging.total_cents == -12500


@pytest.mark.parametrize("wrong", [(), (0, 30), (1, 1), (31, 1)])
def test_bounds_that_do_not_rise_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(Invalid, match="rising"):
        AgingBounds(wrong)


def test_days_overdue_are_weighted_over_everything_owed() -> None:
    assert weighted_days_overdue_tenths(aged_items(), AS_OF) == 271
    assert weighted_days_overdue_tenths([item("C1", -1)], AS_OF) == 0


@given(open_items())
def test_buckets_and_credits_are_the_open_balance(items: list[OpenItem]) -> None:
    balance = sum(one.open_amount_cents for one in items)
    for bounds in (OPERATOR_BOUNDS, PORTAL_BOUNDS):
        aging = age(items, TODAY, bounds)
        assert sum(aging.buckets) + aging.credits_cents == balance == aging.total_cents
        assert 0 <= aging.past_due_cents == sum(aging.buckets[1:])


def test_an_account_is_shown_job_by_job_with_the_oldest_debt_first() -> None:
    jobs = [Job(account_no=ACCOUNT, job_no="12", name="Maple St 4")]
    rows = group_by_job(cedar_items(), jobs, TODAY, PORTAL_BOUNDS)
    assert [(row.job_no, row.name) for row in rows] == [
        ("0", "Master job"),
        ("12", "Maple St 4"),
        ("15", "Job 15"),
    ]
    assert [row.balance_cents for row in rows] == [20300, 66975, 55000]
    assert [row.aging.buckets[:2] for row in rows] == [(300, 20000), (77000, 0), (60000, 0)]
    assert [row.credits_cents for row in rows] == [0, -10025, -5000]
    counts = [(row.invoice_count, row.debit_count, row.credit_count) for row in rows]
    assert counts == [(1, 1, 0), (2, 1, 1), (1, 0, 1)]
    assert [one.document_ref for one in rows[1].items] == ["I101", "I102", "D7", "C55"]


def test_jobs_of_the_same_age_come_by_balance_and_then_by_number() -> None:
    items = [
        item("I1", 100, job_no="7"),
        item("I2", 100, job_no="5"),
        item("I3", 900, job_no="9"),
        item("C1", -100, job_no="3"),
        item("B1", 50, job_no="", kind=OpenItemKind.BALANCE_FORWARD),
    ]
    rows = group_by_job(items, [], TODAY)
    assert [row.job_no for row in rows] == ["9", "5", "7", "0", "3"]
    assert rows[3].debit_count == 1


@given(open_items())
def test_the_rows_add_up_to_the_account(items: list[OpenItem]) -> None:
    rows = group_by_job(items, [], TODAY)
    whole = age(items, TODAY)
    assert sum(row.balance_cents for row in rows) == whole.total_cents
    assert sum(row.credits_cents for row in rows) == whole.credits_cents
    assert sum(len(row.items) for row in rows) == len(items)
    counted = sum(row.invoice_count + row.debit_count + row.credit_count for row in rows)
    assert counted == len(items)
    columns = zip(*(row.aging.buckets for row in rows), strict=True)
    assert not rows or tuple(map(sum, columns)) == whole.buckets
