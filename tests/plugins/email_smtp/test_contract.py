"""The SMTP mailer keeps the mailer's contract: in the clear, with STARTTLS, with TLS, in groups."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dueport_ports.testing.email import EmailSenderContract, MailWorld
from tests.plugins.email_smtp.smtp_server import (
    PASSWORD,
    USERNAME,
    SmtpWorld,
    TestAuthority,
    make_sender,
    smtp_server,
)


class TestSmtpInTheClear(EmailSenderContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[MailWorld]:
        async with smtp_server() as server:
            sender = make_sender(server.port, connections=4)
            yield SmtpWorld(sender, server, connections=4)
            await sender.close()


class TestSmtpWithPipelining(EmailSenderContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[MailWorld]:
        async with smtp_server(pipelining=True) as server:
            sender = make_sender(server.port, connections=4)
            yield SmtpWorld(sender, server, connections=4)
            await sender.close()


class TestSmtpWithStartTlsAndSignIn(EmailSenderContract):
    @pytest.fixture
    async def world(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[MailWorld]:
        authority = TestAuthority(tmp_path)
        monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
        async with smtp_server(
            tls_context=authority.server_context(),
            require_starttls=True,
            auth_required=True,
            pipelining=True,
        ) as server:
            sender = make_sender(
                server.port,
                host="localhost",
                encryption="starttls",
                ca_file=str(authority.ca_file),
                username=USERNAME,
                password={"env": "SMTP_PASSWORD"},
                connections=2,
            )
            yield SmtpWorld(sender, server, connections=2)
            await sender.close()


class TestSmtpOverTls(EmailSenderContract):
    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[MailWorld]:
        authority = TestAuthority(tmp_path)
        async with smtp_server(implicit_tls=authority.server_context()) as server:
            sender = make_sender(
                server.port, encryption="tls", ca_file=str(authority.ca_file), connections=3
            )
            yield SmtpWorld(sender, server, connections=3)
            await sender.close()
