"""Headers, errors and guards: what goes back over the wire."""

import json
import re
from io import StringIO
from typing import Any

import pytest
import structlog
from litestar import Litestar, Request, get

from dueport_apps.web.http.guards import check_every_route_is_guarded, customer_required
from dueport_apps.web.http.headers import PageSources, policy
from dueport_apps.web.http.redirects import safe_next
from dueport_apps.web.http.request_log import configure_logging
from dueport_core.errors import Misconfigured
from tests.web.http.app import Web, signed_in
from tests.web.http.memory import settings

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/form", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/static/000000000000/dueport.css", 404),
        ("DELETE", "/outstanding", 405),
        ("GET", "/outstanding", 303),
        ("GET", "/api/v1/broken", 500),
        ("GET", "/api/v1/busy/erp", 503),
        ("POST", "/sign-in", 403),
        ("TRACE", "/form", 405),
    ],
)
async def test_every_answer_carries_the_security_headers(
    method: str, path: str, status: int
) -> None:
    async with Web().browser() as browser:
        answer = await browser.request(method, path)
    assert answer.status_code == status
    for name, value in EVERYWHERE.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    csp = answer.headers["content-security-policy"]
    assert "default-src 'none'" in csp
    assert "unsafe" not in csp


async def test_the_nonce_is_new_for_every_answer_and_is_the_pages_own() -> None:
    async with Web().browser() as browser:
        pages = [await browser.get("/nowhere") for _ in range(2)]
    nonces = []
    for page in pages:
        found = re.search(r"script-src 'nonce-([^']+)'", page.headers["content-security-policy"])
        assert found is not None
        assert f'nonce="{found[1]}"' in page.text
        nonces.append(found[1])
    assert nonces[0] != nonces[1]


async def test_plain_http_on_this_machine_promises_no_https() -> None:
    web = Web(settings("http://127.0.0.1:8000"))
    async with web.browser("http://127.0.0.1:8000") as browser:
        answer = await browser.get("/form")
    assert "strict-transport-security" not in answer.headers


async def test_only_the_payment_page_may_load_from_the_processor() -> None:
    browser, _ = await signed_in(Web())
    pay, other = await browser.get("/pay"), await browser.get("/outstanding")
    csp = pay.headers["content-security-policy"]
    assert "frame-src https://js.stripe.com" in csp
    assert "img-src 'self' data: https://q.stripe.com" in csp
    assert re.search(r"script-src 'nonce-\S+' 'strict-dynamic' https://js\.stripe\.com", csp)
    assert pay.headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert 'payment=(self "https://js.stripe.com")' in pay.headers["permissions-policy"]
    assert "stripe" not in other.headers["content-security-policy"]
    assert "frame-src 'none'" in other.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("directive", "source"),
    [
        ("script-src", "'unsafe-inline'"),
        ("script-src", "https:"),
        ("script-src", "*"),
        ("script-src", "data:"),
        ("script-src", "http://evil.example"),
        ("script-src", "https://a.example; object-src *"),
        ("default-src", "https://a.example"),
        ("frame-ancestors", "https://a.example"),
    ],
)
def test_a_plugin_cannot_open_the_policy(directive: str, source: str) -> None:
    with pytest.raises(Misconfigured):
        PageSources().allow({directive: [source]})


def test_a_plugin_may_name_hosts_and_the_sandbox_on_this_machine() -> None:
    sources = PageSources()
    sources.allow({"script-src": ["https://*.js.stripe.com", "http://127.0.0.1:9200"]})
    sources.allow({"style-src-attr": ["'unsafe-inline'"]})
    written = policy("abc", sources.csp)
    assert "https://*.js.stripe.com http://127.0.0.1:9200" in written
    assert written.endswith("style-src-attr 'unsafe-inline'")


