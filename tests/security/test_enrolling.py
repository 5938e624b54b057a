"""Attacks on registering with the code of a statement: somebody else's mailbox, guesses, floods."""

import asyncio
import re
import time
from typing import Any

import httpx
import pytest

from tests.inviting import CONSENT, FILLED, linked_accounts, mailed_code_in
from tests.timing import ROUNDS_MAX, Times
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD, World

BOB = "bob@harbor.example"
TRIES = 20
"""In one round, known and unknown together."""


async def entered(app: PortalApp, world: World, account_no: str = "1001") -> Browser:
    """A browser in which the right code of the statement was typed."""
    code = (await world.container.enrolment_codes().of_account(account_no)).code
    browser = app.browser()
    await browser.get("/enrol")
    await browser.submit("/enrol", {"account_no": account_no, "code": code})
    assert browser.token
    return browser


async def claimed(app: PortalApp, world: World, email: str = BOB) -> tuple[Browser, str]:
    """A browser that asks for the code which was mailed to an address, and that code."""
    browser = await entered(app, world)
    await browser.submit("/enrol/email", {"email": email})
    await world.run_jobs()
    return browser, mailed_code_in(world.mail.sent[-1].text)


def twin(app: PortalApp, browser: Browser) -> Browser:
    """The same person's browser, once more: guesses at once come from somewhere."""
    other = app.browser()
    other.client.cookies.update(browser.client.cookies)
    other.token = browser.token
    return other


def wrong_codes(code: str, count: int) -> list[str]:
    right = int(code.replace(" ", ""))
    return [f"{(right + number) % 1_000_000:06}" for number in range(1, count + 1)]


async def test_of_fifty_wrong_guesses_at_once_five_are_checked(
    app: PortalApp, world: World
) -> None:
    browser, code = await claimed(app, world)
    guesses = wrong_codes(code, 50)
    answers = await asyncio.gather(
        *(twin(app, browser).post("/enrol/register", {**FILLED, "code": one}) for one in guesses)
    )
    assert {answer.status_code for answer in answers} == {422}
    checked = [answer for answer in answers if "is not the code" in answer.text]
    assert len(checked) == 4, "the fifth is told that the code is void"
    async with world.container.uow()() as uow:
        entries = [one.entry for one in await uow.audit.page(None, 200)]
    assert sum(entry.action == "enrolment.code_refused" for entry in entries) == 5
    late = await browser.post("/enrol/register", {**FILLED, "code": code})
    assert late.status_code == 422
    assert "is void" in browser.text
    assert await linked_accounts(world, BOB) == []


async def test_the_right_guess_among_fifty_at_once_registers_one_or_nobody(
    app: PortalApp, world: World
) -> None:
    browser, code = await claimed(app, world)
    guesses = wrong_codes(code, 49)
    guesses.insert(25, code)
    answers = await asyncio.gather(
        *(twin(app, browser).post("/enrol/register", {**FILLED, "code": one}) for one in guesses)
    )
    registered = sum(answer.status_code == 303 for answer in answers)
    assert sum("is not the code" in answer.text for answer in answers) <= 5
    async with world.container.uow()() as uow:
        assert len(await uow.users.of_account("1001")) == registered
        entries = [one.entry for one in await uow.audit.page(None, 200)]
    assert registered <= 1
    assert sum(entry.action == "enrolment.code_refused" for entry in entries) <= 5


