"""One JSON line per request, and an identifier that ties everything logged for it together.

The line names the route's pattern (`/invitations/{token}`), never the address itself, because
addresses may carry tokens; query strings, bodies, cookies and headers are not logged at all. The
identifier goes out as `x-request-id` and is shown on error pages, so a person can read it to us.
"""

import logging
import secrets
import sys
import time
from typing import TextIO

import structlog
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def configure_logging(*, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Write structlog's events, and the standard library's, as JSON lines in UTC."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without local variables: they hold tokens, form fields and secrets.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # These name every address they call, which may hold tokens; our own line says enough.
    for noisy in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def request_id(scope: Scope) -> str:
    """Return the identifier of the request being answered."""
    known: str = scope.setdefault("state", {}).setdefault("request_id", secrets.token_hex(8))
    return known


class RequestLog:
    """The outermost wrapper: clears the log context, names the request, writes its line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("dueport.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application and write one line about it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id(scope))
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableScopeHeaders.from_message(message)["x-request-id"] = request_id(scope)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            # The answer had begun, so no error page could be sent any more.
            self._log.exception("request broke off", route=_route(scope))
            raise
        finally:
            user = scope.get("user")
            self._log.info(
                "request",
                method=scope["method"],
                route=_route(scope),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
                client=(scope.get("client") or ("unknown", 0))[0],
                user_id=getattr(user, "user_id", None),
            )


def _route(scope: Scope) -> str:
    template: str = scope.get("path_template") or "unmatched"
    return template
