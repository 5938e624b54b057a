"""The dealer's logo on the pages of both portals, and at its own address."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from dependency_injector import providers
from msgspec import structs

from dueport_apps.logo import Logo, logo_from
from dueport_apps.web.http.headers import framed_policy
from dueport_apps.web.http.settings import HttpSettings
from tests.databases import TestDatabases
from tests.pictures import JPEG, png
from tests.web.operator.desk import sign_in
from tests.web.portal import Browser, PortalApp, portal
from tests.world import World, account, item, open_world

LOGO = logo_from(png(800, 200))
_IMAGE = re.compile(r'<img src="(/brand/[^"]+)" width="(\d+)" height="(\d+)" alt="([^"]+)">')


def app_with(world: World, logo: Logo) -> PortalApp:
    settings = structs.replace(world.settings, logo=logo)
    world.container.settings.override(providers.Object(settings))
    return portal(world)


@pytest_asyncio.fixture
async def world(test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(test_databases, tmp_path) as opened:
        opened.erp.put(account("1001", "Harbor Builders, LLC", "ap@harbor.example"))
        opened.erp.put(item("INV-1", "1001", 40_000))
        await opened.sync()
        yield opened


def logos_on(browser: Browser) -> list[tuple[str, ...]]:
    return [found.groups() for found in _IMAGE.finditer(browser.page)]


@pytest.mark.parametrize(
    "path", ["/sign-in", "/contact", "/forgot-password", "/register/unknown", "/operator/sign-in"]
)
async def test_public_pages_carry_the_logo_with_its_size_and_the_dealers_name(
    world: World, path: str
) -> None:
    browser = app_with(world, LOGO).browser()

    await browser.open(path)

    assert logos_on(browser), browser.text
    for address, width, height, words in logos_on(browser):
        assert address == LOGO.path
        assert int(width) == 4 * int(height)
        assert words == "Cedar Yard Supply"
    assert "dp-brand-mark" not in browser.page


async def test_signed_in_pages_carry_it_in_their_header(world: World) -> None:
    app = app_with(world, LOGO)
    customer = await app.customer()
    await customer.open("/outstanding")
    operator = (await sign_in(app)).browser
    await operator.open("/operator/customers")

    assert len(logos_on(customer)) == 1
    # The side bar, and the bar that stands for it on a phone.
    assert len(logos_on(operator)) == 2


async def test_without_a_logo_the_name_stands_where_it_stood(world: World) -> None:
    browser = portal(world).browser()
    await browser.open("/sign-in")

    assert "/brand/" not in browser.page
    assert "dp-brand-mark" in browser.page
    assert "Cedar Yard Supply" in browser.text
    assert (await browser.client.get(LOGO.path)).status_code == 404


@pytest.mark.parametrize("logo", [LOGO, logo_from(JPEG)], ids=["png", "jpeg"])
async def test_anybody_may_load_it_and_keep_it_for_good(world: World, logo: Logo) -> None:
    client = app_with(world, logo).browser().client

    answer = await client.get(logo.path, headers={"accept-encoding": "br, gzip"})
    head = await client.head(logo.path)

    assert answer.status_code == head.status_code == 200
    assert answer.content == logo.content
    assert head.content == b""
    for each in (answer, head):
        assert each.headers["content-type"] == logo.media_type
        assert each.headers["content-length"] == str(len(logo.content))
        assert each.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert each.headers["x-content-type-options"] == "nosniff"
        # A web mail shows it on a page of its own.
        assert each.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "set-cookie" not in each.headers
        assert "content-encoding" not in each.headers


@pytest.mark.parametrize(
    "path",
    [
        "/brand/logo-0000000000000000.png",
        LOGO.path.replace(".png", ".jpeg"),
        "/brand/logo.png",
        "/brand/..%2Fdealer.toml",
        "/brand/",
    ],
)
async def test_every_other_address_beside_it_holds_nothing(world: World, path: str) -> None:
    client = app_with(world, LOGO).browser().client

    assert (await client.get(path)).status_code == 404
    assert (await client.head(path)).status_code == 404


async def test_only_the_logo_may_be_shown_by_other_sites(world: World) -> None:
    client = app_with(world, LOGO).browser().client

    page = await client.get("/sign-in")

    assert page.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_mail_in_a_frame_may_show_pictures_of_the_portal_and_nothing_else() -> None:
    settings = HttpSettings(
        customer_url="https://pay.yard.example",
        operator_url="https://desk.yard.example",
        secret=b"x" * 32,
    )

    assert "img-src https://pay.yard.example;" in framed_policy(settings)
    assert "default-src 'none'" in framed_policy(settings)
    assert "script-src" not in framed_policy(settings)
