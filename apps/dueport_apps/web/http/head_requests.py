"""HEAD is answered like GET, without the content and without cookies.

Programs that check the links of a mail ask with HEAD, and "not allowed" would make them call the link
broken. What a page would tell or remember once (a flash message, a ticket) stays for the person.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """A plain wrapper; the application behind it never sees HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application as for GET, and send what goes before the content."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        looked: Scope = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name in ("route_handler", "path_template", "user"):
                    # The wrappers outside tell by these what has been answered.
                    if name in looked:
                        scope[name] = looked[name]
                message["headers"] = [
                    (name, value) for name, value in message["headers"] if name != b"set-cookie"
                ]
            elif message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await self._app(looked, receive, send_head)
