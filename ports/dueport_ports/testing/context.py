"""Stand-ins for what the platform hands a plugin: a clock that stands still, a box for secrets."""

import base64
import datetime
import zoneinfo
from pathlib import Path

from dueport_core.errors import Misconfigured
from dueport_ports.context import Clock, DealerFacts, Environment, PluginContext


class StillClock:
    """A clock that moves only when told to."""

    def __init__(
        self,
        start: datetime.datetime = datetime.datetime(2026, 3, 2, 15, 0, tzinfo=datetime.UTC),
        time_zone: str = "America/New_York",
    ) -> None:
        self._now = start
        self._zone = zoneinfo.ZoneInfo(time_zone)

    def now(self) -> datetime.datetime:
        """Return the instant at which the clock stands."""
        return self._now

    def today(self) -> datetime.date:
        """Return the dealer's calendar day at that instant."""
        return self._now.astimezone(self._zone).date()

    def advance(self, duration: datetime.timedelta) -> None:
        """Move forward; a clock never goes back."""
        if duration < datetime.timedelta(0):
            raise ValueError("a clock only moves forward")
        self._now += duration


class PlainSecretBox:
    """Seals nothing, but refuses what it did not seal, so that a plugin's mix-ups are found."""

    def seal(self, plain: str) -> str:
        """Return text that only `open` reads; it does not show the plain text at a glance."""
        return "plain:" + base64.urlsafe_b64encode(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was sealed. Raises Misconfigured for anything else, as the real one does."""
        try:
            prefix, _, body = sealed.partition(":")
            if prefix != "plain":
                raise ValueError("no seal")
            return base64.b64decode(body, altchars=b"-_", validate=True).decode()
        except ValueError as error:
            raise Misconfigured("this was not sealed by this deployment") from error


def plugin_context(
    data_folder: Path,
    clock: Clock | None = None,
    environment: Environment = Environment.SANDBOX,
    public_url: str = "https://pay.dealer.example",
) -> PluginContext:
    """Build a context for a plugin under test."""
    return PluginContext(
        clock=clock or StillClock(),
        secrets=PlainSecretBox(),
        dealer=DealerFacts(name="Granite State Lumber", reply_to="ar@dealer.example"),
        environment=environment,
        data_folder=data_folder,
        public_url=public_url,
    )
