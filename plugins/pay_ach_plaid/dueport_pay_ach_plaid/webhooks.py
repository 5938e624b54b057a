"""What Plaid tells by itself, as signals: its webhooks, and the event feed behind them.

The webhook about transfers says only that the feed has grown, and one may stand for many events.
Webhooks about Items name the Item, which is in the reference of every instrument linked with it.
"""

import datetime
from typing import Final

import msgspec
from plaid.model.transfer_event_sync_request import TransferEventSyncRequest

from dueport_pay_ach_plaid.api import PlaidApi
from dueport_pay_ach_plaid.banks import CUT_OFF_NOTICES, LOGIN_REPAIRED
from dueport_pay_ach_plaid.journal import Journal
from dueport_pay_ach_plaid.mapping import instant
from dueport_pay_ach_plaid.verifier import Proof
from dueport_pay_ach_plaid.wire import Event, EventPage, Webhook
from dueport_ports import (
    ChangePage,
    Environment,
    Forbidden,
    Invalid,
    Notification,
    Signal,
    SignalKind,
)

FEED_PAGE_MAX: Final = 500
ENVIRONMENTS: Final = {Environment.LIVE: "production", Environment.SANDBOX: "sandbox"}


async def read_notification(
    body: bytes, proof: Proof, journal: Journal, environment: Environment
) -> Notification:
    """Read a proved webhook. Raises Forbidden for one of another environment."""
    signed_at = proof.signed_at
    try:
        webhook = msgspec.json.decode(body, type=Webhook, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Signed by Plaid, so it is a shape that this version does not read. Refusing it would
        # make Plaid repeat it.
        return _told(proof, SignalKind.OTHER)
    if webhook.environment and webhook.environment != ENVIRONMENTS[environment]:
        raise Forbidden(
            f"the notification is of Plaid's {webhook.environment} and this deployment is "
            f"{ENVIRONMENTS[environment]}"
        )
    match webhook.webhook_type, webhook.webhook_code:
        case "TRANSFER", "TRANSFER_EVENTS_UPDATE":
            return _told(proof, SignalKind.FEED)
        case (("ITEM" | "AUTH"), code) if webhook.item_id:
            if code in (*CUT_OFF_NOTICES, LOGIN_REPAIRED):
                await journal.add_notice(webhook.item_id, code, signed_at)
            return _told(proof, SignalKind.INSTRUMENT, webhook.item_id)
        case _:
            return _told(proof, SignalKind.OTHER)


def _told(proof: Proof, kind: SignalKind, ref: str = "") -> Notification:
    signal = Signal(dedupe_key=proof.dedupe_key, kind=kind, ref=ref, occurred_at=proof.signed_at)
    return Notification(signals=(signal,))


async def changes(api: PlaidApi, cursor: str | None, limit: int) -> ChangePage:
    """Return the events after the cursor, the oldest first.

    The cursor is the greatest event id seen. The feed is the Plaid client's: events of the dealer's
    other programs are in it too, and are nobody's when they are fetched.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid("this is not a cursor of Plaid's event feed")
    after = int(cursor or 0)
    request = TransferEventSyncRequest(after_id=after, count=max(1, min(limit, FEED_PAGE_MAX)))
    page = await api.read(EventPage, api.calls.transfer_event_sync, request)
    signals = [signal for event in page.transfer_events for signal in signals_of(event)]
    latest = max([after, *(event.event_id for event in page.transfer_events)])
    more = page.has_more and latest > after
    return ChangePage(signals=tuple(signals), cursor=str(latest), more=more)


def signals_of(event: Event) -> list[Signal]:
    """Return whom an event is about; a transfer's share of a sweep is about both."""
    at = instant(event.timestamp)
    key = f"event-{event.event_id}"
    if event.event_type.startswith("sweep."):
        return [_signal(key, SignalKind.SETTLEMENT, event.sweep_id, at)]
    if event.event_type.startswith("refund."):
        signals = [_signal(key, SignalKind.REFUND, event.refund_id, at)]
    else:
        signals = [_signal(key, SignalKind.PAYMENT, event.transfer_id, at)]
    if event.sweep_id:
        signals.append(_signal(f"{key}-sweep", SignalKind.SETTLEMENT, event.sweep_id, at))
    return signals


def _signal(key: str, kind: SignalKind, ref: str | None, at: datetime.datetime | None) -> Signal:
    if not ref:
        return Signal(dedupe_key=key, kind=SignalKind.OTHER, occurred_at=at)
    return Signal(dedupe_key=key, kind=kind, ref=ref, occurred_at=at)
