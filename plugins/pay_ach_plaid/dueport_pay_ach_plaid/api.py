"""The one door to Plaid: the SDK's requests and transport, with our own readers and errors.

The SDK is synchronous, so calls run in a small pool of threads. Answers are taken as raw bytes and
read by the structs of ``wire``; exceptions of the SDK and of its transport become the platform's.
Nothing is repeated here: Plaid's answer to a repetition depends on the call, so whoever makes the
call decides.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec
import plaid
import urllib3
from plaid.api import plaid_api

from dueport_pay_ach_plaid.settings import Settings, host_of
from dueport_pay_ach_plaid.wire import PlaidError
from dueport_ports import DueportError, Environment, Misconfigured, NotFound, Rejected, Unavailable

T = TypeVar("T")
PageT = TypeVar("PageT")

THREADS: Final = 8
PAGE_SIZE: Final = 25
"""As many transfers, sweeps or events as Plaid puts into one page of a list."""

RETRY_AFTER_S: Final = 10
"""Plaid names no time with a 429; its limits are per minute."""

WRONG_KEYS: Final = (
    "INVALID_API_KEYS",
    "UNAUTHORIZED_ENVIRONMENT",
    "UNAUTHORIZED_ROUTE_ACCESS",
    "PRODUCTS_NOT_ENABLED",
    "INVALID_PRODUCT",
)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's no, or its silence (``status`` None)."""

    status: int | None
    error: PlaidError
    retry_after_s: int | None = None

    @property
    def code(self) -> str:
        return self.error.error_code or self.error.error_type or "unknown"

    @property
    def reason(self) -> str:
        return self.error.error_message or self.error.error_code or "it gave no reason"

    @property
    def is_silence(self) -> bool:
        """Whether the request may or may not have had an effect: a transfer can exist after a 500."""
        return self.status in (None, 408, 409, 429) or not 400 <= (self.status or 0) < 500

    @property
    def is_absence(self) -> bool:
        """Whether Plaid says that there is no such thing."""
        return self.status == 404 or self.code == "NOT_FOUND"


class Refused(Exception):
    """What ``PlaidApi.ask`` raises; nobody outside this plugin ever sees it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.status, failure.code)
        self.failure = failure


class PlaidApi:
    """Plaid's calls (``calls``) with reading and error translation around each of them."""

    def __init__(self, settings: Settings, environment: Environment) -> None:
        configuration = plaid.Configuration(
            host=host_of(settings, environment),
            api_key={"clientId": settings.client_id, "secret": settings.secret.reveal()},
        )
        # The SDK would repeat refused connections and follow redirects, and it has no timeout.
        configuration.retries = urllib3.Retry(0)
        configuration.connection_pool_maxsize = THREADS
        self._client = plaid.ApiClient(configuration)
        self._timeout = (settings.connect_timeout_s, settings.read_timeout_s)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="plaid")
        self.calls = plaid_api.PlaidApi(self._client)
        """The SDK's methods; every one of them is called through ``ask``, ``read`` or ``entries``."""

    async def ask(self, kind: type[T], call: Callable[..., Any], request: Any) -> T:
        """Make a call and read its answer. Raises Refused for every other outcome.

        Cancelling the awaiting task does not stop a call that is under way.
        """
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._threads, self._send, call, request)
        try:
            return msgspec.json.decode(body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            unreadable = PlaidError(error_message=f"the answer cannot be read: {error}")
            raise Refused(Failure(status=None, error=unreadable)) from error

    async def read(self, kind: type[T], call: Callable[..., Any], request: Any) -> T:
        """Make a call where every failure is an error. Raises the platform's errors."""
        try:
            return await self.ask(kind, call, request)
        except Refused as refused:
            raise as_error(refused.failure) from refused.__cause__

    async def entries(
        self,
        page_kind: type[PageT],
        call: Callable[..., Any],
        new_request: Callable[[int], Any],
        entries_of: Callable[[PageT], list[T]],
    ) -> AsyncIterator[T]:
        """Yield the entries of a list, the newest first, page by page from an offset.

        An entry that is made meanwhile moves the others on: one may come twice, none is missed.
        """
        offset = 0
        while True:
            found = entries_of(await self.read(page_kind, call, new_request(offset)))
            for entry in found:
                yield entry
            if len(found) < PAGE_SIZE:
                return
            offset += len(found)

    async def close(self) -> None:
        """Close the connections; calls under way end in their threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.rest_client.pool_manager.clear()

    def _send(self, call: Callable[..., Any], request: Any) -> bytes:
        try:
            answer = call(request, _preload_content=False, _request_timeout=self._timeout)
            body: bytes = answer.data
        except plaid.ApiException as error:
            raise Refused(_failure(error)) from error
        except (urllib3.exceptions.HTTPError, OSError, AttributeError, UnicodeError) as error:
            # The SDK itself trips over a refusal without a body or in another encoding.
            silence = PlaidError(error_message=type(error).__name__)
            raise Refused(Failure(status=None, error=silence)) from error
        return body


def as_error(failure: Failure) -> DueportError:
    """Return the platform's error for a failed read or a failed write that may be repeated."""
    if failure.is_silence:
        return Unavailable(f"Plaid did not answer: {failure.reason}", failure.retry_after_s)
    if failure.status in (401, 403) or failure.code in WRONG_KEYS:
        return Misconfigured(
            "Plaid refuses client_id and secret: check that they belong to this environment and "
            f"that Auth and Transfer are enabled ({failure.code})"
        )
    if failure.is_absence:
        return NotFound(f"Plaid knows no such object: {failure.reason}")
    return Rejected(f"Plaid refused the request: {failure.reason}", failure.code)


def _failure(error: Any) -> Failure:
    try:
        read = msgspec.json.decode(error.body or b"{}", type=PlaidError, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A proxy's page, for instance; the status says enough.
        read = PlaidError(error_message=f"HTTP {error.status}")
    return Failure(status=error.status or None, error=read, retry_after_s=_retry_after_s(error))


def _retry_after_s(error: Any) -> int | None:
    given = str((error.headers or {}).get("retry-after", ""))
    if given.isascii() and given.isdigit():
        return int(given)
    return RETRY_AFTER_S if error.status == 429 else None
