"""Lists in Plaid's manner: newest first, by count and offset, with a limit per endpoint."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from dueport_apps.sandbox.plaid.errors import invalid_field
from dueport_apps.sandbox.plaid.requests import Listing

Entry = TypeVar("Entry")


def page_of(
    entries: Iterable[Entry],
    request: Listing,
    made_at: Callable[[Entry], datetime],
    count_max: int = 25,
) -> tuple[list[Entry], bool]:
    """Return one page, newest first, and whether older entries follow."""
    count = count_within(request.count, count_max, count_max)
    offset = request.offset or 0
    if offset < 0:
        raise invalid_field("offset must be at least 0")
    kept = [
        one
        for one in entries
        if (request.start_date is None or made_at(one) >= request.start_date)
        and (request.end_date is None or made_at(one) <= request.end_date)
    ]
    kept.reverse()
    return kept[offset : offset + count], len(kept) > offset + count


def count_within(count: int | None, default: int, count_max: int) -> int:
    """Return how many entries a page holds, or refuse the number."""
    if count is None:
        return default
    if not 1 <= count <= count_max:
        raise invalid_field(f"count must be between 1 and {count_max}")
    return count
