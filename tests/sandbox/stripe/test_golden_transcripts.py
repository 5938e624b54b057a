"""The recorded conversations with an independent replica, replayed word for word."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S
from tests.shared import shared_path

DETACHED = "a detached payment method is refused, as Stripe documents; the replica charges it"
DEVIATIONS = {
    ("g_happy", 10): DETACHED,
    ("g_happy", 11): f"without that second charge there are no events of it: {DETACHED}",
    ("g_happy", 12): f"without that second charge the balance is lower: {DETACHED}",
    ("g_errors", 2): "the currency zzz does not exist; the replica takes any three letters",
}
"""Scenario and step of every answer that differs on purpose, with the reason."""

SCENARIOS = [
    "g_happy",
    "g_setup",
    "g_declines",
    "g_refunds",
    "g_disputes",
    "g_capture",
    "g_errors",
    "g_paging",
]


def encode(params: dict[str, Any], prefix: str = "") -> list[str]:
    pairs: list[str] = []
    for name, value in params.items():
        key = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            pairs += encode(value, key)
        elif isinstance(value, list):
            pairs += encode({str(index): entry for index, entry in enumerate(value)}, key)
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            pairs.append(f"{quote(key, safe='[]')}={quote(text)}")
    return pairs


class Ids:
    """Which id of ours stands for which recorded one."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}

    def learn(self, recorded: Any, answered: Any) -> None:
        if isinstance(recorded, dict) and isinstance(answered, dict):
            for name, value in recorded.items():
                self.learn(value, answered.get(name))
        elif isinstance(recorded, list) and isinstance(answered, list):
            for left, right in zip(recorded, answered, strict=False):
                self.learn(left, right)
        elif isinstance(recorded, str) and isinstance(answered, str) and ID.fullmatch(recorded):
            self.ours.setdefault(recorded, answered)

    def translate(self, text: str) -> str:
        return ANY_ID.sub(lambda match: self.ours.get(match[0], match[0]), text)


ID = re.compile(r"(cus|pm|seti|pi|ch|re|du|txn|po|evt)_[0-9A-Za-z]{14,}")
ANY_ID = re.compile(ID.pattern)


def facts(body: dict[str, Any]) -> dict[str, Any]:
    """What of an answer has to be equal."""
    if "error" in body:
        error = body["error"]
        kept = {name: error.get(name) for name in ("type", "code", "param", "decline_code")}
        intent = error.get("payment_intent")
        inside = None if intent is None else (intent["status"], intent["payment_method"] is None)
        return {**kept, "intent": inside}
    if body.get("object") == "list":
        rows = [row_facts(row) for row in body["data"]]
        return {"rows": rows, "has_more": body["has_more"]}
    return row_facts(body)


def row_facts(row: dict[str, Any]) -> dict[str, Any]:
    kind = row["object"]
    if kind == "event":
        return {"type": row["type"]}
    if kind == "balance":
        return {"pending": row["pending"], "available": row["available"]}
    names = [
        "status",
        "amount",
        "amount_received",
        "amount_capturable",
        "amount_refunded",
        "amount_captured",
        "fee",
        "net",
        "type",
        "reporting_category",
        "cancellation_reason",
        "reason",
        "disputed",
        "refunded",
        "captured",
        "usage",
        "capture_method",
        "is_charge_refundable",
    ]
    found = {name: row[name] for name in names if name in row}
    if kind == "dispute":
        found["ledger"] = [row_facts(entry) for entry in row["balance_transactions"]]
    return {"object": kind, **found}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_recorded_conversation_goes_the_same_way(
    sandbox: RunningSandbox, name: str
) -> None:
    recorded = json.loads(shared_path("specs/golden/stripe_world_transcripts.json").read_text())
    (scenario,) = [s for s in recorded["scenarios"] if s["scenario"] == name]
    ids = Ids()
    differences = []
    async with httpx.AsyncClient(base_url=sandbox.stripe_url, timeout=PATIENCE_S) as http:
        for index, step in enumerate(scenario["steps"]):
            encoded = ids.translate("&".join(encode(step["params"])))
            headers = {"authorization": f"Bearer {sandbox.frame.settings.stripe_secret_key}"}
            if step["idempotency_key"]:
                headers["idempotency-key"] = step["idempotency_key"]
            path = ids.translate(step["path"])
            if step["method"] == "GET":
                answer = await http.get(f"{path}?{encoded}", headers=headers)
            else:
                headers["content-type"] = "application/x-www-form-urlencoded"
                answer = await http.post(path, content=encoded, headers=headers)
            body = answer.json()
            ids.learn(step["body"], body)
            expected = {"http": step["status"], **facts(step["body"])}
            found = {"http": answer.status_code, **facts(body)}
            replayed = "idempotent-replayed" in answer.headers
            assert replayed == ("idempotent-replayed" in step["headers"]), index
            if (name, index) in DEVIATIONS:
                assert found != expected, f"step {index} no longer deviates; take it off the table"
            elif found != expected:
                differences.append((index, step["method"], path, expected, found))
    assert differences == []
