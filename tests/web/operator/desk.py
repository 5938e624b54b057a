"""Operators at work: signed in with password and code, and able to give a fresh code."""

import datetime

import pyotp

from dueport_apps.usecases.records import OperatorRole
from tests.web.portal import Browser, PortalApp
from tests.world import PASSWORD

STEP = datetime.timedelta(seconds=30)


class Desk:
    """One operator: their browser and their authenticator."""

    def __init__(self, app: PortalApp, browser: Browser, totp: pyotp.TOTP) -> None:
        self.app = app
        self.browser = browser
        self._totp = totp

    def code(self) -> str:
        """Return a code that was not used yet: time moves on to the next one."""
        self.app.world.clock.advance(STEP)
        return self._totp.at(self.app.world.clock.now())

    async def step_up(self) -> None:
        """Confirm with a fresh code, as posting and resolving want it."""
        await self.browser.get("/operator/confirm")
        response = await self.browser.post("/operator/confirm", {"code": self.code()})
        assert response.status_code == 303, self.browser.text

    async def draft(self, *account_nos: str, **fields: str) -> str:
        """Tick customers and press Invite; return the address of the campaign's pages."""
        await self.browser.get("/operator/customers")
        response = await self.browser.post(
            "/operator/campaigns", {"action": "invite", "account_no": list(account_nos), **fields}
        )
        location: str = response.headers["location"]
        assert location.endswith("/edit"), location
        await self.browser.get(location)
        return location.removesuffix("/edit")

    async def send(self, campaign: str) -> None:
        """Press Send as the dialog stands, and look at the campaign."""
        response = await self.browser.post(f"{campaign}/start")
        assert response.headers["location"] == campaign, self.browser.text
        await self.browser.get(campaign)


async def sign_in(
    app: PortalApp,
    role: OperatorRole = OperatorRole.ADMIN,
    email: str = "olivia@cedaryard.example",
) -> Desk:
    """Add an operator and sign them in as a person would."""
    _, totp = await app.world.operator(email, role)
    desk = Desk(app, app.browser(), totp)
    browser = desk.browser
    await browser.get("/operator/sign-in")
    response = await browser.post("/operator/sign-in", {"email": email, "password": PASSWORD})
    assert response.headers["location"] == "/operator/second-factor", browser.text
    await browser.get("/operator/second-factor")
    response = await browser.post("/operator/second-factor", {"code": desk.code()})
    assert response.headers["location"] == "/operator/customers", browser.text
    await browser.get("/operator/customers")
    return desk
