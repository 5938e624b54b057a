"""Every route of the application against everybody who might call it.

The table is the application's own: what is expected of a call follows from the guards that its
route declares, so a route that forgets one, or declares the wrong one, is found here.
"""

import datetime
import inspect
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from sqlalchemy import text

from dueport_apps.usecases.records import ROLE_PERMISSIONS, OperatorRole
from dueport_apps.web.app import create_litestar
from dueport_apps.web.http import guards
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.people import CUSTOMER_PERMISSIONS
from tests.databases import TestDatabases
from tests.web.operator.desk import sign_in
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PROCESSOR, World, account, item, open_world

HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "permissions-policy",
    "cache-control",
)
EXPORTS = frozenset(
    {
        "/api/v1/enrolment-codes",
        "/operator/enrolment-codes.csv",
        "/operator/enrolment-letters.pdf",
    }
)
"""Looking at these hands out what opens registrations, so the audit log says who did; no more."""
MACHINES = ("/api/", "/webhooks/")
_TOKEN = re.compile(r'name="_csrf" value="([^"]+)"|name="csrf" content="([^"]+)"')


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a route's guards say, read from the guards themselves."""

    portal: Portal | None = None
    """Whose session is wanted; None is public."""
    permission: str | None = None
    unfinished: bool = False
    """Only somebody in the middle of signing in."""
    step_up: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    method: str
    rule: Rule

    @property
    def is_machine(self) -> bool:
        return self.path.startswith(MACHINES)

    def url(self, known: dict[str, str] | None = None) -> str:
        """Return an address: with ids that exist, or with ones that do not."""
        return re.sub(
            r"\{(\w+):\w+\}", lambda found: (known or {}).get(found[1], "UNKNOWN"), self.path
        )


class Person(msgspec.Struct, kw_only=True):
    name: str
    browser: Browser
    portal: Portal | None = None
    permissions: frozenset[str] = frozenset()
    tokens: dict[Portal, str] = {}
    """The form token of each portal, as long as the session lasts."""


class Stage(msgspec.Struct, kw_only=True):
    """The application with somebody of every kind signed in, and one of everything in it."""

    world: World
    app: Litestar
    people: list[Person]
    known: dict[str, str]

    @property
    def routes(self) -> list[Route]:
        return sorted(found_routes(self.app), key=lambda route: "sign-out" in route.path)

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)


def rule_of(handler: BaseRouteHandler) -> Rule:
    """Read a route's guards; one that this test does not know is an error, not a pass."""
    rule = Rule()
    for resolved in handler.resolve_guards():
        # The framework wraps plain functions so that they can be awaited.
        guard: Any = getattr(resolved, "func", resolved)
        kind = guard.__qualname__.split(".")[0]
        inside = inspect.getclosurevars(guard).nonlocals
        match kind:
            case guards.customer_required.__name__:
                rule = msgspec.structs.replace(rule, portal=Portal.CUSTOMER)
            case guards.customer_permitted.__name__:
                rule = msgspec.structs.replace(
                    rule, portal=Portal.CUSTOMER, permission=inside["permission"]
                )
            case guards.operator_required.__name__:
                rule = msgspec.structs.replace(
                    rule, portal=Portal.OPERATOR, permission=inside.get("permission")
                )
            case guards.level_required.__name__:
                rule = msgspec.structs.replace(rule, portal=inside["portal"], unfinished=True)
            case guards.step_up_required.__name__:
                rule = msgspec.structs.replace(rule, step_up=True)
            case _:
                raise AssertionError(f"{handler}: unknown guard {guard.__qualname__}")
    return rule


def found_routes(app: Litestar) -> Iterator[Route]:
    for path, handler in guards.routes(app):
        for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"}):  # type: ignore[attr-defined]  # Every route here is HTTP.
            yield Route(path=path, method=method, rule=rule_of(handler))


