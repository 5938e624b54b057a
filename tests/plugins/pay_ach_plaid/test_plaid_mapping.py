"""Plaid's words in ours, word by word."""

import datetime
from typing import Any

import pytest
from plaid.model.transfer_authorization_decision_rationale_code import (
    TransferAuthorizationDecisionRationaleCode as RationaleCode,
)
from plaid.model.transfer_refund_status import TransferRefundStatus
from plaid.model.transfer_status import TransferStatus

from dueport_apps.sandbox.plaid.returns import RETURN_TEXTS
from dueport_pay_ach_plaid import mapping, settlements
from dueport_pay_ach_plaid.wire import Account, Reason, Refund, Transfer
from dueport_ports import (
    DeclineCode,
    InstrumentVerification,
    ProcessorState,
    RefundState,
    Unavailable,
)


def transfer(status: str, **facts: Any) -> Transfer:
    return Transfer(id="t1", amount="12.34", status=status, **facts)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", ProcessorState.SUBMITTED),
        ("posted", ProcessorState.IN_NETWORK),
        ("settled", ProcessorState.SUCCEEDED),
        ("funds_available", ProcessorState.AVAILABLE),
        ("cancelled", ProcessorState.CANCELED),
        ("failed", ProcessorState.FAILED),
        ("returned", ProcessorState.RETURNED),
        ("reversed_next_year", ProcessorState.UNRECOGNIZED),
    ],
)
def test_every_status_has_its_state(status: str, state: ProcessorState) -> None:
    snapshot = mapping.snapshot_of(transfer(status), "dueport", live=True)
    assert (snapshot.state, snapshot.raw_state, snapshot.live) == (state, status, True)
    assert snapshot.amount_cents == 1_234


def test_no_status_of_the_sdk_is_forgotten() -> None:
    assert set(TransferStatus.allowed_values[("value",)].values()) == set(mapping.STATES)
    refunds = set(TransferRefundStatus.allowed_values[("value",)].values())
    assert refunds == {*mapping.REFUND_STATES, "pending", "posted"}
    reasons = set(RationaleCode.allowed_values[("value",)].values()) - {"null"}
    assert reasons == set(mapping.RATIONALES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("R01", DeclineCode.INSUFFICIENT_FUNDS),
        ("R09", DeclineCode.INSUFFICIENT_FUNDS),
        ("R02", DeclineCode.ACCOUNT_CLOSED),
        ("R03", DeclineCode.ACCOUNT_NOT_FOUND),
        ("R04", DeclineCode.ACCOUNT_NOT_FOUND),
        ("R05", DeclineCode.AUTHORIZATION_REVOKED),
        ("R07", DeclineCode.AUTHORIZATION_REVOKED),
        ("R10", DeclineCode.AUTHORIZATION_REVOKED),
        ("R29", DeclineCode.AUTHORIZATION_REVOKED),
        ("R08", DeclineCode.DEBIT_BLOCKED),
        ("R16", DeclineCode.DEBIT_BLOCKED),
        ("R20", DeclineCode.DEBIT_BLOCKED),
        ("R17", DeclineCode.FRAUD_SUSPECTED),
        ("R99", DeclineCode.UNKNOWN),
    ],
)
def test_a_return_code_says_what_it_means_for_the_next_payment(
    code: str, expected: DeclineCode
) -> None:
    came_back = transfer("returned", failure_reason=Reason(ach_return_code=code))
    snapshot = mapping.snapshot_of(came_back, "dueport", live=False)
    assert (snapshot.return_code, snapshot.failure_code) == (code, expected)
    # Before ``ach_return_code`` existed the code stood in ``failure_code``.
    older = transfer("returned", failure_reason=Reason(failure_code=code))
    assert mapping.snapshot_of(older, "dueport", live=False).return_code == code


def test_every_return_code_of_an_ordinary_debit_is_known() -> None:
    for_other_entries = {"R23", "R33", "R37", "R53"}
    assert set(RETURN_TEXTS) - for_other_entries <= set(mapping.RETURNS)


@pytest.mark.parametrize(
    ("text", "cents"),
    [("0.05", 5), ("-5.50", -550), ("1288.01", 128_801), ("100000.10", 10_000_010)],
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert mapping.cents(text) == cents


@pytest.mark.parametrize("text", ["", "1,000.00", "12.345", "$1.00", "1e2", "NaN", " 1.00"])
def test_what_is_no_amount_is_no_answer(text: str) -> None:
    with pytest.raises(Unavailable):
        mapping.cents(text)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("posted", RefundState.PENDING),
        ("settled", RefundState.SUCCEEDED),
        ("cancelled", RefundState.CANCELED),
        ("failed", RefundState.FAILED),
        ("returned", RefundState.FAILED),
        ("next_year", RefundState.PENDING),
    ],
)
def test_every_status_of_a_refund_has_its_state(status: str, state: RefundState) -> None:
    refund = Refund(id="r1", transfer_id="t1", amount="1.00", status=status)
    assert mapping.refund_snapshot(refund).state is state


def test_refunds_that_gave_nothing_back_do_not_count() -> None:
    refunds = [
        Refund(id=status, transfer_id="t1", amount="1.00", status=status)
        for status in ("pending", "posted", "settled", "cancelled", "failed", "returned")
    ]
    snapshot = mapping.snapshot_of(transfer("settled", refunds=refunds), "dueport", live=False)
    assert snapshot.refunded_cents == 300


@pytest.mark.parametrize(
    ("status", "verification"),
    [
        (None, InstrumentVerification.VERIFIED),
        ("automatically_verified", InstrumentVerification.VERIFIED),
        ("manually_verified", InstrumentVerification.VERIFIED),
        ("database_insights_pass", InstrumentVerification.VERIFIED),
        ("pending_automatic_verification", InstrumentVerification.PENDING),
        ("pending_manual_verification", InstrumentVerification.PENDING),
        ("unsent", InstrumentVerification.PENDING),
        ("verification_expired", InstrumentVerification.FAILED),
        ("verification_failed", InstrumentVerification.FAILED),
        ("next_year", InstrumentVerification.PENDING),
    ],
)
def test_every_verification_status_is_judged(
    status: str | None, verification: InstrumentVerification
) -> None:
    account = Account(account_id="a", verification_status=status)
    assert mapping.verification_of(account) is verification


@pytest.mark.parametrize(
    ("category", "holder"),
    [
        ("business", "business"),
        ("personal", "person"),
        ("unrecognized", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_holder_is_who_the_bank_says(category: str | None, holder: str) -> None:
    assert mapping.holder_of(Account(account_id="a", holder_category=category)) == holder


def test_dates_and_instants_that_cannot_be_read_stop_nothing() -> None:
    assert mapping.day("2026-11-27") == datetime.date(2026, 11, 27)
    assert mapping.instant("2026-11-27T10:00:00Z") == datetime.datetime(
        2026, 11, 27, 10, tzinfo=datetime.UTC
    )
    for text in (None, "", "soon", "2026-13-01"):
        assert mapping.day(text) is None
        assert mapping.instant(text) is None


def test_every_sweep_status_has_its_state() -> None:
    assert settlements.STATES == {
        "pending": "pending",
        "posted": "in_transit",
        "settled": "paid",
        "funds_available": "paid",
        "failed": "failed",
        "returned": "failed",
    }
