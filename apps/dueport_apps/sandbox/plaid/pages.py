"""Link's own pages: the frame that the browser double opens, the hosted page, and their calls.

The pages hold no data of their own; `static/plaid-link.js` asks these routes for it. They are the
only part of the sandbox that sees what a person types, as with the real Link.
"""

from importlib import resources
from typing import Any, Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody

from dueport_apps.sandbox.plaid.answers import answered
from dueport_apps.sandbox.plaid.bank import SimulatedPlaid
from dueport_apps.sandbox.plaid.link import PAGES

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'"
)


class Opening(msgspec.Struct, frozen=True):
    """A page that opens with a Link token."""

    link_token: str


class SignIn(msgspec.Struct, frozen=True):
    """Credentials for the simulated bank."""

    link_token: str
    link_session_id: str
    institution_id: str
    username: str
    password: str


class Choice(msgspec.Struct, frozen=True):
    """The accounts that the person shares."""

    link_token: str
    link_session_id: str
    account_ids: list[str]


class Leaving(msgspec.Struct, frozen=True):
    """The person leaves; `status` says at which step."""

    link_token: str
    link_session_id: str
    status: str


def create_link_pages_router(plaid: SimulatedPlaid) -> Router:
    """Return Link's pages and the calls that they make."""

    @get("/frame")
    async def frame_page() -> Response[bytes]:
        """Serve the page that a payment page embeds; the token is in the address's fragment."""
        return _page(_POLICY)

    @get("/hosted/{link_token:str}")
    async def hosted_page(link_token: FromPath[str]) -> Response[bytes]:
        """Serve the page that stands by itself; its script takes the token from the address."""
        return _page(f"{_POLICY}; frame-ancestors 'none'")

    @post("/start", status_code=200)
    async def start(data: JSONBody[Opening]) -> Response[Any]:
        """Open a session."""
        return answered(plaid.world, lambda: plaid.link.start(data.link_token))

    @post("/sign-in", status_code=200)
    async def sign_in(data: JSONBody[SignIn]) -> Response[Any]:
        """Check credentials and list accounts."""
        return answered(
            plaid.world,
            lambda: plaid.link.sign_in(
                data.link_token,
                data.link_session_id,
                data.institution_id,
                data.username,
                data.password,
            ),
        )

    @post("/finish", status_code=200)
    async def finish(data: JSONBody[Choice]) -> Response[Any]:
        """Share the chosen accounts."""
        return answered(
            plaid.world,
            lambda: plaid.link.finish(data.link_token, data.link_session_id, data.account_ids),
        )

    @post("/leave", status_code=200)
    async def leave(data: JSONBody[Leaving]) -> Response[Any]:
        """Close the session without success."""
        return answered(
            plaid.world,
            lambda: plaid.link.leave(data.link_token, data.link_session_id, data.status),
        )

    return Router(
        PAGES,
        route_handlers=[frame_page, hosted_page, start, sign_in, finish, leave],
    )


def _page(policy: str) -> Response[bytes]:
    file = resources.files("dueport_apps.sandbox") / "static" / "plaid-link.html"
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Response(file.read_bytes(), media_type="text/html; charset=utf-8", headers=headers)
