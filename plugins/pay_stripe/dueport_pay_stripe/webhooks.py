"""Stripe's notifications: proved genuine, then read for nothing but whom they are about.

An event is rendered in the API version of the endpoint, may come twice, late or in any order, and
may be about the dealer's other programs. So its payload is never used for money: it names an
object and the platform fetches that.
"""

import datetime
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from dueport_pay_stripe.api import StripeApi
from dueport_pay_stripe.mapping import instant
from dueport_pay_stripe.wire import Event, Page, ref_of
from dueport_ports import (
    ChangePage,
    Forbidden,
    HttpNotification,
    Misconfigured,
    NotFound,
    Notification,
    Rejected,
    Secret,
    Signal,
    SignalKind,
)

SIGNATURE_HEADER: Final = "stripe-signature"
STALE_AFTER_S: Final = 300
FUTURE_AFTER_S: Final = 60
"""Stripe's own libraries accept any instant in the future; a clock is at most a minute wrong."""

FEED_EVENTS: Final = (
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "payout.reconciliation_completed",
)
"""What the change feed asks for: everything that moves money. Stripe takes at most 20 names."""

WEBHOOK_EVENTS: Final = (
    *FEED_EVENTS,
    "payment_intent.amount_capturable_updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "radar.early_fraud_warning.created",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
)
"""What a webhook endpoint is installed for."""

FIRST_LOOK_BACK: Final = datetime.timedelta(days=3)
"""Where a change feed without a cursor begins: as long as Stripe repeats a lost webhook."""


def verify(
    notification: HttpNotification, secrets: Sequence[Secret], now: datetime.datetime
) -> None:
    """Prove that Stripe signed these very bytes just now, with any of the secrets.

    Raises Forbidden, and Misconfigured where there is no secret to prove anything with.
    """
    if not secrets:
        raise Misconfigured("webhook_secrets is empty; install the webhook and set its secret")
    stamps: list[str] = []
    signatures: list[bytes] = []
    for item in notification.headers.get(SIGNATURE_HEADER, "").split(","):
        name, _, value = item.strip().partition("=")
        if name == "t":
            stamps.append(value)
        elif name == "v1":
            signatures.append(value.encode())
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit()):
        raise Forbidden("the notification carries no signature of Stripe's")
    signed = stamps[0].encode() + b"." + notification.body
    genuine = False
    for secret in secrets:
        digest = hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest().encode()
        for signature in signatures:
            genuine |= hmac.compare_digest(digest, signature)
    if not genuine:
        raise Forbidden("the notification is not signed with any of webhook_secrets")
    age_s = int(now.timestamp()) - int(stamps[0])
    if age_s > STALE_AFTER_S:
        raise Forbidden(f"the notification was signed {age_s} s ago; it may be a replay")
    if age_s < -FUTURE_AFTER_S:
        raise Forbidden("the notification was signed in the future; check this machine's clock")


def read_notification(notification: HttpNotification, *, live: bool) -> Notification:
    """Read a verified event. Raises Forbidden for one of another mode or another account."""
    try:
        event = msgspec.json.decode(notification.body, type=Event, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Signed by Stripe, so it is a shape of event that this version does not read, such as
        # the thin ones. Refusing it would make Stripe repeat it for three days.
        digest = hashlib.sha256(notification.body).hexdigest()[:32]
        return Notification(signals=(Signal(dedupe_key=digest, kind=SignalKind.OTHER),))
    if event.livemode is not live:
        mode = "live" if event.livemode else "test"
        raise Forbidden(f"the event is of Stripe's {mode} mode and this deployment is not")
    if event.account is not None:
        raise Forbidden("the event is of a connected account; Dueport serves only its own")
    return Notification(signals=(signal_of(event),))


def signal_of(event: Event) -> Signal:
    """Return whom an event is about."""
    kind, ref = _subject(event)
    if not ref:
        kind = SignalKind.OTHER
    return Signal(dedupe_key=event.id, kind=kind, ref=ref, occurred_at=instant(event.created))


def _subject(event: Event) -> tuple[SignalKind, str]:
    about = event.data.object
    match event.type.split("."):
        case ["payment_intent", *_]:
            return SignalKind.PAYMENT, about.id
        case ["charge", "dispute", *_]:
            return SignalKind.DISPUTE, about.id
        case ["refund", *_] | ["charge", "refund", *_]:
            return SignalKind.REFUND, about.id
        case ["charge", *_] | ["radar", "early_fraud_warning", *_]:
            return SignalKind.PAYMENT, ref_of(about.payment_intent)
        case ["payout", *_]:
            return SignalKind.SETTLEMENT, about.id
        case ["payment_method", *_]:
            return SignalKind.INSTRUMENT, about.id
        case ["setup_intent", *_] | ["mandate", *_]:
            return SignalKind.INSTRUMENT, ref_of(about.payment_method)
        case _:
            return SignalKind.OTHER, about.id


async def changes(
    api: StripeApi, cursor: str | None, limit: int, now: datetime.datetime
) -> ChangePage:
    """Return the events after the cursor, the oldest first.

    The cursor is the id of the newest event seen. Stripe keeps events for 30 days; where the
    cursor has aged out, and at the very beginning, the feed starts some days back.
    """
    if cursor:
        try:
            return await _after(api, cursor, limit)
        except (NotFound, Rejected):
            # The event of the cursor is gone; begin again as if there were none.
            cursor = None
    since = int((now - FIRST_LOOK_BACK).timestamp())
    params = {"types": [*FEED_EVENTS], "created": {"gte": since}}
    newest_first = [e async for e in api.pages(Event, api.v1.events.list_async, params)]
    oldest_first = newest_first[::-1]
    return _page(oldest_first[:limit], cursor, more=len(oldest_first) > limit)


async def _after(api: StripeApi, cursor: str, limit: int) -> ChangePage:
    wanted = {"types": [*FEED_EVENTS], "ending_before": cursor, "limit": min(limit, 100)}
    params: dict[str, object] = wanted
    page = await api.read(Page[Event], api.v1.events.list_async(params))  # type: ignore[arg-type]  # The SDK types its own parameters only.
    return _page(list(reversed(page.data)), cursor, more=page.has_more)


def _page(events: list[Event], cursor: str | None, *, more: bool) -> ChangePage:
    newest = events[-1].id if events else cursor or ""
    return ChangePage(signals=tuple(signal_of(event) for event in events), cursor=newest, more=more)
