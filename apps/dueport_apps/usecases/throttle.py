"""How often somebody may try: counted per login and per address, in the database.

More processes therefore do not mean more tries. A count only delays the form that it belongs to; it
never touches sessions that exist, and mail that was asked for still arrives, so nobody can shut
somebody else out with it.
"""

import datetime
from collections.abc import Sequence

from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.errors import TooManyTries
from dueport_ports import Clock

FREE_FAILURES = 10
FREE_FAILURES_PER_ADDRESS = 50
FREE_REQUESTS = 5
FREE_REQUESTS_PER_ADDRESS = 30
DELAY_S = 30
DELAY_MAX_S = 3600
MANY_MAILS = "Too many mails were asked for."
WINDOW = datetime.timedelta(hours=24)
_NEARLY_AN_HOUR = 55


class Throttle:
    """After ten failures each further try of that login waits, twice as long each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def refuse_if_slowed(self, uow: UnitOfWork, login: str, client_ip: str) -> None:
        """Raise TooManyTries with the seconds to wait, alike for logins that do not exist."""
        for key, free in _sign_in_keys(login, client_ip):
            await self._refuse(uow, key, free)

    async def begin(self, uow: UnitOfWork, login: str, client_ip: str) -> None:
        """Refuse as above, else count the try before anybody knows how it ends: of many tries at
        once no more are checked than of many in a row. A success clears it."""
        await self.refuse_if_slowed(uow, login, client_ip)
        await uow.throttle.record(_login_key(login), self._clock.now())

    async def refuse_address(self, uow: UnitOfWork, client_ip: str) -> None:
        """Raise TooManyTries when too many failures came from this address."""
        await self._refuse(uow, _failures_of(client_ip), FREE_FAILURES_PER_ADDRESS)

    async def record(self, uow: UnitOfWork, login: str, client_ip: str) -> None:
        """Count a failure of the login and of the address."""
        for key, _ in _sign_in_keys(login, client_ip):
            await uow.throttle.record(key, self._clock.now())

    async def record_address(self, uow: UnitOfWork, client_ip: str) -> None:
        """Count a failure of the address alone."""
        await uow.throttle.record(_failures_of(client_ip), self._clock.now())

    async def clear(self, uow: UnitOfWork, login: str) -> None:
        """Forget the login's failures; an address stays counted, one success must not reset it."""
        await uow.throttle.clear(_login_key(login))

    async def admit_request(
        self, uow: UnitOfWork, purpose: str, subject: str, client_ip: str
    ) -> bool:
        """Count a request for mail; False where it must be passed over in silence.

        Raises TooManyTries for the address that the request comes from. Too many requests about one
        subject are not told, because only the mailbox's owner may learn of the mails; one is let
        through at least every hour, so a stranger's requests keep no owner from theirs.
        """
        address = f"requests:{client_ip}"
        await self._refuse(uow, address, FREE_REQUESTS_PER_ADDRESS)
        now = self._clock.now()
        await uow.throttle.record(address, now)
        key = f"{purpose}:{subject.strip().lower()}"
        slowed = await self._wait_s(uow, key, FREE_REQUESTS)
        if not slowed:
            await uow.throttle.record(key, now)
        return not slowed

    async def admit_mail(self, uow: UnitOfWork, subjects: Sequence[str], client_ip: str) -> None:
        """Count a mail that somebody has us send about these subjects, and say so when it must wait.

        Raises TooManyTries, and then counts nothing, when too many mails were asked for from this
        address or about one of the subjects; one an hour is let through.
        """
        address = f"requests:{client_ip}"
        limits = {subject.strip().lower(): FREE_REQUESTS for subject in subjects}
        limits[address] = FREE_REQUESTS_PER_ADDRESS
        for key, free in limits.items():
            await self._refuse(uow, key, free, MANY_MAILS)
        for key in limits:
            await uow.throttle.record(key, self._clock.now())

    async def _refuse(
        self, uow: UnitOfWork, key: str, free: int, why: str = "Too many tries."
    ) -> None:
        wait_s = await self._wait_s(uow, key, free)
        if wait_s:
            raise TooManyTries(
                f"{why} Wait {wait_words(wait_s)} and try again.", retry_after_s=wait_s
            )

    async def _wait_s(self, uow: UnitOfWork, key: str, free: int) -> int:
        count, last = await uow.throttle.failures(key, self._clock.now() - WINDOW)
        if last is None or count < free:
            return 0
        delay_s = min(DELAY_S * 2 ** min(count - free, 10), DELAY_MAX_S)
        wait = (last + datetime.timedelta(seconds=delay_s) - self._clock.now()).total_seconds()
        return round(wait) + 1 if wait > 0 else 0


def wait_words(wait_s: int) -> str:
    """Say a wait as people do: "about a minute", "12 minutes", "about an hour"."""
    minutes = -(-wait_s // 60)
    if minutes <= 1:
        return "about a minute"
    return "about an hour" if minutes >= _NEARLY_AN_HOUR else f"{minutes} minutes"


def _sign_in_keys(login: str, client_ip: str) -> tuple[tuple[str, int], ...]:
    return (
        (_login_key(login), FREE_FAILURES),
        (_failures_of(client_ip), FREE_FAILURES_PER_ADDRESS),
    )


def _login_key(login: str) -> str:
    return f"login:{login.strip().lower()}"


def _failures_of(client_ip: str) -> str:
    return f"address:{client_ip}"