async def test_programs_get_problem_details_with_a_stable_type() -> None:
    async with Web().browser() as client:
        missing = await client.get("/api/v1/nothing")
        tries = await client.get("/api/v1/busy/tries")
        erp = await client.get("/api/v1/busy/erp")
        closed = await client.post("/api/v1/notes", json={})
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json() == {
        "type": "urn:dueport:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such page, or it is not yours to see.",
        "instance": f"urn:dueport:request:{missing.headers['x-request-id']}",
    }
    assert (tries.status_code, tries.headers["retry-after"]) == (429, "30")
    assert (erp.status_code, erp.headers["retry-after"]) == (503, "120")
    assert erp.json()["detail"] == "The ERP does not answer."
    assert closed.json()["type"] == "urn:dueport:problem:forbidden"


async def test_an_unexpected_error_is_logged_under_its_request_and_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Loggers would remember how they were set up here for as long as the process lives.
    remembering = structlog.configure
    monkeypatch.setattr(
        structlog,
        "configure",
        lambda **given: remembering(**given | {"cache_logger_on_first_use": False}),
    )
    stream = StringIO()
    configure_logging(stream=stream)
    async with Web().browser() as client:
        answer = await client.get("/api/v1/broken?token=do-not-log-me")
    assert answer.status_code == 500
    assert "BEEF" not in answer.text
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    ours = [one for one in lines if one.get("request_id") == answer.headers["x-request-id"]]
    failure = next(one for one in ours if one["event"] == "request failed")
    assert failure["exception"][0]["exc_value"] == "secret detail 0xBEEF"
    summary = next(one for one in ours if one["event"] == "request")
    assert (summary["route"], summary["status"]) == ("/api/v1/broken", 500)
    assert "do-not-log-me" not in stream.getvalue()


async def test_people_get_a_page_in_the_dealers_name() -> None:
    async with Web().browser() as browser:
        answer = await browser.get("/operator/nowhere")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Cedar &amp; Stone Supply" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert 'href="/operator/customers"' in answer.text


async def test_a_stranger_is_led_to_the_right_sign_in_page_and_back() -> None:
    async with Web().browser() as browser:
        customer = await browser.get("/outstanding")
        operator = await browser.get("/operator/payments")
        by_htmx = await browser.get("/outstanding", headers={"hx-request": "true"})
    assert customer.headers["location"] == "/sign-in?next=/outstanding"
    assert operator.headers["location"] == "/operator/sign-in?next=/operator/payments"
    assert (by_htmx.status_code, by_htmx.headers["hx-redirect"]) == (204, "/sign-in")


async def test_an_operator_without_the_permission_is_told_which_one_is_missing() -> None:
    async with Web().browser() as browser:
        await browser.get("/operator/enter")
        assert (await browser.get("/operator/payments")).status_code == 200
        answer = await browser.get("/operator/refunds")
        settings_page = await browser.get("/operator/settings")
    assert answer.status_code == 403
    assert "payments.refund" in answer.text
    assert settings_page.status_code == 403
    assert "Confirm who you are" in settings_page.text


async def test_a_body_of_brackets_is_a_bad_request_and_no_crash() -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post(
        "/api/v1/notes",
        content="[" * 19_000,
        headers={
            "content-type": "application/json",
            "x-csrf-token": token,
            "idempotency-key": "brackets-1",
        },
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_too_large_is_refused() -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post("/notes", data={"_csrf": token, "memo": "x" * 30_000})
    assert answer.status_code == 413


@get("/open")
async def forgotten(request: Request[Any, Any, Any]) -> str:
    return "open"


@get("/both", guards=[customer_required], opt={"public": True})
async def contradictory(request: Request[Any, Any, Any]) -> str:
    return "both"


def test_the_application_does_not_start_with_an_unguarded_route() -> None:
    app = Litestar([forgotten, contradictory], openapi_config=None)
    with pytest.raises(Misconfigured) as refusal:
        check_every_route_is_guarded(app)
    assert "/open" in refusal.value.message
    assert "/both" in refusal.value.message


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/ok\r\nset-cookie: x",
        "/\t/evil.example",
        "evil",
    ],
)
def test_no_redirect_leads_off_the_site(target: str | None) -> None:
    assert safe_next(target, "/outstanding") == "/outstanding"


def test_a_path_of_ours_is_a_fine_redirect() -> None:
    assert safe_next("/payments?after=1", "/outstanding") == "/payments?after=1"
