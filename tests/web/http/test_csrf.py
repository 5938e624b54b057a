"""Cross-site request forgery."""

import pytest

from dueport_apps.web.http.tokens import hash_token, masked, proves, signed, unsigned
from tests.web.http.app import ORIGIN, Web, signed_in
from tests.web.http.memory import ANNA


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ORIGIN + ".evil.example"},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    ],
)
async def test_a_post_from_another_site_is_refused_even_with_a_token(
    headers: dict[str, str],
) -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post("/notes", data={"_csrf": token, "memo": "x"}, headers=headers)
    assert answer.status_code == 403
    assert web.notes == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
        {"origin": ORIGIN},
        {},
    ],
)
async def test_our_own_forms_pass_with_their_token(headers: dict[str, str]) -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post("/notes", data={"_csrf": token, "memo": "x"}, headers=headers)
    assert answer.status_code == 201
    assert web.notes == ["x"]


async def test_the_token_may_come_in_a_header() -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post("/notes", data={"memo": "x"}, headers={"x-csrf-token": token})
    assert answer.status_code == 201


async def test_the_token_of_another_session_is_refused() -> None:
    web = Web()
    _, foreign = await signed_in(web)
    browser, _ = await signed_in(web)
    answer = await browser.post("/notes", data={"_csrf": foreign, "memo": "x"})
    assert answer.status_code == 403
    assert web.notes == []


async def test_the_token_from_before_the_sign_in_is_refused_after_it() -> None:
    web = Web()
    async with web.browser() as browser:
        early = (await browser.get("/form")).text
        await browser.post("/sign-in", data={"_csrf": early})
        answer = await browser.post("/notes", data={"_csrf": early, "memo": "x"})
    assert answer.status_code == 403


async def test_a_sign_in_form_that_was_never_shown_is_refused() -> None:
    web = Web()
    async with web.browser() as shown, web.browser() as other:
        token = (await shown.get("/form")).text
        assert (await other.post("/sign-in", data={"_csrf": token})).status_code == 403
        assert (await other.post("/sign-in", data={})).status_code == 403
    assert web.sessions.rows == {}


async def test_json_disguised_as_text_does_not_pass() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    answer = await browser.post(
        "/api/v1/notes", content='{"memo":"x"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:dueport:problem:forbidden"


async def test_an_api_key_needs_no_token_and_a_wrong_key_is_refused() -> None:
    web = Web()
    web.principals.keys[hash_token("key-123")] = ANNA
    async with web.browser() as client:
        good = {"authorization": "Bearer key-123", "idempotency-key": "first-call-1"}
        answer = await client.post("/api/v1/notes", json={"memo": "x"}, headers=good)
        assert answer.status_code == 201
        bad = {"authorization": "Bearer key-124", "idempotency-key": "first-call-1"}
        answer = await client.post("/api/v1/notes", json={"memo": "x"}, headers=bad)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_never_looks_the_same_twice() -> None:
    key = b"k" * 32
    first, second = masked(key), masked(key)
    assert first != second
    assert proves(key, first)
    assert proves(key, second)
    for wrong in ("", "abc", first[:-2], "A" * 64, "é" * 64, first + "A"):
        assert not proves(key, wrong), wrong
    assert not proves(b"j" * 32, first)


def test_a_signed_text_is_returned_only_as_it_was_signed() -> None:
    text = signed(b"k" * 32, b"hello")
    assert unsigned(b"k" * 32, text) == b"hello"
    assert unsigned(b"j" * 32, text) is None
    assert unsigned(b"k" * 32, "A" + text[1:]) is None
