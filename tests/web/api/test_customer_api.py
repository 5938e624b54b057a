"""A customer's own programs: the account that is open, and nothing else."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from dueport_apps.usecases.records import Permission, Principal
from tests.web.api.programs import issue
from tests.web.portal import Browser, PortalApp
from tests.world import World


class Script:
    """What a script in a signed-in customer's browser can call."""

    def __init__(self, browser: Browser, token: str) -> None:
        self._browser = browser
        self._token = token

    async def get(self, path: str) -> httpx.Response:
        return await self._browser.client.get(f"/api/v1/customer/{path}")

    async def post(self, path: str, body: object, key: str = "") -> httpx.Response:
        headers = {"x-csrf-token": self._token}
        if key:
            headers["idempotency-key"] = key
        return await self._browser.client.post(
            f"/api/v1/customer/{path}", json=body, headers=headers
        )


async def script_of(app: PortalApp, account_no: str, email: str) -> Script:
    browser = await app.customer(account_no, email)
    me = (await browser.client.get("/api/v1/customer/me")).json()
    return Script(browser, me["csrf_token"])


@pytest.fixture
async def ana(app: PortalApp) -> Script:
    return await script_of(app, "1001", "ap@harbor.example")


async def kept_card(world: World, email: str) -> str:
    """Keep a card of the customer, past the processor's form, and return its id."""
    async with world.container.uow()() as uow:
        user = await uow.users.by_login(email)
    assert user is not None
    who = Principal(kind="customer", principal_id=user.user_id, name=user.name, account_no="1001")
    stored = await world.instrument(who, world.processor.card())
    async with world.container.uow()() as uow:
        await uow.instruments.save(msgspec.structs.replace(stored, kept=True))
        await uow.commit()
    return stored.instrument_id


async def test_me_names_the_accounts_and_which_is_open(ana: Script) -> None:
    me = (await ana.get("me")).json()
    assert me["email"] == "ap@harbor.example"
    assert [(one["account_no"], one["is_open"]) for one in me["accounts"]] == [("1001", True)]
    assert "pay" in me["permissions"]


async def test_outstanding_adds_up_job_by_job(ana: Script) -> None:
    owed = (await ana.get("outstanding?view=all")).json()
    assert owed["total_cents"] == 65_475
    assert sum(job["balance_cents"] for job in owed["jobs"]) == 65_475
    refs = {one["item"]["document_ref"] for job in owed["jobs"] for one in job["items"]}
    assert refs == {"INV-1", "INV-2", "CR-1"}
    assert (await ana.get("outstanding?view=yesterday")).status_code == 400


async def test_what_is_quoted_is_charged_once(ana: Script, world: World) -> None:
    card = await kept_card(world, "ap@harbor.example")
    methods = (await ana.get("methods")).json()
    assert [one["instrument_id"] for one in methods] == [card]
    quote = (
        await ana.post("quotes", {"documents": ["INV-1", "CR-1"], "instrument_id": card})
    ).json()
    assert quote["total_cents"] == 29_975

    paid = await ana.post("payments", {"quote_id": quote["quote_id"]}, "pay-00000001")
    again = await ana.post("payments", {"quote_id": quote["quote_id"]}, "pay-00000001")
    other = await ana.post("payments", {"quote_id": quote["quote_id"]}, "pay-00000002")

    assert paid.status_code == 201
    assert paid.json()["payment"]["state"] == "settled"
    assert again.json() == paid.json()
    payment_id = paid.json()["payment"]["payment_id"]
    assert other.json()["payment"]["payment_id"] == payment_id
    assert len((await ana.get("payments")).json()["items"]) == 1
    receipt = await ana.get(f"payments/{payment_id}/receipt")
    assert receipt.content.startswith(b"%PDF")


async def test_a_total_cannot_be_sent_and_a_key_must_be(ana: Script) -> None:
    tampered = await ana.post("quotes", {"documents": ["INV-1"], "total_cents": 1})
    assert tampered.status_code == 400
    keyless = await ana.post("payments", {"quote_id": "x"})
    assert keyless.status_code == 422
    assert "idempotency-key" in json.dumps(keyless.json()).lower()


async def test_a_call_without_the_token_changes_nothing(ana: Script) -> None:
    without = Script(ana._browser, "")
    response = await without.post("quotes", {"documents": ["INV-1"]})
    assert response.status_code == 403
    assert response.json()["type"] == "urn:dueport:problem:forbidden"


async def test_nothing_of_another_account_exists(app: PortalApp, ana: Script, world: World) -> None:
    other = await script_of(app, "1002", "pay@mueller.example")
    who = await world.customer("1001", "second@harbor.example")
    payment = await world.pay(who, "INV-1")

    mine = await ana.get(f"payments/{payment.payment_id}")
    theirs: list[Any] = [
        await other.get(f"payments/{payment.payment_id}"),
        await other.get(f"payments/{payment.payment_id}/receipt"),
    ]
    stolen = await other.post("quotes", {"documents": ["INV-2"]})

    assert mine.status_code == 200
    assert [one.status_code for one in theirs] == [404, 404]
    assert stolen.status_code == 422
    assert (await other.get("payments")).json()["items"] == []


async def test_operators_keys_do_not_open_the_customers_part(app: PortalApp, world: World) -> None:

    key = await issue(world, *Permission)
    response = await app.browser().client.get(
        "/api/v1/customer/me", headers={"authorization": f"Bearer {key}"}
    )
    assert response.status_code == 401


async def test_statements_of_a_dealer_without_any_are_an_empty_list(ana: Script) -> None:
    assert (await ana.get("statements")).json() == []
