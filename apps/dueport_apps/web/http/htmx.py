"""What handlers say to htmx 4: a few headers. Nothing here is needed for pages to work without it."""

from typing import Any

import msgspec
from litestar import Request
from litestar.response import Response


def wants_fragment(request: Request[Any, Any, Any]) -> bool:
    """Whether htmx asks for a part of the page (a boosted link or restored history wants it all)."""
    headers = request.headers
    return (
        headers.get("hx-request") == "true"
        and headers.get("hx-boosted") != "true"
        and headers.get("hx-history-restore-request") != "true"
    )


def redirect(url: str) -> Response[None]:
    """Make the browser load another page; 204, because htmx must not swap anything in."""
    return Response(None, status_code=204, headers={"hx-redirect": url})


def triggering(response: Response[Any], **events: object) -> Response[Any]:
    """Raise browser events, each with a detail, once the answer has arrived."""
    response.headers["hx-trigger"] = msgspec.json.encode(events).decode()
    return response


def retarget(response: Response[Any], selector: str, swap: str = "outerHTML") -> Response[Any]:
    """Put the answer somewhere else than the page had asked for."""
    response.headers.update({"hx-retarget": selector, "hx-reswap": swap})
    return response
