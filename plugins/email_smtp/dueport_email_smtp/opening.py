"""Connecting, protecting and signing in, and what it means when one of them fails."""

import asyncio
import ssl
from typing import NoReturn, cast

import aiosmtplib
import msgspec

from dueport_email_smtp.dialogue import Dialogue
from dueport_email_smtp.settings import Encryption, SmtpSettings
from dueport_ports import Misconfigured, Unavailable


class Opened(msgspec.Struct, frozen=True):
    """A signed-in conversation and what the server said of itself."""

    dialogue: Dialogue
    banner: str
    extensions: dict[str, str]
    """By lower-case name, with the parameters given in the answer to EHLO."""


async def open_dialogue(
    settings: SmtpSettings, tls_context: ssl.SSLContext | None, hello_name: str
) -> Opened:
    """Connect, protect, greet and sign in.

    Raises Unavailable when the server cannot be reached or is busy, and Misconfigured when
    it refuses the credentials or the encryption.
    """
    client = aiosmtplib.SMTP(
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
    try:
        banner = await client.connect()
        if client.is_ehlo_or_helo_needed:
            try:
                await client.ehlo()
            except aiosmtplib.SMTPHeloError:
                await client.helo()
        if not client.is_connected:
            raise aiosmtplib.SMTPServerDisconnected("the connection ended after the greeting")
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        _drop(client)
        _raise_port_error(error, settings)
    except BaseException:
        _drop(client)
        raise
    dialogue = Dialogue(cast(asyncio.Transport, client.transport))
    return Opened(dialogue, banner.message, dict(client.esmtp_extensions))


def _drop(client: aiosmtplib.SMTP) -> None:
    transport = client.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    client.close()


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