@pytest_asyncio.fixture(scope="module")
async def stage(
    test_databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    async with open_world(test_databases, folder) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
            item("INV-1", "1001", 40_000),
            item("INV-2", "1001", 35_500),
        )
        await world.sync()
        desk = portal(world)
        people = [
            Person(name="anonymous", browser=desk.browser()),
            await _customer(desk),
            *[await _operator(desk, role) for role in OperatorRole],
        ]
        # The codes given at sign-in are not fresh any more when the routes are tried.
        world.clock.advance(datetime.timedelta(minutes=6))
        campaign = await world.start_campaign("1002")
        who = await world.customer("1001", "second@harbor.example")
        payment = await world.pay(who, "INV-1")
        world.processor.pay_out()
        await world.container.import_settlements()(PROCESSOR)
        async with world.container.uow()() as uow:
            rows, _ = await uow.settlements.rows(None, 1)
            run = await uow.mirror.last_run()
            (invited,) = await uow.invitations.of_account("1002")
        assert run is not None
        yield Stage(
            world=world,
            app=create_litestar(world.container),
            people=people,
            known={
                "account_no": "1001",
                "payment_id": payment.payment_id,
                "settlement_id": rows[0].settlement.settlement_id,
                "run_id": run.run_id,
                "campaign_id": campaign.campaign_id,
                "invitation_id": invited.invitation.invitation_id,
            },
        )
        for person in people:
            await person.browser.close()


async def _customer(desk: PortalApp) -> Person:
    return Person(
        name="customer",
        browser=await desk.customer("1001", "ap@harbor.example"),
        portal=Portal.CUSTOMER,
        permissions=CUSTOMER_PERMISSIONS["admin"],
    )


async def _operator(desk: PortalApp, role: OperatorRole) -> Person:
    signed_in = await sign_in(desk, role, f"{role.value}@cedaryard.example")
    return Person(
        name=role.value,
        browser=signed_in.browser,
        portal=Portal.OPERATOR,
        permissions=frozenset(permission.value for permission in ROLE_PERMISSIONS[role]),
    )


async def call(person: Person, route: Route, known: dict[str, str] | None = None) -> httpx.Response:
    """Call a route as its own pages would: unsafe calls carry the portal's form token."""
    client = person.browser.client
    if route.method == "GET":
        return await client.get(route.url(known))
    headers = {
        "x-csrf-token": await _token(person, route),
        "idempotency-key": secrets.token_hex(8),
    }
    if route.is_machine:
        return await client.request(route.method, route.url(known), json={}, headers=headers)
    return await client.request(route.method, route.url(known), data={}, headers=headers)


async def _token(person: Person, route: Route) -> str:
    """Return a token of the session, or of the sign-in form, that the route's portal knows."""
    ours = route.rule.portal or _portal_of(route.path)
    if ours in person.tokens:
        return person.tokens[ours]
    pages = {
        Portal.CUSTOMER: ("/outstanding", "/sign-in"),
        Portal.OPERATOR: ("/operator/customers", "/operator/sign-in"),
    }[ours]
    for page in pages:
        shown = await person.browser.client.get(page)
        found = _TOKEN.search(shown.text)
        if shown.status_code == 200 and found:
            person.tokens[ours] = found[1] or found[2]
            return person.tokens[ours]
    return ""


def _portal_of(path: str) -> Portal:
    customer = not path.startswith(("/operator", "/api/v1")) or "/customer" in path
    return Portal.CUSTOMER if customer else Portal.OPERATOR


def expected(route: Route, person: Person) -> str:
    """Say what the guards promise this person."""
    rule = route.rule
    if rule.portal is None:
        return "open"
    if person.portal is not rule.portal:
        return "sign in first"
    if rule.unfinished or (rule.permission and rule.permission not in person.permissions):
        return "forbidden"
    return "confirm first" if rule.step_up else "allowed"


