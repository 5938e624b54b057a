"""``/healthz`` says that the process lives, ``/readyz`` that it can serve customers."""

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.response import Response

from dueport_apps.storage.engine import Database
from dueport_core.errors import Unavailable


@get("/healthz", opt={"public": True}, sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Answer at once, touching nothing."""
    return {"status": "ok"}


@get("/readyz", opt={"public": True})
async def readyz(database: NamedDependency[Database]) -> Response[dict[str, str]]:
    """Ask the database; what is wrong with it stays in the log."""
    try:
        await database.ping()
    except Unavailable:
        return Response({"status": "the database does not answer"}, status_code=503)
    return Response({"status": "ok"})


def create_health_router() -> Router:
    return Router("/", route_handlers=[healthz, readyz])
