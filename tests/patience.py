"""How long tests wait for what must come: far longer than it takes, for a machine may be busy.

A wait that ends with what it waits for costs nothing by being long, so no test needs a limit of
its own that a slow moment could exceed.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.01


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Wait until the condition holds; fail with `what` was waited for where it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(_LOOK_EVERY_S)


def until_blocking(condition: Callable[[], bool], what: str) -> None:
    """Wait as `until` does, where no event loop runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(_LOOK_EVERY_S)
