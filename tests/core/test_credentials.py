"""Generated credentials."""

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
    field_problem,
    field_value,
    issue,
    plain_letters,
)


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
    assert skipped == Skipped(
        reason="somebody signs in with the username “smith” already", field="last_name"
    )


def test_a_random_user_name_is_drawn_again_until_it_is_free() -> None:
    first = issue(account(), UsernameSource.RANDOM, Chance())
    assert isinstance(first, Issued)
    second = issue(account(), UsernameSource.RANDOM, Chance(), taken={first.username})
    assert isinstance(second, Issued)
    assert second.username != first.username
    exhausted = issue(
        account(), UsernameSource.RANDOM, lambda length: bytes(length), taken={"aaaaaaaa"}
    )
    assert exhausted == Skipped(
        reason="somebody signs in with the username “aaaaaaaa” already", field="random"
    )


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


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Zoë", "zoe"),
        ("Sørensen", "sorensen"),
        ("Cæsar-Œuvre", "caesar-oeuvre"),
        ("GROẞ", "gross"),
        ("Łukasz Đặng", "lukasz dang"),
        ("Þórður", "thordur"),
        ("Yıldız İnci", "yildiz inci"),
        ("O’Hara", "o'hara"),
        ("ℌ\u00a0Ⅷ", "h viii"),
        (" Anna 李 ", "anna"),
        ("李", ""),
        ("\ud800", ""),
    ],
)
def test_every_name_becomes_what_every_keyboard_can_type(written: str, typed: str) -> None:
    assert plain_letters(written) == typed
    assert plain_letters(typed) == typed


def test_a_user_name_has_no_accents() -> None:
    zoe = account(contact={"name": "Zoë Núñez"})
    issued = issue(zoe, UsernameSource.FIRST_NAME, Chance())
    assert isinstance(issued, Issued)
    assert issued.username == "zoe"


def test_a_name_that_nobody_can_type_is_called_so() -> None:
    foreign = account(contact={"name": "李 明"})
    assert issue(foreign, UsernameSource.LAST_NAME, Chance()) == Skipped(
        reason="the last name on file holds nothing that can be typed", field="last_name"
    )
    assert field_problem(account(), UsernameSource.LAST_NAME, "last name") == ""
