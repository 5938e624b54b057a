"""The dealer's logo for everybody: pages of both portals, mail programs, the dealer's own site.

Its address holds a mark of its content, so that it never changes and can be kept for good.
"""

from litestar import HttpMethod, Router, route
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.logo import Logo
from dueport_core.errors import NotFound


def create_logo_router(logo: Logo | None) -> Router:
    """Return the public route that serves this one picture."""

    @route(
        "/brand/{name:str}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        name="logo",
        opt={"public": True, "uncompressed": True, "shown_anywhere": True},
        include_in_schema=False,
        sync_to_thread=False,
    )
    def show_logo(name: FromPath[str]) -> Response[bytes]:
        if logo is None or logo.path != f"/brand/{name}":
            raise NotFound("There is no such picture.")
        return Response(
            logo.content,
            media_type=logo.media_type,
            headers={"cache-control": "public, max-age=31536000, immutable"},
        )

    return Router(path="/", route_handlers=[show_logo])
