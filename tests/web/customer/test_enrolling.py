"""Registering with the code that is printed on the statement, for dealers who offer it."""

import datetime
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dueport_apps.usecases.invite_records import InviteRecipient
from dueport_core.invitations import InvitationState
from tests.databases import TestDatabases
from tests.inviting import (
    CONSENT,
    FILLED,
    OTHER_PASSWORD,
    invitation_row,
    linked_accounts,
    mailed_code_in,
    policies,
    timeline,
)
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, World, account, item, open_world

BOB = "bob@harbor.example"


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
    """A browser in which the right code of the statement was typed."""
    status, browser = await tried(app, "1001", await code_of(world))
    assert status == 303
    await browser.open("/enrol/email")
    return browser


async def newest_code(world: World, email: str = BOB) -> str:
    """The code in the mail that arrived last."""
    await world.run_jobs()
    mail = world.mail.sent[-1]
    assert mail.to_address == email
    return mailed_code_in(mail.text)


async def claimed(app: PortalApp, world: World, email: str = BOB) -> Browser:
    """A browser that asks for the code which was mailed to an address."""
    browser = await entered(app, world)
    response = await browser.submit("/enrol/email", {"email": email})
    assert response.url.path == "/enrol/register", browser.text
    return browser


def wrong_for(code: str) -> str:
    """Another code than this one."""
    return "000000" if code != "000 000" else "111111"


async def test_number_code_and_a_proved_mailbox_register(app: PortalApp, world: World) -> None:
    browser = await entered(app, world)
    assert "Harbor Builders, LLC" in browser.text
    await browser.submit("/enrol/email", {"email": BOB})
    code = await newest_code(world)
    (mail,) = world.mail.sent
    for part in (mail.subject, mail.text, mail.html):
        assert "Harbor" not in part, "whoever the address belongs to learns nothing of the account"
        assert "1001" not in part
    assert code not in mail.subject, "subjects are kept"
    response = await browser.submit("/enrol/register", {**FILLED, "code": code})
    assert response.url.path == "/outstanding"
    assert "INV-1" in browser.text
    row = (await invitation_row(world)).invitation
    assert (row.email, row.recipient) == (BOB, InviteRecipient.CUSTOMER)
    assert row.state is InvitationState.ACCEPTED
    assert await timeline(world) == ["invited", "accepted"]
    await world.run_jobs()
    notice = world.mail.sent[-1]
    assert notice.to_address == "ap@harbor.example", "the address on file hears of it"
    assert BOB in notice.text
    assert len(world.mail.sent) == 2


@pytest.mark.parametrize("change", [str, lambda code: code.replace(" ", ""), "-".join])
async def test_a_mailed_code_is_forgiven_its_blanks(
    app: PortalApp, world: World, change: Callable[[str], str]
) -> None:
    browser = await claimed(app, world)
    typed = change(await newest_code(world))
    response = await browser.post("/enrol/register", {**FILLED, "code": typed})
    assert response.status_code == 303


async def test_without_the_mail_nobody_registers(app: PortalApp, world: World) -> None:
    browser = await claimed(app, world)
    for code in ("", "12345", "１２３４５６", "abcdef"):
        response = await browser.post("/enrol/register", {**FILLED, "code": code})
        assert response.status_code == 422
        assert "Type the six digits" in browser.text
        assert 'id="error-code"' in browser.page
    assert await linked_accounts(world, BOB) == []


async def test_an_error_loses_nothing_but_the_passwords(app: PortalApp, world: World) -> None:
    browser = await claimed(app, world)
    code = await newest_code(world)
    form = {**FILLED, "name": "Bob Moore", "code": code, "password_again": "another one"}
    assert (await browser.post("/enrol/register", form)).status_code == 422
    assert f'value="{code}"' in browser.page
    assert 'value="Bob Moore"' in browser.page
    assert browser.page.count(" checked") == 2
    assert PASSWORD not in browser.page
    assert 'id="error-code"' not in browser.page, "a right code is not used up by other errors"
    response = await browser.submit("/enrol/register", {**FILLED, "code": code})
    assert response.url.path == "/outstanding"


