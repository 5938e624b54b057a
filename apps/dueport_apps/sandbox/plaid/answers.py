"""From an operation to an HTTP answer, with refusals in Plaid's shape."""

from collections.abc import Callable
from typing import Any

from litestar import Response

from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.world import PlaidWorld


def answered(world: PlaidWorld, operation: Callable[[], Any]) -> Response[Any]:
    """Return what an operation returns, or its refusal."""
    try:
        return Response(operation())
    except PlaidRefusal as refusal:
        return Response(refusal.body(world.new_request_id()), status_code=refusal.status)
