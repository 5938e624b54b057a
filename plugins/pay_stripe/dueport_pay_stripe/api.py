"""The one door to Stripe: the SDK's client, with its answers read and its errors translated.

Nothing of the SDK passes through: answers become the structs of ``wire``, exceptions become the
platform's. A call that writes says its idempotency key itself.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from dueport_pay_stripe.settings import API_VERSION, Settings
from dueport_pay_stripe.wire import LastError, Page, PaymentIntent
from dueport_ports import (
    Declined,
    DueportError,
    Misconfigured,
    NotFound,
    Rejected,
    Unavailable,
)

if TYPE_CHECKING:
    from types import ModuleType

    import stripe

T = TypeVar("T")

PAGE_SIZE = 100
RETRY_AFTER_S = 5
"""Stripe names no time with a 429; its own advice is to back off for seconds, not minutes."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe's no, or its silence (``status`` None)."""

    status: int | None
    error: LastError
    retry_after_s: int | None = None

    @property
    def is_silence(self) -> bool:
        """Whether the request may or may not have had an effect.

        429 counts: the SDK repeats lost calls, so an earlier try may have been carried out. So
        does 409, which says that the same key is being worked on.
        """
        return self.status is None or self.status in (409, 429) or not 400 <= self.status < 500


class Refused(Exception):
    """What ``StripeApi.ask`` raises; nobody outside this plugin ever sees it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.status, failure.error.code)
        self.failure = failure


class StripeApi:
    """Stripe's services (``v1``) with reading and error translation around each call."""

    def __init__(self, sdk: "ModuleType", settings: Settings) -> None:
        # At debug level the SDK logs whole bodies: customers' names and client secrets.
        logging.getLogger("stripe").setLevel(logging.INFO)
        self._sdk = sdk
        self._http = sdk.HTTPXClient(timeout=settings.timeout_s)
        self._client: stripe.StripeClient = sdk.StripeClient(
            settings.secret_key.reveal(),
            stripe_version=API_VERSION,
            base_addresses={"api": settings.api_url},
            http_client=self._http,
            max_network_retries=settings.network_retries,
        )

    @property
    def v1(self) -> "stripe.V1Services":
        """The SDK's services; every call goes through ``ask``, ``read`` or ``pages``."""
        return self._client.v1

    async def ask(self, kind: type[T], call: Awaitable[Any]) -> T:
        """Await a call and read its answer. Raises Refused for every other outcome."""
        try:
            answer = await call
        except self._sdk.StripeError as error:
            raise Refused(_failure(error)) from error
        try:
            return msgspec.convert(answer.to_dict(), kind, strict=False)
        except msgspec.ValidationError as error:
            unreadable = LastError(message=f"Stripe's answer cannot be read: {error}")
            raise Refused(Failure(status=None, error=unreadable)) from error

    async def read(self, kind: type[T], call: Awaitable[Any]) -> T:
        """Await a call where every failure is an error. Raises the platform's errors."""
        try:
            return await self.ask(kind, call)
        except Refused as refused:
            raise as_error(refused.failure) from refused.__cause__

    async def pages(
        self, kind: type[T], call: Callable[[Any], Awaitable[Any]], params: dict[str, Any]
    ) -> AsyncIterator[T]:
        """Yield every object of a list, the newest first."""
        wanted = params | {"limit": PAGE_SIZE}
        while True:
            page = await self.read(Page[kind], call(wanted))  # type: ignore[valid-type]  # Runtime.
            for item in page.data:
                yield item
            if not page.has_more or not page.data:
                return
            wanted = wanted | {"starting_after": page.data[-1].id}  # type: ignore[attr-defined]  # All have one.

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()


def as_error(failure: Failure) -> DueportError:
    """Return the platform's error for a failed read or a failed write that may be repeated."""
    error = failure.error
    message = error.message or error.code or "Stripe gave no reason"
    if failure.is_silence:
        return Unavailable(f"Stripe did not answer: {message}", failure.retry_after_s)
    if failure.status == 404:
        return NotFound(f"Stripe knows no such object: {message}")
    if failure.status in (401, 403):
        return Misconfigured(
            "Stripe refuses the secret_key: check that it is current and has the rights it needs"
        )
    if failure.status == 402:
        return Declined(message, error.decline_code or error.code or "declined")
    return Rejected(f"Stripe refused the request: {message}", error.code or error.type or "invalid")


def _failure(error: "stripe.StripeError") -> Failure:
    body: Any = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    try:
        read = msgspec.convert(told if isinstance(told, dict) else {}, LastError, strict=False)
    except msgspec.ValidationError:
        # An error whose details cannot be read is still an error with a status.
        read = LastError(message="the reason cannot be read")
    if read.message is None:
        read = msgspec.structs.replace(read, message=type(error).__name__)
    return Failure(
        status=error.http_status,
        error=read,
        retry_after_s=_retry_after_s(error),
    )


def _retry_after_s(error: "stripe.StripeError") -> int | None:
    headers = {str(name).lower(): value for name, value in dict(error.headers or {}).items()}
    given = str(headers.get("retry-after", ""))
    if given.isascii() and given.isdigit():
        return int(given)
    return RETRY_AFTER_S if error.http_status == 429 else None


def intent_in(failure: Failure) -> PaymentIntent | None:
    """Return the payment that a decline left behind; Stripe puts it into the error."""
    return failure.error.payment_intent
