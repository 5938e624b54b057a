"""Money and dates as files write them: read to the cent and to the day, or refused with a reason."""

import datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_ports import decimal_text
from dueport_ports.files import (
    DateFormat,
    DatesUndecided,
    decide_date_formats,
    normalize_header,
    read_date,
    read_date_column,
    read_money,
    read_money_column,
)

CENTS = st.integers(min_value=-9_999_999_999, max_value=9_999_999_999)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12.50", 1250),
        ("12.5", 1250),
        ("12", 1200),
        ("12.", 1200),
        (".5", 50),
        ("-0.50", -50),
        ("+3.00", 300),
        ("$1,234.56", 123456),
        ("-$1,234.56", -123456),
        ("$-12.00", -1200),
        ("USD 12.00", 1200),
        ("12.00 USD", 1200),
        ("(12.50)", -1250),
        ("($1,000.00)", -100000),
        ("12.50-", -1250),
        ("12.50 CR", -1250),
        ("12.50DR", 1250),
        ("1 234.50", 123450),
        ("1\u00a0234\u202f567.50", 123456750),
        ("1'234.50", 123450),
        ("\u221212.50", -1250),
        ("99999999.99", 9_999_999_999),
    ],
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert read_money(text) == cents
    assert read_money_column([text]).cents == [cents]


@pytest.mark.parametrize(
    ("text", "cents"), [("1.234,56", 123456), ("12,5", 1250), ("1 234,5-", -123450), ("7", 700)]
)
def test_a_decimal_comma_is_read_where_it_is_told(text: str, cents: int) -> None:
    assert read_money(text, ",") == cents


@pytest.mark.parametrize(
    ("text", "decimal", "reason"),
    [
        ("12.505", ".", "more than two decimals"),
        ("12.500", ".", "more than two decimals"),
        ("1,23", ".", "the decimal sign here is '.'"),
        ("1.234,56", ".", "not an amount"),
        ("1,234.56", ",", "not an amount"),
        ("12,34,567.00", ".", "not an amount"),
        ("€12.00", ".", "not an amount"),
        ("12.00 CAD", ".", "not an amount"),
        ("(12.50)-", ".", "not an amount"),
        ("(-12.50)", ".", "more than one sign"),
        ("-12.50-", ".", "more than one sign"),
        ("--5", ".", "not an amount"),
        ("1e3", ".", "not an amount"),
        ("NaN", ".", "not an amount"),
        ("-", ".", "not an amount"),
        ("twelve", ".", "not an amount"),
        ("100000000.00", ".", "beyond"),
        ("²", ".", "not an amount"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(
    text: str, decimal: Literal[".", ","], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        read_money(text, decimal)
    column = read_money_column(["1", text], decimal)
    assert column.cents == [100, None]
    assert reason in column.refused[1]


def test_zeros_that_a_database_prints_are_read_where_it_is_told() -> None:
    assert read_money("12.5000", extra_zeros=True) == 1250
    with pytest.raises(ValueError, match="more than two decimals"):
        read_money("12.5001", extra_zeros=True)


def test_a_blank_amount_is_not_zero() -> None:
    column = read_money_column(["1.00", "", "abc", "0.00"])
    assert column.cents == [100, None, None, 0]
    assert list(column.refused) == [2]


@given(CENTS)
def test_every_amount_survives_being_written_and_read(cents: int) -> None:
    whole, fraction = divmod(abs(cents), 100)
    grouped = f"{whole:,}.{fraction:02d}"
    sign = "-" if cents < 0 else ""
    assert read_money(decimal_text(cents)) == cents
    assert read_money(f"{sign}${grouped}") == cents
    assert read_money(f"({grouped})" if cents < 0 else grouped) == cents
    european = grouped.replace(",", "_").replace(".", ",").replace("_", ".")
    assert read_money(european + sign, ",") == cents


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_reason(text: str) -> None:
    column = read_money_column([text])
    assert (column.cents[0] is None) == (0 in column.refused or text == "")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-03-04", DateFormat.ISO),
        ("2026-03-04 00:00:00", DateFormat.ISO),
        ("2026-03-04T13:45:00.123", DateFormat.ISO),
        ("2026/3/4", DateFormat.ISO),
        ("20260304", DateFormat.ISO),
        ("3/4/2026", DateFormat.MDY),
        ("03-04-26", DateFormat.MDY),
        ("3/4/2026 1:05 PM", DateFormat.MDY),
        ("04.03.2026", DateFormat.DMY),
        ("4-Mar-2026", DateFormat.NAMED),
        ("04MAR26", DateFormat.NAMED),
        ("March 4, 2026", DateFormat.NAMED),
        ("Mar. 4, 2026", DateFormat.NAMED),
        ("46085", DateFormat.EXCEL),
    ],
)
def test_a_date_is_read_in_its_order(text: str, order: DateFormat) -> None:
    assert read_date(text, order) == datetime.date(2026, 3, 4)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2026-02-30", DateFormat.ISO),
        ("0026-03-04", DateFormat.ISO),
        ("2026-03-04T23:00:00Z", DateFormat.ISO),
        ("13/13/2026", DateFormat.MDY),
        ("3/4-2026", DateFormat.MDY),
        ("4-Foo-2026", DateFormat.NAMED),
        ("", DateFormat.DMY),
        ("46085", DateFormat.ISO),
    ],
)
def test_what_is_no_possible_date_is_not_read(text: str, order: DateFormat) -> None:
    assert read_date(text, order) is None


