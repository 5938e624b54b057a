"""A real SMTP server in the test's own process, with scripted refusals and cut connections."""

import asyncio
import datetime
import ipaddress
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dueport_email_smtp.sender import SmtpEmailSender
from dueport_ports import EmailSender, Environment, PluginContext, decode_settings
from dueport_ports.testing.email import MailWorld, ReceivedEmail, parse_received

USERNAME = "dueport@mail.example.test"
PASSWORD = "canary-smtp-password-4711"


class Script:
    """What the server was told to do, and what it saw."""

    def __init__(self) -> None:
        self.pipelining = False
        self.refusals: dict[str, str] = {}
        self.refuse_sender = ""
        self.refuse_data: dict[str, str] = {}
        self.cut_after: set[str] = set()
        self.cut_before: set[str] = set()
        self.cut_once_before: set[str] = set()
        self.silent_after: set[str] = set()
        self.messages: list[tuple[tuple[str, ...], bytes]] = []
        self.senders: list[str] = []
        self.commands: Counter[str] = Counter()
        self.logins: list[bool] = []
        self.connections_open = 0
        self.connections_max = 0
        self.connections_total = 0
        self.encrypted_messages = 0

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        host_name: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = host_name
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelining else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands["MAIL"] += 1
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        self.senders.append(address)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands["RCPT"] += 1
        if address in self.cut_before or address in self.cut_once_before:
            self.cut_once_before.discard(address)
            cut(server)
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands["RSET"] += 1
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands["QUIT"] += 1
        return "221 Bye"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (address,) = envelope.rcpt_tos
        if address in self.refuse_data:
            return self.refuse_data[address]
        assert isinstance(envelope.content, bytes)
        self.messages.append((tuple(envelope.rcpt_tos), envelope.content))
        self.encrypted_messages += session.ssl is not None
        if address in self.cut_after:
            self.cut_after.discard(address)
            cut(server)
        if address in self.silent_after:
            await asyncio.sleep(3600)
        return "250 2.0.0 Queued as TEST"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = (data.login.decode(), data.password.decode()) == (USERNAME, PASSWORD)
        self.logins.append(good)
        return AuthResult(success=good, handled=False)


def cut(server: SMTP) -> None:
    """Break the connection at once, as a crash or a firewall does."""
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()


class _CountingSmtp(SMTP):
    def __init__(self, script: Script, open_ones: set["_CountingSmtp"], **options: Any) -> None:
        super().__init__(script, **options)
        self._script = script
        self._open_ones = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._open_ones:  # A STARTTLS handshake calls this a second time.
            self._open_ones.add(self)
            self._script.connections_total += 1
            self._script.connections_open += 1
            self._script.connections_max = max(
                self._script.connections_max, self._script.connections_open
            )
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._open_ones:
            self._open_ones.discard(self)
            self._script.connections_open -= 1
        super().connection_lost(error)


class SmtpServer:
    """The listening side; it can go down and come back on the same port."""

    def __init__(
        self,
        *,
        implicit_tls: ssl.SSLContext | None = None,
        pipelining: bool = False,
        **options: Any,
    ) -> None:
        self.script = Script()
        self.script.pipelining = pipelining
        self.port = 0
        self._implicit_tls = implicit_tls
        self._options = options
        self._open_ones: set[_CountingSmtp] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _CountingSmtp(
                self.script,
                self._open_ones,
                loop=loop,
                hostname="mail.example.test",
                ident="test server ready",
                authenticator=self.script.authenticate,
                **self._options,
            ),
            "127.0.0.1",
            self.port,
            ssl=self._implicit_tls,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for protocol in list(self._open_ones):
            cut(protocol)


@asynccontextmanager
async def smtp_server(**options: Any) -> AsyncIterator[SmtpServer]:
    server = SmtpServer(**options)
    await server.start()
    try:
        yield server
    finally:
        server.stop()
        await asyncio.sleep(0.01)


class SmtpWorld(MailWorld):
    """The contract's switches on the scripted server."""

    def __init__(self, sender: EmailSender, server: SmtpServer, connections: int) -> None:
        self.sender = sender
        self.connections = connections
        self.server = server
        self.secrets = (PASSWORD,)
        self._restart: asyncio.Task[None] | None = None

    def received(self) -> list[ReceivedEmail]:
        return [parse_received(to, content) for to, content in self.server.script.messages]

    def refuse(self, address: str, code: int, words: str) -> None:
        self.server.script.refusals[address] = f"{code} {words}"

    def cut_after_taking(self, address: str) -> None:
        self.server.script.cut_after.add(address)

    def cut_before_taking(self, address: str) -> None:
        self.server.script.cut_before.add(address)

    def go_down(self) -> None:
        self.server.stop()

    def come_back(self) -> None:
        self._restart = asyncio.ensure_future(self.server.start())

    async def settle(self) -> None:
        if self._restart is not None:
            await self._restart
        await asyncio.sleep(0.02)


class FixedClock:
    def now(self) -> datetime.datetime:
        return datetime.datetime(2026, 7, 14, 15, 4, 5, tzinfo=datetime.UTC)

    def today(self) -> datetime.date:
        return datetime.date(2026, 7, 14)


class _NoSecrets:
    def seal(self, plain: str) -> str:
        raise AssertionError("a mailer keeps nothing")

    def open(self, sealed: str) -> str:
        raise AssertionError("a mailer keeps nothing")


def make_sender(
    port: int, environment: Environment = Environment.SANDBOX, **changes: Any
) -> SmtpEmailSender:
    """Build the sender as the platform does: from the configuration's plain values."""
    from dueport_email_smtp.plugin import build
    from dueport_email_smtp.settings import SmtpSettings
    from dueport_ports import DealerFacts

    raw: dict[str, Any] = {"host": "127.0.0.1", "port": port, "encryption": "none", **changes}
    context = PluginContext(
        clock=FixedClock(),
        secrets=_NoSecrets(),
        dealer=DealerFacts(name="Hill Country Supply", reply_to="ar@hillcountry.example.test"),
        environment=environment,
        data_folder=Path("/nonexistent"),
        public_url="https://portal.example.test",
    )
    return build(decode_settings(raw, SmtpSettings), context)


class TestAuthority:
    """A certificate authority of one test run, and a server certificate from it."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "ca.pem"
        self._certificate = folder / "server.pem"
        ca_key = ec.generate_private_key(ec.SECP256R1())
        server_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("Test authority", ca_key.public_key(), "Test authority", ca_key, True)
        leaf = _certificate("localhost", server_key.public_key(), "Test authority", ca_key, False)
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        self._certificate.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        return context


def _certificate(
    subject: str,
    public_key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
