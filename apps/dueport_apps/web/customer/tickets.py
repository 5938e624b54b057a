"""Keeps what a link or a code has opened out of addresses while its owner goes on.

The link in a mail carries its token in the path. The first answer moves it into a signed, HttpOnly
cookie of half an hour (a password's of as long as the link itself is good), so that it is in no address bar that can be photographed, in no history and
in no `Referer`, and the page that follows never contains it. Each purpose has a cookie and a key of
its own: what was issued for one opens nothing else.
"""

import datetime
from typing import Generic, TypeVar

import msgspec
from litestar.datastructures import Cookie

from dueport_apps.adapters.secret_box import derive_key
from dueport_apps.settings import Settings
from dueport_apps.usecases.prove_mailbox import MailboxClaim
from dueport_apps.web.customer.pages import AnyRequest
from dueport_apps.web.http.cookies import dropped, kept
from dueport_apps.web.http.tokens import signed, unsigned

LIFETIME_S = 30 * 60
RESET_LIFETIME_S = 60 * 60
TOKEN_LENGTH_MAX = 200

T = TypeVar("T", bound=msgspec.Struct)


class InvitationTicket(msgspec.Struct, frozen=True, kw_only=True):
    """The link of an invitation."""

    token: str
    answered: bool = False
    """This browser has answered the invitation's question."""
    by_password: bool = False
    """Its owner came by the mailed user name and one-time password, not by a link."""


class ExpiredPasswordTicket(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation whose one-time password was right and came too late."""

    invitation_id: str
    is_newer_good: bool


class ResetTicket(msgspec.Struct, frozen=True, kw_only=True):
    """The link that sets a new password."""

    token: str


class EnrolmentTicket(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose code was right."""

    account_no: str
    account_name: str
    generation: int
    claim: MailboxClaim | None = None
    """The address that a code was mailed to."""
    has_login: bool = False
    """The claim was proved, and its address has a login: the account is linked by signing in."""
    typed: dict[str, str] = {}
    """What the form held, passwords excepted, when another code was asked for."""


class Tickets(Generic[T]):
    """The cookie of one purpose."""

    def __init__(self, purpose: str, kind: type[T], lifetime_s: int = LIFETIME_S) -> None:
        self._purpose = purpose
        self._kind = kind
        self._lifetime_s = lifetime_s

    def keep(self, settings: Settings, ticket: T, now: datetime.datetime) -> Cookie:
        """Return the cookie that carries the ticket to the next page."""
        content = msgspec.json.encode([int(now.timestamp()), ticket])
        text = signed(self._key(settings), content)
        return kept(self._name(settings), text, secure=settings.config.web.secure)

    def drop(self, settings: Settings) -> Cookie:
        """Return the cookie that removes the ticket."""
        return dropped(self._name(settings), secure=settings.config.web.secure)

    def of(self, request: AnyRequest, settings: Settings, now: datetime.datetime) -> T | None:
        """Return the browser's ticket, or None without one and after its time."""
        content = unsigned(self._key(settings), request.cookies.get(self._name(settings), ""))
        if content is None:
            return None
        made_at, ticket = msgspec.json.decode(content, type=tuple[int, self._kind])  # type: ignore[name-defined]  # The type is known when it runs.
        return ticket if now.timestamp() - made_at <= self._lifetime_s else None

    def _name(self, settings: Settings) -> str:
        return f"{'__Host-' if settings.config.web.secure else ''}dueport-{self._purpose}"

    def _key(self, settings: Settings) -> bytes:
        return derive_key(settings.secret_key, f"dueport {self._purpose} cookie")


EXPIRED_PASSWORD = Tickets("expired-password", ExpiredPasswordTicket)
INVITATION = Tickets("invitation", InvitationTicket)
RESET = Tickets("reset", ResetTicket, RESET_LIFETIME_S)
ENROLMENT = Tickets("enrolment", EnrolmentTicket)


def going_on(request: AnyRequest, settings: Settings, now: datetime.datetime) -> str:
    """Return where somebody who was registering goes on after signing in; nothing for all others."""
    if INVITATION.of(request, settings, now) is not None:
        return "/register"
    return "/enrol/link" if ENROLMENT.of(request, settings, now) is not None else ""


def renewed(request: AnyRequest, settings: Settings, now: datetime.datetime) -> list[Cookie]:
    """Return the tickets of a registration anew: it waits while its owner finds a password again."""
    invitation = INVITATION.of(request, settings, now)
    enrolment = ENROLMENT.of(request, settings, now)
    return [
        *([INVITATION.keep(settings, invitation, now)] if invitation else []),
        *([ENROLMENT.keep(settings, enrolment, now)] if enrolment else []),
    ]
