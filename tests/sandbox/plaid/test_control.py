"""The control routes and the faults: what a rehearsal can make go wrong."""

import asyncio

import httpx
import plaid
import pytest

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver, link
from tests.sandbox.plaid.test_transfers import advance, control


@pytest.mark.parametrize(
    ("plan", "decision", "code"),
    [
        ({"decision": "declined", "rationale_code": "RISK"}, "declined", "RISK"),
        (
            {"decision": "user_action_required", "rationale_code": "ITEM_LOGIN_REQUIRED"},
            "user_action_required",
            "ITEM_LOGIN_REQUIRED",
        ),
        ({"rationale_code": "ERROR"}, "approved", "ERROR"),
    ],
)
async def test_the_next_decision_is_the_planned_one_and_only_that(
    sandbox: RunningSandbox, linked: Linked, plan: dict[str, str], decision: str, code: str
) -> None:
    await control(sandbox, "POST", "/next-decisions", plan)
    first = await linked.authorize("10.00")
    assert (first["decision"], first["decision_rationale"]["code"]) == (decision, code)
    second = await linked.authorize("10.00")
    assert (second["decision"], second["decision_rationale"]) == ("approved", None)


async def test_a_planned_return_meets_the_next_transfer_to_settle(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await control(sandbox, "POST", "/next-returns", {"code": "R29", "banking_days": 2})
    first, second = await linked.pay("10.00"), await linked.pay("11.00")
    await advance(sandbox, 2026, 9, 4, 9, 0)
    returned = await linked.transfer(first["id"])
    assert returned["failure_reason"]["ach_return_code"] == "R29"
    assert (await linked.transfer(second["id"]))["status"] == "settled"


async def test_a_balance_can_be_lowered(sandbox: RunningSandbox, linked: Linked) -> None:
    path = f"/accounts/{linked.account_id}"
    await control(sandbox, "PATCH", path, {"available_cents": 999})
    assert (await linked.authorize("10.00"))["decision_rationale"]["code"] == "NSF"


async def test_an_item_can_be_revoked_and_repaired(
    sandbox: RunningSandbox, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    linked = await link(plaid_api, webhook=receiver.url)
    await control(sandbox, "POST", f"/items/{linked.item_id}/revoke", None)
    refusal = await plaid_api.refused("accounts_get", access_token=linked.access_token)
    assert refusal["error_code"] == "USER_PERMISSION_REVOKED"
    await control(sandbox, "POST", f"/items/{linked.item_id}/repair", None)
    await plaid_api("accounts_get", access_token=linked.access_token)
    await receiver.wait_for(2)
    assert b"USER_PERMISSION_REVOKED" in receiver.heard[0][1]
    assert b"LOGIN_REPAIRED" in receiver.heard[1][1]


async def test_lists_show_everything_but_access_tokens(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("10.00")
    shown = await control(sandbox, "GET", "/transfers", None)
    assert [one["id"] for one in shown.json()] == [transfer["id"]]
    items = await control(sandbox, "GET", "/items", None)
    assert items.json()[0]["id"] == linked.item_id
    assert linked.access_token not in items.text


async def test_what_does_not_exist_is_said_so(sandbox: RunningSandbox, linked: Linked) -> None:
    transfer = await linked.pay("10.00")
    wrong = [
        ("POST", "/transfers/nobody/return", {"code": "R01"}, 404),
        ("POST", f"/transfers/{transfer['id']}/return", {"code": "R01"}, 400),
        ("POST", "/refunds/nobody/return", {"code": "R23"}, 404),
        ("POST", "/items/nobody/repair", None, 400),
        ("POST", f"/items/{linked.item_id}/dance", None, 404),
        ("PATCH", "/accounts/nobody", {"blocked": True}, 400),
        ("PATCH", "/settings", {"sweep": "ledger"}, 400),
    ]
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control/plaid", timeout=PATIENCE_S
    ) as client:
        for method, path, body, status in wrong:
            answer = await client.request(method, path, json=body)
            assert answer.status_code == status, path


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.TOO_MANY_REQUESTS, 429, "RATE_LIMIT"),
        (FaultKind.SERVER_ERROR, 500, "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_refusals_on_request_are_in_plaids_words(
    sandbox: RunningSandbox, linked: Linked, kind: FaultKind, status: int, code: str
) -> None:
    sandbox.frame.faults.arm(Fault(kind=kind, vendor="plaid", route="POST /item/get"))
    refusal = await linked.api.refused("item_get", access_token=linked.access_token)
    assert (refusal["status"], refusal["error_code"]) == (status, code)
    await linked.api("item_get", access_token=linked.access_token)


async def test_a_gateways_page_instead_of_json_reaches_the_sdk_as_a_server_error(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    sandbox.frame.faults.arm(Fault(kind=FaultKind.HTML, vendor="plaid"))
    settings = sandbox.frame.settings
    keys = {"clientId": settings.plaid_client_id, "secret": settings.plaid_secret}
    configuration = plaid.Configuration(host=sandbox.plaid_url, api_key=keys)
    with plaid.ApiClient(configuration) as client:
        api = plaid.api.plaid_api.PlaidApi(client)
        request = plaid.model.item_get_request.ItemGetRequest(access_token=linked.access_token)
        with pytest.raises(plaid.exceptions.ServiceException) as failure:
            await asyncio.to_thread(api.item_get, request)
    assert failure.value.status == 502
