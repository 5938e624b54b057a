"""Refunds, and the ledger that a dealer may choose instead of automatic sweeps."""

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked
from tests.sandbox.plaid.test_transfers import advance, control


async def ledger(api: PlaidClient) -> tuple[str, str]:
    """Return the pending and the available balance."""
    balance = (await api("transfer_ledger_get"))["balance"]
    return balance["pending"], balance["available"]


async def test_a_refund_waits_for_the_settlement_and_is_taken_from_the_next_sweep(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("100.00")
    fields = {"transfer_id": transfer["id"], "amount": "30.00", "idempotency_key": "refund-1"}
    refund = (await linked.api("transfer_refund_create", **fields))["refund"]
    again = (await linked.api("transfer_refund_create", **fields))["refund"]
    assert again["id"] == refund["id"]
    await advance(sandbox, 2026, 9, 1, 21, 0)
    assert (await linked.api("transfer_refund_get", refund_id=refund["id"]))["refund"][
        "status"
    ] == "pending"
    await advance(sandbox, 2026, 9, 15, 9, 0)
    settled = (await linked.api("transfer_refund_get", refund_id=refund["id"]))["refund"]
    assert settled["status"] == "settled"
    sweeps = (await linked.api("transfer_sweep_list"))["sweeps"]
    assert sorted(one["amount"] for one in sweeps) == ["-30.00", "100.00"]
    kinds = [str(one["event_type"]) for one in await linked.events()]
    assert kinds.count("refund.pending") == kinds.count("refund.swept") == 1
    assert kinds.index("settled") < kinds.index("refund.posted") < kinds.index("refund.settled")


async def test_refunds_never_exceed_the_transfer(linked: Linked) -> None:
    transfer = await linked.pay("100.00")
    fields = {"transfer_id": transfer["id"], "amount": "60.00"}
    first = await linked.api("transfer_refund_create", **fields, idempotency_key="one")
    refusal = await linked.api.refused("transfer_refund_create", **fields, idempotency_key="two")
    assert refusal["error_code"] == "INVALID_FIELD"
    await linked.api("transfer_refund_cancel", refund_id=first["refund"]["id"])
    second = await linked.api("transfer_refund_create", **fields, idempotency_key="three")
    assert second["refund"]["status"] == "pending"


async def test_a_refund_of_a_returned_transfer_is_cancelled(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("100.00")
    await linked.api("sandbox_transfer_simulate", transfer_id=transfer["id"], event_type="posted")
    fields = {"transfer_id": transfer["id"], "amount": "60.00", "idempotency_key": "one"}
    refund = (await linked.api("transfer_refund_create", **fields))["refund"]
    await linked.api("sandbox_transfer_simulate", transfer_id=transfer["id"], event_type="returned")
    await advance(sandbox, 2026, 9, 2, 9, 0)
    got = (await linked.api("transfer_refund_get", refund_id=refund["id"]))["refund"]
    assert got["status"] == "cancelled"


async def test_a_refund_can_come_back_after_it_settled(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("100.00")
    fields = {"transfer_id": transfer["id"], "amount": "60.00", "idempotency_key": "one"}
    refund = (await linked.api("transfer_refund_create", **fields))["refund"]
    await advance(sandbox, 2026, 9, 15, 9, 0)
    await control(sandbox, "POST", f"/refunds/{refund['id']}/return", {"code": "R23"})
    await advance(sandbox, 2026, 9, 17, 9, 0)
    got = (await linked.api("transfer_refund_get", refund_id=refund["id"]))["refund"]
    assert got["status"] == "returned"
    assert got["failure_reason"]["ach_return_code"] == "R23"
    sweeps = (await linked.api("transfer_sweep_list"))["sweeps"]
    assert sorted(one["amount"] for one in sweeps) == ["-60.00", "100.00", "60.00"]


async def test_the_ledger_holds_releases_and_pays_out(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await control(sandbox, "PATCH", "/settings", {"sweeps": "ledger"})
    await linked.pay("100.00")
    await advance(sandbox, 2026, 9, 2, 9, 0)
    assert await ledger(linked.api) == ("100.00", "0.00")
    await advance(sandbox, 2026, 9, 8, 9, 0)
    assert await ledger(linked.api) == ("0.00", "100.00")
    fields = {"amount": "80.00", "network": "ach", "idempotency_key": "payout-1"}
    sweep = (await linked.api("transfer_ledger_withdraw", **fields))["sweep"]
    assert (await linked.api("transfer_ledger_withdraw", **fields))["sweep"]["id"] == sweep["id"]
    assert await ledger(linked.api) == ("0.00", "20.00")
    await advance(sandbox, 2026, 9, 9, 9, 0)
    got = (await linked.api("transfer_sweep_get", sweep_id=sweep["id"]))["sweep"]
    assert (str(got["status"]), str(got["trigger"]), got["amount"]) == (
        "settled",
        "manual",
        "80.00",
    )
    kinds = [str(one["event_type"]) for one in await linked.events()]
    assert kinds[-3:] == ["sweep.pending", "sweep.posted", "sweep.settled"]
    assert "swept" not in kinds
    refusal = await linked.api.refused(
        "transfer_ledger_withdraw", amount="20.01", network="ach", idempotency_key="payout-2"
    )
    assert refusal["error_code"] == "INVALID_FIELD"


async def test_a_return_after_the_payout_takes_the_ledger_below_zero(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await control(sandbox, "PATCH", "/settings", {"sweeps": "ledger"})
    transfer = await linked.pay("100.00")
    await advance(sandbox, 2026, 9, 8, 9, 0)
    await linked.api(
        "transfer_ledger_withdraw", amount="100.00", network="ach", idempotency_key="payout-1"
    )
    await control(sandbox, "POST", f"/transfers/{transfer['id']}/return", {"code": "R10"})
    assert await ledger(linked.api) == ("0.00", "-100.00")
    deposit = await linked.api(
        "transfer_ledger_deposit", amount="150.00", network="ach", idempotency_key="topup-1"
    )
    assert deposit["sweep"]["amount"] == "-150.00"
    await advance(sandbox, 2026, 9, 9, 9, 0)
    assert await ledger(linked.api) == ("150.00", "-100.00")
    await advance(sandbox, 2026, 9, 14, 9, 0)
    assert await ledger(linked.api) == ("0.00", "50.00")
    events = (await linked.api("transfer_ledger_event_list"))["ledger_events"]
    assert [one["available_balance"] for one in events][::-1] == [
        "0.00",
        "100.00",
        "0.00",
        "-100.00",
        "-100.00",
        "50.00",
    ]


async def test_a_refund_from_the_ledger_needs_the_money_to_be_there(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await control(sandbox, "PATCH", "/settings", {"sweeps": "ledger"})
    transfer = await linked.pay("100.00")
    fields = {"transfer_id": transfer["id"], "amount": "60.00"}
    refusal = await linked.api.refused("transfer_refund_create", **fields, idempotency_key="one")
    assert "ledger" in refusal["error_message"]
    await advance(sandbox, 2026, 9, 2, 9, 0)
    await linked.api("sandbox_transfer_ledger_simulate_available")
    await linked.api("transfer_refund_create", **fields, idempotency_key="two")
    assert await ledger(linked.api) == ("0.00", "40.00")
