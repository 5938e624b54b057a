"""Pages that are out of date: what their forms ask for is never done, and whoever asked can go on."""

import datetime
import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from dueport_apps.storage.tables.base import metadata
from dueport_apps.web.app import create_litestar
from dueport_apps.web.http import guards
from dueport_apps.web.http.csrf import OUT_OF_DATE
from tests.inviting import FILLED, also_link
from tests.web.operator.desk import sign_in
from tests.web.portal import ORIGIN, Browser, PortalApp
from tests.world import PASSWORD, World

IDLE = datetime.timedelta(minutes=30, seconds=1)
AS_A_BROWSER = {"sec-fetch-site": "same-origin", "origin": "null"}
IDLE_WORDS = "You were signed out after 30 minutes without activity. Sign in and go on."
LOGIN = {"login": "ap@harbor.example", "password": PASSWORD}
OPERATOR = {"email": "olivia@cedaryard.example", "password": PASSWORD}


def browsing(browser: Browser) -> Browser:
    """Say with every request what a browser says with its forms."""
    browser.client.headers.update(AS_A_BROWSER)
    return browser


def wanted_by(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


async def count(world: World, table: str) -> int:
    async with world.container.database().statements.connect() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def quotes(world: World) -> int:
    return await count(world, "quote")


async def contents(world: World) -> dict[str, str]:
    """Return everything that is stored, but when sessions were last seen."""
    async with world.container.database().statements.connect() as connection:
        return {
            name: str(
                await connection.scalar(text(f"SELECT string_agg(t::text, chr(10)) FROM {name} t"))
            )
            for name in metadata.tables
            if name != "session"
        }


async def test_after_lunch_the_ticked_documents_wait_behind_the_sign_in(
    app: PortalApp, world: World
) -> None:
    browser = browsing(await app.customer("1001"))
    world.clock.advance(IDLE)
    sent = await browser.post("/pay", {"document_refs": "INV-1", "view": "all"})
    assert sent.status_code == 303
    assert urlsplit(sent.headers["location"]).path == "/sign-in"
    assert wanted_by(sent.headers["location"]) == "/outstanding?view=all&ticked=INV-1"
    await browser.get(sent.headers["location"])
    assert browser.notices == [IDLE_WORDS]
    assert await quotes(world) == 0, "nothing was priced, let alone paid"
    back = await browser.submit("/sign-in", {**LOGIN, "next": field(browser.page, "next")})
    assert back.status_code == 200
    (ticked,) = re.findall(r'name="document_refs" value="([^"]+)"[^>]* checked', browser.page)
    assert ticked == "INV-1"
    assert await quotes(world) == 0, "the person presses Pay, nobody else does"


async def test_what_somebody_else_had_ticked_is_not_on_anybody_elses_page(
    app: PortalApp, world: World
) -> None:
    browser = browsing(await app.customer("1002", "pay@mueller.example"))
    await browser.open("/outstanding?view=all&ticked=INV-1~INV-9~nothing")
    assert re.findall(r'name="document_refs" value="([^"]+)"[^>]* checked', browser.page) == [
        "INV-9"
    ]


async def test_who_signed_out_in_another_tab_is_not_told_of_thirty_minutes(
    app: PortalApp,
) -> None:
    browser = browsing(await app.customer("1001"))
    await browser.open("/your-login")
    token = browser.token
    await browser.post("/sign-out")
    late = await browser.post("/your-login/language", {"language": "es"}, token=token)
    assert wanted_by(late.headers["location"]) == "/your-login"
    await browser.get(late.headers["location"])
    assert "You are signed out by now. Sign in and go on." in browser.notices


async def test_a_form_of_the_account_that_was_open_is_shown_anew(
    app: PortalApp, world: World
) -> None:
    browser = browsing(await app.customer("1001"))
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
    assert user is not None
    await also_link(world, user.user_id, "1002")
    await browser.open("/outstanding")
    old_tab = browser.token
    await browser.submit("/account", {"account_no": "1002"})
    stale = await browser.post("/pay", {"document_refs": "INV-1"}, token=old_tab)
    assert (stale.status_code, stale.headers["location"]) == (
        303,
        "/outstanding?view=all&ticked=INV-1",
    )
    await browser.get(stale.headers["location"])
    assert browser.notices == [OUT_OF_DATE]
    assert " checked" not in browser.page, "the document is of the other account"
    assert await quotes(world) == 0


async def test_of_two_sign_in_pages_the_second_leads_into_the_portal(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    browser = browsing(app.browser())
    await browser.get("/sign-in?next=/payments")
    second = browser.token
    assert (await browser.post("/sign-in", LOGIN)).status_code == 303
    session = browser.client.cookies["dueport"]
    late = await browser.post("/sign-in", {**LOGIN, "next": "/payments"}, token=second)
    assert late.headers["location"] == "/sign-in?next=/payments"
    assert (await browser.get(late.headers["location"])).headers["location"] == "/payments"
    await browser.get("/payments")
    assert browser.notices[0].startswith("You are signed in already")
    assert browser.client.cookies["dueport"] == session


async def test_a_second_registration_page_says_that_the_first_has_registered(
    app: PortalApp, world: World
) -> None:
    browser = browsing(app.browser())
    await browser.open(f"/register/{await world.invite('1001')}")
    second = browser.token
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
    ticketless = await browser.post("/register", FILLED, token=second)
    assert ticketless.headers["location"] == "/register"
    assert await count(world, "portal_user") == 1


async def test_where_a_form_leads_on_is_never_up_to_strangers(app: PortalApp, world: World) -> None:
    browser = browsing(await app.customer("1001"))
    world.clock.advance(IDLE)
    evil = {
        "referer": "https://evil.example/phish",
        "hx-request": "true",
        "hx-current-url": "https://evil.example/phish",
    }
    told = await browser.client.post("/your-login/language", data={}, headers=evil)
    assert wanted_by(told.headers["hx-redirect"]) == "/your-login"
    other = {**evil, "hx-current-url": f"{ORIGIN}/operator/customers"}
    told = await browser.client.post("/your-login/language", data={}, headers=other)
    assert wanted_by(told.headers["hx-redirect"]) == "/your-login"
    slashes = {**evil, "hx-current-url": f"{ORIGIN}//evil.example"}
    told = await browser.client.post("/your-login/language", data={}, headers=slashes)
    assert wanted_by(told.headers["hx-redirect"]) == "/your-login"
    form = {"next": "//evil.example", **LOGIN}
    told = await browser.client.post("/sign-in", data=form)
    assert told.headers["location"] == "/sign-in"


async def test_a_script_of_a_page_is_told_where_to_go_on(app: PortalApp, world: World) -> None:
    browser = browsing(await app.customer("1001"))
    world.clock.advance(IDLE)
    answer = await browser.post_json("/pay/some-quote/collect/some-collect", b"{}")
    assert answer.status_code == 403
    assert wanted_by(answer.json()["next"]) == "/pay/some-quote/collect/some-collect"


async def test_in_the_invite_dialog_an_ended_session_leads_to_the_sign_in(
    app: PortalApp, world: World
) -> None:
    desk = await sign_in(app)
    campaign = await desk.draft("1001")
    browser = browsing(desk.browser)
    world.clock.advance(IDLE)
    htmx = {
        "hx-request": "true",
        "hx-current-url": f"{ORIGIN}{campaign}/edit",
        "x-csrf-token": browser.token,
    }
    changed = await browser.client.post(f"{campaign}/edit", data={}, headers=htmx)
    assert changed.status_code == 204
    assert wanted_by(changed.headers["hx-redirect"]) == f"{campaign}/edit"
    sent = await browser.post(f"{campaign}/start")
    assert urlsplit(sent.headers["location"]).path == "/operator/sign-in"
    assert wanted_by(sent.headers["location"]) == campaign
    await browser.get(sent.headers["location"])
    assert browser.notices == [IDLE_WORDS]
    assert await count(world, "invitation") == 0
    assert await count(world, "mail_delivery") == 0


@pytest.mark.parametrize("foreign", [{"origin": "https://evil.example"}, {"origin": "null"}])
async def test_another_site_is_refused_flatly_and_led_nowhere(
    app: PortalApp, world: World, foreign: dict[str, str]
) -> None:
    browser = await app.customer("1001")
    for headers in (foreign, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        for token in (browser.token, "", "stale"):
            form = {"_csrf": token, "document_refs": "INV-1"}
            answer = await browser.client.post("/pay", data=form, headers=headers)
            assert answer.status_code == 403
            assert "location" not in answer.headers
            assert "set-cookie" not in answer.headers
    assert await quotes(world) == 0


async def test_no_form_at_all_is_carried_out_with_a_token_that_does_not_fit(
    app: PortalApp, world: World
) -> None:
    customer = browsing(await app.customer("1001"))
    desk = await sign_in(app)
    operator = browsing(desk.browser)
    stranger = browsing(app.browser())
    before = await contents(world)
    posts = [
        (path, handler)
        for path, handler in guards.routes(create_litestar(world.container))
        if "POST" in handler.http_methods  # type: ignore[attr-defined]  # Every route here is HTTP.
        and not path.startswith(("/api/", "/webhooks/"))
        and not handler.opt.get("csrf_exempt")
    ]
    assert len(posts) > 40
    for path, _ in posts:
        address = re.sub(r"\{\w+:\w+\}", "1001", path)
        for browser, foreign in (
            (customer, operator.token),
            (operator, customer.token),
            (stranger, customer.token),
        ):
            for token in ("", "stale", foreign):
                form = {"_csrf": token, **FILLED}
                answer = await browser.client.post(address, data=form)
                assert answer.status_code == 303, (path, answer.status_code)
                target = answer.headers["location"]
                assert target.startswith("/"), path
                page = wanted_by(target) if "next=" in target else target
                looked = await stranger.client.get(page)
                assert looked.status_code in (200, 303, 404, 410), (path, page)
    assert await contents(world) == before