def test_one_clear_date_settles_a_whole_column() -> None:
    assert decide_date_formats(["03/04/2025", "05/06/2025", "25/12/2025"]) is DateFormat.DMY
    assert decide_date_formats(["03/04/2025", "05/06/2025", "12/25/2025"]) is DateFormat.MDY


def test_a_column_that_says_nothing_is_not_guessed() -> None:
    with pytest.raises(DatesUndecided, match="all 2 dates") as caught:
        decide_date_formats(["03/04/2025", "05/06/2025", "", "07/07/2025"])
    assert not caught.value.mixed


def test_a_column_of_both_orders_is_refused_as_a_whole() -> None:
    texts = ["12/25/2025"] * 10 + ["25/12/2025"] * 3 + ["03/04/2025"] * 40
    with pytest.raises(DatesUndecided, match="10 dates can only be month/day and 3") as caught:
        decide_date_formats(texts)
    assert caught.value.mixed


def test_dates_that_read_alike_both_ways_need_no_decision() -> None:
    assert decide_date_formats(["01/01/2025", "02/02/2025"]) is DateFormat.MDY


def test_a_minority_is_refused_with_the_reading_that_its_clear_dates_settle() -> None:
    column = read_date_column(["2025-03-01"] * 90 + ["29/04/2025", "07/03/2025"], (DateFormat.ISO,))
    assert column.dates == {"2025-03-01": datetime.date(2025, 3, 1)}
    assert column.proposals == {"29/04/2025": "2025-04-29", "07/03/2025": "2025-03-07"}
    assert "written as iso" in column.refused["07/03/2025"]


def test_an_unclear_minority_is_shown_in_both_readings() -> None:
    column = read_date_column(["2025-03-01", "07/03/2025"], (DateFormat.ISO,))
    assert column.proposals["07/03/2025"] == "2025-03-07 or 2025-07-03"


def test_two_orders_are_allowed_only_where_they_cannot_be_mistaken() -> None:
    column = read_date_column(["2025-03-01", "07/03/2025"], (DateFormat.ISO, DateFormat.DMY))
    assert column.dates["07/03/2025"] == datetime.date(2025, 3, 7)
    with pytest.raises(ValueError, match="cannot both"):
        read_date_column([], (DateFormat.MDY, DateFormat.DMY))


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2099, 12, 31)))
def test_every_date_survives_being_written_and_read(day: datetime.date) -> None:
    assert read_date(day.isoformat(), DateFormat.ISO) == day
    assert read_date(f"{day:%m/%d/%Y}", DateFormat.MDY) == day
    assert read_date(f"{day.day}.{day.month}.{day.year}", DateFormat.DMY) == day
    assert read_date(f"{day:%d-%b-%Y}", DateFormat.NAMED) == day


def test_headers_are_compared_by_letters_and_digits_alone() -> None:
    assert normalize_header(" Invoice  No. ") == normalize_header("INVOICE_NO") == "invoiceno"
    assert normalize_header("Ｉｎｖｏｉｃｅ－Ｎｏ") == "invoiceno"
    assert normalize_header("#") == ""
