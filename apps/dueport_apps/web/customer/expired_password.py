"""A mailed one-time password that was right and came too late: say so, and offer a new one.

Only a right password leads here, so the page tells nobody who is invited. What it remembers is the
invitation's number in a signed cookie, which can ask for a mail and nothing else.
"""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.ask_for_link import AskForLink
from dueport_apps.usecases.sign_in import PasswordExpired
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.customer.tickets import EXPIRED_PASSWORD, ExpiredPasswordTicket
from dueport_apps.web.people import client_ip
from dueport_apps.web.templating import Templates
from dueport_ports import Clock

PAGE = "/sign-in/expired"


def lead_on(expired: PasswordExpired, settings: Settings, clock: Clock) -> Response[Any]:
    """Answer a sign-in: to the page that says why it was too late."""
    answer = see_other(PAGE)
    ticket = ExpiredPasswordTicket(
        invitation_id=expired.invitation_id, is_newer_good=expired.is_newer_good
    )
    answer.set_cookie(EXPIRED_PASSWORD.keep(settings, ticket, clock.now()))
    return answer


@get(PAGE, opt={"public": True}, sync_to_thread=False)
def expired_page(
    request: AnyRequest,
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """Say that the password is over; whoever comes by another way signs in."""
    ticket = EXPIRED_PASSWORD.of(request, settings, clock.now())
    if ticket is None:
        return see_other("/sign-in")
    return show(
        request, templates, "password_expired", status=410, is_newer_good=ticket.is_newer_good
    )


@post(PAGE, opt={"public": True, "page": "/sign-in"})
async def ask_for_password(
    request: AnyRequest,
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    ask_for_link: NamedDependency[AskForLink],
) -> Response[Any]:
    """Tell the dealer that a new password is wanted; the answer is always the same."""
    ticket = EXPIRED_PASSWORD.of(request, settings, clock.now())
    if ticket is None:
        return see_other("/sign-in")
    await ask_for_link.after_password(ticket.invitation_id, client_ip(request))
    answer = see_other("/register/asked")
    answer.set_cookie(EXPIRED_PASSWORD.drop(settings))
    return answer
