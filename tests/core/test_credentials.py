"""Generated credentials, second checks and passwords."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.accounts import Account, Contact
from dueport_core.credentials import (
    Issued,
    Skipped,
    UsernameSource,
    field_value,
    issue,
    second_check,
)
from dueport_core.passwords import password_problem


def account(**more: Any) -> Account:
    contact: dict[str, Any] = {
        "name": "Ann O'Hara Smith",
        "email": "Ann@Example.com",
        "phone": "+1 (555) 010-4477",
    }
    contact |= more.pop("contact", {})
    fields: dict[str, Any] = {
        "account_no": "CY-1001",
        "name": "Smith Builders",
        "ship_to_zip": "43004-1234",
        "contacts": (Contact(**contact),),
    }
    return Account(**(fields | more))


class Chance:
    """A source of bytes that counts up, so that every draw differs and tests repeat."""

    def __init__(self) -> None:
        self.draws: list[int] = []

    def __call__(self, length: int) -> bytes:
        self.draws.append(length)
        return bytes([len(self.draws)] * length)


@pytest.mark.parametrize(
    ("source", "username"),
    [
        (UsernameSource.EMAIL, "ann@example.com"),
        (UsernameSource.PHONE, "5550104477"),
        (UsernameSource.ACCOUNT_NO, "cy-1001"),
        (UsernameSource.FIRST_NAME, "ann"),
        (UsernameSource.LAST_NAME, "smith"),
        (UsernameSource.SHIP_TO_ZIP, "43004"),
    ],
)
def test_a_user_name_comes_from_the_record_and_the_secret_from_chance(
    source: UsernameSource, username: str
) -> None:
    chance = Chance()
    issued = issue(account(), source, chance)
    assert isinstance(issued, Issued)
    assert issued.username == username
    assert re.fullmatch("[A-Z2-7]{16}", issued.secret)
    assert chance.draws == [10]
    assert issued.must_change
    assert issued.expires_after_s == 72 * 3600


@pytest.mark.parametrize(
    ("source", "bare", "reason"),
    [
        (UsernameSource.EMAIL, {"email": ""}, "no e-mail address on file"),
        (UsernameSource.PHONE, {"phone": "n/a"}, "no phone number on file"),
        (UsernameSource.FIRST_NAME, {"name": " "}, "no first name on file"),
        (UsernameSource.LAST_NAME, {"name": "Ann"}, "no last name on file"),
    ],
)
def test_a_missing_field_is_a_reason_and_names_the_field(
    source: UsernameSource, bare: dict[str, str], reason: str
) -> None:
    assert issue(account(contact=bare), source, Chance()) == Skipped(
        reason=reason, field=source.value
    )


def test_an_account_without_contacts_gets_no_credentials_from_them() -> None:
    bare = account(contacts=(), ship_to_zip="")
    for source in set(UsernameSource) - {UsernameSource.ACCOUNT_NO, UsernameSource.RANDOM}:
        assert isinstance(issue(bare, source, Chance()), Skipped)


def test_a_malformed_address_is_never_a_user_name() -> None:
    skipped = issue(account(contact={"email": "a@x.co, b@x.co"}), UsernameSource.EMAIL, Chance())
    assert isinstance(skipped, Skipped)
    assert "more than one address" in skipped.reason


def test_a_collision_is_listed_and_not_varied_in_silence() -> None:
    skipped = issue(account(), UsernameSource.LAST_NAME, Chance(), taken={"smith"})
    assert skipped == Skipped(reason="the user name “smith” is already in use", field="last_name")


def test_a_random_user_name_is_drawn_again_until_it_is_free() -> None:
    first = issue(account(), UsernameSource.RANDOM, Chance())
    assert isinstance(first, Issued)
    second = issue(account(), UsernameSource.RANDOM, Chance(), taken={first.username})
    assert isinstance(second, Issued)
    assert second.username != first.username
    exhausted = issue(
        account(), UsernameSource.RANDOM, lambda length: bytes(length), taken={"aaaaaaaa"}
    )
    assert exhausted == Skipped(reason="the user name “aaaaaaaa” is already in use", field="random")


def test_a_secret_is_not_shown_by_repr() -> None:
    issued = issue(account(), UsernameSource.EMAIL, Chance())
    assert isinstance(issued, Issued)
    assert issued.secret not in repr(issued)
    assert issued.secret not in f"{[issued]}"


@given(st.binary(min_size=10, max_size=10))
def test_no_field_of_the_record_is_ever_the_secret(chance: bytes) -> None:
    for source in set(UsernameSource) - {UsernameSource.RANDOM}:
        issued = issue(account(), source, lambda length: chance[:length])
        assert isinstance(issued, Issued)
        assert issued.secret.lower() not in {
            field_value(account(), other) for other in UsernameSource
        }
        assert len(issued.secret) == 16


def test_a_name_may_be_written_last_name_first() -> None:
    turned = account(contact={"name": "Smith, Ann"})
    assert field_value(turned, UsernameSource.FIRST_NAME) == "ann"
    assert field_value(turned, UsernameSource.LAST_NAME) == "smith"


def test_a_second_check_forgives_form_and_nothing_else() -> None:
    assert second_check(account(), UsernameSource.PHONE, "555-010-4477")
    assert second_check(account(), UsernameSource.SHIP_TO_ZIP, " 43004 ")
    assert second_check(account(), UsernameSource.ACCOUNT_NO, "CY-1001 ")
    assert not second_check(account(), UsernameSource.ACCOUNT_NO, "CY-1002")
    assert not second_check(account(), UsernameSource.ACCOUNT_NO, "\ud800")
    assert not second_check(account(ship_to_zip=""), UsernameSource.SHIP_TO_ZIP, "")


COMMON = {"correcthorsebattery", "password1234"}


@pytest.mark.parametrize(
    "good",
    ["twelve chars", "ø" * 12, "🪵🪚" * 6, "x" * 256, "my cedar deck is long", "allsmallletters"],
)
def test_length_and_rarity_make_a_good_password(good: str) -> None:
    assert password_problem(good, 12, ["Cedar Yard Supply", "CY-1001", "ann"], COMMON) is None


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "at least 12 characters"),
        ("🪵" * 11, "at least 12 characters"),
        ("x" * 257, "at most 256 characters"),
        ("CorrectHorseBattery", "data breaches"),
        ("password1234", "data breaches"),
        ("CedarYard-Supply2026!!", "Cedar Yard Supply"),
        ("my account cy1001 !!", "CY-1001"),
    ],
)
def test_a_weak_password_is_told_what_to_change(password: str, why: str) -> None:
    problem = password_problem(password, 12, ["Cedar Yard Supply", "CY-1001", "ann"], COMMON)
    assert problem is not None
    assert why in problem


def test_a_dealer_may_ask_for_more() -> None:
    assert password_problem("twelve chars") is None
    assert password_problem("twelve chars", 15) == "Use at least 15 characters."
