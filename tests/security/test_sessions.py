"""Attacks on sessions: planted, stolen, kept too long, and used at the wrong door."""

import datetime
from pathlib import Path

import msgspec
from sqlalchemy import text

from dueport_apps.web.http.tokens import hash_token
from tests.databases import TestDatabases
from tests.inviting import FILLED, also_link
from tests.web.operator.desk import sign_in
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, World, account, open_world

COOKIE = "dueport"
LOGIN = {"login": "ap@harbor.example", "password": PASSWORD}


async def test_a_planted_session_is_worth_nothing_after_the_victim_signed_in(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    victim = app.browser()
    victim.client.cookies.set(COOKIE, "attacker-chosen", domain="127.0.0.1")
    await victim.get("/sign-in")
    assert (await victim.post("/sign-in", LOGIN)).status_code == 303
    assert victim.client.cookies.get(COOKIE, domain="127.0.0.1") != "attacker-chosen"
    attacker = app.browser()
    attacker.client.cookies.set(COOKIE, "attacker-chosen")
    assert (await attacker.get("/outstanding")).status_code == 303


async def test_every_change_of_rights_changes_the_token(app: PortalApp, world: World) -> None:
    seen = []
    browser = app.browser()
    await browser.open(f"/register/{await world.invite('1001')}")
    await browser.submit("/register", FILLED)
    seen.append(browser.client.cookies[COOKIE])
    await browser.post("/sign-out")
    await browser.get("/sign-in")
    await browser.post("/sign-in", LOGIN)
    seen.append(browser.client.cookies[COOKIE])
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
    assert user is not None
    await also_link(world, user.user_id, "1002")
    await browser.open("/outstanding")
    await browser.submit("/account", {"account_no": "1002"})
    seen.append(browser.client.cookies[COOKIE])
    new = "purple walrus under nine bridges"
    form = {"old_password": PASSWORD, "password": new, "password_again": new}
    await browser.open("/your-login")
    await browser.submit("/your-login/password", form)
    seen.append(browser.client.cookies[COOKIE])
    assert len(set(seen)) == 4
    for old in seen[:-1]:
        thief = app.browser()
        thief.client.cookies.set(COOKIE, old)
        assert (await thief.get("/outstanding")).status_code == 303


async def test_over_https_every_cookie_is_locked_to_its_host(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    web = {"base_url": "https://pay.cedar.example", "operator_base_url": "https://ar.cedar.example"}
    async with open_world(test_databases, tmp_path, web=web) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        app = portal(world)
        browser = Browser(app.app, "https://pay.cedar.example")
        token = await world.invite("1001")
        answers = [await browser.get(f"/register/{token}"), await browser.get("/register")]
        answers.append(await browser.post("/register", FILLED))
        answers.append(await browser.get("/reset/anything"))
        cookies = [line for one in answers for line in one.headers.get_list("set-cookie")]
        assert len(cookies) >= 4
        for line in cookies:
            assert line.startswith("__Host-")
            for part in ("Secure", "HttpOnly", "Path=/", "SameSite="):
                assert part in line, line
            assert "Domain=" not in line
        assert (await browser.get("/outstanding")).status_code == 200
        elsewhere = Browser(app.app, "https://ar.cedar.example")
        assert (await elsewhere.get("/sign-in")).status_code == 404, "each portal has its own host"


async def test_a_cookie_of_one_portal_opens_nothing_of_the_other(
    app: PortalApp, world: World
) -> None:
    customer = await app.customer("1001")
    operator = (await sign_in(app)).browser
    mixed = app.browser()
    mixed.client.cookies.set("dueport-operator", customer.client.cookies[COOKIE])
    mixed.client.cookies.set(COOKIE, operator.client.cookies["dueport-operator"])
    for path in ("/outstanding", "/operator/customers"):
        assert "sign-in" in (await mixed.get(path)).headers["location"]


async def test_a_session_ends_by_itself_and_a_stolen_one_with_it(
    app: PortalApp, world: World
) -> None:
    idle = await app.customer("1001")
    world.clock.advance(datetime.timedelta(minutes=30, seconds=1))
    assert (await idle.get("/outstanding")).status_code == 303
    busy = await app.signed_in("ap@harbor.example")
    for _ in range(24):
        world.clock.advance(datetime.timedelta(minutes=29))
        assert (await busy.get("/contact")).status_code == 200
    assert (await busy.get("/outstanding")).status_code == 200
    world.clock.advance(datetime.timedelta(minutes=25))
    assert (await busy.get("/outstanding")).status_code == 303
    third = await app.signed_in("ap@harbor.example")
    stolen = third.client.cookies[COOKIE]
    await third.post("/sign-out")
    thief = app.browser()
    thief.client.cookies.set(COOKIE, stolen)
    assert (await thief.get("/outstanding")).status_code == 303


async def test_a_login_that_is_switched_off_is_out_with_its_next_request(
    app: PortalApp, world: World
) -> None:
    first = await app.customer("1001")
    second = await app.signed_in("ap@harbor.example")
    async with world.container.uow()() as uow:
        user = await uow.users.by_login("ap@harbor.example")
        assert user is not None
        await uow.users.save(msgspec.structs.replace(user, active=False))
        await uow.commit()
    for browser in (first, second):
        assert (await browser.get("/outstanding")).status_code == 303
    await first.get("/sign-in")
    assert (await first.post("/sign-in", LOGIN)).status_code == 403


async def test_a_dump_of_the_session_table_signs_nobody_in(app: PortalApp, world: World) -> None:
    browser = await app.customer("1001")
    token = browser.client.cookies[COOKIE]
    async with world.container.database().statements.connect() as connection:
        dump = "\n".join((await connection.scalars(text("SELECT t::text FROM session t"))).all())
        (stored,) = (await connection.scalars(text("SELECT token_hash FROM session"))).all()
    assert token not in dump
    assert bytes(stored) == hash_token(token)
    thief = app.browser()
    thief.client.cookies.set(COOKIE, bytes(stored).hex())
    assert (await thief.get("/outstanding")).status_code == 303