async def test_of_fifty_who_type_the_right_code_at_once_one_registers(
    app: PortalApp, world: World
) -> None:
    browser, code = await claimed(app, world)
    answers = await asyncio.gather(
        *(twin(app, browser).post("/enrol/register", {**FILLED, "code": code}) for _ in range(50))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(303) == 1
    assert set(statuses[1:]) <= {409, 422}
    async with world.container.uow()() as uow:
        assert len(await uow.users.of_account("1001")) == 1


@pytest.mark.parametrize(
    "field", ["email", "account_no", "claim", "claim_id", "generation", "has_login", "user_id"]
)
async def test_whose_mailbox_it_is_cannot_be_chosen_in_the_form(
    app: PortalApp, world: World, field: str
) -> None:
    browser, code = await claimed(app, world)
    form = {**FILLED, "code": code, field: "ceo@victim.example"}
    for path in ("/enrol/register", "/enrol/code"):
        assert (await browser.post(path, form)).status_code == 422
    await world.run_jobs()
    assert [mail.to_address for mail in world.mail.sent] == [BOB]
    assert (await browser.post("/enrol/register", {**FILLED, "code": code})).status_code == 303
    assert await linked_accounts(world, BOB) == ["1001"]
    assert await linked_accounts(world, "ceo@victim.example") == []


async def test_a_code_serves_only_the_browser_and_the_account_that_asked_for_it(
    app: PortalApp, world: World
) -> None:
    browser, code = await claimed(app, world)
    thief = await entered(app, world, "1002")
    await thief.submit("/enrol/email", {"email": BOB})
    assert (await thief.post("/enrol/register", {**FILLED, "code": code})).status_code == 422
    # A cookie of another purpose under the name of the ticket opens nothing.
    forger = app.browser()
    await forger.get(f"/register/{await world.invite('1002')}")
    ticket = forger.client.cookies["dueport-invitation"]
    forger.client.cookies.set("dueport-enrolment", ticket)
    assert (await forger.get("/enrol/email")).headers["location"] == "/enrol"
    # Neither does a ticket that was changed.
    own = browser.client.cookies["dueport-enrolment"]
    forger.client.cookies.set("dueport-enrolment", f"{own[:-1]}{'A' if own[-1] != 'A' else 'B'}")
    assert (await forger.get("/enrol/register")).headers["location"] == "/enrol"
    assert (await browser.post("/enrol/register", {**FILLED, "code": code})).status_code == 303


async def test_a_ticket_from_before_the_proof_does_not_outlive_it(
    app: PortalApp, world: World
) -> None:
    browser, code = await claimed(app, world)
    keeper = twin(app, browser)
    await browser.post("/enrol/register", {**FILLED, "code": code})
    again = await keeper.post("/enrol/register", {**FILLED, "code": code})
    assert again.status_code == 409
    assert (await keeper.post("/enrol/code", FILLED)).status_code == 409


async def test_a_known_address_shows_neither_in_words_nor_in_time(
    app: PortalApp, world: World
) -> None:
    """Before the mailbox is proved: both steps, for addresses with and without a login."""
    seen: dict[str, set[tuple[str, int, str, str]]] = {"known": set(), "unknown": set()}
    times = Times()
    browser = await entered(app, world)

    async def attempt(kind: str, email: str) -> None:
        async with world.container.uow()() as uow:
            # The limits would be met by now; they are another test's.
            for key in ("requests:127.0.0.1", "address:127.0.0.1", "enrol:account:1001"):
                await uow.throttle.clear(key)
            await uow.commit()
        took_s = 0.0
        for path, form in (
            ("/enrol/email", {"email": email}),
            ("/enrol/code", FILLED),
            ("/enrol/register", {**FILLED, "code": "000000"}),
        ):
            started = time.perf_counter()
            response = await browser.post(path, form)
            took_s += time.perf_counter() - started
            page = re.sub(r'(nonce|value|content)="[^"]{20,}"', "", response.text)
            where = response.headers.get("location", "")
            seen[kind].add((path, response.status_code, where, page.replace(email, "TYPED")))
            if response.is_redirect:
                await browser.get(where)
        times.add(kind, took_s)

    for round_number in range(ROUNDS_MAX):
        for number in range(TRIES):
            email = f"n{round_number}-{number}@mail.example"
            # Who comes first of a pair alternates too.
            kind = "known" if number % 4 in (0, 3) else "unknown"
            if kind == "known":
                await world.customer("1002", email)
            await attempt(kind, email)
        if times.are_clear():
            break
    assert seen["known"] == seen["unknown"]
    assert len(seen["known"]) == 3
    assert not any("already has" in page for *_, page in seen["known"])
    await world.run_jobs()
    words = {re.sub(r"\d{3} \d{3}", "CODE", mail.text) for mail in world.mail.sent}
    assert len(words) == 1, "the mail says the same to all of them"
    times.check()


async def test_a_typo_gives_its_owner_no_way_in(app: PortalApp, world: World) -> None:
    """The slip that this step is for: the address is a stranger's, who has a login of their own."""
    await world.customer("1002", "bab@harbor.example")
    browser, _ = await claimed(app, world, "bab@harbor.example")
    await world.container.request_password_reset()("bab@harbor.example", "10.0.0.1")
    await world.run_jobs()
    assert await linked_accounts(world, "bab@harbor.example") == ["1002"]
    stranger = await app.signed_in("bab@harbor.example")
    assert "INV-1 " not in stranger.text
    await browser.open("/enrol/email")
    await browser.submit("/enrol/email", {"email": BOB})
    await world.run_jobs()
    code = mailed_code_in(world.mail.sent[-1].text)
    await browser.submit("/enrol/register", {**FILLED, "code": code})
    assert await linked_accounts(world, BOB) == ["1001"]
    assert await linked_accounts(world, "bab@harbor.example") == ["1002"]


async def test_a_proved_mailbox_is_no_password(app: PortalApp, world: World) -> None:
    await world.customer("1002", BOB)
    browser, code = await claimed(app, world)
    await browser.post("/enrol/register", {**FILLED, "code": code})
    for password in ("", code, "a guess of mine", FILLED["password_again"] + "!"):
        form = {"login": BOB, "password": password, **CONSENT}
        assert (await browser.post("/enrol/link", form)).status_code == 403
    assert (await browser.get("/outstanding")).headers["location"].startswith("/sign-in")
    assert await linked_accounts(world, BOB) == ["1002"]


async def test_one_client_cannot_mail_codes_to_everybody(app: PortalApp, world: World) -> None:
    browser = await entered(app, world)
    statuses = []
    for number in range(8):
        answer: httpx.Response = await browser.post(
            "/enrol/email", {"email": f"n{number}@victim.example"}
        )
        statuses.append(answer.status_code)
    assert statuses == [303] * 5 + [429] * 3
    await world.run_jobs()
    assert len(world.mail.sent) == 5


async def test_neither_the_code_nor_a_password_is_logged(
    app: PortalApp,
    world: World,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    browser, code = await claimed(app, world)
    plain = code.replace(" ", "")
    for form in (
        {**FILLED, "code": plain, "password_again": "something else entirely"},
        {**FILLED, "code": plain, "unknown": "field"},
        {**FILLED, "code": plain},
    ):
        response = await browser.post("/enrol/register", form)
        assert plain not in str(response.headers)
    printed = capsys.readouterr()
    logged = caplog.text + printed.out + printed.err
    assert "/enrol/register" in logged
    for secret in (code, plain, PASSWORD):
        assert not re.search(rf"(?<!\d){re.escape(secret)}(?!\d)", logged)


@pytest.mark.parametrize(
    "typed", ["a\x00b@x.example", "\u202ex@x.example", "x@x.example\r\nBcc: y@y.example"]
)
async def test_strange_letters_in_an_address_mail_nobody(
    app: PortalApp, world: World, typed: str
) -> None:
    browser = await entered(app, world)
    form: dict[str, Any] = {"email": typed}
    assert (await browser.post("/enrol/email", form)).status_code == 422
    await world.run_jobs()
    assert world.mail.sent == []
