"""Attacks on signing in: weak passwords, guessing, shutting others out, and the second factor."""

import asyncio
import datetime
import re
from typing import Any

import argon2
import httpx
import pytest
from sqlalchemy import text

from dueport_apps.usecases.records import OperatorRole
from dueport_apps.usecases.set_up_operator import AddOperatorCommand
from dueport_apps.usecases.sign_in import SignInCommand
from dueport_apps.web.api.openapi import OPERATOR_HANDLERS
from dueport_core.errors import Forbidden, Invalid, TooManyTries
from tests.inviting import FILLED, OTHER_PASSWORD, reset_token_in
from tests.web.operator.desk import sign_in
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World


def attempt(login: str, password: str, client_ip: str = "10.0.0.1") -> SignInCommand:
    return SignInCommand(login=login, password=password, client_ip=client_ip)


def from_address(app: PortalApp, client_ip: str) -> Browser:
    """Return a browser that comes from another address."""
    browser = app.browser()
    served: Any = app.app
    transport = httpx.ASGITransport(app=served, client=(client_ip, 40_000))
    browser.client = httpx.AsyncClient(transport=transport, base_url=browser.client.base_url)
    return browser


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "cedaryardsupply2026!",
        "Harbor Builders, LLC forever",
        "ap@harbor.example!!",
        "password1234",
        "1q2w3e4r5t6y",
        "x" * 257,
    ],
)
async def test_short_known_and_obvious_passwords_are_refused(world: World, password: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await world.register(await world.invite("1001"), password)
    assert set(refusal.value.fields) == {"password"}


@pytest.mark.parametrize(
    "password",
    [
        "gravel lantern",
        "a" * 20 + " long passphrase " * 6,
        "🌲🪵🔨🧱🪚🔩🪜🧰🏗️🏠🛠️🚜🌧️",
        "ñandú über straße",
    ],
)
async def test_long_passphrases_of_any_letters_are_welcome(world: World, password: str) -> None:
    user = await world.register(await world.invite("1001"), password)
    signed_in = await world.container.sign_in_customer()(attempt("ap@harbor.example", password))
    assert signed_in == user


async def test_passwords_are_kept_with_argon2id_at_its_full_cost(world: World) -> None:
    stored = await world.container.hasher().hash(PASSWORD)
    parameters = argon2.extract_parameters(stored)
    assert parameters.type is argon2.Type.ID
    assert parameters.memory_cost >= 19_456
    assert parameters.time_cost >= 2


async def test_two_hundred_sign_ins_at_once_leave_other_pages_answering(
    app: PortalApp, world: World
) -> None:
    browser = app.browser()
    await browser.get("/sign-in")
    burst = [
        asyncio.create_task(
            browser.client.post(
                "/sign-in",
                data={"_csrf": browser.token, "login": f"n{number}@x.example", "password": "x"},
            )
        )
        for number in range(200)
    ]

    def checked() -> int:
        """Count the sign-ins whose password was checked, which is what takes long."""
        return sum(task.done() and task.result().status_code == 403 for task in burst)

    visitor = app.browser()
    waited_for = []
    while not all(task.done() for task in burst):
        before = checked()
        assert (await visitor.get("/contact")).status_code == 200
        waited_for.append(checked() - before)
        await asyncio.sleep(0.01)
    answers = await asyncio.gather(*burst)
    assert {answer.status_code for answer in answers} <= {403, 429, 503}
    # A page is answered between two checks, and not after those that came before it.
    assert len(waited_for) > 5
    assert max(waited_for) < 10


async def test_a_forged_forwarding_header_gives_no_new_tries(app: PortalApp, world: World) -> None:
    browser = app.browser()
    await browser.get("/sign-in")
    seen = []
    for number in range(60):
        response = await browser.client.post(
            "/sign-in",
            data={"_csrf": browser.token, "login": f"n{number}@x.example", "password": "x"},
            headers={"x-forwarded-for": f"203.0.113.{number}", "forwarded": f"for=10.9.8.{number}"},
        )
        seen.append(response.status_code)
    assert seen[:50] == [403] * 50
    assert set(seen[50:]) == {429}


async def test_guessing_from_many_addresses_is_slowed_down_for_the_login(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    seen = []
    for number in range(12):
        browser = from_address(app, f"198.51.100.{number}")
        await browser.get("/sign-in")
        form = {"login": "AP@harbor.example ", "password": "guess"}
        seen.append((await browser.post("/sign-in", form)).status_code)
    assert seen == [403] * 10 + [429] * 2


async def test_the_wait_grows_and_hundreds_of_tries_a_day_are_impossible(world: World) -> None:
    await world.customer("1001")
    check = world.container.sign_in_customer()
    tries, waits = 0, []
    end = world.clock.now() + datetime.timedelta(hours=24)
    while world.clock.now() < end:
        try:
            await check(attempt("ap@harbor.example", "guess", f"10.0.{tries}.1"))
        except Forbidden:
            tries += 1
        except TooManyTries as error:
            waits.append(error.retry_after_s)
            world.clock.advance(datetime.timedelta(seconds=error.retry_after_s))
    assert waits[:3] == sorted(waits[:3])
    assert max(waits) >= 3600
    assert tries < 100


async def test_many_guesses_at_once_are_no_more_than_many_in_a_row(world: World) -> None:
    await world.customer("1001")
    check = world.container.sign_in_customer()
    answers = await asyncio.gather(
        *(check(attempt("ap@harbor.example", "guess")) for _ in range(60)), return_exceptions=True
    )
    checked = sum(isinstance(answer, Forbidden) for answer in answers)
    assert 10 <= checked <= 45
    assert any(isinstance(answer, TooManyTries) for answer in answers)


async def test_nobody_can_be_shut_out_by_guessing_at_their_login(
    app: PortalApp, world: World
) -> None:
    victim = await app.customer("1001")
    attacker = from_address(app, "198.51.100.66")
    await attacker.get("/sign-in")
    for _ in range(15):
        await attacker.post("/sign-in", {"login": "ap@harbor.example", "password": "guess"})
    for _ in range(10):
        await attacker.get("/forgot-password")
        await attacker.post("/forgot-password", {"login": "ap@harbor.example"})
    assert (await victim.get("/outstanding")).status_code == 200, "the session goes on"
    await world.run_jobs()
    newest = reset_token_in(world.mail.to("ap@harbor.example")[-1].text)
    await victim.open(f"/reset/{newest}")
    new = {"password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}
    assert (await victim.submit("/reset", new)).url.path == "/sign-in"
    await app.signed_in("ap@harbor.example", OTHER_PASSWORD)


async def test_an_operators_code_works_once_even_at_the_same_moment(world: World) -> None:
    operator, totp = await world.operator()
    code = totp.at(world.clock.now())
    confirm = world.container.confirm_second_factor()
    answers = await asyncio.gather(
        *(confirm(operator.operator_id, code, "10.0.0.1") for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1


async def test_an_operators_code_cannot_be_guessed(world: World) -> None:
    operator, totp = await world.operator()
    right = totp.at(world.clock.now())
    confirm = world.container.confirm_second_factor()
    wrong = [f"{number:06}" for number in range(40) if f"{number:06}" != right]
    refused = []
    for code in wrong:
        with pytest.raises((Forbidden, TooManyTries)) as error:
            await confirm(operator.operator_id, code, "10.0.0.1")
        refused.append(type(error.value))
    assert refused[:10] == [Forbidden] * 10
    assert set(refused[10:]) == {TooManyTries}
    with pytest.raises(TooManyTries):
        await confirm(operator.operator_id, right, "10.0.0.1")


async def test_an_operators_password_alone_reaches_no_page_of_theirs(
    app: PortalApp, world: World
) -> None:
    await world.operator("olivia@cedaryard.example")
    browser = app.browser()
    await browser.get("/operator/sign-in")
    form = {"email": "olivia@cedaryard.example", "password": PASSWORD}
    answer = await browser.post("/operator/sign-in", form)
    assert answer.headers["location"] == "/operator/second-factor"
    for path in ("/operator/customers", "/operator/payments", "/operator/audit"):
        assert (await browser.get(path)).status_code in (303, 403)


async def test_recovery_codes_are_stored_as_hashes(app: PortalApp, world: World) -> None:
    operator, _ = await world.operator()
    code = "ABCD-EFGH-JKMN-PQRS"
    hashed = world.container.tokens().hash(code.replace("-", ""))
    async with world.container.uow()() as uow:
        await uow.operators.add_recovery_codes(operator.operator_id, [hashed])
        await uow.commit()
    async with world.container.database().statements.connect() as connection:
        rows = await connection.scalars(text("SELECT t::text FROM operator_recovery_code t"))
        assert not any("ABCD" in row for row in rows)
    confirm = world.container.confirm_second_factor()
    await confirm(operator.operator_id, code.lower(), "10.0.0.1")
    with pytest.raises(Forbidden):
        await confirm(operator.operator_id, code, "10.0.0.1")


async def test_a_confirmation_is_fresh_for_five_minutes(app: PortalApp, world: World) -> None:
    desk = await sign_in(app, OperatorRole.ADMIN)
    codes = "/operator/enrolment-codes.csv"
    assert (await desk.browser.get(codes)).status_code == 200
    world.clock.advance(datetime.timedelta(minutes=5, seconds=1))
    stale = await desk.browser.get(codes)
    assert stale.status_code == 303
    assert stale.headers["location"].startswith("/operator/confirm")
    await desk.browser.open("/operator/customers")
    await desk.step_up()
    assert (await desk.browser.get(codes)).status_code == 200


async def test_an_operator_can_neither_see_nor_set_a_customers_password(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    await world.register(token)
    async with world.container.uow()() as uow:
        (user,) = await uow.users.of_account("1001")
    desk = await sign_in(app, OperatorRole.ADMIN)
    for path in ("/operator/customers", "/operator/customers/1001"):
        page = (await desk.browser.get(path)).text
        assert user.password_hash not in page
        assert 'type="password"' not in page
    described = (await app.browser().get("/api/v1/openapi.json")).text
    for word in re.findall(r'"([a-z_]*password[a-z_]*)"', described):
        assert word in ("reset_password", "forgot_password"), word
    assert OPERATOR_HANDLERS
    assert not any(PASSWORD in mail.text + mail.html for mail in world.mail.sent)


async def test_a_fresh_installation_has_nobody_who_could_sign_in(
    app: PortalApp, world: World
) -> None:
    for name in ("admin", "root", "operator", "admin@cedaryard.example", "ar@cedaryard.example"):
        for password in ("admin", "password", "changeme", "dueport", ""):
            with pytest.raises((Forbidden, TooManyTries)):
                await world.container.sign_in_operator()(attempt(name, password, name))
            with pytest.raises((Forbidden, TooManyTries)):
                await world.container.sign_in_customer()(attempt(name, password, name))
    added = await world.container.add_operator()(
        AddOperatorCommand(
            email="first@cedaryard.example", name="F", role=OperatorRole.ADMIN, by=world.system
        )
    )
    with pytest.raises(Forbidden):
        await world.container.sign_in_operator()(attempt("first@cedaryard.example", ""))
    assert (await app.browser().open(f"/operator/setup/{added.setup_token}")).status_code == 200


async def test_a_registration_is_told_to_nobody_by_the_password_it_chose(
    app: PortalApp, world: World
) -> None:
    browser = app.browser()
    await browser.open(f"/register/{await world.invite('1001')}")
    await browser.post("/register", {**FILLED, "accept_terms": ""})
    assert PASSWORD not in browser.page
