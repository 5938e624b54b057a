"""Stripe's lists: newest first, cursor by id, filters over `created`."""

from collections.abc import Callable, Iterable
from typing import Any

from dueport_apps.sandbox.state import JsonObject
from dueport_apps.sandbox.stripe.errors import missing_object
from dueport_apps.sandbox.stripe.world import StripeWorld

DEFAULT_LIMIT = 10
LIMIT_MAX = 100


def page(
    world: StripeWorld,
    url: str,
    label: str,
    rows: Iterable[JsonObject],
    params: dict[str, Any],
    keep: Callable[[JsonObject], bool] = lambda row: True,
) -> JsonObject:
    """Return one page of `rows` (given newest first) that `keep` accepts."""
    within = in_range(params.get("created"))
    kept = [row for row in rows if keep(row) and within(row.get("created", 0))]
    limit = min(LIMIT_MAX, max(1, params.get("limit", DEFAULT_LIMIT)))
    if "ending_before" in params:
        place = _place(kept, params["ending_before"], label, "ending_before")
        start = max(0, place - limit)
        shown, has_more = kept[start:place], start > 0
    else:
        start = 0
        if "starting_after" in params:
            start = _place(kept, params["starting_after"], label, "starting_after") + 1
        shown, has_more = kept[start : start + limit], start + limit < len(kept)
    data = [world.view(row) for row in shown]
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _place(rows: list[JsonObject], row_id: str, label: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == row_id:
            return index
    raise missing_object(label, row_id, param, status=400)


def in_range(bounds: int | dict[str, int] | None) -> Callable[[int], bool]:
    """Return the test that a filter such as `created[gte]` stands for."""
    if bounds is None:
        return lambda value: True
    if isinstance(bounds, int):
        return lambda value: value == bounds
    gt, gte = bounds.get("gt"), bounds.get("gte")
    lt, lte = bounds.get("lt"), bounds.get("lte")
    return lambda value: (
        (gt is None or value > gt)
        and (gte is None or value >= gte)
        and (lt is None or value < lt)
        and (lte is None or value <= lte)
    )


def same(params: dict[str, Any], *names: str) -> Callable[[JsonObject], bool]:
    """Return the test that an object's fields equal the filters that were given."""
    wanted = {name: params[name] for name in names if name in params}
    return lambda row: all(row.get(name) == value for name, value in wanted.items())
