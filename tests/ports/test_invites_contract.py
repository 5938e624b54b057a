"""The invitation suites catch what they are there to catch."""

import inspect
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dueport_ports import (
    Contact,
    CredentialGenerator,
    CredentialRequest,
    InviteContent,
    InviteDelivery,
    InviteRequest,
    Issued,
    Skipped,
    UsernameSource,
    field_words,
    missing_second_check,
)
from dueport_ports.testing.invites import (
    CredentialGeneratorContract,
    InviteDeliveryContract,
    sample_account,
    sample_invite,
)


class _LastFour(CredentialGenerator):
    """The classic mistake: a password out of the customer's phone number."""

    def issue(self, request: CredentialRequest) -> Issued | Skipped:
        return Issued(username=request.email, secret=request.account.contacts[0].phone[-4:])


class _Nosy(InviteDelivery):
    """Asks the network while it prepares, takes any address, and forgets its templates."""

    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        socket.socket().connect(("127.0.0.1", 9))
        return InviteContent(template="nothing", values={})

    def templates_folder(self) -> Path:
        return Path(__file__).parent


class _Forgetful(InviteDelivery):
    """Answers differently each time, and sends to whatever is in the field."""

    def __init__(self) -> None:
        self._calls = 0

    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        self._calls += 1
        if self._calls % 2:
            return InviteContent(template="nothing", values={})
        return Skipped(reason="no", field="")

    def templates_folder(self) -> Path:
        return Path(__file__).parent


class _Deaf(InviteDelivery):
    """Neither hears of a reminder nor of a second check, and translated the half of its mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, request: InviteRequest) -> InviteContent | Skipped:
        if request.language == "es":
            return Skipped(reason="no Spanish", field="language")
        return InviteContent(template="deaf", values={})

    def templates_folder(self) -> Path:
        return self._folder


def verdict(test: Callable[..., Any], **arguments: Any) -> str:
    """Run one test of a suite by hand; ``passes`` or the failure's class."""
    wanted = inspect.signature(test).parameters
    given = {name: value for name, value in arguments.items() if name in wanted}
    try:
        test(InviteDeliveryContract, **given)
    except (AssertionError, OSError) as failure:
        return type(failure).__name__
    return "passes"


@pytest.mark.parametrize(
    "name",
    [
        "test_the_password_is_random_long_used_once_and_short_lived",
        "test_the_password_is_never_made_from_a_field",
        "test_a_username_that_is_taken_is_skipped_whatever_its_case",
    ],
)
def test_a_password_from_a_field_is_caught(name: str) -> None:
    test = getattr(CredentialGeneratorContract, name)
    assert verdict(test, generator=_LastFour(), source=UsernameSource.EMAIL) != "passes"


@pytest.mark.parametrize(
    "name",
    [
        "test_asking_again_gives_the_same_kind_of_answer",
        "test_the_rehearsal_says_what_the_sending_does",
        "test_an_address_that_is_not_one_address_is_skipped_and_named",
    ],
)
def test_a_delivery_that_changes_its_mind_is_caught(name: str) -> None:
    test = getattr(InviteDeliveryContract, name)
    result = verdict(test, delivery=_Forgetful(), source=UsernameSource.EMAIL, email="a@x, b@y")
    assert result == "AssertionError"


def test_a_delivery_that_asks_the_network_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("preparing an invitation must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    test = InviteDeliveryContract.test_a_complete_account_receives_something
    assert verdict(test, delivery=_Nosy()) == "AssertionError"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_a_complete_account_receives_something", "passes"),
        ("test_who_is_invited_does_not_depend_on_the_words", "AssertionError"),
        ("test_nobody_is_asked_for_what_is_not_on_file", "AssertionError"),
        ("test_a_reminder_and_a_second_check_are_told", "AssertionError"),
        ("test_a_translation_has_both_parts_and_its_own_subject", "FileNotFoundError"),
        ("test_the_templates_ask_for_nothing_that_the_delivery_does_not_give", "AssertionError"),
    ],
)
def test_a_delivery_that_does_not_listen_is_caught(
    tmp_path: Path, name: str, expected: str
) -> None:
    (tmp_path / "deaf.txt.j2").write_text("Subject: x\n")
    (tmp_path / "deaf.html.j2").write_text("<p>x</p>")
    (tmp_path / "deaf.es.txt.j2").write_text("Subject: x\n{{ nombre }}\n")
    result = verdict(
        getattr(InviteDeliveryContract, name),
        delivery=_Deaf(tmp_path),
        source=UsernameSource.SHIP_TO_ZIP,
        changes={"language": "es"},
    )
    assert result == expected


@pytest.mark.parametrize("source", list(UsernameSource))
def test_every_field_has_a_name_in_both_languages(source: UsernameSource) -> None:
    assert field_words(source)
    assert field_words(source, "es") != field_words(source)
    assert field_words(source, "es-MX") == field_words(source, "es")
    assert field_words(source, "fr") == field_words(source, "") == field_words(source)


def test_a_second_check_that_cannot_be_answered_is_named_with_its_field() -> None:
    no_zip = sample_invite(
        account=sample_account(ship_to_zip="n/a"), second_check=UsernameSource.SHIP_TO_ZIP
    )
    assert missing_second_check(no_zip) == Skipped(
        reason="no ship-to ZIP code on file; add it in the ERP", field="ship_to_zip"
    )
    foreign = sample_account(contacts=(Contact(name="李 明", email="m@x.test"),))
    untypable = missing_second_check(
        sample_invite(account=foreign, second_check=UsernameSource.LAST_NAME)
    )
    assert untypable == Skipped(
        reason="the last name on file holds nothing that can be typed; choose another field",
        field="last_name",
    )
    by_chance = missing_second_check(sample_invite(second_check=UsernameSource.RANDOM))
    assert by_chance is not None
    assert "choose a field" in by_chance.reason
    assert missing_second_check(sample_invite()) is None
    assert missing_second_check(sample_invite(second_check=UsernameSource.PHONE)) is None


@pytest.mark.parametrize("suite", [CredentialGeneratorContract, InviteDeliveryContract])
def test_the_suites_cannot_be_softened(suite: type) -> None:
    name = next(name for name in vars(suite) if name.startswith("test_"))
    with pytest.raises(TypeError, match=name):
        type("Soft", (suite,), {name: lambda self: None})
