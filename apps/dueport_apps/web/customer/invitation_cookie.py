"""Keeps an invitation's token out of addresses while its owner registers.

The link in the mail carries the token in its path. The first answer moves it into a signed,
HttpOnly cookie of half an hour, so that it is in no address bar that can be photographed, in no
history and in no `Referer`, and the registration page never contains it.
"""

import datetime

import msgspec
from litestar.datastructures import Cookie

from dueport_apps.adapters.secret_box import derive_key
from dueport_apps.settings import Settings
from dueport_apps.web.customer.pages import AnyRequest
from dueport_apps.web.http.cookies import dropped, kept
from dueport_apps.web.http.tokens import signed, unsigned

LIFETIME_S = 30 * 60
TOKEN_LENGTH_MAX = 200


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """The cookie's content."""

    token: str
    at: int


def ticket_cookie(settings: Settings, token: str, now: datetime.datetime) -> Cookie:
    """Return the cookie that carries a token to the registration page."""
    content = msgspec.json.encode(Ticket(token, int(now.timestamp())))
    return kept(_name(settings), signed(_key(settings), content), secure=settings.config.web.secure)


def no_ticket(settings: Settings) -> Cookie:
    """Return the cookie that removes the ticket."""
    return dropped(_name(settings), secure=settings.config.web.secure)


def token_of(request: AnyRequest, settings: Settings, now: datetime.datetime) -> str | None:
    """Return the token that the browser carries, or None without one and after half an hour."""
    content = unsigned(_key(settings), request.cookies.get(_name(settings), ""))
    if content is None:
        return None
    ticket = msgspec.json.decode(content, type=Ticket)
    return ticket.token if now.timestamp() - ticket.at <= LIFETIME_S else None


def _name(settings: Settings) -> str:
    return f"{'__Host-' if settings.config.web.secure else ''}dueport-invitation"


def _key(settings: Settings) -> bytes:
    return derive_key(settings.secret_key, "dueport invitation cookie")