async def test_five_wrong_mailed_codes_void_it(app: PortalApp, world: World) -> None:
    browser = await claimed(app, world)
    code = await newest_code(world)
    for left in ("4 more wrong codes", "3 more", "2 more", "One more wrong code voids"):
        response = await browser.post("/enrol/register", {**FILLED, "code": wrong_for(code)})
        assert response.status_code == 422
        assert left in browser.text
    for typed in (wrong_for(code), code):
        response = await browser.post("/enrol/register", {**FILLED, "code": typed})
        assert response.status_code == 422
        assert "is void" in browser.text
    await browser.submit("/enrol/code", FILLED)
    response = await browser.submit("/enrol/register", {**FILLED, "code": await newest_code(world)})
    assert response.url.path == "/outstanding"


async def test_a_mailed_code_works_for_fifteen_minutes(app: PortalApp, world: World) -> None:
    browser = await claimed(app, world)
    code = await newest_code(world)
    world.clock.advance(datetime.timedelta(minutes=15))
    assert (await browser.post("/enrol/register", {**FILLED, "code": code})).status_code == 422
    assert "older than 15 minutes" in browser.text
    await browser.submit("/enrol/code", FILLED)
    code = await newest_code(world)
    world.clock.advance(datetime.timedelta(minutes=15) - datetime.timedelta(seconds=1))
    assert (await browser.post("/enrol/register", {**FILLED, "code": code})).status_code == 303


async def test_sending_again_voids_the_code_before_and_keeps_what_was_typed(
    app: PortalApp, world: World
) -> None:
    browser = await claimed(app, world)
    old = await newest_code(world)
    response = await browser.submit("/enrol/code", {**FILLED, "name": "Bob Moore", "code": old})
    assert response.url.path == "/enrol/register"
    assert f"A new code is on its way to {BOB}" in browser.text
    assert 'value="Bob Moore"' in browser.page
    assert browser.page.count(" checked") == 2
    new = await newest_code(world)
    assert (await browser.post("/enrol/register", {**FILLED, "code": old})).status_code == 422
    assert (await browser.post("/enrol/register", {**FILLED, "code": new})).status_code == 303


async def test_a_code_mailed_to_one_address_does_not_prove_another(
    app: PortalApp, world: World
) -> None:
    browser = await claimed(app, world, "bbo@harbor.example")
    old = await newest_code(world, "bbo@harbor.example")
    await browser.open("/enrol/email")
    assert 'value="bbo@harbor.example"' in browser.page, "the slip is there to be corrected"
    await browser.submit("/enrol/email", {"email": BOB})
    code = await newest_code(world)
    assert (await browser.post("/enrol/register", {**FILLED, "code": old})).status_code == 422
    await browser.submit("/enrol/register", {**FILLED, "code": code})
    assert await linked_accounts(world, BOB) == ["1001"]
    assert await linked_accounts(world, "bbo@harbor.example") == []


async def test_what_is_no_address_is_refused_and_kept(app: PortalApp, world: World) -> None:
    browser = await entered(app, world)
    for typed in ("bob@", ""):
        assert (await browser.post("/enrol/email", {"email": typed})).status_code == 422
        assert 'id="error-email"' in browser.page
        assert f'value="{typed}"' in browser.page or not typed
    await world.run_jobs()
    assert world.mail.sent == []


async def test_nobody_can_fill_a_mailbox_with_codes(app: PortalApp, world: World) -> None:
    browser = await claimed(app, world)
    for _ in range(4):
        assert (await browser.submit("/enrol/code", FILLED)).status_code == 200
    code = await newest_code(world)
    assert len(world.mail.sent) == 5
    response = await browser.post("/enrol/code", {**FILLED, "name": "Bob Moore"})
    assert response.status_code == 429
    assert "Too many mails were asked for. Wait" in browser.text
    assert int(response.headers["retry-after"]) > 0
    assert 'value="Bob Moore"' in browser.page
    again = await entered(app, world)
    for email in (BOB, BOB.upper(), "eve@harbor.example"):
        refused = await again.post("/enrol/email", {"email": email})
        assert refused.status_code == 429, "from another browser, or to another address"
    await world.run_jobs()
    assert len(world.mail.sent) == 5
    response = await browser.post("/enrol/register", {**FILLED, "code": code})
    assert response.status_code == 303, "the last code that was mailed stays good"


