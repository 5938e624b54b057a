"""The mailbox's page: a list, one message, its HTML part behind bars, and all of it as JSON."""

from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from dueport_apps.sandbox.mailbox.mailbox import Mailbox
from dueport_apps.sandbox.mailbox.message import Message, linked

PATH: Final = "/mailbox"
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_CONTENT_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src data: http://127.0.0.1:*; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""Pictures are shown that lie in the mail or on this machine, where the demonstration's portal is."""
_OPEN_OUTSIDE: Final = '<base target="_blank">'
"""Links of a framed message open in a tab of their own; the frame itself may go nowhere."""


def create_mailbox_router(mailbox: Mailbox) -> Router:
    """Return the routes below `/mailbox`."""
    templates = Environment(
        loader=PackageLoader("dueport_apps.sandbox.mailbox", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
    )

    def page(name: str, **values: Any) -> Response[str]:
        content = templates.get_template(name).render(path=PATH, **values)
        headers = {"content-security-policy": _PAGE_POLICY, "cache-control": "no-store"}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    @get("/")
    async def list_page() -> Response[str]:
        """Show every message, newest first."""
        return page("list.html", messages=mailbox.messages[::-1])

    @get("/messages.json")
    async def list_json() -> list[dict[str, Any]]:
        """Return every message, newest first."""
        return [one.view() for one in mailbox.messages[::-1]]

    @get("/messages/{message_id:str}")
    async def message_page(message_id: FromPath[str]) -> Response[str]:
        """Show one message."""
        message = _found(mailbox, message_id)
        return page("message.html", message=message, pieces=linked(message.text))

    @get("/messages/{message_id:str}/html")
    async def html_part(message_id: FromPath[str]) -> Response[str]:
        """Serve the HTML part, for the frame of the message's page."""
        content = _OPEN_OUTSIDE + _found(mailbox, message_id).html
        headers = {"content-security-policy": _CONTENT_POLICY, "cache-control": "no-store"}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)

    @get("/messages/{message_id:str}/raw")
    async def raw(message_id: FromPath[str]) -> Response[bytes]:
        """Serve the message as it was received."""
        content = _found(mailbox, message_id).raw
        return Response(content, media_type="text/plain; charset=utf-8")

    @post("/clear")
    async def clear() -> Redirect:
        """Throw every message away."""
        mailbox.clear()
        return Redirect(PATH, status_code=303)

    @get("/mailbox.css")
    async def styles() -> Response[bytes]:
        """Serve the page's style sheet."""
        file = resources.files("dueport_apps.sandbox.mailbox") / "pages" / "mailbox.css"
        return Response(file.read_bytes(), media_type="text/css; charset=utf-8")

    return Router(
        PATH,
        route_handlers=[list_page, list_json, message_page, html_part, raw, clear, styles],
    )


def _found(mailbox: Mailbox, message_id: str) -> Message:
    message = mailbox.find(message_id)
    if message is None:
        raise NotFoundException(f"there is no message {message_id}")
    return message
