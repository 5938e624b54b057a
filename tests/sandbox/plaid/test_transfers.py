"""Debits from the decision to the dealer's bank, and back, through the real SDK."""

from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from dueport_apps.sandbox.faults import Fault, FaultKind
from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S
from tests.sandbox.plaid.client import PlaidClient, business_debit
from tests.sandbox.plaid.conftest import Linked, link

NEW_YORK = ZoneInfo("America/New_York")


async def advance(
    sandbox: RunningSandbox, year: int, month: int, day: int, hour: int, minute: int
) -> None:
    """Move the clock to an instant in New York."""
    instant = datetime(year, month, day, hour, minute, tzinfo=NEW_YORK)
    await sandbox.frame.clock.advance(to=instant)


async def control(sandbox: RunningSandbox, method: str, path: str, body: object) -> httpx.Response:
    """Call a control route."""
    async with httpx.AsyncClient(
        base_url=f"{sandbox.base_url}/_control/plaid", timeout=PATIENCE_S
    ) as client:
        answer = await client.request(method, path, json=body)
        return answer.raise_for_status()


async def test_a_debit_is_posted_settled_available_and_swept_on_the_banks_days(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("1250.50")
    assert (transfer["status"], transfer["cancellable"]) == ("pending", True)
    await advance(sandbox, 2026, 9, 1, 20, 29)
    assert (await linked.transfer(transfer["id"]))["status"] == "pending"
    await advance(sandbox, 2026, 9, 1, 20, 31)
    posted = await linked.transfer(transfer["id"])
    assert (posted["status"], posted["cancellable"]) == ("posted", False)
    assert len(posted["network_trace_id"]) == 15
    await advance(sandbox, 2026, 9, 2, 9, 0)
    settled = await linked.transfer(transfer["id"])
    assert settled["status"] == "settled"
    assert str(settled["expected_settlement_date"]) == "2026-09-02"
    # Three banking days of hold, over a week-end and Labor Day.
    assert str(settled["expected_funds_available_date"]) == "2026-09-08"
    await advance(sandbox, 2026, 9, 8, 8, 59)
    assert (await linked.transfer(transfer["id"]))["status"] == "settled"
    await advance(sandbox, 2026, 9, 9, 9, 0)
    done = await linked.transfer(transfer["id"])
    assert (done["status"], done["sweep_status"]) == ("funds_available", "swept_settled")
    kinds = [str(one["event_type"]) for one in await linked.events()]
    assert kinds == ["pending", "posted", "settled", "funds_available", "swept", "swept_settled"]


async def test_an_aggregate_sweep_is_the_sum_of_its_events_returns_included(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    first = await linked.pay("1000.00")
    await linked.pay("250.25")
    await advance(sandbox, 2026, 9, 9, 9, 0)
    await linked.pay("99.75")
    back = await control(sandbox, "POST", f"/transfers/{first['id']}/return", {"code": "R10"})
    assert back.json()["sweep_status"] == "swept_settled"
    await advance(sandbox, 2026, 9, 30, 9, 0)
    sweeps = (await linked.api("transfer_sweep_list"))["sweeps"]
    amounts = {}
    for sweep in sweeps:
        events = await linked.api("transfer_event_list", sweep_id=sweep["id"])
        parts = [
            float(one["sweep_amount"])
            for one in events["transfer_events"]
            if str(one["event_type"]) in ("swept", "return_swept")
        ]
        assert sum(parts) == float(sweep["amount"])
        amounts[str(sweep["created"].astimezone(NEW_YORK).date())] = sweep["amount"]
        assert (str(sweep["status"]), str(sweep["trigger"])) == ("settled", "automatic_aggregate")
        assert sweep["network_trace_id"]
    assert amounts == {"2026-09-08": "1250.25", "2026-09-09": "-1000.00", "2026-09-15": "99.75"}
    listed = await linked.api("transfer_sweep_list", transfer_id=first["id"])
    assert len(listed["sweeps"]) == 2
    got = await linked.api("transfer_sweep_get", sweep_id=sweeps[0]["id"])
    assert got["sweep"]["amount"] == "99.75"


async def test_a_return_can_come_sixty_days_after_the_money_was_available(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("500.00")
    body = {"code": "R05", "in_days": 61}
    await control(sandbox, "POST", f"/transfers/{transfer['id']}/return", body)
    await advance(sandbox, 2026, 10, 31, 9, 0)
    assert (await linked.transfer(transfer["id"]))["status"] == "funds_available"
    await advance(sandbox, 2026, 11, 4, 9, 0)
    returned = await linked.transfer(transfer["id"])
    assert (returned["status"], returned["sweep_status"]) == ("returned", "return_swept")
    assert returned["failure_reason"]["ach_return_code"] == "R05"


@pytest.mark.parametrize(
    ("user", "amount", "decision", "code"),
    [
        ("user_business", "1250.50", "approved", None),
        ("user_low_balance", "5.01", "declined", "NSF"),
        ("user_low_balance", "5.00", "approved", None),
        ("user_no_balance", "5.00", "declined", "RISK"),
        ("user_business", "1000000.01", "declined", "TRANSFER_LIMIT_REACHED"),
        ("user_manual", "5.00", "approved", "MANUALLY_VERIFIED_ITEM"),
    ],
)
async def test_decisions_follow_the_account(
    plaid_api: PlaidClient, user: str, amount: str, decision: str, code: str | None
) -> None:
    authorization = await (await link(plaid_api, user)).authorize(amount)
    assert authorization["decision"] == decision
    rationale = authorization["decision_rationale"]
    assert (rationale["code"] if rationale else None) == code
    assert authorization["proposed_transfer"]["requested_amount"] == amount


async def test_a_broken_login_asks_for_action_and_the_same_key_may_be_tried_again(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await linked.api("sandbox_item_reset_login", access_token=linked.access_token)
    first = await linked.authorize("10.00", idempotency_key="attempt-1")
    assert first["decision"] == "user_action_required"
    assert first["decision_rationale"]["code"] == "ITEM_LOGIN_REQUIRED"
    refusal = await linked.api.refused(
        "transfer_create",
        access_token=linked.access_token,
        account_id=linked.account_id,
        authorization_id=first["id"],
        description="INVOICE",
    )
    assert refusal["error_code"] == "INVALID_FIELD"
    await control(sandbox, "POST", f"/items/{linked.item_id}/repair", None)
    again = await linked.authorize("10.00", idempotency_key="attempt-1")
    assert again["decision"] == "approved"


async def test_an_authorization_key_is_remembered_for_48_hours(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    first = await linked.authorize("10.00", idempotency_key="attempt-1")
    assert (await linked.authorize("10.00", idempotency_key="attempt-1"))["id"] == first["id"]
    other = business_debit(
        linked.access_token, linked.account_id, "11.00", idempotency_key="attempt-1"
    )
    refusal = await linked.api.refused("transfer_authorization_create", **other)
    assert refusal["error_code"] == "INVALID_FIELD"
    await sandbox.frame.clock.advance(seconds=48 * 3600)
    assert (await linked.authorize("10.00", idempotency_key="attempt-1"))["id"] != first["id"]


async def test_one_authorization_makes_one_transfer_however_often_it_is_asked(
    linked: Linked,
) -> None:
    authorization = await linked.authorize("10.00")
    fields = {
        "access_token": linked.access_token,
        "account_id": linked.account_id,
        "authorization_id": authorization["id"],
        "description": "INVOICE",
        "metadata": {"attempt_id": "01J"},
    }
    first = (await linked.api("transfer_create", **fields))["transfer"]
    assert (await linked.api("transfer_create", **fields))["transfer"]["id"] == first["id"]
    found = await linked.api("transfer_get", authorization_id=authorization["id"])
    assert found["transfer"]["id"] == first["id"]
    assert found["transfer"]["metadata"] == {"attempt_id": "01J"}
    assert len((await linked.api("transfer_list"))["transfers"]) == 1


async def test_an_answer_cut_after_the_commit_leaves_a_transfer_to_be_found(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    authorization = await linked.authorize("10.00")
    sandbox.frame.faults.arm(
        Fault(kind=FaultKind.CUT_AFTER, vendor="plaid", route="POST /transfer/create")
    )
    with pytest.raises(Exception, match=r"(?i)connection|incomplete|broken"):
        await linked.api(
            "transfer_create",
            access_token=linked.access_token,
            account_id=linked.account_id,
            authorization_id=authorization["id"],
            description="INVOICE",
        )
    found = await linked.api("transfer_get", authorization_id=authorization["id"])
    assert found["transfer"]["status"] == "pending"


async def test_a_smaller_amount_can_be_authorised_than_was_asked_for(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await control(sandbox, "POST", "/next-decisions", {"authorised_cents": 7500})
    authorization = await linked.authorize("100.00")
    proposed = authorization["proposed_transfer"]
    assert (proposed["amount"], proposed["requested_amount"]) == ("75.00", "100.00")
    refusal = await linked.api.refused(
        "transfer_create",
        access_token=linked.access_token,
        account_id=linked.account_id,
        authorization_id=authorization["id"],
        description="INVOICE",
        amount="100.00",
    )
    assert "authorization" in refusal["error_message"]


async def test_an_authorization_is_good_for_one_hour(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    authorization = await linked.authorize("10.00")
    await sandbox.frame.clock.advance(seconds=3600)
    refusal = await linked.api.refused(
        "transfer_create",
        access_token=linked.access_token,
        account_id=linked.account_id,
        authorization_id=authorization["id"],
        description="INVOICE",
    )
    assert "expired" in refusal["error_message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "12.345"}, "INVALID_FIELD"),
        ({"amount": "0.00"}, "INVALID_FIELD"),
        ({"amount": "-1.00"}, "INVALID_FIELD"),
        ({"ach_class": "ppd"}, "INVALID_FIELD"),
        ({"amount": "10000000.01"}, "TRANSFER_NETWORK_LIMIT_EXCEEDED"),
        ({"account_id": "nobody"}, "INVALID_ACCOUNT_ID"),
        ({"access_token": "access-sandbox-nobody"}, "ITEM_NOT_FOUND"),
    ],
)
async def test_proposals_that_cannot_be_meant_are_refused(
    linked: Linked, change: dict[str, str], code: str
) -> None:
    fields = business_debit(linked.access_token, linked.account_id, "10.00") | change
    refusal = await linked.api.refused("transfer_authorization_create", **fields)
    assert refusal["error_code"] == code


async def test_unknown_and_missing_fields_are_named(sandbox: RunningSandbox) -> None:
    settings = sandbox.frame.settings
    keys = {"client_id": settings.plaid_client_id, "secret": settings.plaid_secret}
    async with httpx.AsyncClient(base_url=sandbox.plaid_url, timeout=PATIENCE_S) as client:
        missing = await client.post("/transfer/cancel", json=keys)
        unknown = await client.post(
            "/transfer/cancel", json={**keys, "transfer_id": "x", "why": "because"}
        )
        nowhere = await client.post("/transfer/teleport", json=keys)
        garbage = await client.post("/transfer/cancel", content=b"{")
    assert missing.json()["error_code"] == "MISSING_FIELDS"
    assert "transfer_id" in missing.json()["error_message"]
    assert unknown.json()["error_code"] == "UNKNOWN_FIELDS"
    assert "why" in unknown.json()["error_message"]
    assert (nowhere.status_code, nowhere.json()["error_code"]) == (404, "NOT_FOUND")
    assert garbage.json()["error_code"] == "INVALID_BODY"


async def test_a_transfer_is_cancellable_until_it_is_posted(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    early, late = await linked.pay("10.00"), await linked.pay("11.00")
    await linked.api("transfer_cancel", transfer_id=early["id"])
    await advance(sandbox, 2026, 9, 1, 20, 30)
    assert (await linked.transfer(early["id"]))["status"] == "cancelled"
    refusal = await linked.api.refused("transfer_cancel", transfer_id=late["id"])
    assert refusal["error_code"] == "TRANSFER_NOT_CANCELLABLE"


STEPS = ("failed", "posted", "returned", "settled", "funds_available")
ALLOWED = {
    "pending": {"failed", "posted"},
    "posted": {"returned", "settled"},
    "settled": {"funds_available"},
    "funds_available": set(),
}


@pytest.mark.parametrize("status", list(ALLOWED))
async def test_simulate_follows_the_documented_table(linked: Linked, status: str) -> None:
    path = ["posted", "settled", "funds_available"]
    reached = path[: path.index(status) + 1] if status in path else []
    for step in STEPS:
        transfer = await linked.pay("10.00")
        for before in reached:
            await linked.api(
                "sandbox_transfer_simulate", transfer_id=transfer["id"], event_type=before
            )
        fields = {"transfer_id": transfer["id"], "event_type": step}
        if step in ALLOWED[status]:
            await linked.api("sandbox_transfer_simulate", **fields)
            assert (await linked.transfer(transfer["id"]))["status"] == step
        else:
            refusal = await linked.api.refused("sandbox_transfer_simulate", **fields)
            assert refusal["error_code"] == "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID"
            assert (await linked.transfer(transfer["id"]))["status"] == status


async def test_a_magic_user_returns_every_debit_and_a_closed_account_is_blocked(
    sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    linked = await link(plaid_api, "user_r02")
    transfer = await linked.pay("10.00")
    await advance(sandbox, 2026, 9, 4, 12, 0)
    returned = await linked.transfer(transfer["id"])
    assert returned["failure_reason"]["ach_return_code"] == "R02"
    assert returned["sweep_status"] is None
    fields = business_debit(linked.access_token, linked.account_id, "10.00")
    refusal = await plaid_api.refused("transfer_authorization_create", **fields)
    assert refusal["error_code"] == "TRANSFER_ACCOUNT_BLOCKED"


async def test_the_feed_pages_by_cursor_without_gaps(linked: Linked) -> None:
    for _ in range(6):
        await linked.pay("10.00")
    seen: list[int] = []
    more = True
    while more:
        answer = await linked.api("transfer_event_sync", after_id=max(seen, default=0), count=4)
        seen += [one["event_id"] for one in answer["transfer_events"]]
        more = answer["has_more"]
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_a_list_of_sweeps_has_at_most_25_on_a_page(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    for _ in range(26):
        transfer = await linked.pay("10.00")
        for step in ("posted", "settled", "funds_available"):
            await linked.api(
                "sandbox_transfer_simulate", transfer_id=transfer["id"], event_type=step
            )
        await control(sandbox, "POST", "/sweep", None)
    first = (await linked.api("transfer_sweep_list", count=25))["sweeps"]
    rest = (await linked.api("transfer_sweep_list", count=25, offset=25))["sweeps"]
    assert len({one["id"] for one in [*first, *rest]}) == 26
    assert len(rest) == 1


async def test_simulating_a_sweep_sweeps_and_then_settles(linked: Linked) -> None:
    transfer = await linked.pay("10.00")
    answer = await linked.api("sandbox_transfer_sweep_simulate")
    assert answer["sweep"]["amount"] == "10.00"
    assert (await linked.transfer(transfer["id"]))["sweep_status"] == "swept"
    again = await linked.api("sandbox_transfer_sweep_simulate")
    assert again.get("sweep") is None
    assert (await linked.transfer(transfer["id"]))["sweep_status"] == "swept_settled"


async def test_a_week_end_and_a_holiday_move_the_cut_off(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await advance(sandbox, 2026, 9, 4, 20, 31)
    transfer = await linked.pay("10.00")
    await advance(sandbox, 2026, 9, 8, 20, 29)
    assert (await linked.transfer(transfer["id"]))["status"] == "pending"
    await advance(sandbox, 2026, 9, 8, 20, 31)
    assert (await linked.transfer(transfer["id"]))["status"] == "posted"
    await advance(sandbox, 2026, 9, 9, 9, 0)
    assert (await linked.transfer(transfer["id"]))["status"] == "settled"


async def test_a_same_day_debit_settles_the_same_evening(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    transfer = await linked.pay("10.00", network="same-day-ach")
    assert str(transfer["expected_settlement_date"]) == "2026-09-01"
    await advance(sandbox, 2026, 9, 1, 15, 0)
    assert (await linked.transfer(transfer["id"]))["status"] == "posted"
    await advance(sandbox, 2026, 9, 1, 20, 0)
    assert (await linked.transfer(transfer["id"]))["status"] == "settled"


async def test_a_debit_made_after_the_cut_off_expects_to_settle_a_day_later(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    early = await linked.pay("10.00")
    await advance(sandbox, 2026, 9, 1, 21, 0)
    late = await linked.pay("10.00")
    expected = [str(one["expected_settlement_date"]) for one in (early, late)]
    assert expected == ["2026-09-02", "2026-09-03"]
