"""`expand[]`: put the object where its id stands, along a dotted path."""

from typing import Any, Final

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.errors import StripeError
from dueport_apps.sandbox.stripe.world import StripeWorld

EXPANDABLE: Final = frozenset(
    {
        "balance_transaction",
        "charge",
        "customer",
        "failure_balance_transaction",
        "latest_charge",
        "mandate",
        "original_payout",
        "payment_intent",
        "payment_method",
        "reversed_by",
        "setup_intent",
        "source",
    }
)


def check_paths(paths: list[str]) -> None:
    """Refuse, before anything is done, a path that ends in what is never an object's id."""
    for path in paths:
        if path.rsplit(".", 1)[-1] not in EXPANDABLE | {"refunds"}:
            raise _not_expandable(path)


def _not_expandable(path: str) -> StripeError:
    return StripeError(400, f"This property cannot be expanded ({path}).", param="expand")


def expanded(world: StripeWorld, shown: JsonObject, paths: list[str]) -> JsonObject:
    """Return `shown` with the objects along `paths` in the place of their ids."""
    for path in paths:
        _along(world, shown, path.split("."), path)
    return shown


def _along(world: StripeWorld, node: Any, steps: list[str], path: str) -> None:
    if not steps or node is None:
        return
    if isinstance(node, list):
        for entry in node:
            _along(world, entry, steps, path)
        return
    step, rest = steps[0], steps[1:]
    if step == "refunds" and node.get("object") == "charge":
        node.setdefault("refunds", _refunds(world, node["id"]))
    elif step not in node:
        raise _not_expandable(path)
    value = node[step]
    if isinstance(value, str):
        found = world.find(value) if step in EXPANDABLE else None
        if found is None:
            raise _not_expandable(path)
        node[step] = world.view(found)
    _along(world, node[step], rest, path)


def _refunds(world: StripeWorld, charge_id: str) -> JsonObject:
    rows = [world.view(r) for r in world.newest_first("refunds") if r["charge"] == charge_id]
    url = f"/v1/charges/{charge_id}/refunds"
    return {"object": "list", "data": rows, "has_more": False, "url": url}
