"""Registering with the code that is printed on the statement, for dealers who offer it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_apps.usecases.invite_records import InviteRecipient
from dueport_core.invitations import InvitationState
from tests.databases import TestDatabases
from tests.inviting import CONSENT, FILLED, invitation_row, linked_accounts, policies, timeline
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, World, account, item, open_world

FORM = {**FILLED, "email": "bob@harbor.example"}


@pytest.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(
        test_databases, tmp_path, **policies(signup={"enrolment_codes": True})
    ) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            item("INV-1", "1001", 40_000),
        )
        await world.sync()
        yield world


async def code_of(world: World, account_no: str = "1001") -> str:
    return (await world.container.enrolment_codes().of_account(account_no)).code


async def tried(app: PortalApp, account_no: str, code: str) -> tuple[int, Browser]:
    browser = app.browser()
    await browser.get("/enrol")
    response = await browser.post("/enrol", {"account_no": account_no, "code": code})
    return response.status_code, browser


async def entered(app: PortalApp, world: World) -> Browser:
    """A browser in which the right code was typed."""
    status, browser = await tried(app, "1001", await code_of(world))
    assert status == 303
    await browser.open("/enrol/register")
    return browser


async def test_number_and_code_open_the_registration(app: PortalApp, world: World) -> None:
    browser = await entered(app, world)
    assert "Harbor Builders, LLC" in browser.text
    response = await browser.submit("/enrol/register", FORM)
    assert response.url.path == "/outstanding"
    assert "INV-1" in browser.text
    row = (await invitation_row(world)).invitation
    assert (row.email, row.recipient) == ("bob@harbor.example", InviteRecipient.CUSTOMER)
    assert row.state is InvitationState.ACCEPTED
    assert await timeline(world) == ["invited", "accepted"]
    await world.run_jobs()
    (notice,) = world.mail.sent
    assert notice.to_address == "ap@harbor.example", "the address on file hears of it"
    assert "bob@harbor.example" in notice.text


@pytest.mark.parametrize("spelling", ["lower", "blanks", "lookalikes"])
async def test_the_code_is_forgiven_how_people_type_it(
    app: PortalApp, world: World, spelling: str
) -> None:
    code = await code_of(world)
    typed = {
        "lower": code.lower(),
        "blanks": " ".join(code.replace("-", "")),
        "lookalikes": code.replace("0", "o").replace("1", "L"),
    }[spelling]
    assert (await tried(app, " 1001 ", typed))[0] == 303


async def test_five_wrong_codes_lock_and_a_new_code_unlocks(app: PortalApp, world: World) -> None:
    for _ in range(4):
        status, browser = await tried(app, "1001", "AAAAA-AAAAA")
        assert status == 422
    assert "One more wrong try locks" in browser.text
    status, browser = await tried(app, "1001", "AAAAA-AAAAA")
    assert status == 409
    assert "is locked after five wrong codes" in browser.text
    old = await code_of(world)
    assert (await tried(app, "1001", old))[0] == 409, "the right code comes too late"
    async with world.container.uow()() as uow:
        assert (await uow.enrolments.get("1001")).locked_at == world.clock.now()
    new = await world.container.enrolment_codes().renew("1001", world.staff)
    assert new != old
    assert (await tried(app, "1001", old))[0] == 422
    assert (await tried(app, "1001", new))[0] == 303


async def test_a_number_that_does_not_exist_behaves_alike(app: PortalApp, world: World) -> None:
    known: list[tuple[int, str]] = []
    unknown: list[tuple[int, str]] = []
    for _ in range(7):
        for number, seen in (("1001", known), ("9999", unknown)):
            status, browser = await tried(app, number, "AAAAA-AAAAA")
            seen.append((status, browser.text.replace(number, "N")))
    assert known == unknown
    assert known[0][0] == 422
    assert known[-1][0] == 409


async def test_a_code_works_once(app: PortalApp, world: World) -> None:
    code = await code_of(world)
    first = await entered(app, world)
    second = await entered(app, world)
    await first.submit("/enrol/register", FORM)
    response = await second.post("/enrol/register", {**FORM, "email": "eve@harbor.example"})
    assert response.status_code == 409
    assert "used or replaced" in second.text
    assert (await tried(app, "1001", code))[0] == 422
    assert await linked_accounts(world, "eve@harbor.example") == []


async def test_an_address_with_a_login_signs_in_instead(app: PortalApp, world: World) -> None:
    await world.customer("1002", "bob@harbor.example")
    browser = await entered(app, world)
    other = "purple walrus under nine bridges"
    response = await browser.post(
        "/enrol/register", {**FORM, "password": other, "password_again": other}
    )
    assert response.status_code == 409
    assert "already has a login here" in browser.text
    await browser.open("/enrol/link")
    login = {"login": "bob@harbor.example", "password": PASSWORD, **CONSENT}
    assert (await browser.submit("/enrol/link", login)).url.path == "/outstanding"
    assert await linked_accounts(world, "bob@harbor.example") == ["1001", "1002"]


async def test_somebody_who_is_signed_in_only_confirms(app: PortalApp, world: World) -> None:
    browser = await app.customer("1002", "bob@harbor.example")
    await browser.post("/sign-out")
    browser = await app.signed_in("bob@harbor.example")
    await browser.get("/enrol")
    await browser.submit("/enrol", {"account_no": "1001", "code": await code_of(world)})
    assert 'name="password"' not in browser.page
    assert (await browser.submit("/enrol/link", CONSENT)).url.path == "/outstanding"
    assert "INV-1" in browser.text


@pytest.mark.parametrize("field", ["email", "password", "accept_terms", "link_account"])
async def test_every_missing_field_is_named(app: PortalApp, world: World, field: str) -> None:
    browser = await entered(app, world)
    assert (await browser.post("/enrol/register", {**FORM, field: ""})).status_code == 422
    assert f'id="error-{field}"' in browser.page


async def test_access_that_was_switched_off_is_not_opened_by_a_code(
    app: PortalApp, world: World
) -> None:
    await world.customer("1001")
    await world.container.disable_access()("1001", world.staff)
    status, browser = await tried(app, "1001", await code_of(world))
    assert status == 403
    assert "switched off" in browser.text


async def test_the_registration_needs_the_code(app: PortalApp, world: World) -> None:
    browser = app.browser()
    assert (await browser.get("/enrol/register")).headers["location"] == "/enrol"
    await browser.get("/enrol")
    assert (await browser.post("/enrol/register", FORM)).headers["location"] == "/enrol"
    assert (await browser.post("/enrol/link", CONSENT)).headers["location"] == "/enrol"


async def test_codes_differ_by_account_and_are_stored_nowhere(world: World) -> None:
    codes = [code for _, code in await world.container.enrolment_codes().page("", 10)]
    assert len(set(codes)) == 2
    assert codes == [code for _, code in await world.container.enrolment_codes().page("", 10)]
    await portal(world).browser().get("/enrol")


async def test_where_each_customer_has_one_login_the_code_opens_no_second(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    changes = policies(signup={"enrolment_codes": True}, logins={"per_customer": "one"})
    async with open_world(test_databases, tmp_path, **changes) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        app = portal(world)
        browser = await entered(app, world)
        await world.customer("1001")
        response = await browser.post("/enrol/register", FORM)
        assert response.status_code == 409
        assert "already has its one login" in browser.text
        status, late = await tried(app, "1001", await code_of(world))
        assert status == 403
        assert "already has its one login" in late.text
