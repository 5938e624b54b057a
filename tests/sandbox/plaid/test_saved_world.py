"""A saved sandbox carries on where it stopped; a reset one starts the same way again."""

from pathlib import Path

from dueport_apps.sandbox.frame import SandboxSettings
from dueport_apps.sandbox.serve import serve_sandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import link


async def test_a_transfer_settles_in_the_sandbox_that_was_started_again(tmp_path: Path) -> None:
    settings = SandboxSettings(data_folder=tmp_path)
    async with serve_sandbox(settings) as first:
        api = PlaidClient(first.plaid_url, settings.plaid_client_id, settings.plaid_secret)
        linked = await link(api)
        transfer = await linked.pay("10.00")
        api.close()
    async with serve_sandbox(settings) as second:
        await second.frame.clock.advance(seconds=9 * 86_400)
        api = PlaidClient(second.plaid_url, settings.plaid_client_id, settings.plaid_secret)
        found = (await api("transfer_get", transfer_id=transfer["id"]))["transfer"]
        api.close()
    assert (found["status"], found["sweep_status"]) == ("funds_available", "swept_settled")


async def test_the_same_seed_gives_the_same_ids_after_a_reset() -> None:
    settings = SandboxSettings(seed=7)
    async with serve_sandbox(settings) as running:
        api = PlaidClient(running.plaid_url, settings.plaid_client_id, settings.plaid_secret)
        first = await link(api)
        running.frame.reset()
        second = await link(api)
        events = await second.events()
        api.close()
    assert (first.access_token, first.account_id) == (second.access_token, second.account_id)
    assert events == []
