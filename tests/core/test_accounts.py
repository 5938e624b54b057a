"""Accounts and the e-mail addresses on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.accounts import Account, Contact, check_email, email_fault


def account(*contacts: Contact) -> Account:
    return Account(account_no="A-1", name="Ærø & Søn", contacts=contacts)


def test_the_marked_contact_is_the_primary_one_even_without_an_address() -> None:
    other = Contact(name="Ann", email="ann@example.com")
    assert account(other, Contact(name="Bo", is_primary=True)).primary_email is None
    marked = Contact(email=" bo@example.com\t", is_primary=True)
    assert account(other, marked).primary_email == "bo@example.com"


def test_without_a_mark_the_first_contact_with_an_address_is_taken() -> None:
    assert account(Contact(), Contact(email="a@b.co")).primary_email == "a@b.co"
    assert account(Contact(name="Ann")).primary_email is None
    assert account(Contact(name="Ann")).primary_contact == Contact(name="Ann")
    assert account().primary_contact is None
    assert account().primary_email is None


@pytest.mark.parametrize(
    "good",
    ["a@b.co", "o'hara+ap@mail.cedar-yard.example", "x_y.z@1st.example", "a" * 64 + "@b.co"],
)
def test_a_plain_address_is_good(good: str) -> None:
    assert check_email(good) is None


@pytest.mark.parametrize("empty", [None, "", "  ", "\t"])
def test_an_empty_address_is_called_so(empty: str | None) -> None:
    assert check_email(empty) == "no e-mail address"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a@x.example, b@y.example", "more than one"),
        ("a@x.example;b@y.example", "more than one"),
        ("a@x.example b@y.example", "more than one"),
        ("a@x.example, b@y.example; c@z.example", "more than one"),
        ("isabela@@rooneybros.example", "there are two @ in it"),
        ("isabela@rooney@bros.example", "there are two @ in it"),
        ("a@b@c@d@e.example", "there are 4 @ in it"),
        ("a@x.example,", "there is a comma in it"),
        ("ann;smith@x.example", "there is a semicolon in it"),
        ("a@x.example\r\nBcc: b", "line break"),
        ("a@x.example\n", "line break"),
        ("a@\x00x.example", "control"),
        ("cedar yard", "no @"),
        ("cedar yard@x.example", "blank"),
        ("@x.example", "before"),
        (".a@x.example", "before"),
        ("a..b@x.example", "before"),
        ("søren@x.example", "before"),
        ("a@x", "domain"),
        ("a@-x.example", "domain"),
        ("a@x..example", "domain"),
        ("a@x.example.", "domain"),
        ("a@192.168.0.1", "domain"),
        ("a@" + "x" * 250 + ".example", "long"),
        ("a" * 65 + "@x.example", "long"),
    ],
)
def test_a_malformed_address_is_refused_with_the_reason(text: str, why: str) -> None:
    reason = check_email(text)
    assert reason is not None
    assert reason.startswith("malformed e-mail address")
    assert why in reason
    assert "\n" not in reason


def test_the_fault_alone_does_not_repeat_the_address() -> None:
    assert email_fault("ann smith@x.example") == "there is a blank in it"
    assert email_fault("") == email_fault(None) == "no e-mail address"
    assert email_fault("a@b.co") is None


def test_a_contact_is_found_by_its_address() -> None:
    ann, bo = Contact(name="Ann", email=" Ann@Example.com"), Contact(name="Bo", email="bo@b.co")
    assert account(Contact(), ann, bo).contact_of("ann@example.COM ") == ann
    assert account(Contact(), ann).contact_of("cy@example.com") is None
    assert account(Contact(email="")).contact_of(" ") is None


@given(st.text())
def test_no_accepted_address_can_break_a_mail_header(text: str) -> None:
    if check_email(text) is None:
        assert text.isprintable()
        assert text.isascii()
        assert text.count("@") == 1
        assert not set(text) & set(',;<>() "\\')
