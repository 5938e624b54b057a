"""Deployments with a mail server that misbehaves on demand."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dueport_apps.usecases import send_mail
from tests.campaigns.deployment import Deployment, configure
from tests.campaigns.mail_server import MailServer, mail_server
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call sends until nothing is left, however slow the machine is at it."""
    monkeypatch.setattr(send_mail, "RUN_S", 5 * PATIENCE_S)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
async def deployment(fresh_database_url: str, server: MailServer) -> AsyncIterator[Deployment]:
    """A deployment on a database of its own, whose mail goes to the server."""
    with tempfile.TemporaryDirectory(prefix="dueport-campaign-") as name:
        folder = Path(name)
        config = configure(folder, fresh_database_url, server.port)
        deployment = Deployment(config, fresh_database_url)
        try:
            yield deployment
        finally:
            await deployment.close()
            # Shown by pytest beside a failure alone.
            log = folder / "worker.log"
            print(log.read_text() if log.exists() else "no worker ran")