async def test_an_address_whose_mail_came_back_gets_none(app: PortalApp, world: World) -> None:
    async with world.container.uow()() as uow:
        await uow.bounces.mark(BOB, world.clock.now(), "550 no such user")
        await uow.commit()
    browser = await claimed(app, world)
    assert f"We have mailed a code to {BOB}" in browser.text
    await world.run_jobs()
    assert world.mail.sent == []
    async with world.container.uow()() as uow:
        entries = await uow.audit.page(None, 10)
    assert "enrolment.code_withheld" in [one.entry.action for one in entries]


async def test_the_mail_speaks_the_language_of_the_dealers_customers(
    test_databases: TestDatabases, tmp_path: Path
) -> None:
    changes = policies(signup={"enrolment_codes": True}, invite={"language": "es"})
    async with open_world(test_databases, tmp_path, **changes) as world:
        world.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        await world.sync()
        await claimed(portal(world), world)
        await world.run_jobs()
        assert "Su código es " in world.mail.sent[-1].text


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


async def test_a_statements_code_works_once(app: PortalApp, world: World) -> None:
    code = await code_of(world)
    first = await claimed(app, world, "eve@harbor.example")
    second = await claimed(app, world)
    mailed = await newest_code(world)
    third = await entered(app, world)
    await second.submit("/enrol/register", {**FILLED, "code": mailed})
    for late, path, form in (
        (first, "/enrol/register", {**FILLED, "code": mailed}),
        (first, "/enrol/code", FILLED),
        (third, "/enrol/email", {"email": "eve@harbor.example"}),
    ):
        assert (await late.post(path, form)).status_code == 409
        assert "used or replaced" in late.text
    assert (await tried(app, "1001", code))[0] == 422
    assert await linked_accounts(world, "eve@harbor.example") == []


async def test_an_address_with_a_login_signs_in_instead(app: PortalApp, world: World) -> None:
    await world.customer("1002", BOB)
    browser = await claimed(app, world, "BOB@harbor.example")
    code = await newest_code(world, "BOB@harbor.example")
    other = {**FILLED, "password": OTHER_PASSWORD, "password_again": OTHER_PASSWORD}
    response = await browser.post("/enrol/register", {**other, "code": wrong_for(code)})
    assert response.status_code == 422
    assert "already" not in browser.text.replace("I already have a login here", "")
    response = await browser.post("/enrol/register", {**other, "code": code})
    assert response.status_code == 409
    assert "BOB@harbor.example already signs in here" in browser.text
    assert browser.page.count(" checked") == 2, "what was confirmed stays confirmed"
    assert (await browser.get("/enrol/register")).headers["location"] == "/enrol/link"
    await browser.open("/enrol/link")
    assert "BOB@harbor.example already signs in here" in browser.text
    login = {"login": BOB, "password": OTHER_PASSWORD, **CONSENT}
    assert (await browser.post("/enrol/link", login)).status_code == 403, "its password is its own"
    login["password"] = PASSWORD
    assert (await browser.submit("/enrol/link", login)).url.path == "/outstanding"
    assert await linked_accounts(world, BOB) == ["1001", "1002"]


async def test_another_address_can_be_taken_where_one_has_a_login(
    app: PortalApp, world: World
) -> None:
    await world.customer("1002", BOB)
    browser = await claimed(app, world)
    await browser.post("/enrol/register", {**FILLED, "code": await newest_code(world)})
    await browser.open("/enrol/email")
    await browser.submit("/enrol/email", {"email": "sue@harbor.example"})
    code = await newest_code(world, "sue@harbor.example")
    await browser.submit("/enrol/register", {**FILLED, "code": code})
    assert await linked_accounts(world, "sue@harbor.example") == ["1001"]


async def test_who_knows_their_login_needs_no_mail(app: PortalApp, world: World) -> None:
    await world.customer("1002", BOB)
    browser = await entered(app, world)
    await browser.open("/enrol/link")
    login = {"login": BOB, "password": PASSWORD, **CONSENT}
    assert (await browser.submit("/enrol/link", login)).url.path == "/outstanding"
    assert await linked_accounts(world, BOB) == ["1001", "1002"]


