"""One more account for a login that exists."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_core.invitations import InvitationState
from tests.databases import TestDatabases
from tests.inviting import CONSENT, FILLED, invitation_row, linked_accounts, policies
from tests.web.portal import Browser, PortalApp, portal
from tests.world import PASSWORD, World, account, open_world

LOGIN = {"login": "ap@harbor.example", "password": PASSWORD, **CONSENT}


@pytest.fixture
async def token(world: World) -> str:
    """An invitation to 1001, whose address signs in for 1002 already."""
    await world.customer("1002", "ap@harbor.example")
    return await world.invite("1001")


async def opened(app: PortalApp, token: str) -> Browser:
    browser = app.browser()
    await browser.open(f"/register/{token}")
    return browser


async def test_an_address_with_a_login_signs_in_to_link(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    assert "already signs in here" in browser.text
    response = await browser.submit("/register/link", LOGIN)
    assert response.url.path == "/outstanding"
    assert "INV-1" in browser.text
    assert "Harbor Builders, LLC is now linked to your login." in browser.notices
    assert await linked_accounts(world, "ap@harbor.example") == ["1001", "1002"]
    assert (await invitation_row(world)).invitation.state is InvitationState.ACCEPTED
    await world.run_jobs()
    told = world.mail.to("ap@harbor.example")[-1]
    assert "Harbor Builders, LLC" in told.text
    assert "/register/" not in told.text


async def test_the_password_of_the_login_is_never_replaced(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    await browser.post("/register", {**FILLED, "password": "b" * 20, "password_again": "b" * 20})
    assert "already signs in here" in browser.text
    assert (await invitation_row(world)).invitation.state is InvitationState.PENDING
    await app.signed_in("ap@harbor.example", PASSWORD)


async def test_a_wrong_password_links_nothing_and_is_slowed_down(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await opened(app, token)
    for _ in range(10):
        response = await browser.post("/register/link", {**LOGIN, "password": "guess"})
        assert response.status_code == 403
        assert "guess" not in browser.page
    response = await browser.post("/register/link", LOGIN)
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert await linked_accounts(world, "ap@harbor.example") == ["1002"]


@pytest.mark.parametrize("field", ["accept_terms", "link_account"])
async def test_terms_and_company_are_confirmed_here_too(
    app: PortalApp, world: World, token: str, field: str
) -> None:
    browser = await opened(app, token)
    response = await browser.post("/register/link", {**LOGIN, field: ""})
    assert response.status_code == 422
    assert f'id="error-{field}"' in browser.page
    assert await linked_accounts(world, "ap@harbor.example") == ["1002"]


async def test_somebody_who_is_signed_in_only_confirms(
    app: PortalApp, world: World, token: str
) -> None:
    browser = await app.signed_in("ap@harbor.example")
    assert "INV-9" in browser.text
    await browser.open(f"/register/{token}")
    assert 'name="password"' not in browser.page
    before = dict(browser.client.cookies)
    response = await browser.submit("/register/link", CONSENT)
    assert response.url.path == "/outstanding"
    assert "INV-1" in browser.text
    assert "INV-9" not in browser.text
    assert dict(browser.client.cookies) != before, "the session has a new token"


async def test_a_login_of_another_address_can_take_the_invitation(
    app: PortalApp, world: World
) -> None:
    await world.customer("1002", "max@mueller.example")
    browser = await opened(app, await world.invite("1001"))
    assert "I already have a login here" in browser.text
    await browser.open("/register/link")
    other = {"login": "max@mueller.example", "password": PASSWORD, **CONSENT}
    assert (await browser.submit("/register/link", other)).url.path == "/outstanding"
    assert await linked_accounts(world, "max@mueller.example") == ["1001", "1002"]
    assert await linked_accounts(world, "ap@harbor.example") == []


async def test_somebody_else_at_the_same_computer_signs_out_first(
    app: PortalApp, world: World
) -> None:
    browser = await app.customer("1002", "max@mueller.example")
    await browser.open(f"/register/{await world.invite('1001')}")
    assert "max@mueller.example" in browser.text
    await browser.submit("/register/sign-out")
    assert 'name="password_again"' in browser.page
    assert (await browser.submit("/register", FILLED)).url.path == "/outstanding"
    assert await linked_accounts(world, "max@mueller.example") == ["1002"]


@pytest.fixture
async def one_login(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    changes = policies(logins={"per_customer": "one"})
    async with open_world(test_databases, tmp_path, **changes) as world:
        world.erp.put(
            account("1001", "Harbor Builders, LLC", "ap@harbor.example"),
            account("1002", "Müller & Sons", "pay@mueller.example"),
        )
        await world.sync()
        yield world


async def test_where_each_customer_has_one_login_the_second_is_refused_clearly(
    one_login: World,
) -> None:
    app = portal(one_login)
    token = await one_login.invite("1001")
    browser = await opened(app, token)
    await one_login.customer("1001", "colleague@harbor.example")
    response = await browser.post("/register", FILLED)
    assert response.status_code == 409
    assert "keeps one login for each customer" in browser.text
    response = await browser.open("/register/link")
    assert response.status_code == 409
    assert await linked_accounts(one_login, "ap@harbor.example") == []
