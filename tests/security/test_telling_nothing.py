"""Who is known must show neither in words nor in time."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from dueport_apps.usecases.records import AccountLink, PortalUser
from tests.databases import TestDatabases
from tests.inviting import policies
from tests.timing import ROUNDS_MAX, Times
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, World, account, open_world

TRIES = 100
"""In one round, known and unknown together."""


class Form(msgspec.Struct, frozen=True):
    """A page that must not tell who is known."""

    path: str
    known: str
    unknown: str
    """The value of the telling field; ``{}`` is a number that is new each time."""
    field: str
    others: dict[str, str] = {}


FORMS = (
    Form("/sign-in", "n{}@known.example", "n{}@other.example", "login", {"password": "a guess"}),
    Form("/forgot-password", "n{}@known.example", "n{}@other.example", "login"),
    Form("/sign-up", "file{}@known.example", "file{}@other.example", "email"),
    Form("/enrol", "KNOWN-{}", "OTHER-{}", "account_no", {"code": "AAAAA-AAAAA"}),
)


@pytest.fixture
async def crowd(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    """Accounts for every try, each with an address on file and somebody who signs in."""
    ways = policies(signup={"self_service": True, "enrolment_codes": True})
    async with open_world(test_databases, tmp_path, **ways) as world:
        half = range(ROUNDS_MAX * TRIES // 2)
        world.erp.put(
            *(account(f"KNOWN-{n}", f"Company {n}", f"file{n}@known.example") for n in half)
        )
        await world.sync()
        await world.run_jobs()
        password_hash = await world.container.hasher().hash(PASSWORD)
        async with world.container.uow()() as uow:
            for number in half:
                email = f"n{number}@known.example"
                await uow.users.add(
                    PortalUser(
                        user_id=f"user-{number}",
                        email=email,
                        username=email,
                        name="Ana",
                        password_hash=password_hash,
                        created_at=world.clock.now(),
                    )
                )
                await uow.users.link(
                    AccountLink(
                        user_id=f"user-{number}",
                        account_no=f"KNOWN-{number}",
                        linked_at=world.clock.now(),
                    )
                )
            await uow.commit()
        yield world


def visitor(app: PortalApp, number: int) -> Browser:
    """Return somebody from an address of their own, so that no limit is met."""
    browser = app.browser()
    served: Any = app.app
    browser.client = httpx.AsyncClient(
        transport=httpx.ASGITransport(
            app=served, client=(f"10.1.{number // 250}.{number % 250}", 9)
        ),
        base_url=browser.client.base_url,
    )
    return browser


def without_chance(page: str, typed: str) -> str:
    """Return a page without what differs each time: tokens, nonces, and what was typed."""
    page = re.sub(r'(nonce|value|content)="[^"]{20,}"', "", page)
    return page.replace(typed, "TYPED")


class Watch:
    """What somebody sees of a form who tries the known and the unknown in turn."""

    def __init__(self, app: PortalApp, form: Form) -> None:
        self._app = app
        self._form = form
        self._tries = 0
        self.seen: dict[str, set[tuple[int, str, str]]] = {"known": set(), "unknown": set()}
        self.times = Times()

    async def round(self) -> None:
        """Try so often; who comes first of a pair alternates too."""
        for number in range(self._tries, self._tries + TRIES):
            pair, is_second = divmod(number, 2)
            await self._try("known" if (pair + is_second) % 2 else "unknown", pair, number)
        self._tries += TRIES

    async def _try(self, kind: str, pair: int, number: int) -> None:
        form = self._form
        typed = (form.known if kind == "known" else form.unknown).format(pair)
        browser = visitor(self._app, number)
        await browser.get(form.path)
        data = {"_csrf": browser.token, form.field: typed, **form.others}
        started = time.perf_counter()
        response = await browser.client.post(form.path, data=data)
        self.times.add(kind, time.perf_counter() - started)
        page = without_chance(response.text, typed)
        self.seen[kind].add((response.status_code, response.headers.get("location", ""), page))
        await browser.close()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.path.strip("/"))
async def test_the_known_and_the_unknown_get_the_same_answer_in_the_same_time(
    crowd: World, form: Form
) -> None:
    watch = Watch(portal(crowd), form)
    for _ in range(ROUNDS_MAX):
        await watch.round()
        if watch.times.are_clear():
            break
    assert watch.seen["known"] == watch.seen["unknown"]
    assert len(watch.seen["known"]) == 1
    watch.times.check()
