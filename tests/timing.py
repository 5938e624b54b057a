"""Whether two things take the same time, judged fairly on a machine that does other work too.

Time is measured only where time is what must be proved: that it does not tell who is known. Other
work blurs each measurement. So both kinds are tried in turn, that whatever happens meets them alike.
What is compared is the median, and the lower quartile, which other work delays least and at which
an attacker looks too. Each is compared with what chance alone makes of it; where that leaves the
answer open, further rounds are measured and all are judged together. More rounds narrow the doubt
and never move the limit: a real difference stays one.
"""

import math

LIMIT_S = 0.010
ROUNDS_MAX = 6
_DOUBTS = 3
"""So many standard errors are taken for chance."""


class Times:
    """How long those took who are known, and those who are not."""

    def __init__(self) -> None:
        self._took_s: dict[str, list[float]] = {"known": [], "unknown": []}

    def add(self, kind: str, took_s: float) -> None:
        self._took_s[kind].append(took_s)

    def are_clear(self) -> bool:
        """Whether chance could not make the difference cross the limit, either way."""
        difference, chance = self._difference_s(0.25)
        return abs(difference - LIMIT_S) > chance

    def check(self) -> None:
        """Fail when the known and the unknown take different times."""
        difference, chance = self._difference_s(0.25)
        assert difference < LIMIT_S, f"{difference:.4f} s, of which {chance:.4f} s may be chance"
        difference, chance = self._difference_s(0.5)
        assert difference - chance < LIMIT_S, f"{difference:.4f} s, of which {chance:.4f} s"

    def _difference_s(self, share: float) -> tuple[float, float]:
        """Return the difference at this quantile, and how much of it may be chance."""
        known, known_error = quantile(self._took_s["known"], share)
        unknown, unknown_error = quantile(self._took_s["unknown"], share)
        return abs(known - unknown), _DOUBTS * math.hypot(known_error, unknown_error)


def quantile(values: list[float], share: float) -> tuple[float, float]:
    """Return a quantile and its standard error, by how close together the values around it lie."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    around = math.sqrt(len(ordered) * share * (1 - share))
    low, high = ordered[math.floor(place - around)], ordered[math.ceil(place + around)]
    return ordered[round(place)], (high - low) / 2
