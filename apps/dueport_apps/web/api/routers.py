"""The API's routers: operators at ``/api/v1``, customers at ``/api/v1/customer``.

Both have a list called ``payments``, and each needs the session of its own portal, so the customers'
part has a prefix instead of one address that means two things.
"""

from collections.abc import Sequence

from litestar import Router
from litestar.middleware import ASGIMiddleware

from dueport_apps.web.api.openapi import (
    CUSTOMER_HANDLERS,
    CUSTOMER_PATH,
    OPERATOR_HANDLERS,
    OPERATOR_PATH,
    document,
)


def create_operator_api(middleware: Sequence[ASGIMiddleware]) -> Router:
    """Return the operators' part, and the description of both."""
    operators = Router(
        OPERATOR_PATH, route_handlers=list(OPERATOR_HANDLERS), middleware=list(middleware)
    )
    return Router("/", route_handlers=[operators, document])


def create_customer_api(middleware: Sequence[ASGIMiddleware]) -> Router:
    """Return the customers' part."""
    return Router(
        CUSTOMER_PATH, route_handlers=list(CUSTOMER_HANDLERS), middleware=list(middleware)
    )
