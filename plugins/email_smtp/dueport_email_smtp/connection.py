"""One conversation with the mail server, and what can be said of a message when it breaks.

The moment that matters is the final dot. Before it is written the server cannot have taken the
message, and trying again is safe. After it the server may have, so a broken connection is
``unknown`` and nobody repeats it by himself. aiosmtplib's own ``data()`` reports both as the same
error; that is why the last step is spoken here, over its connection.
"""

import asyncio
import contextlib
import ssl
from typing import NoReturn, cast

import aiosmtplib

from dueport_email_smtp.settings import Encryption, SmtpSettings
from dueport_ports import EmailResult, Misconfigured, OutgoingEmail, Unavailable

_SERVICE_CLOSING = 421
# The server wants encryption or a sign-in first: a setting is wrong, not the message.
_WANTS_SIGN_IN_OR_TLS = frozenset({530, 534, 538})
_BUFFER_POLL_S = 0.005


class LostBeforeHandover(Exception):
    """The connection ended while the server could not yet have taken the message."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Connection:
    """One signed-in connection. It belongs to one task at a time."""

    def __init__(
        self, settings: SmtpSettings, tls_context: ssl.SSLContext | None, hello_name: str
    ) -> None:
        self._settings = settings
        self._client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.server_port,
            username=settings.username or None,
            password=settings.password.reveal() if settings.password else None,
            local_hostname=hello_name,
            timeout=settings.connect_timeout_s,
            use_tls=settings.encryption is Encryption.TLS,
            start_tls=settings.encryption is Encryption.STARTTLS,
            tls_context=tls_context,
        )
        self._needs_reset = False
        self.messages_sent = 0
        self.idle_since: float = 0.0

    @property
    def is_open(self) -> bool:
        return self._client.is_connected

    async def open(self) -> str:
        """Connect, protect, greet and sign in; return the server's banner.

        Raises Unavailable when the server cannot be reached or is busy, and Misconfigured when
        it refuses the credentials or the encryption.
        """
        try:
            banner = await self._client.connect()
            if self._client.is_ehlo_or_helo_needed:
                try:
                    await self._client.ehlo()
                except aiosmtplib.SMTPHeloError:
                    await self._client.helo()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.abort()
            _raise_port_error(error, self._settings)
        except BaseException:
            self.abort()
            raise
        self._client.timeout = self._settings.command_timeout_s
        return banner.message

    async def is_healthy(self) -> bool:
        """Whether an idle connection still answers; afterwards it is ready for a new message."""
        if not self.is_open:
            return False
        try:
            reply = await self._client.execute_command(b"RSET", timeout=5)
        except (aiosmtplib.SMTPException, OSError):
            self.abort()
            return False
        self._needs_reset = False
        return reply.code == 250

    async def quit(self) -> None:
        """Say goodbye and close; a server that no longer listens is simply closed."""
        # The connection is gone either way, and no message depends on this answer.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            if self.is_open:
                await self._client.quit(timeout=2)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once, without sending what is still buffered."""
        transport = self._client.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._client.close()

    async def deliver(self, message: OutgoingEmail, raw: bytes) -> EmailResult:
        """Hand one message over and return the server's answer.

        Raises LostBeforeHandover when the connection ended too early for the server to have the
        message, and Misconfigured when the server demands a sign-in or encryption.
        """
        try:
            refusal = await self._announce(message, len(raw))
            if refusal is not None:
                return refusal
            return await self._hand_over(message, raw)
        except asyncio.CancelledError:
            self.abort()
            raise

    async def _announce(self, message: OutgoingEmail, size: int) -> EmailResult | None:
        """MAIL, RCPT and DATA; return the refusal, or None when the server awaits the message."""
        client = self._client
        options = []
        if client.supports_extension("size"):
            limit = client.esmtp_extensions.get("size", "")
            if limit.isdigit() and 0 < int(limit) < size:
                return _result(message, 552, f"the server takes at most {limit} bytes")
            options.append(b"SIZE=%d" % size)
        sender = self._settings.bounce_address or message.from_address
        commands: list[tuple[frozenset[int], tuple[bytes, ...]]] = [
            (frozenset({250}), (b"MAIL", b"FROM:<%s>" % sender.encode("ascii"), *options)),
            (frozenset({250, 251}), (b"RCPT", b"TO:<%s>" % message.to_address.encode("ascii"))),
            (frozenset({354}), (b"DATA",)),
        ]
        try:
            if self._needs_reset:
                await self._command(b"RSET")
                self._needs_reset = False
            for wanted, command in commands:
                reply = await self._command(*command)
                if reply.code in wanted:
                    continue
                self._needs_reset = True
                if reply.code in _WANTS_SIGN_IN_OR_TLS:
                    self.abort()
                    raise Misconfigured(
                        f"the mail server {self._settings.host} wants a sign-in or encryption "
                        f"first: {reply.code} {reply.message}"
                    )
                return _result(message, reply.code, reply.message)
        except aiosmtplib.SMTPTimeoutError:
            self.abort()
            return _result(message, 0, "the mail server did not answer in time")
        except (aiosmtplib.SMTPException, OSError) as error:
            self.abort()
            raise LostBeforeHandover(f"the connection was lost: {error}") from error
        return None

    async def _command(self, *words: bytes) -> aiosmtplib.SMTPResponse:
        reply = await self._client.execute_command(*words)
        if reply.code == _SERVICE_CLOSING:
            self.abort()
            raise LostBeforeHandover(reply.message, reply.code)
        return reply

    async def _hand_over(self, message: OutgoingEmail, raw: bytes) -> EmailResult:
        """Write the message, then its final dot, then wait for the answer."""
        protocol = self._client.protocol
        if protocol is None:
            raise LostBeforeHandover("the connection was lost before the message was written")
        # Listening starts before writing: a server may refuse in the middle of the message.
        answer = asyncio.ensure_future(
            protocol.read_response(timeout=self._settings.data_timeout_s)
        )
        dot_written = False
        try:
            await asyncio.sleep(0)
            protocol.write(dot_stuffed(raw))
            if not await self._drained(answer):
                raise LostBeforeHandover("the connection was lost while the message was written")
            dot_written = not answer.done()
            if dot_written:
                protocol.write(b".\r\n")
            reply = await answer
        except (aiosmtplib.SMTPException, OSError) as error:
            self.abort()
            if not dot_written:
                raise LostBeforeHandover(f"the connection was lost: {error}") from error
            return EmailResult(
                message_id=message.message_id,
                state="unknown",
                reason=f"no answer after the whole message was sent: {error}",
            )
        except BaseException:
            self.abort()
            raise
        finally:
            answer.cancel()
        if not dot_written or reply.code == _SERVICE_CLOSING:
            self.abort()  # The two sides no longer agree on where the conversation stands.
        if not dot_written and reply.code < 400:
            raise LostBeforeHandover("the server answered before it had the whole message")
        if reply.code == 250:
            self.messages_sent += 1
        return _result(message, reply.code, reply.message)

    async def _drained(self, answer: "asyncio.Future[aiosmtplib.SMTPResponse]") -> bool:
        """Wait until the message has left this process; False when the connection ended first."""
        transport = cast(asyncio.WriteTransport | None, self._client.transport)
        while transport is not None and not transport.is_closing() and not answer.done():
            if not transport.get_write_buffer_size():
                return True
            await asyncio.sleep(_BUFFER_POLL_S)
        return answer.done() and not answer.cancelled() and answer.exception() is None


