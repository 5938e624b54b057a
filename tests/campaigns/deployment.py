"""A deployment with real workers: a configuration, a book of customers, and processes to kill."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from dependency_injector import providers
from procrastinate.jobs import Status

from dueport_apps.adapters.configured import ConfiguredErp
from dueport_apps.container import Container, build_container
from dueport_apps.settings import load_settings
from dueport_apps.storage.engine import plain_url
from dueport_apps.usecases.invite_records import Campaign, CampaignKind, CampaignMail, Selection
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import AccountFilter, Permission, Principal, SyncRun
from dueport_apps.usecases.sync_erp import SyncErpCommand
from dueport_ports.testing.fakes_erp import FakeErp
from tests.patience import PATIENCE_S
from tests.world import account

CONNECTIONS = 8
STAFF = Principal(
    kind="operator",
    principal_id="operator-1",
    name="Olivia Operator",
    permissions=frozenset(Permission),
)
EVERYBODY = Selection(matching=AccountFilter())
_MAPPING = """\
version = 1
[[accounts]]
file = "accounts.csv"
columns = { account_no = "Number", name = "Name" }
[[documents]]
file = "documents.csv"
columns = { document_ref = "Reference", account_no = "Number" }
"""
_CONFIG = """\
data_folder = "data"
[dealer]
name = "Cedar Yard Supply"
reply_to = "ar@cedaryard.example"
phone = "(603) 555-0142"
[secret_key]
file = "secret_key"
[database]
url = "{url}"
[web]
base_url = "http://127.0.0.1:{web_port}"
port = {web_port}
[erp]
plugin = "erp_generic"
[payments]
card = ""
ach = ""
[plugins.erp_generic]
folder = "inbox"
mapping = "mapping.toml"
outbox = "outbox"
[plugins.email_smtp]
host = "127.0.0.1"
port = {mail_port}
encryption = "none"
connections = {connections}
"""


def configure(folder: Path, url: str, mail_port: int, web_port: int = 8400) -> Path:
    """Write a deployment's configuration and return its path."""
    (folder / "secret_key").write_text("a secret key for tests that is long enough")
    (folder / "secret_key").chmod(0o600)
    (folder / "inbox").mkdir()
    (folder / "mapping.toml").write_text(_MAPPING)
    config = folder / "dealer.toml"
    config.write_text(
        _CONFIG.format(
            url=plain_url(url), mail_port=mail_port, web_port=web_port, connections=CONNECTIONS
        )
    )
    return config


class Worker:
    """A worker as an operating system runs it."""

    def __init__(self, config: Path, kind: str = "worker") -> None:
        self._errors = (config.parent / f"{kind}.log").open("a")
        command = [sys.executable, "-m", "dueport_apps.cli", "--config", str(config), kind]
        self._process = subprocess.Popen(command, stdout=self._errors, stderr=self._errors)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=PATIENCE_S)
        self._errors.close()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=PATIENCE_S)
        finally:
            self._errors.close()


class Deployment:
    """The deployment as the test's own process sees it."""

    def __init__(self, config: Path, url: str) -> None:
        self.config = config
        self.container: Container = build_container(load_settings(config), url)
        self._url = url

    def worker(self) -> Worker:
        return Worker(self.config)

    async def fill(self, customers: int) -> list[str]:
        """Mirror so many customers; return their addresses."""
        addresses = [f"ap{number}@customer{number}.example" for number in range(customers)]
        erp = FakeErp(now=self.container.clock().now)
        erp.put(
            *[
                account(f"{10_000 + number}", f"Customer {number}, Inc.", address)
                for number, address in enumerate(addresses)
            ]
        )
        with self.container.erp.override(providers.Object(ConfiguredErp("fake_erp", erp))):
            self.container.sync_erp.reset()
            run: SyncRun = await self.container.sync_erp()(SyncErpCommand(by=STAFF))
        assert run.state == "done", run.failure
        return addresses

    async def start(self, kind: CampaignKind = CampaignKind.INVITE) -> Campaign:
        order = InviteOrder(kind=kind, selection=EVERYBODY)
        return await self.container.start_campaign().at_once(order, STAFF)

    async def mails(self, campaign: Campaign, state: MailState | None = None) -> list[CampaignMail]:
        found: list[CampaignMail] = []
        after: str | None = None
        async with self.container.uow()() as uow:
            while True:
                page, after = await uow.campaigns.mails(campaign.campaign_id, state, after, 500)
                found += page
                if after is None:
                    return found

    async def sent_through(self, campaign: Campaign) -> None:
        """Wait until a worker has nothing left to do for the campaign."""
        async with asyncio.timeout(5 * PATIENCE_S):
            while True:
                async with self.container.uow()() as uow:
                    state = (await uow.campaigns.get(campaign.campaign_id)).state
                if state.value == "done":
                    return
                await asyncio.sleep(0.1)

    async def admitted(self, tokens: Sequence[str]) -> set[str]:
        """Return the addresses whose invitation one of these links opens."""
        opened = set()
        async with self.container.uow()() as uow:
            for token in tokens:
                found = await uow.invitations.by_token(self.container.tokens().hash(token))
                if found is not None:
                    opened.add(found.email)
        return opened

    def running_jobs(self) -> int:
        """Count the jobs that are marked as under way, by whomever."""
        with psycopg.connect(plain_url(self._url)) as connection:
            row = connection.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE status = %s AND task_name = %s",
                [Status.DOING.value, "send_mail"],
            ).fetchone()
        assert row is not None
        return int(row[0])

    async def close(self) -> None:
        await self.container.presence().close()
        await self.container.sender().close()
        await self.container.database().close()
