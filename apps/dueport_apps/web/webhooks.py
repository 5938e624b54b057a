"""Webhooks at ``/webhooks/{plugin}``: the raw body goes to the plugin, the answer is its own."""

from typing import Any

from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from dueport_apps.usecases.receive_webhook import ReceiveWebhook
from dueport_core.errors import Forbidden, Invalid, NotFound
from dueport_ports import HttpNotification

BODY_BYTES_MAX = 1_000_000


@post("/webhooks/{plugin:str}", opt={"public": True, "csrf_exempt": True}, status_code=200)
async def receive(
    request: Request[Any, Any, Any],
    plugin: FromPath[str],
    receive_webhook: NamedDependency[ReceiveWebhook],
) -> Response[bytes]:
    """Store a verified notification; a forged one is told 400 and nothing else."""
    notification = HttpNotification(headers=dict(request.headers), body=await request.body())
    try:
        answer = await receive_webhook(plugin, notification)
    except Forbidden as error:
        raise Invalid("The notification is not authentic.") from error
    except NotFound as error:
        raise NotFound("There is no such webhook here.") from error
    return Response(
        answer.ack_body, status_code=answer.ack_status, media_type="application/octet-stream"
    )


def create_webhook_router() -> Router:
    return Router("/", route_handlers=[receive], request_max_body_size=BODY_BYTES_MAX)