def dot_stuffed(raw: bytes) -> bytes:
    """Double a dot that begins a line, so that no text can end the message early."""
    return raw.replace(b"\r\n.", b"\r\n..") if b"\r\n." in raw else raw


def _result(message: OutgoingEmail, code: int, words: str) -> EmailResult:
    if code == 250:
        return EmailResult(message_id=message.message_id, state="sent", code=code, reason=words)
    return EmailResult(
        message_id=message.message_id,
        state="refused",
        permanent=500 <= code <= 599,
        code=code,
        reason=words,
    )


def _raise_port_error(error: Exception, settings: SmtpSettings) -> NoReturn:
    """Tell a server that cannot be reached from a setting that is wrong."""
    server = f"the mail server {settings.host}:{settings.server_port}"
    code = getattr(error, "code", 0)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and code >= 500:
        raise Misconfigured(
            f"{server} refused the username or password: {code} {error.message}"
        ) from error
    tls_error = _tls_error(error)
    if tls_error is not None:
        raise Misconfigured(f"{server} failed the TLS check: {tls_error}") from error
    no_answer = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)
    if isinstance(error, (*no_answer, aiosmtplib.SMTPConnectError)):
        raise Unavailable(f"{server} cannot be reached: {error}") from error
    if isinstance(error, aiosmtplib.SMTPResponseException) and code < 500:
        raise Unavailable(f"{server} is not ready: {code} {error.message}") from error
    raise Misconfigured(f"{server} cannot be used as configured: {error}") from error


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The refusal of a certificate or protocol in a chain of causes, not a mere broken line."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            broken_line = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
            return None if broken_line else error
        error = error.__cause__
    return None
