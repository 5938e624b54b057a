"""Text parts are wrapped where words part, and nowhere else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_apps.mail.wrapping import WIDTH, wrapped
from dueport_ports import InviteDelivery
from tests.mail.samples import MESSAGES, render_invite, renderer
from tests.mail.test_languages import DELIVERIES

ADDRESS = "https://pay.hillcountry.example.test/register/mXb3wq8Jt0yQe7vKc5Rz1LdHs9UfNpAgxxxxxxxx"
# An address, and a row of a table, are as long as they are.
WHOLE = re.compile(r"https?://\S+|\S.{0,32}  +\S.*|\s.*")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", MESSAGES)
def test_no_mail_has_a_line_that_a_mail_program_would_break(name: str, language: str) -> None:
    text = renderer().render_message(MESSAGES[name], language).text
    for line in text.splitlines():
        assert len(line) <= WIDTH or WHOLE.fullmatch(line), line


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("delivery", DELIVERIES, ids=["link", "credentials"])
def test_no_invitation_has_one_either(delivery: InviteDelivery, language: str) -> None:
    text = render_invite(delivery, language=language).text
    for line in text.splitlines():
        assert len(line) <= WIDTH or WHOLE.fullmatch(line), line


@pytest.mark.parametrize("name", MESSAGES)
def test_the_signature_begins_with_the_mark_that_mail_programs_know(name: str) -> None:
    text = renderer().render_message(MESSAGES[name]).text
    assert text.splitlines().count("-- ") == 1


@pytest.mark.parametrize(
    "line",
    [
        ADDRESS,
        "1. Open the page of the portal and type your account number and the code of your statement",
        "- Open the page of the portal and type your account number and the code of your statement",
        "* Open the page of the portal and type your account number and the code of your statement",
        "  A job whose name is so long that it would not fit into one line of a text part at all",
        "Company         The Association of Builders of the Southern Shore of the Northern Lakes Inc",
        "-" * 90,
    ],
)
def test_what_has_a_form_of_its_own_stays_whole(line: str) -> None:
    assert wrapped(line) == line


@pytest.mark.parametrize(
    "whole",
    [
        ADDRESS,
        "(512) 555-0100",
        "December 6, 2026, 3:00 PM",
        "domingo 6",
        "de 2026, 3:00 p. m.",
        "042 917",
        "account 10425",
    ],
)
def test_an_address_a_date_and_a_number_are_never_torn_apart(whole: str) -> None:
    for before in range(90):
        line = "x" * (before % 7 + 1) + " y" * (before // 2) + f" {whole} and so on"
        assert whole in wrapped(line)


@given(st.lists(st.text("ab1.(", min_size=1, max_size=90), min_size=1, max_size=40))
def test_wrapping_changes_nothing_but_spaces_into_breaks(words: list[str]) -> None:
    line = " ".join(["Word", *words])
    lines = wrapped(line).split("\n")
    assert " ".join(lines) == line
    for each in lines:
        assert len(each) <= WIDTH or not re.search(r" (?![0-9])", each[:WIDTH])
    assert wrapped("\n".join(lines)) == "\n".join(lines)
