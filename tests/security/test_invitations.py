"""Attacks on invitations: guessing, replaying, racing, forging and redirecting their links."""

import ast
import asyncio
import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from dueport_apps.adapters.identifiers import SecretTokens
from dueport_apps.usecases.invite_records import LinkEnd
from dueport_apps.usecases.sign_in import SignInCommand
from dueport_core.errors import DueportError, Forbidden
from dueport_core.invitations import InvitationState
from tests.databases import TestDatabases
from tests.ending_links import end_link, invite_to_end
from tests.inviting import (
    CONSENT,
    FILLED,
    invitation_row,
    linked_accounts,
    reset_token_in,
    secret_in,
)
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, START, World, account, open_world

REPOSITORY = Path(__file__).parents[2]


async def opened(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/register/{token}")
    return browser


def test_tokens_are_long_different_and_come_from_the_systems_own_chance() -> None:
    tokens = SecretTokens()
    drawn = [tokens.new() for _ in range(10_000)]
    assert len(set(drawn)) == len(drawn)
    assert min(map(len, drawn)) >= 43, "256 bits"
    letters = {letter for token in drawn for letter in token}
    assert len(letters) == 64


def test_nothing_secret_is_drawn_from_predictable_chance() -> None:
    found = []
    for folder in ("apps/dueport_apps", "core", "ports", "plugins"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            if {"testing", "sandbox", "demo"} & set(path.parts):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                found += [f"{path}: {name}" for name in names if name in ("random", "uuid")]
    assert found == []


async def test_a_stolen_database_opens_nothing(app: PortalApp, world: World) -> None:
    await world.start_campaign("1001", delivery="credentials")
    await world.run_jobs()
    secret = secret_in(world.mail.sent[-1].text)
    token = await world.invite("1002")
    async with world.container.database().statements.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for table in tables.all():
            rows = await connection.scalars(text(f'SELECT t::text FROM "{table}" t'))
            dump = "\n".join(rows.all())
            assert token not in dump, table
            assert secret not in dump, table
            assert secret.replace("-", "") not in dump, table
        stored = (await connection.scalars(text("SELECT token_hash FROM invitation_token"))).all()
    assert stored
    for value in stored:
        for presented in (bytes(value).hex(), bytes(value).hex().upper()):
            response = await app.browser().open(f"/register/{presented}")
            assert response.status_code == 404


async def test_of_fifty_browsers_with_one_link_one_registers(app: PortalApp, world: World) -> None:
    token = await world.invite("1001")
    browsers = [await opened(app, token) for _ in range(50)]
    answers = await asyncio.gather(*(one.post("/register", FILLED) for one in browsers))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(303) == 1
    assert set(statuses[1:]) <= {409, 410}
    async with world.container.uow()() as uow:
        assert len(await uow.users.of_account("1001")) == 1


async def test_a_link_is_over_with_its_second_and_stays_over_when_the_clock_is_set_back(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    browser = await opened(app, token)
    world.clock.advance(datetime.timedelta(days=7) - datetime.timedelta(seconds=1))
    assert (await (await opened(app, token)).get("/register")).status_code == 200
    world.clock.advance(datetime.timedelta(seconds=1))
    late = await opened(app, token)
    assert (await late.get("/register")).status_code == 410
    await world.container.expire_invitations()()
    # The clock of the tests only goes forward by itself; a broken one is set back.
    vars(world.clock)["_now"] = START
    assert (await browser.post("/register", FILLED)).status_code == 410
    assert await linked_accounts(world, "ap@harbor.example") == []


@pytest.mark.parametrize("end", LinkEnd)
async def test_an_old_link_is_dead(app: PortalApp, world: World, end: LinkEnd) -> None:
    token = await invite_to_end(world, end)
    browser = await opened(app, token)
    await end_link(world, token, end)
    logins = await linked_accounts(world, "ap@harbor.example")
    assert (await browser.get("/register")).status_code == 410
    await browser.get("/sign-in")
    assert (await browser.post("/register", FILLED)).status_code == 410
    assert (await browser.post("/register/check", {"answer": "03801"})).status_code == 410
    assert (await browser.post(f"/invitation/{token}/decline")).status_code == 410
    assert (await (await opened(app, token)).get("/register")).status_code == 410
    assert await linked_accounts(world, "ap@harbor.example") == logins


async def test_a_link_opens_only_what_it_was_made_for(app: PortalApp, world: World) -> None:
    await world.customer("1002", "pay@mueller.example")
    invitation = await world.invite("1001")
    await world.container.request_password_reset()("pay@mueller.example", "10.0.0.1")
    await world.run_jobs()
    reset = reset_token_in(world.mail.sent[-1].text)
    browser = app.browser()
    assert (await browser.open(f"/reset/{invitation}")).status_code == 410
    assert (await browser.open(f"/register/{reset}")).status_code == 404
    for token in (invitation, reset):
        assert "does not work" in (await _operator_setup(app, token)).text
    assert (await browser.open(f"/reset/{reset}")).status_code == 200
    # A cookie of one purpose under the name of another is no ticket.
    thief = app.browser()
    await thief.get(f"/register/{invitation}")
    thief.client.cookies.set("dueport-reset", thief.client.cookies["dueport-invitation"])
    thief.client.cookies.set("dueport-enrolment", thief.client.cookies["dueport-invitation"])
    assert (await thief.get("/reset")).status_code == 404
    assert (await thief.get("/enrol/register")).headers["location"] == "/enrol"


async def _operator_setup(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/operator/setup/{token}")
    return browser


async def test_a_link_of_another_dealer_is_unknown_here(
    app: PortalApp, test_databases: TestDatabases, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with open_world(test_databases, folder) as other:
        other.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await other.sync()
        token = await other.invite("1001")
        assert (await portal(other).browser().open(f"/register/{token}")).status_code == 200
    assert (await app.browser().open(f"/register/{token}")).status_code == 404


@pytest.mark.parametrize(
    "field", ["email", "customer_id", "account_no", "role", "user_id", "invitation_id", "username"]
)
async def test_who_is_registered_cannot_be_chosen_in_the_form(
    app: PortalApp, world: World, field: str
) -> None:
    browser = await opened(app, await world.invite("1001"))
    response = await browser.post("/register", {**FILLED, field: "1002"})
    assert response.status_code == 422
    link = {"login": "ap@harbor.example", "password": PASSWORD, **CONSENT, field: "1002"}
    assert (await browser.post("/register/link", link)).status_code == 422
    assert (await invitation_row(world)).invitation.state is InvitationState.PENDING


async def test_a_scanner_that_fetches_the_links_first_uses_nothing_up(
    app: PortalApp, world: World
) -> None:
    token = await world.invite("1001")
    scanner = app.browser()
    for _ in range(5):
        for path in (
            f"/register/{token}",
            f"/invitation/{token}/decline",
            f"/invitation/{token}/unsubscribe",
        ):
            await scanner.open(path)
            await scanner.client.head(path)
    row = (await invitation_row(world)).invitation
    assert row.state is InvitationState.PENDING
    browser = await opened(app, token)
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"


async def test_no_token_is_logged_or_sent_on_to_another_page(
    app: PortalApp,
    world: World,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await world.customer("1002", "pay@mueller.example")
    token = await world.invite("1001")
    await world.container.request_password_reset()("pay@mueller.example", "10.0.0.1")
    await world.run_jobs()
    reset = reset_token_in(world.mail.sent[-1].text)
    capsys.readouterr()
    caplog.clear()
    browser = app.browser()
    pages = []
    for path in (f"/register/{token}", f"/invitation/{token}/decline", f"/reset/{reset}"):
        response = await browser.get(path)
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        pages.append(response.text)
    for path in ("/register", "/reset"):
        pages.append((await browser.get(path)).text)
    await browser.post("/register", {**FILLED, "password_again": "something else entirely"})
    await browser.client.post(f"/invitation/{token}/unsubscribe", data={"wrong": "words"})
    printed = capsys.readouterr()
    for secret in (token, reset):
        assert not any(secret in page for page in pages)
        assert secret not in browser.page
        assert secret not in caplog.text + printed.out + printed.err
    assert "/reset/{token}" in caplog.text + printed.out + printed.err


async def test_a_new_address_in_the_erp_ends_the_invitation_and_moves_no_login(
    app: PortalApp, world: World
) -> None:
    await world.customer("1002", "pay@mueller.example")
    token = await world.invite("1001")
    world.erp.put(
        account("1001", "Harbor Builders, LLC", "new@harbor.example"),
        account("1002", "Müller & Sons", "thief@evil.example"),
    )
    await world.sync()
    await world.run_jobs()
    row = (await invitation_row(world)).invitation
    assert row.state is InvitationState.REVOKED
    assert "has changed" in row.reason
    assert (await app.browser().open(f"/register/{token}")).status_code == 410
    world.mail.sent.clear()
    for login in ("thief@evil.example", "pay@mueller.example"):
        await world.container.request_password_reset()(login, "10.0.0.1")
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == ["pay@mueller.example"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example"},
        {"forwarded": "host=evil.example;proto=https"},
        {"host": "127.0.0.1:8400@evil.example"},
        {"host": ""},
    ],
)
async def test_mailed_links_never_follow_what_a_request_says_of_its_host(
    app: PortalApp, world: World, headers: dict[str, str]
) -> None:
    await world.customer("1002", "pay@mueller.example")
    browser = app.browser()
    for form, field, value in (
        ("/forgot-password", "login", "pay@mueller.example"),
        ("/sign-up", "email", "ap@harbor.example"),
    ):
        shown = await browser.get(form, **headers)
        assert "evil.example" not in shown.text
        answer = await browser.client.post(
            form, data={"_csrf": browser.token, field: value}, headers=headers
        )
        assert "evil.example" not in answer.headers.get("location", "")
    await world.run_jobs()
    assert len(world.mail.sent) == 2
    for mail in world.mail.sent:
        assert "evil.example" not in mail.text + mail.html
        assert "http://127.0.0.1:8400/" in mail.text


async def test_a_mailed_password_reaches_nothing_but_the_choice_of_an_own_one(
    app: PortalApp, world: World
) -> None:
    await world.start_campaign("1001", delivery="credentials")
    await world.run_jobs()
    secret = secret_in(world.mail.sent[-1].text)
    assert len(secret.replace("-", "")) == 16
    browser = app.browser()
    for _ in range(2):
        await browser.get("/sign-in")
        pair = {"login": "ap@harbor.example", "password": secret}
        answer = await browser.post("/sign-in", pair)
        assert answer.headers["location"] == "/register"
    for path in ("/outstanding", "/payments", "/your-login", "/accounts", "/operator/customers"):
        response = await browser.get(path)
        assert "/sign-in" in response.headers["location"], path
    assert (await browser.get("/api/v1/customer/outstanding")).status_code == 401
    await browser.get("/register")
    own = await browser.submit("/register", FILLED)
    assert own.url.path == "/outstanding"
    late = app.browser()
    await late.get("/sign-in")
    assert (await late.post("/sign-in", pair)).status_code == 403


async def test_what_the_record_holds_is_never_a_password(app: PortalApp, world: World) -> None:
    await world.start_campaign("1001", "1002", delivery="credentials")
    await world.run_jobs()
    for login in ("ap@harbor.example", "1001", "pay@mueller.example"):
        for guess in ("0177", "6035550177", "03801", "1001", "Harbor", "ap@harbor.example", ""):
            with pytest.raises(Forbidden):
                await world.container.sign_in_customer()(
                    SignInCommand(login=login, password=guess, client_ip="10.0.0.1")
                )
    # The question beside a link is no door of its own.
    browser = app.browser()
    await browser.get("/sign-in")
    response = await browser.post("/register/check", {"answer": "03801"})
    assert response.status_code == 404
    for token in ("", "03801", "1001"):
        with pytest.raises(DueportError):
            await world.container.answer_second_check()(token, "03801")
