"""The base of our middleware: one instance serves every router that it is put on."""

from typing import Any, Self

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware


class SharedMiddleware(ASGIMiddleware):
    """Middleware that holds stores and clocks.

    The framework copies a router deeply when it is registered, its middleware included: every
    router would get a session store of its own, with a database engine of its own inside.
    """

    scopes = (ScopeType.HTTP,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Stay the one instance that was configured."""
        return self
