"""Decline an invitation: from the mail's link, or by the mail program's own button.

What these addresses carry can decline and do nothing else: mail providers read and post to the one
in the mail's header, so whoever would rather register uses the mail's button.
"""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.usecases.decline_invitation import DeclineInvitation
from dueport_apps.usecases.open_invitation import OpenInvitation
from dueport_apps.usecases.plan_invitations import SAMPLE_TOKEN
from dueport_apps.web.customer.invitation_pages import closed, opened_by
from dueport_apps.web.customer.pages import AnyRequest, see_other, show
from dueport_apps.web.customer.tickets import INVITATION, InvitationTicket
from dueport_apps.web.people import client_ip
from dueport_apps.web.templating import Templates
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_ports import Clock


@get("/invitation/{token:str}/decline", opt={"public": True})
async def decline_page(
    request: AnyRequest,
    token: FromPath[str],
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    clock: NamedDependency[Clock],
    open_invitation: NamedDependency[OpenInvitation],
) -> Response[Any]:
    """Ask first: programs that scan mails follow links too."""
    if token == SAMPLE_TOKEN:
        return show(request, templates, "sample_invitation")
    opened = await opened_by(open_invitation, token, to_register=False)
    if opened is None:
        return closed(request, templates, None)
    if opened.live:
        return show(request, templates, "decline", opened=opened)
    response = closed(request, templates, opened)
    if opened.may_ask:
        # The link of the mail itself, which may ask for a new one.
        response.set_cookie(INVITATION.keep(settings, InvitationTicket(token=token), clock.now()))
    return response


@post("/invitation/{token:str}/decline", opt={"public": True})
async def decline(
    request: AnyRequest,
    token: FromPath[str],
    templates: NamedDependency[Templates],
    settings: NamedDependency[SkipValidation[Settings]],
    open_invitation: NamedDependency[OpenInvitation],
    decline_invitation: NamedDependency[DeclineInvitation],
) -> Response[Any]:
    opened = await opened_by(open_invitation, token, to_register=False)
    try:
        await decline_invitation(token, client_ip(request))
    except (Conflict, NotFound):
        opened = await opened_by(open_invitation, token, to_register=False)
        return closed(request, templates, opened)
    one_link = opened is not None and opened.one_link
    response = show(request, templates, "declined", one_link=one_link)
    response.set_cookie(INVITATION.drop(settings))
    return response


@get("/invitation/{token:str}/unsubscribe", opt={"public": True}, sync_to_thread=False)
def unsubscribe_page(token: FromPath[str]) -> Response[Any]:
    """Lead a person who followed the address by hand to the page that asks."""
    return see_other(f"/invitation/{token}/decline")


@post("/invitation/{token:str}/unsubscribe", opt={"public": True, "csrf_exempt": True})
async def unsubscribe(
    request: AnyRequest,
    token: FromPath[str],
    decline_invitation: NamedDependency[DeclineInvitation],
) -> Response[Any]:
    """Decline by one click in a mail program (RFC 8058).

    The mail provider posts this, without a session and from its own site, so the token in the
    address is the whole proof. Repeating it, or posting it for a link that is over, is no error.
    """
    posted = await request.form()
    if posted.get("List-Unsubscribe") != "One-Click":
        raise Invalid("Post List-Unsubscribe=One-Click to decline, or open this address.")
    try:
        await decline_invitation(
            token, client_ip(request), detail="unsubscribed in the mail program"
        )
    except (Conflict, NotFound):
        return Response("Nothing is left to decline.", media_type="text/plain", status_code=200)
    return Response("The invitation is declined.", media_type="text/plain", status_code=200)
