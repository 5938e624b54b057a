"""Logins of an account by the API: who has them, switched off at once, and on again."""

from tests.web.api.programs import Program
from tests.web.portal import PortalApp
from tests.world import World


async def test_the_account_shows_its_logins_and_its_story(program: Program, world: World) -> None:
    await world.register(await world.invite("1001"))
    shown = (await program.get("accounts/1001")).json()
    steps = (await program.get("accounts/1001/timeline")).json()["steps"]

    assert shown["account"]["invitation"] == "accepted"
    assert [login["email"] for login in shown["logins"]] == ["ap@harbor.example"]
    assert shown["logins"][0]["disabled_at"] is None
    assert {step["kind"] for step in steps} >= {"invited", "mail", "accepted"}
    assert [step["mail_state"] for step in steps if step["kind"] == "mail"] == ["sent"]
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)


async def test_access_is_switched_off_for_everybody_at_once_and_on_again(
    program: Program, app: PortalApp
) -> None:
    browser = await app.customer("1001")
    assert (await browser.get("/outstanding")).status_code == 200
    off = await program.post("accounts/1001/access/disable")
    shut_out = await browser.get("/outstanding")
    again = await program.post("accounts/1001/access/disable")
    on = await program.post("accounts/1001/access/restore")
    twice = await program.post("accounts/1001/access/restore")
    back = await app.signed_in("ap@harbor.example")

    assert (off.json()["changed"], off.json()["logins_changed"]) == (1, 1)
    assert off.json()["logins"][0]["disabled_at"] is not None
    assert off.json()["invitations_revoked"] == []
    assert shut_out.status_code == 303
    assert (again.status_code, twice.status_code) == (409, 409)
    assert (on.json()["changed"], on.json()["logins_changed"]) == (1, 1)
    assert (await back.get("/outstanding")).status_code == 200
    kinds = [step["kind"] for step in (await program.get("accounts/1001/timeline")).json()["steps"]]
    assert kinds == ["access_disabled", "access_restored"]


async def test_one_person_of_two_is_switched_off(
    program: Program, app: PortalApp, world: World
) -> None:
    ana = await app.customer("1001")
    await world.customer("1001", "second@harbor.example")
    logins = (await program.get("accounts/1001")).json()["logins"]
    second = next(one for one in logins if one["email"] == "second@harbor.example")
    off = await program.post("accounts/1001/access/disable", {"user_id": second["user_id"]})
    stranger = await program.post("accounts/1002/access/disable", {"user_id": second["user_id"]})

    assert off.json()["changed"] == 1
    assert (await ana.get("/outstanding")).status_code == 200
    assert stranger.status_code == 404


async def test_disabling_kills_the_pending_invitation_too(program: Program, world: World) -> None:
    await world.invite("1001")
    off = await program.post("accounts/1001/access/disable")
    assert (off.json()["changed"], off.json()["logins_changed"]) == (1, 0)
    (revoked,) = off.json()["invitations_revoked"]
    assert (revoked["email"], revoked["state"]) == ("ap@harbor.example", "revoked")
    shown = (await program.get("accounts/1001")).json()
    assert [one["state"] for one in shown["invitations"]] == ["revoked"]
