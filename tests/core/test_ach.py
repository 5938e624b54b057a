"""ACH return codes, retries and return rates."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.ach import (
    RETURN_CODES,
    Consequence,
    RetryRule,
    ReturnClass,
    ReturnRate,
    SecCode,
    may_correct,
    may_retry,
    return_rates,
    return_rule,
)
from tests.core.builders import on


def test_businesses_are_debited_as_ccd_and_consumers_as_web() -> None:
    assert SecCode.for_account(is_business=True) is SecCode.CCD
    assert SecCode.for_account(is_business=False) is SecCode.WEB


@pytest.mark.parametrize(
    ("codes", "return_class", "retry", "consequence"),
    [
        ("R01 R09", ReturnClass.NSF, RetryRule.TWICE, Consequence.REOPEN),
        ("R02 R03 R04", ReturnClass.ADMINISTRATIVE, RetryRule.NO, Consequence.RELINK),
        ("R05 R29", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.NEW_AUTHORIZATION),
        ("R07 R10", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.REVOKE),
        (
            "R11",
            ReturnClass.UNAUTHORIZED,
            RetryRule.ONE_CORRECTED,
            Consequence.CHECK_AUTHORIZATION,
        ),
        ("R08", ReturnClass.STOP, RetryRule.ON_CUSTOMERS_ORDER, Consequence.PAUSE_AUTOPAY),
        ("R16 R17", ReturnClass.FRAUD, RetryRule.NO, Consequence.BLOCK),
        ("R12 R13 R20 R28 R34", ReturnClass.ACCOUNT, RetryRule.NO, Consequence.RELINK),
        ("R14 R15", ReturnClass.DECEASED, RetryRule.NO, Consequence.BLOCK),
        ("R06 R31", ReturnClass.OTHER, RetryRule.NO, Consequence.REOPEN),
        ("R24", ReturnClass.DUPLICATE, RetryRule.NO, Consequence.PROVE_SINGLE_CHARGE),
        ("R18 R22 R27 R32", ReturnClass.FORMAT, RetryRule.NO, Consequence.ALERT_PLUGIN_OWNER),
        ("R23", ReturnClass.REFUND_REFUSED, RetryRule.NO, Consequence.FAIL_REFUND),
        ("R61 R67 R70 R77", ReturnClass.BETWEEN_BANKS, RetryRule.NO, Consequence.FOLLOW_THE_MONEY),
        ("R51", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.ALERT),
        ("R30 R39 R47 R52 R80 R99", ReturnClass.OTHER, RetryRule.NO, Consequence.ALERT),
    ],
)
def test_a_return_code_means_what_its_family_means(
    codes: str, return_class: ReturnClass, retry: RetryRule, consequence: Consequence
) -> None:
    for code in codes.split():
        rule = return_rule(f" {code.lower()} ")
        assert (rule.code, rule.return_class, rule.retry, rule.consequence) == (
            code,
            return_class,
            retry,
            consequence,
        )


def test_exactly_six_codes_count_as_unauthorized() -> None:
    codes = [f"R{number:02}" for number in range(100)]
    counted = {code for code in codes if return_rule(code).counts_as_unauthorized}
    assert counted == {"R05", "R07", "R10", "R11", "R29", "R51"}


def test_every_code_that_has_a_rule_has_words_of_its_own() -> None:
    codes = [f"R{number:02}" for number in range(100)]
    ruled = {
        code
        for code in codes
        if (return_rule(code).return_class, return_rule(code).consequence)
        != (ReturnClass.OTHER, Consequence.ALERT)
    }
    assert ruled == RETURN_CODES
    meanings = [return_rule(code).meaning for code in RETURN_CODES]
    assert len(set(meanings)) == len(meanings)
    assert return_rule("R99").meaning not in meanings


@given(st.text())
def test_no_code_however_strange_stops_anything(code: str) -> None:
    assert return_rule(code).meaning


def test_want_of_funds_is_tried_twice_more_within_180_days() -> None:
    settled = on("2026-03-06")
    assert may_retry("R01", 1, settled, on("2026-09-02"))
    assert not may_retry("R01", 1, settled, on("2026-09-03"))
    assert not may_retry("R09", 2, settled, settled)
    assert not may_retry("R10", 0, settled, settled)


def test_a_wrong_debit_is_corrected_once_within_60_days() -> None:
    returned = on("2026-03-06")
    last = returned + timedelta(60)
    assert may_correct("R11", 0, returned, last)
    assert not may_correct("R11", 0, returned, last + timedelta(1))
    assert not may_correct("R11", 1, returned, returned)
    assert not may_correct("R10", 0, returned, returned)


ALL = frozenset(ReturnRate)


@pytest.mark.parametrize(
    ("counts", "breached"),
    [
        ((1000, 5, 30, 150), frozenset()),
        ((1000, 6, 31, 151), ALL),
        ((100, 1, 2, 9), {ReturnRate.UNAUTHORIZED}),
        ((40, 0, 2, 6), {ReturnRate.ADMINISTRATIVE}),
        ((0, 0, 0, 0), frozenset()),
    ],
)
def test_return_rates_are_held_against_the_limits(
    counts: tuple[int, int, int, int], breached: frozenset[ReturnRate]
) -> None:
    assert return_rates(*counts).breached == breached


def test_half_a_limit_warns() -> None:
    assert return_rates(1000, 3, 15, 76).warned == {ReturnRate.UNAUTHORIZED, ReturnRate.OVERALL}
    assert return_rates(1000, 6, 31, 151).warned == frozenset()
