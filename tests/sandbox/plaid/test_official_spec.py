"""The sandbox's requests and answers against Plaid's own OpenAPI file, where one lies beside."""

import json
from typing import Any

import jwt
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver, link
from tests.sandbox.plaid.test_transfers import advance, control
from tests.shared import shared_path

SPEC = "urn:plaid"


class Spec:
    """The official file, with a validator per schema."""

    def __init__(self, document: Any) -> None:
        self._document = document
        resource: Resource[Any] = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(SPEC, resource)

    def problems(self, pointer: str, instance: Any) -> list[str]:
        """Return what is wrong with an instance of the schema at a place of the file."""
        validator = Draft202012Validator({"$ref": f"{SPEC}#{pointer}"}, registry=self._registry)
        return [f"{one.json_path}: {one.message[:200]}" for one in validator.iter_errors(instance)]

    def of_exchange(self, path: str, status: int) -> tuple[str, str]:
        """Return the places of a path's request and answer."""
        place = f"/paths/{path.replace('/', '~1')}/post"
        wanted = str(status) if status == 200 else "default"
        body = "content/application~1json/schema"
        return f"{place}/requestBody/{body}", f"{place}/responses/{wanted}/{body}"

    def __contains__(self, path: str) -> bool:
        return path in self._document["paths"]


@pytest.fixture(scope="module")
def spec() -> Spec:
    """Plaid's OpenAPI file in the form of JSON Schema 2020-12."""
    path = shared_path("specs/plaid.oas31.json")
    return Spec(json.loads(path.read_text(encoding="utf-8")))


async def walk(sandbox: RunningSandbox, api: PlaidClient, receiver: Receiver) -> Linked:
    """Do a little of everything."""
    linked = await link(api, webhook=f"{receiver.url}/item")
    await api("item_get", access_token=linked.access_token)
    await api("auth_get", access_token=linked.access_token)
    await api("identity_match", access_token=linked.access_token, user={"legal_name": "Cedar"})
    token = await api(
        "link_token_create",
        client_name="Dueport",
        language="en",
        country_codes=["US"],
        user={"client_user_id": "payer-1"},
        products=["auth", "transfer"],
        hosted_link={},
        webhook=receiver.url,
    )
    await api("link_token_get", link_token=token["link_token"])
    first = await linked.pay("100.00", idempotency_key="attempt-1")
    second = await linked.pay("50.00")
    third = await linked.pay("25.00")
    await api("transfer_cancel", transfer_id=third["id"])
    refund = await api(
        "transfer_refund_create", transfer_id=first["id"], amount="9.99", idempotency_key="r"
    )
    await advance(sandbox, 2026, 9, 10, 9, 0)
    await control(sandbox, "POST", f"/transfers/{second['id']}/return", {"code": "R01"})
    await control(sandbox, "PATCH", "/settings", {"sweeps": "ledger"})
    await api("transfer_ledger_deposit", amount="5.00", network="ach", idempotency_key="d")
    await advance(sandbox, 2026, 9, 20, 9, 0)
    await api("transfer_ledger_withdraw", amount="5.00", network="ach", idempotency_key="w")
    await api("transfer_ledger_get")
    await api("transfer_ledger_event_list")
    for transfer in (first, second, third):
        await linked.transfer(transfer["id"])
    await api("transfer_list")
    await linked.events()
    await api("transfer_event_list", transfer_id=second["id"])
    sweeps = await api("transfer_sweep_list")
    await api("transfer_sweep_get", sweep_id=sweeps["sweeps"][0]["id"])
    await linked.authorize("1000000.00", idempotency_key="too-much")
    await api("sandbox_transfer_sweep_simulate")
    fourth = await linked.pay("5.00")
    await api("sandbox_transfer_simulate", transfer_id=fourth["id"], event_type="posted")
    await api("sandbox_transfer_fire_webhook", webhook=receiver.url)
    key_id = jwt.get_unverified_header(receiver.heard[0][0]["plaid-verification"])["kid"]
    await api("webhook_verification_key_get", key_id=key_id)
    await api("transfer_refund_get", refund_id=refund["refund"]["id"])
    await api.refused("transfer_refund_cancel", refund_id=refund["refund"]["id"])
    await api("sandbox_item_reset_login", access_token=linked.access_token)
    await api.refused("accounts_get", access_token=linked.access_token)
    await api("item_get", access_token=linked.access_token)
    await api("item_remove", access_token=linked.access_token)
    return linked


async def test_every_request_and_answer_fits_the_official_file(
    spec: Spec, sandbox: RunningSandbox, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    await walk(sandbox, plaid_api, receiver)
    judged = set()
    for exchange in plaid_api.exchanges:
        assert exchange.path in spec
        request, answer = spec.of_exchange(exchange.path, exchange.status)
        assert spec.problems(request, exchange.request) == [], exchange.path
        assert spec.problems(answer, exchange.answer) == [], (exchange.path, exchange.answer)
        judged.add(exchange.path)
    assert len(judged) >= 30


async def test_every_notification_fits_the_official_file(
    spec: Spec, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    schemas = {
        "ERROR": "ItemErrorWebhook",
        "LOGIN_REPAIRED": "ItemLoginRepairedWebhook",
        "PENDING_DISCONNECT": "PendingDisconnectWebhook",
        "USER_PERMISSION_REVOKED": "UserPermissionRevokedWebhook",
        "USER_ACCOUNT_REVOKED": "UserAccountRevokedWebhook",
        "DEFAULT_UPDATE": "AuthDefaultUpdateWebhook",
    }
    linked = await link(plaid_api, webhook=receiver.url)
    for code in schemas:
        await plaid_api(
            "sandbox_item_fire_webhook", access_token=linked.access_token, webhook_code=code
        )
    await linked.pay("10.00")
    await receiver.wait_for(len(schemas) + 1)
    schemas["TRANSFER_EVENTS_UPDATE"] = "TransferEventsUpdateWebhook"
    for _, raw in receiver.heard:
        body = json.loads(raw)
        place = f"/components/schemas/{schemas[body['webhook_code']]}"
        assert spec.problems(place, body) == [], body
