"""Sign-in sessions."""

import pytest

from dueport_apps.web.http.sessions import AuthLevel
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.tokens import hash_token
from dueport_core.errors import Misconfigured
from tests.web.http.app import ORIGIN, Web, signed_in
from tests.web.http.memory import settings

COOKIE = "__Host-dueport"


async def test_looking_at_pages_creates_no_row_and_no_cookie() -> None:
    web = Web()
    async with web.browser() as browser:
        for _ in range(3):
            answer = await browser.get("/page")
        assert "set-cookie" not in answer.headers
    assert web.sessions.rows == {}


async def test_a_form_before_sign_in_sets_a_cookie_but_writes_no_row() -> None:
    web = Web()
    async with web.browser() as browser:
        answer = await browser.get("/form")
    assert "__Host-dueport-form" in answer.cookies
    assert web.sessions.rows == {}


async def test_the_session_cookie_is_locked_to_this_host_and_out_of_reach_of_scripts() -> None:
    web = Web()
    async with web.browser() as browser:
        token = (await browser.get("/form")).text
        answer = await browser.post("/sign-in", data={"_csrf": token})
    line = next(
        line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{COOKIE}=")
    )
    attributes = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


async def test_only_the_hash_of_a_token_is_stored() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    token = browser.cookies[COOKIE]
    assert list(web.sessions.rows) == [hash_token(token)]
    assert token not in repr(web.sessions.rows)
    stored = next(iter(web.sessions.rows)).hex()
    browser.cookies.set(COOKIE, stored, domain="pay.cedarstone.example")
    async with web.browser() as thief:
        thief.cookies.set(COOKIE, stored)
        assert (await thief.get("/outstanding")).status_code == 303


async def test_a_planted_session_identifier_is_ignored_and_replaced_at_sign_in() -> None:
    web = Web()
    async with web.browser() as browser:
        browser.cookies.set(COOKIE, "planted-by-somebody-else", domain="pay.cedarstone.example")
        token = (await browser.get("/form")).text
        await browser.post("/sign-in", data={"_csrf": token})
        async with web.browser() as attacker:
            attacker.cookies.set(COOKIE, "planted-by-somebody-else")
            assert (await attacker.get("/outstanding")).status_code == 303
    assert hash_token("planted-by-somebody-else") not in web.sessions.rows


async def test_the_second_factor_changes_the_token_and_only_then_opens_the_portal() -> None:
    web = Web()
    async with web.browser() as browser:
        token = (await browser.get("/form")).text
        answer = await browser.post("/sign-in", data={"_csrf": token, "level": "password"})
        before = browser.cookies[COOKIE]
        assert (await browser.get("/outstanding")).status_code == 303
        await browser.post("/second-factor", data={"_csrf": answer.text})
        assert browser.cookies[COOKIE] != before
        assert (await browser.get("/outstanding")).text == "owed by Anna Delgado"
    assert hash_token(before) not in web.sessions.rows
    assert [row.auth_level for row in web.sessions.rows.values()] == [AuthLevel.FULL]


async def test_signing_out_kills_every_copy_of_the_token() -> None:
    web = Web()
    browser, token = await signed_in(web)
    copied = browser.cookies[COOKIE]
    await browser.post("/sign-out", data={"_csrf": token})
    assert COOKIE not in browser.cookies
    async with web.browser() as thief:
        thief.cookies.set(COOKIE, copied)
        assert (await thief.get("/outstanding")).status_code == 303
    assert web.sessions.rows == {}


async def test_half_an_hour_without_a_request_ends_the_session() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    web.clock.move(minutes=29)
    assert (await browser.get("/outstanding")).status_code == 200
    web.clock.move(minutes=30, seconds=1)
    assert (await browser.get("/outstanding")).status_code == 303
    assert web.sessions.rows == {}


async def test_twelve_hours_after_sign_in_even_a_busy_session_ends() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    for _ in range(36):
        web.clock.move(minutes=20)
        assert (await browser.get("/outstanding")).status_code == 200
    web.clock.move(seconds=1)
    assert (await browser.get("/outstanding")).status_code == 303


async def test_the_last_request_is_noted_at_most_once_a_minute() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    for _ in range(5):
        await browser.get("/outstanding")
    assert web.sessions.touches == 0
    web.clock.move(seconds=60)
    for _ in range(5):
        await browser.get("/outstanding")
    assert web.sessions.touches == 1


async def test_a_disabled_login_is_signed_out_by_its_next_request() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    del web.principals.people[(Portal.CUSTOMER, "user-anna")]
    assert (await browser.get("/outstanding")).status_code == 303
    assert web.sessions.rows == {}


async def test_a_session_of_one_portal_is_nothing_in_the_other() -> None:
    web = Web()
    browser, _ = await signed_in(web)
    token = browser.cookies[COOKIE]
    async with web.browser() as crossed:
        crossed.cookies.set("__Host-dueport-operator", token)
        assert (await crossed.get("/operator/payments")).status_code == 303


async def test_the_other_portals_host_does_not_know_the_page() -> None:
    web = Web(
        HttpSettings(
            customer_url=ORIGIN, operator_url="https://ar.cedarstone.example", secret=b"s" * 32
        )
    )
    async with web.browser("https://ar.cedarstone.example") as browser:
        assert (await browser.get("/page")).status_code == 404
        assert (await browser.get("/operator/enter")).status_code == 200
    async with web.browser() as browser:
        assert (await browser.get("/operator/enter")).status_code == 404


async def test_a_message_waits_for_the_next_page_and_is_shown_once() -> None:
    web = Web()
    browser, token = await signed_in(web)
    assert (await browser.get("/page")).text == "Welcome back."
    assert (await browser.get("/page")).text == ""
    await browser.post("/sign-out", data={"_csrf": token})
    assert (await browser.get("/page")).text == "You are signed out."


async def test_a_forged_message_is_not_shown() -> None:
    web = Web()
    async with web.browser() as browser:
        browser.cookies.set("__Host-dueport-flash", "W1siSGFja2VkIiwgImluZm8iXV0")
        assert (await browser.get("/page")).text == ""


async def test_plain_http_on_this_machine_goes_without_the_host_prefix() -> None:
    base = "http://127.0.0.1:8000"
    web = Web(settings(base))
    browser, _ = await signed_in(web, base)
    assert "dueport" in browser.cookies
    assert (await browser.get("/outstanding")).status_code == 200


def test_plain_http_anywhere_else_is_refused_at_start() -> None:
    with pytest.raises(Misconfigured, match="https"):
        settings("http://pay.cedarstone.example")
    with pytest.raises(Misconfigured, match="32 bytes"):
        HttpSettings(customer_url=ORIGIN, operator_url=ORIGIN, secret=b"short")


async def test_all_routers_share_the_one_session_store() -> None:
    web = Web()
    _, _ = await signed_in(web)
    async with web.browser() as browser:
        await browser.get("/operator/enter")
    assert {row.portal for row in web.sessions.rows.values()} == set(Portal)
