"""The `Idempotency-Key` of unsafe calls: the same key gives the same answer, and one effect.

A route says `opt={"idempotency": "required"}` or `"optional"`. The key comes in the header (API) or
in the hidden field `_idempotency_key` (forms, so that a double click is one payment). It counts per
person and route. The first call claims it and its answer is kept; a repeat gets that answer with
`idempotency-replayed: true`; a repeat while the first still runs, or with another body, is refused.
Answers that say that nothing was done (a mistake in the form, a refusal, an error on our side) are
not kept, so a corrected form may be sent under the key that its page carries; the use case behind has
unique keys of its own for what it did before it failed.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from litestar import Request
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from dueport_apps.web.http.csrf import FIELD, FORM_TYPES, is_unsafe
from dueport_apps.web.http.middleware import SharedMiddleware
from dueport_core.errors import Conflict, Invalid

KEY_FIELD = "_idempotency_key"
KEY_HEADER = "idempotency-key"
KEPT_HEADERS = frozenset(
    # The framework compresses before this middleware sees the answer, hence the encoding.
    {b"content-type", b"content-encoding", b"location", b"hx-redirect", b"hx-trigger"}
)
NOTHING_DONE = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422, 429})
_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,128}")


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key: the body it came with, and the answer once there is one."""

    body_hash: bytes
    claimed_at: datetime
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


class IdempotencyStore(Protocol):
    """Where keys and answers live; rows may be dropped after a day."""

    async def claim(self, key: bytes, answer: KeptAnswer) -> KeptAnswer | None:
        """Insert the key; return None where that worked, else the row that was there before.

        A claim without an answer that is older than the longest request may be taken over.
        """

    async def keep(self, key: bytes, answer: KeptAnswer) -> None:
        """Store the answer of a claimed key."""

    async def release(self, key: bytes) -> None:
        """Forget a claimed key whose call failed on our side."""


class Idempotency(SharedMiddleware):
    """Runs after `CsrfCheck`, so that only the person's own calls reach the table."""

    def __init__(
        self,
        store: IdempotencyStore,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._now = now

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer a repeat from the table, or run the call and keep its answer."""
        rule = scope["route_handler"].opt.get("idempotency")
        if rule is None or not is_unsafe(scope):
            await next_app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive)
        given = await _key_of(request)
        if given is None:
            if rule == "required":
                raise Invalid(
                    "Send an Idempotency-Key header, so that a repeated call has one effect.",
                    {KEY_HEADER: "Missing."},
                )
            await next_app(scope, receive, send)
            return
        if not _KEY.fullmatch(given):
            raise Invalid(
                "The Idempotency-Key must have 8 to 128 letters, digits, or any of _ . : -",
                {KEY_HEADER: "Not of the expected form."},
            )
        key = _scoped(scope, request.method, given)
        claim = KeptAnswer(body_hash=await _body_hash(request), claimed_at=self._now())
        known = await self._store.claim(key, claim)
        if known is None:
            await self._run(scope, receive, send, next_app, key, claim)
        else:
            await _replay(known, claim, send)

    async def _run(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        next_app: ASGIApp,
        key: bytes,
        claim: KeptAnswer,
    ) -> None:
        start: HTTPResponseStartEvent | None = None
        body = b""

        async def send_and_note(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                body += message["body"]
            await send(message)

        kept = False
        try:
            await next_app(scope, receive, send_and_note)
            if start is not None and _is_final(start["status"]):
                headers = tuple(
                    (name, value) for name, value in start["headers"] if name in KEPT_HEADERS
                )
                answer = msgspec.structs.replace(
                    claim, status=start["status"], headers=headers, body=body
                )
                await self._store.keep(key, answer)
                kept = True
        finally:
            if not kept:
                await self._store.release(key)


def _is_final(status: int) -> bool:
    return status < 500 and status not in NOTHING_DONE


async def _replay(known: KeptAnswer, claim: KeptAnswer, send: Send) -> None:
    if known.body_hash != claim.body_hash:
        raise Conflict("This Idempotency-Key was used with another content; take a new one.")
    if known.status is None:
        raise Conflict("The first call with this Idempotency-Key is still running; try again soon.")
    headers = [
        *known.headers,
        (b"idempotency-replayed", b"true"),
        (b"content-length", str(len(known.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": known.status, "headers": headers})
    await send({"type": "http.response.body", "body": known.body, "more_body": False})


async def _key_of(request: Request[Any, Any, Any]) -> str | None:
    given = request.headers.get(KEY_HEADER)
    if given is None and request.content_type[0] in FORM_TYPES:
        posted = (await request.form()).get(KEY_FIELD)
        given = posted if isinstance(posted, str) else None
    return given


async def _body_hash(request: Request[Any, Any, Any]) -> bytes:
    if request.content_type[0] in FORM_TYPES:
        # The CSRF token differs between two showings of the same form; the content does not.
        fields = [
            (name, value if isinstance(value, str) else value.filename)
            for name, value in (await request.form()).multi_items()
            if name not in (FIELD, KEY_FIELD)
        ]
        content = msgspec.json.encode(sorted(fields))
    else:
        content = await request.body()
    return hashlib.sha256(content).digest()


def _scoped(scope: Scope, method: str, given: str) -> bytes:
    user = scope.get("user")
    who = f"{user.portal}:{user.user_id}" if user is not None else "anonymous"
    text = "\0".join((who, method, scope["path"], given))
    return hashlib.sha256(text.encode()).digest()
