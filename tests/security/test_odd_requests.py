"""Requests that no browser of an honest person sends."""

import pytest

from dueport_apps.web.app import create_litestar
from dueport_apps.web.http.guards import routes
from tests.inviting import FILLED
from tests.web.portal import PortalApp
from tests.world import World


async def test_only_what_other_machines_post_goes_without_a_form_token(world: World) -> None:
    exempt = {
        path
        for path, handler in routes(create_litestar(world.container))
        if handler.opt.get("csrf_exempt")
    }
    assert exempt == {"/webhooks/{plugin:str}", "/invitation/{token:str}/unsubscribe"}


@pytest.mark.parametrize(
    "path",
    [
        "/register",
        "/register/check",
        "/register/link",
        "/register/ask",
        "/register/sign-out",
        "/forgot-password",
        "/reset",
        "/sign-up",
        "/enrol",
        "/enrol/email",
        "/enrol/code",
        "/enrol/register",
        "/enrol/link",
        "/enrol/sign-out",
        "/account",
        "/your-login/password",
        "/your-login/language",
    ],
)
async def test_a_form_of_another_site_is_refused(app: PortalApp, world: World, path: str) -> None:
    browser = await app.customer("1001")
    await browser.get(f"/register/{await world.invite('1002')}")
    await browser.get("/outstanding")
    without = await browser.client.post(path, data=FILLED)
    assert without.status_code == 403
    foreign = await browser.client.post(
        path, data={"_csrf": browser.token, **FILLED}, headers={"sec-fetch-site": "cross-site"}
    )
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/sign-in", "login"),
        ("/forgot-password", "login"),
        ("/sign-up", "email"),
        ("/enrol", "account_no"),
    ],
)
@pytest.mark.parametrize(
    "typed", ["a\x00b@x.example", "\ud7ff\u202e@x", "'; DROP TABLE x; --", "{{7*7}}"]
)
async def test_strange_letters_break_nothing(
    app: PortalApp, world: World, path: str, field: str, typed: str
) -> None:
    browser = app.browser()
    await browser.get(path)
    form = {"login": typed, "password": "x"} if path == "/sign-in" else {field: typed}
    if path == "/enrol":
        form["code"] = typed
    response = await browser.post(path, form)
    assert response.status_code < 500
    await world.run_jobs()
    assert "49" not in browser.text.replace("{{7*7}}", "")