async def test_somebody_who_is_signed_in_only_confirms(app: PortalApp, world: World) -> None:
    browser = await app.customer("1002", "bob@harbor.example")
    await browser.post("/sign-out")
    browser = await app.signed_in("bob@harbor.example")
    await browser.get("/enrol")
    await browser.submit("/enrol", {"account_no": "1001", "code": await code_of(world)})
    assert (await browser.get("/enrol/register")).headers["location"] == "/enrol/link"
    assert 'name="password"' not in browser.page
    assert (await browser.submit("/enrol/link", CONSENT)).url.path == "/outstanding"
    assert "INV-1" in browser.text


@pytest.mark.parametrize("field", ["code", "password", "accept_terms", "link_account"])
async def test_every_missing_field_is_named(app: PortalApp, world: World, field: str) -> None:
    browser = await claimed(app, world)
    form = {**FILLED, "code": await newest_code(world), field: ""}
    assert (await browser.post("/enrol/register", form)).status_code == 422
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
    for path in ("/enrol/email", "/enrol/register", "/enrol/link"):
        assert (await browser.get(path)).headers["location"] == "/enrol"
    await browser.get("/enrol")
    for path in ("/enrol/email", "/enrol/code", "/enrol/register", "/enrol/link"):
        assert (await browser.post(path, FILLED)).headers["location"] == "/enrol"


async def test_the_form_needs_an_address_first(app: PortalApp, world: World) -> None:
    browser = await entered(app, world)
    assert (await browser.get("/enrol/register")).headers["location"] == "/enrol/email"
    for path in ("/enrol/code", "/enrol/register"):
        assert (await browser.post(path, FILLED)).headers["location"] == "/enrol/email"


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
        browser = await claimed(app, world)
        code = await newest_code(world)
        await world.customer("1001")
        response = await browser.post("/enrol/register", {**FILLED, "code": code})
        assert response.status_code == 409
        assert "already has its one login" in browser.text
        status, late = await tried(app, "1001", await code_of(world))
        assert status == 403
        assert "already has its one login" in late.text


@pytest.mark.parametrize(
    "typed", ["7K2QM-XA94", "7K2QM-XA94T-5", "UUUUU-UUUUU", "７K2QM-XA94T", "-"]
)
async def test_what_is_no_code_says_so_and_costs_no_try(
    app: PortalApp, world: World, typed: str
) -> None:
    for number in ("1001", "9999"):
        for _ in range(6):
            status, browser = await tried(app, number, typed)
            assert status == 422
            assert "Type all ten letters and digits" in browser.text
    assert (await tried(app, "1001", await code_of(world)))[0] == 303


async def test_zeros_in_front_of_a_number_do_not_matter_where_one_account_is_meant(
    app: PortalApp, world: World
) -> None:
    world.erp.put(
        account("004560", "Long Pond Decks", "ap@pond.example"),
        account("0777", "Seven Barns", "ap@barns.example"),
        account("777", "Sevens Siding", "ap@siding.example"),
    )
    await world.sync()
    for typed in ("4560", "004560", " 04560 "):
        status, browser = await tried(app, typed, await code_of(world, "004560"))
        assert status == 303
        assert "Long Pond Decks" in (await browser.get("/enrol/email")).text
    for number in ("777", "0777"):
        assert (await tried(app, number, await code_of(world, number)))[0] == 303
    assert (await tried(app, "00777", await code_of(world, "0777")))[0] == 422


async def test_wrong_codes_are_counted_however_the_number_is_written(
    app: PortalApp, world: World
) -> None:
    world.erp.put(account("004560", "Long Pond Decks", "ap@pond.example"))
    await world.sync()
    for real, ghost in (("4560", "9999"), ("004560", "009999"), ("04560", "0009999")):
        answers = [await tried(app, number, "AAAAA-AAAAA") for number in (real, ghost)]
        assert answers[0][0] == answers[1][0] == 422
    for real, ghost in (("4560", "09999"), ("004560", "9999")):
        answers = [await tried(app, number, "AAAAA-AAAAA") for number in (real, ghost)]
    assert "locked after five wrong codes" in answers[0][1].text
    assert "locked after five wrong codes" in answers[1][1].text
