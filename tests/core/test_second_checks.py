"""The question beside a mailed link: whose record answers it, and what an answer may look like."""

from typing import Any

import pytest

from dueport_core.accounts import Account, Contact
from dueport_core.credentials import (
    SECOND_CHECKS,
    Answered,
    UsernameSource,
    check_value,
    second_check,
)

BOSS = Contact(
    name="Sean McAllister", email="sean@x.example", phone="(603) 555-0100", is_primary=True
)
CLERK = Contact(name="Brigid Côté", email="Brigid@x.example", phone="+1 603 555 0111 ext. 4")
PHONE, ZIP = SECOND_CHECKS


def account(*contacts: Contact, **more: Any) -> Account:
    fields: dict[str, Any] = {"account_no": "1022", "name": "X", "ship_to_zip": "03431-1234"}
    return Account(**(fields | more), contacts=contacts or (BOSS, CLERK))


def test_only_what_the_mail_does_not_show_can_be_asked() -> None:
    assert set(SECOND_CHECKS) == {UsernameSource.PHONE, UsernameSource.SHIP_TO_ZIP}


@pytest.mark.parametrize(
    ("email", "number"),
    [
        ("sean@x.example", "6035550100"),
        (" brigid@X.example", "6035550111"),
        ("stranger@x.example", "6035550100"),
    ],
)
def test_the_person_who_was_invited_answers_for_themselves(email: str, number: str) -> None:
    assert check_value(account(), PHONE, email) == number
    assert second_check(account(), PHONE, email, number) is Answered.RIGHT
    assert second_check(account(), PHONE, email, "603 555 0999") is Answered.WRONG


@pytest.mark.parametrize("phone", ["", "n/a", "x 4", "555"])
def test_the_accounts_own_number_counts_where_the_person_has_none(phone: str) -> None:
    bare = Contact(name="Brigid Côté", email="brigid@x.example", phone=phone)
    assert check_value(account(BOSS, bare), PHONE, "brigid@x.example") == "6035550100"
    assert check_value(account(bare), PHONE, "brigid@x.example") == ""


@pytest.mark.parametrize(
    "answer",
    [
        "6035550111",
        "603-555-0111",
        "(603) 555.0111",
        "+1 603 555 0111",
        "1-603-555-0111",
        " 603 555 0111 ext 9 ",
        "603 555 0111x9",
    ],
)
def test_a_telephone_number_may_be_written_in_every_way(answer: str) -> None:
    assert second_check(account(), PHONE, "brigid@x.example", answer) is Answered.RIGHT


@pytest.mark.parametrize("answer", ["03431", " 03431 ", "03431-1234", "034311234", "03431-9999"])
def test_of_a_zip_code_the_first_five_digits_count(answer: str) -> None:
    assert second_check(account(), ZIP, "brigid@x.example", answer) is Answered.RIGHT


@pytest.mark.parametrize("answer", ["J1K 2R1", "j1k2r1", "J1K-2R1"])
def test_a_canadian_postal_code_is_answered_with_its_letters(answer: str) -> None:
    north = account(ship_to_zip="J1K 2R1")
    assert second_check(north, ZIP, "", answer) is Answered.RIGHT
    assert second_check(north, ZIP, "", "J1K 2R2") is Answered.WRONG


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        (PHONE, ""),
        (PHONE, "Côté"),
        (PHONE, "555-011"),
        (PHONE, "555-0111"),
        (ZIP, ""),
        (ZIP, "0343"),
        (ZIP, "Keene"),
        (ZIP, "\ud800"),
    ],
)
def test_half_a_number_is_a_slip_and_no_wrong_answer(source: UsernameSource, answer: str) -> None:
    assert second_check(account(), source, "brigid@x.example", answer) is Answered.MALFORMED


@pytest.mark.parametrize("source", SECOND_CHECKS)
def test_what_the_record_does_not_hold_is_never_right(source: UsernameSource) -> None:
    empty = account(Contact(), ship_to_zip="")
    nobody = Account(account_no="1", name="X")
    for bare in (empty, nobody):
        assert check_value(bare, source, "a@x.example") == ""
        assert second_check(bare, source, "a@x.example", "") is Answered.MALFORMED
        assert second_check(bare, source, "a@x.example", "6035550111") is Answered.WRONG


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Brigid Côté", "Cote"),
        ("Brigid Cote", "Côté"),
        ("Ana Ramírez", "Rami\u0301rez"),
        ("Gina D’Angelo", " D'ANGELO "),
        ("Gina D'Angelo", "dangelo"),
        ("Mia Smith-Jones", "smith jones"),
    ],
)
def test_a_name_that_was_asked_before_forgives_accents_and_apostrophes(
    name: str, answer: str
) -> None:
    person = Contact(name=name, email="a@x.example")
    asked = account(BOSS, person)
    last = UsernameSource.LAST_NAME
    assert second_check(asked, last, "a@x.example", answer) is Answered.RIGHT
    assert second_check(asked, last, "a@x.example", "McAllister") is Answered.WRONG
    assert second_check(asked, last, "a@x.example", "") is Answered.WRONG
    for own in (UsernameSource.EMAIL, UsernameSource.ACCOUNT_NO):
        assert check_value(asked, own, "a@x.example") in ("axexample", "1022")
