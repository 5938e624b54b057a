"""Whether the mail server can be reached, as one process last saw it.

While it cannot, thousands of mails are neither written nor offered in vain: the server alone is
greeted now and then, at growing distances, and everything goes out when it answers again.
"""

import datetime

from dueport_ports import Clock, EmailSender, PortError

OUTAGE_WAIT_S = (30, 60, 120, 300, 600)


class MailServer:
    """One per process, beside its sender."""

    def __init__(self, sender: EmailSender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._outages = 0
        self.greet_at: datetime.datetime | None = None
        """When to try again; None while nothing is known against the server."""
        self.obstacle = ""

    def is_lost(self, obstacle: str) -> datetime.datetime:
        """Note that it could not be reached; return when to try again."""
        if self.greet_at is None:
            wait_s = OUTAGE_WAIT_S[min(self._outages, len(OUTAGE_WAIT_S) - 1)]
            self.greet_at = self._clock.now() + datetime.timedelta(seconds=wait_s)
            self.obstacle = obstacle
            self._outages += 1
        return self.greet_at

    def has_answered(self) -> None:
        """Note that it decided about mails, whatever it decided."""
        self._outages = 0

    async def answers(self) -> bool:
        """Whether it is worth writing mails now; asks the server when an outage may be over."""
        if self.greet_at is None:
            return True
        if self._clock.now() < self.greet_at:
            return False
        self.greet_at = None
        try:
            await self._sender.probe()
        except PortError as error:
            self.is_lost(error.message)
            return False
        return True
