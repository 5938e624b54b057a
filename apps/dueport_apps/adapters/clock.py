"""The real clock: UTC instants, and the dealer's calendar day."""

import datetime
import zoneinfo


class SystemClock:
    def __init__(self, zone: zoneinfo.ZoneInfo) -> None:
        self._zone = zone

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def today(self) -> datetime.date:
        return self.now().astimezone(self._zone).date()
