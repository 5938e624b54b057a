"""What the plugin sends and what it reads, against Plaid's own OpenAPI file and its examples."""

import datetime
import json
from typing import Any

import msgspec
import pytest

from dueport_pay_ach_plaid import mapping, settlements, wire
from dueport_ports import RefundRequest, SignalKind
from dueport_ports.testing.processor import Behaviour, new_attempt
from tests.plugins.pay_ach_plaid.plaid_world import START, PlaidWorld
from tests.sandbox.plaid.test_official_spec import Spec
from tests.shared import shared_path


@pytest.fixture(scope="module")
def spec() -> Spec:
    path = shared_path("specs/plaid.oas31.json")
    return Spec(json.loads(path.read_text(encoding="utf-8")))


async def walk(world: PlaidWorld) -> None:
    """Do a little of everything."""
    plaid = world.plaid
    await plaid.health()
    instrument = await world.bank()
    attempt = await new_attempt(world, instrument)
    await plaid.submit(attempt)
    await plaid.lookup(attempt)
    await plaid.lookup(await new_attempt(world, instrument))
    await plaid.cancel(await world.paid())
    await plaid.submit(await new_attempt(world, await world.instrument(Behaviour.ACTION_REQUIRED)))
    await world.decide("approved", authorised_cents=1)
    await plaid.submit(await new_attempt(world, instrument))
    ref = await world.paid()
    await world.settle()
    made = await plaid.refund(RefundRequest(refund_id="r", processor_ref=ref, amount_cents=1_000))
    await plaid.fetch_refund(made.refund_ref)
    await plaid.changes(None, 500)
    async for head in plaid.settlements(START - datetime.timedelta(days=1)):
        [line async for line in plaid.settlement_lines(head.settlement_ref)]
    await plaid.receive(await world.webhook("TRANSFER", "TRANSFER_EVENTS_UPDATE"))
    again = await world.collect_request(purpose="reauthorize", instrument=instrument)
    session = await plaid.begin_collect(again)
    await world.link(session.bootstrap["link_token"])
    await plaid.finish_collect(session.session_ref, b"{}")
    hosted = world.another(bank_entry="hosted", redirect_uri="https://pay.dealer.example/bank")
    world._watch(hosted)
    await hosted.begin_collect(await world.collect_request())
    await hosted.close()
    await plaid.remove_instrument(instrument)


async def test_every_request_is_one_that_plaid_describes(world: PlaidWorld, spec: Spec) -> None:
    await walk(world)
    problems: list[str] = []
    for path, body in world.requests:
        request, _ = spec.of_exchange(path, 200)
        problems += [f"{path}: {one}" for one in spec.problems(request, body)]
    assert problems == []
    assert {path for path, _ in world.requests} == {
        "/accounts/get",
        "/item/get",
        "/item/public_token/exchange",
        "/item/remove",
        "/link/token/create",
        "/link/token/get",
        "/transfer/authorization/cancel",
        "/transfer/authorization/create",
        "/transfer/cancel",
        "/transfer/create",
        "/transfer/event/list",
        "/transfer/event/sync",
        "/transfer/get",
        "/transfer/ledger/get",
        "/transfer/list",
        "/transfer/refund/create",
        "/transfer/refund/get",
        "/transfer/sweep/list",
        "/webhook_verification_key/get",
    }


READERS: dict[str, Any] = {
    "/accounts/get": wire.AccountsAnswer,
    "/item/get": wire.ItemAnswer,
    "/item/public_token/exchange": wire.ExchangeAnswer,
    "/item/remove": wire.Nothing,
    "/link/token/create": wire.LinkTokenAnswer,
    "/link/token/get": wire.LinkSessionsAnswer,
    "/transfer/authorization/create": wire.AuthorizationAnswer,
    "/transfer/create": wire.TransferAnswer,
    "/transfer/get": wire.TransferAnswer,
    "/transfer/list": wire.TransferPage,
    "/transfer/cancel": wire.Nothing,
    "/transfer/event/list": wire.EventPage,
    "/transfer/event/sync": wire.EventPage,
    "/transfer/ledger/get": wire.LedgerAnswer,
    "/transfer/refund/create": wire.RefundAnswer,
    "/transfer/refund/get": wire.RefundAnswer,
    "/transfer/sweep/list": wire.SweepPage,
    "/webhook_verification_key/get": wire.VerificationKeyAnswer,
}


@pytest.mark.parametrize("path", sorted(READERS))
def test_every_example_of_plaids_own_can_be_read(path: str) -> None:
    document = json.loads(shared_path("specs/plaid.examples.json").read_text(encoding="utf-8"))
    examples = document["responses"][path]["200"]
    assert examples
    for example in examples:
        encoded = msgspec.json.encode(example)
        assert msgspec.json.decode(encoded, type=READERS[path], strict=False) is not None


async def test_every_example_of_a_webhook_is_acknowledged(world: PlaidWorld) -> None:
    document = json.loads(shared_path("specs/plaid.examples.json").read_text(encoding="utf-8"))
    read = 0
    for examples in document["webhooks"].values():
        for example in (examples or {}).values():
            told = {**example, "environment": "sandbox"}
            await world.webhook("TRANSFER", "TRANSFER_EVENTS_UPDATE")
            signed = await world.sign(json.dumps(told, indent=2).encode(), world.clock.now())
            received = await world.plaid.receive(signed)
            kinds = {signal.kind for signal in received.signals}
            if told["webhook_type"] in ("ITEM", "AUTH") and "item_id" in told:
                assert kinds == {SignalKind.INSTRUMENT}
            read += 1
    assert read > 20


def test_no_status_of_plaids_is_forgotten() -> None:
    document = json.loads(shared_path("specs/plaid.oas31.json").read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]

    def words(name: str) -> set[str]:
        return {one for one in schemas[name]["enum"] if one is not None}

    assert words("TransferStatus") == set(mapping.STATES)
    assert words("SweepStatus") == set(settlements.STATES)
    assert words("TransferRefundStatus") == {*mapping.REFUND_STATES, "pending", "posted"}
    assert words("TransferAuthorizationDecisionRationaleCode") <= set(mapping.RATIONALES)
    account = schemas["AccountBase"]["properties"]
    assert set(account["verification_status"]["enum"]) == set(mapping.VERIFICATIONS)
