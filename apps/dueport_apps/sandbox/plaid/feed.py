"""The event feed: `/transfer/event/sync` from a cursor, `/transfer/event/list` by filter."""

from typing import Any

from dueport_apps.sandbox.plaid.errors import invalid_field
from dueport_apps.sandbox.plaid.paging import count_within, page_of
from dueport_apps.sandbox.plaid.records import Event
from dueport_apps.sandbox.plaid.requests import EventList, EventSync
from dueport_apps.sandbox.plaid.views import event_view
from dueport_apps.sandbox.plaid.world import PlaidWorld


class Feed:
    """Every event of every transfer, refund and ledger sweep, in order."""

    def __init__(self, world: PlaidWorld) -> None:
        self._world = world

    def sync(self, request: EventSync) -> dict[str, Any]:
        """Return the events after a cursor, oldest first."""
        if request.after_id < 0:
            raise invalid_field("after_id must be at least 0")
        count = count_within(request.count, 100, 500)
        events = self._world.events.page(request.after_id, count)
        has_more = len(self._world.events) > request.after_id + count
        return {"transfer_events": [self._view(one) for one in events], "has_more": has_more}

    def page(self, request: EventList) -> dict[str, Any]:
        """Return the events that match every filter, newest first."""
        kept = [one for one in self._world.events if self._wanted(one, request)]
        page, has_more = page_of(kept, request, lambda one: one.at)
        return {"transfer_events": [self._view(one) for one in page], "has_more": has_more}

    def _wanted(self, event: Event, request: EventList) -> bool:
        if request.transfer_id is not None and event.transfer_id != request.transfer_id:
            return False
        if request.sweep_id is not None and event.sweep_id != request.sweep_id:
            return False
        if request.event_types and event.kind not in request.event_types:
            return False
        if request.transfer_type == "credit":
            return False
        if request.account_id is None:
            return True
        transfer_id = event.transfer_id
        return (
            transfer_id is not None
            and self._world.transfers[transfer_id].account_id == request.account_id
        )

    def _view(self, event: Event) -> dict[str, Any]:
        transfer = None if event.transfer_id is None else self._world.transfers[event.transfer_id]
        return event_view(event, transfer)
