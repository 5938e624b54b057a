"""Which passwords are too weak, and what somebody is told to change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.passwords import password_problem

COMMON = {"correcthorsebattery", "password1234"}
OWN = ["Cedar Yard Supply", "CY-1001", "ann"]
COMPANIES = [
    "Harbor & Pine Builders, LLC",
    "Charpenterie Québec Nord Ltée",
    "O’Brien Bros. Roofing & Siding",
    "ap@bluebonnet.example",
]


@pytest.mark.parametrize(
    "good",
    [
        "twelve chars",
        "correct horse battery staple",
        "my cedar deck is long",
        "allsmallletters",
        "8492-3317-5520-9914",
        "секретный пароль",
        "🪵🪚🔨🪛📐 my tools",
        "correct horse 12 correct horse 12",
        "the alphabet from abcdefghijklm on",
        "x" * 240 + " and more to say",
    ],
)
def test_length_and_rarity_make_a_good_password(good: str) -> None:
    assert password_problem(good, 12, OWN, COMMON) is None


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
    problem = password_problem(password, 12, OWN, COMMON)
    assert problem is not None
    assert why in problem


@pytest.mark.parametrize(
    "password",
    [
        " " * 12,
        "\t" * 12,
        "\u200b" * 12,
        "a" * 12,
        "ababababcdcd",
        "aaa \u200b\u00ad\u2003\u2009\u200a\t\naaa",
    ],
)
def test_a_handful_of_characters_however_often_is_too_little(password: str) -> None:
    assert password_problem(password) == "Use at least 5 different letters, digits or signs."


@pytest.mark.parametrize("password", ["passwordpassword", "Lumber7lumber7", "cedar cedar cedar c"])
def test_what_starts_again_is_no_longer_than_what_it_repeats(password: str) -> None:
    problem = password_problem(password)
    assert problem == "This repeats itself; use something longer before it starts again."


@pytest.mark.parametrize(
    "password",
    [
        "1234567890123456789",
        "0987654321098",
        "abcdefghijkl",
        "UVWXYZABCDEF",
        "qwertyuiop12",
        "lkjhgfdsazxcvb",
        "abcdef123456",
        "aaaabbbb1234",
    ],
)
def test_a_row_of_letters_or_keys_is_one_thing_and_not_twelve(password: str) -> None:
    problem = password_problem(password)
    assert problem is not None
    assert problem.startswith("Letters or digits in a row") or "different" in problem


@pytest.mark.parametrize(
    ("password", "named"),
    [
        ("harborpine2026", "“harbor”, “pine”"),
        ("Pine! harbor! 2026", "“pine”, “harbor”"),
        ("Charpenterie Quebec 2026", "“charpenterie”, “quebec”"),
        ("québec nord ltée 26", "“quebec”, “nord”"),
        ("OBrien Bros roofing", "“obrien”, “bros”, “roofing”"),
        ("O'Brien's roofing!", "“obrien”, “roofing”"),
        ("bluebonnet 112233", "“bluebonnet”"),
        ("harbor llc oak 26", "“harbor”"),
    ],
)
def test_the_words_of_the_companys_name_with_a_number_are_no_password(
    password: str, named: str
) -> None:
    problem = password_problem(password, 12, COMPANIES)
    assert problem == (
        f"Beside {named} there is too little in it; add words that others do not expect."
    )


@pytest.mark.parametrize(
    "password", ["harbor seals bark", "a pine and nine otters", "harbor пароль здесь"]
)
def test_a_word_of_the_name_is_no_harm_among_others(password: str) -> None:
    assert password_problem(password, 12, COMPANIES) is None


def test_a_dealer_may_ask_for_more() -> None:
    assert password_problem("twelve chars") is None
    assert password_problem("twelve chars", 15) == "Use at least 15 characters."


@given(st.text(min_size=12, max_size=256))
def test_every_text_gets_an_answer(password: str) -> None:
    problem = password_problem(password, 12, COMPANIES, COMMON)
    assert problem is None or problem.endswith(".")
