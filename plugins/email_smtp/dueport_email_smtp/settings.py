"""What the dealer configures for the mail server, and what of it is refused at start-up."""

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from dueport_ports import Environment, Misconfigured, Secret, check_email

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Encryption(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_USUAL_PORT = {Encryption.STARTTLS: 587, Encryption.TLS: 465, Encryption.NONE: 25}


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[plugins.email_smtp]`` of the dealer's configuration."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """None takes the usual port of the encryption: 587, 465 or 25."""
    encryption: Encryption = Encryption.STARTTLS
    allow_plaintext: bool = False
    """Lets ``encryption = "none"`` reach a server that is not on this machine; never when live."""
    ca_file: Path | None = None
    """A PEM file with the certificate authority of a server that public ones do not vouch for."""
    username: str = ""
    password: Secret | None = None
    bounce_address: str = ""
    """Where the mail server returns what it cannot deliver; empty takes the From address."""
    hello_name: str = ""
    """The name given in EHLO; empty takes the host of the portal's public address."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """How many connections one process holds at most."""
    messages_per_connection: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    """A connection is replaced after so many messages; many servers insist on a limit."""
    idle_close_s: Seconds = 60.0
    connect_timeout_s: Seconds = 15.0
    command_timeout_s: Seconds = 30.0
    data_timeout_s: Seconds = 120.0
    """How long the server may take to accept a message after its final dot."""
    max_message_bytes: Annotated[int, msgspec.Meta(ge=10_000, le=100_000_000)] = 10_000_000

    @property
    def server_port(self) -> int:
        return self.port or _USUAL_PORT[self.encryption]


def check_settings(settings: SmtpSettings, environment: Environment) -> None:
    """Refuse combinations that would send passwords or customers' mail in the clear.

    Raises Misconfigured with what to change.
    """
    if settings.encryption is Encryption.NONE and not _is_loopback(settings.host):
        if environment is Environment.LIVE:
            raise Misconfigured(
                f"mail to {settings.host} would travel unencrypted, which a live deployment "
                'refuses; set encryption = "starttls" or "tls"'
            )
        if not settings.allow_plaintext:
            raise Misconfigured(
                f"mail to {settings.host} would travel unencrypted; set encryption to "
                '"starttls" or "tls", or say allow_plaintext = true for a test server'
            )
    if bool(settings.username) != (settings.password is not None):
        raise Misconfigured("username and password of the mail server go together; one is missing")
    if settings.bounce_address and (problem := check_email(settings.bounce_address)):
        raise Misconfigured(f"bounce_address: {problem}")
    if settings.ca_file is not None and not settings.ca_file.is_file():
        raise Misconfigured(f"ca_file {settings.ca_file} is not a readable file")


def hello_name(settings: SmtpSettings, public_url: str) -> str:
    """The name that this client gives in EHLO, always one that RFC 5321 allows."""
    name = settings.hello_name or urlsplit(public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
