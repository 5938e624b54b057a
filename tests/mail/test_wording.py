"""The small rules of writing that pages, mails and letters share."""

import pytest

from dueport_apps.wording import ANY_BROWSER, browser_words, ended

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("Harbor & Pine Builders, Inc.", "Harbor & Pine Builders, Inc."),
        ("Smith & Co", "Smith & Co."),
        ("Yes!", "Yes!"),
        ("And so on…", "And so on…"),
        ("Acme (Inc.)", "Acme (Inc.)."),
        ("", "."),
    ],
)
def test_a_sentence_that_ends_in_a_name_ends_in_one_full_stop(name: str, end: str) -> None:
    assert ended(name) == end


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/140.0 Safari/537.36", "Chrome on Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0 "
            "Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Gecko Chrome/140.0", "Chrome on ChromeOS"),
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0",
            "Firefox on Windows",
        ),
        ("Firefox/1", "Firefox"),
        ("curl/8.5.0", ANY_BROWSER),
        ("Call 1-900-555-0100 now to keep your account", ANY_BROWSER),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_words_of_our_own(user_agent: str, words: str) -> None:
    assert browser_words(user_agent) == words