def seen(route: Route, response: httpx.Response) -> set[str]:
    """Say which promises an answer keeps."""
    to = response.headers.get("location", "")
    status = response.status_code
    if status >= 500:
        return {"broken"}
    if status == 401 or (status == 303 and re.match(r"(/operator)?/sign-in", to)):
        return {"sign in first", "open"}
    if status == 303 and to.startswith("/operator/confirm"):
        return {"confirm first"}
    if status == 403:
        needs_code = route.is_machine and response.json()["type"].endswith("step-up-needed")
        return {"confirm first" if needs_code else "forbidden", "open"}
    return {"allowed", "open"}


@pytest.mark.parametrize("name", ["anonymous", "customer", *OperatorRole])
async def test_everybody_gets_what_the_guards_promise_and_nothing_else(
    stage: Stage, name: str
) -> None:
    person = stage.person(name)
    wrong = []
    for route in stage.routes:
        response = await call(person, route)
        if expected(route, person) not in seen(route, response):
            wrong.append(
                f"{route.method} {route.path}: {expected(route, person)} was promised, "
                f"{response.status_code} {response.headers.get('location', '')} came"
            )
    assert wrong == []


async def test_there_is_something_for_everybody_to_be_refused(stage: Stage) -> None:
    kinds = {expected(route, person) for route in stage.routes for person in stage.people}
    assert kinds == {"open", "sign in first", "forbidden", "confirm first", "allowed"}
    assert len(stage.routes) > 60


async def test_ids_that_do_not_exist_are_not_found(stage: Stage) -> None:
    await _sign_in_again(stage)
    wrong = []
    for route in stage.routes:
        if route.method != "GET" or "{" not in route.path or route.rule.portal is None:
            continue
        who = "customer" if route.rule.portal is Portal.CUSTOMER else "admin"
        response = await call(stage.person(who), route)
        if response.status_code != 404:
            wrong.append(f"{route.path}: {response.status_code}")
    assert wrong == []


async def test_looking_at_a_page_changes_nothing(stage: Stage) -> None:
    await _sign_in_again(stage)
    wrong = []
    before = await _contents(stage.world)
    for route in stage.routes:
        if route.method != "GET":
            continue
        who = "customer" if _portal_of(route.path) is Portal.CUSTOMER else "admin"
        response = await call(stage.person(who), route, stage.known)
        after = await _contents(stage.world)
        if response.status_code >= 500 or after != before:
            changed = [table for table, content in after.items() if before[table] != content]
            recorded = route.path in EXPORTS and changed == ["audit_entry"]
            if response.status_code >= 500 or not recorded:
                wrong.append(f"{route.path}: {response.status_code}, changed {changed}")
            before = after
    assert wrong == []


async def test_every_answer_carries_the_security_headers(stage: Stage) -> None:
    wrong = []
    anonymous = stage.person("anonymous")
    nowhere = Route(path="/nowhere", method="GET", rule=Rule())
    for route in [*stage.routes, nowhere]:
        response = await call(anonymous, route)
        missing = [name for name in HEADERS if name not in response.headers]
        if missing or "default-src 'none'" not in response.headers["content-security-policy"]:
            wrong.append(f"{route.method} {route.path}: {missing}")
    assert wrong == []


async def _sign_in_again(stage: Stage) -> None:
    """Open sessions anew: the sweeps above have signed everybody out."""
    desk = PortalApp(stage.world)
    again = f"admin{len(stage.people)}@cedaryard.example"
    admin = await sign_in(desk, OperatorRole.ADMIN, again)
    customer = await desk.signed_in("ap@harbor.example")
    for name, browser in (("admin", admin.browser), ("customer", customer)):
        stage.person(name).browser = browser
        stage.person(name).tokens = {}
    stage.people.append(Person(name=again, browser=desk.browser()))


async def _contents(world: World) -> dict[str, Any]:
    """Return a fingerprint of every table."""
    async with world.container.database().statements.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        )
        return {
            table: (
                await connection.execute(
                    text(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t")
                )
            ).one()
            for table in tables
        }
