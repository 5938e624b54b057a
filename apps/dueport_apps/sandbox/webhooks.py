"""Delivery of webhooks: at least once, tried again on the virtual clock, with every fault on request.

A vendor hands over a `Notice` (the body and how it signs); this module sends it, keeps a log of
every try, and repeats what was not answered with 2xx for three days of virtual time.
"""

import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import httpx
import msgspec

from dueport_apps.sandbox.clock import VirtualClock
from dueport_apps.sandbox.faults import WEBHOOK_FAULTS, FaultKind, Faults
from dueport_apps.sandbox.state import World

Sign = Callable[[bytes, str, int], dict[str, str]]
"""Takes the body, the secret and the Unix time of signing; returns the headers to send."""

RETRY_AFTER_S: Final = (300, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)
TIMEOUT_S: Final = 10.0
FUTURE_S: Final = 86400
HELD_BACK_S: Final = 300
WRONG_SECRET: Final = "whsec_this_is_not_the_secret"  # noqa: S105 - wrong on purpose.

logger = logging.getLogger(__name__)


class WebhookTarget(msgspec.Struct, frozen=True):
    """An address that hears of events. `events` are event types, or `*` for all."""

    url: str
    secret: str
    events: tuple[str, ...] = ("*",)

    def hears(self, kind: str) -> bool:
        """Whether this address asked for events of that type."""
        return "*" in self.events or kind in self.events


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one address."""

    vendor: str
    kind: str
    event_ref: str
    url: str
    secret: str
    body: bytes
    sign: Sign
    other_version_body: bytes | None = None
    delivered: Callable[[], None] | None = None


class Webhooks:
    """Sends notices and remembers every try in the world's table `webhooks.deliveries`."""

    def __init__(
        self, clock: VirtualClock, world: World, faults: Faults, *, sign_at_wall_time: bool
    ) -> None:
        self._clock = clock
        self._world = world
        self._faults = faults
        self._sign_at_wall_time = sign_at_wall_time
        self._held: list[tuple[Notice, tuple[FaultKind, ...]]] = []
        self.client: httpx.AsyncClient | None = None

    def signing_time(self) -> int:
        """Return the Unix time that signatures carry.

        It is the wall's by default, because the vendors' SDKs measure a signature's age by it.
        """
        return int(time.time()) if self._sign_at_wall_time else self._clock.timestamp()

    def log(self) -> list[dict[str, Any]]:
        """Return every try so far, oldest first."""
        return list(self._world.table("webhooks.deliveries").values())

    def announce(self, notice: Notice) -> None:
        """Send a notice as soon as the clock runs, with the faults it meets."""
        met = self._faults.meet(notice.vendor, notice.kind, *WEBHOOK_FAULTS)
        kinds = tuple(fault.kind for fault in met)
        if FaultKind.WEBHOOK_DROPPED in kinds:
            self._record(notice, 0, kinds, None, "dropped on request")
            return
        if FaultKind.WEBHOOK_REORDER in kinds:
            self._hold_back(notice, kinds)
            return
        delay_s = sum(f.seconds for f in met if f.kind is FaultKind.WEBHOOK_DELAY)
        self._schedule(notice, 0, kinds, delay_s)
        if FaultKind.WEBHOOK_DUPLICATE in kinds:
            self._schedule(notice, 0, kinds, delay_s)
        overtaken = [entry for entry in self._held if entry[0].url == notice.url]
        for entry in overtaken:
            self._release(*entry)

    def reset(self) -> None:
        """Forget notices that were held back."""
        self._held.clear()

    def _hold_back(self, notice: Notice, kinds: tuple[FaultKind, ...]) -> None:
        """Let the next notice to the same address overtake this one."""
        self._held.append((notice, kinds))

        async def waited_long_enough() -> None:
            self._release(notice, kinds)

        at = self._clock.now() + timedelta(seconds=HELD_BACK_S)
        self._clock.schedule(at, f"webhook held back: {notice.kind}", waited_long_enough)

    def _release(self, notice: Notice, kinds: tuple[FaultKind, ...]) -> None:
        entry = (notice, kinds)
        if entry in self._held:
            self._held.remove(entry)
            self._schedule(notice, 0, kinds, 0)

    def _schedule(
        self, notice: Notice, tries: int, kinds: tuple[FaultKind, ...], delay_s: float
    ) -> None:
        async def send() -> None:
            await self._send(notice, tries, kinds)

        at = self._clock.now() + timedelta(seconds=delay_s)
        self._clock.schedule(at, f"webhook: {notice.kind}", send)

    async def _send(self, notice: Notice, tries: int, kinds: tuple[FaultKind, ...]) -> None:
        if self.client is None:
            raise RuntimeError(
                "webhooks need an HTTP client; run the sandbox's lifespan or set one"
            )
        body, headers = self._signed(notice, kinds)
        status: int | None = None
        error = ""
        try:
            answer = await self.client.post(
                notice.url, content=body, headers=headers, timeout=TIMEOUT_S
            )
            status = answer.status_code
        except httpx.HTTPError as failure:
            error = f"{type(failure).__name__}: {failure}"
        self._record(notice, tries + 1, kinds, status, error)
        if status is not None and 200 <= status < 300:
            if notice.delivered is not None:
                notice.delivered()
        elif tries < len(RETRY_AFTER_S):
            self._schedule(notice, tries + 1, (), RETRY_AFTER_S[tries])

    def _signed(self, notice: Notice, kinds: tuple[FaultKind, ...]) -> tuple[bytes, dict[str, str]]:
        body = notice.body
        if FaultKind.WEBHOOK_OTHER_VERSION in kinds and notice.other_version_body is not None:
            body = notice.other_version_body
        signed_at = self.signing_time()
        if FaultKind.WEBHOOK_FUTURE in kinds:
            signed_at += FUTURE_S
        wrong = FaultKind.WEBHOOK_WRONG_SECRET in kinds
        headers = notice.sign(body, WRONG_SECRET if wrong else notice.secret, signed_at)
        if FaultKind.WEBHOOK_RESERIALISED in kinds:
            body = json.dumps(json.loads(body), sort_keys=True).encode()
        return body, {"content-type": "application/json; charset=utf-8", **headers}

    def _record(
        self,
        notice: Notice,
        tries: int,
        kinds: tuple[FaultKind, ...],
        status: int | None,
        error: str,
    ) -> None:
        table = self._world.table("webhooks.deliveries")
        delivery_id = f"delivery_{len(table) + 1}"
        table[delivery_id] = {
            "id": delivery_id,
            "vendor": notice.vendor,
            "kind": notice.kind,
            "event": notice.event_ref,
            "url": notice.url,
            "tries": tries,
            "at": self._clock.now().isoformat(),
            "status": status,
            "error": error,
            "faults": [str(kind) for kind in kinds],
        }
        self._world.touch()
        if error and not kinds:
            logger.info("webhook %s to %s: %s", notice.kind, notice.url, error)
