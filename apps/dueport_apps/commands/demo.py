"""``dueport demo``: a made-up dealer with both portals, processors, a mailbox and an ERP.

Everything runs in this one process (and its private PostgreSQL) on loopback, and stops with it.
The platform's own clock is the real one; the simulated processors' clock may be moved ahead.
"""

import asyncio
import contextlib
import datetime
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import httpx
import msgspec

from dueport_apps.commands.serve import (
    background,
    listening,
    make_worker,
    serving,
    until_one_ends,
    until_stopped,
)
from dueport_apps.container import Container
from dueport_apps.demo.ageing import InvitationAgeing
from dueport_apps.demo.config import (
    HOST,
    PLAID_CLIENT_ID,
    TIME_ZONE,
    DemoFolder,
    DemoSecrets,
    Made,
    Ports,
)
from dueport_apps.demo.dealer import generate_dealer
from dueport_apps.demo.files import write_files
from dueport_apps.demo.front import Guide, create_front_router, guide
from dueport_apps.demo.people import ensure_guest, ensure_operator
from dueport_apps.deployment import database, deployment, ensure_schema
from dueport_apps.sandbox.app import create_sandbox
from dueport_apps.sandbox.demo_erp import DemoErp, ErpSettings
from dueport_apps.sandbox.demo_erp.routes import create_erp_router
from dueport_apps.sandbox.frame import SandboxFrame, SandboxSettings
from dueport_apps.sandbox.mailbox import Mailbox, create_mailbox_router
from dueport_apps.sandbox.webhooks import WebhookTarget
from dueport_apps.settings import load_settings
from dueport_apps.usecases.records import SYSTEM
from dueport_apps.usecases.sync_erp import SyncErpCommand
from dueport_apps.web.app import create_app
from dueport_apps.web.http.request_log import configure_logging
from dueport_ports import Conflict, Unavailable

ZONE = ZoneInfo(TIME_ZONE)


async def run_demo(folder: Path, *, port: int, seed: int, as_json: bool = False) -> None:
    """Run until SIGINT or SIGTERM; a second start on the same folder goes on where it stopped.

    Raises Misconfigured for a port or folder that cannot be used, and Conflict for a folder that
    belongs to another demonstration.
    """
    demo = _Demo(DemoFolder(folder), Ports(port), seed, as_json)
    await until_stopped(demo.run())
    demo.say("Stopped. The data stays; the next start goes on from here.")


class _Demo:
    """One run: prepares the folder, starts the parts one after the other, says where they are."""

    def __init__(self, folder: DemoFolder, ports: Ports, seed: int, as_json: bool) -> None:
        self._folder = folder
        self._ports = ports
        self._seed = seed
        self._as_json = as_json
        self._began = time.monotonic()
        self._container: Container | None = None

    def say(self, text: str) -> None:
        """Tell a person how far it is; standard output is kept for the answer."""
        click.echo(f"{time.monotonic() - self._began:5.1f} s  {text}", err=True)

    async def run(self) -> None:
        """Start everything and wait."""
        ports = self._ports
        async with contextlib.AsyncExitStack() as stack:
            # Ports first: what cannot run must not begin to write.
            portals = stack.enter_context(listening(HOST, ports.portal, "--port"))
            beside = stack.enter_context(listening(HOST, ports.sandbox, "--port"))
            stack.enter_context(self._folder.held())
            log = stack.enter_context(self._folder.log.open("a", encoding="utf-8"))
            configure_logging(stream=log)
            secrets = self._prepare()
            shown = guide(ports, secrets.operator_totp, str(self._folder.root))
            settings = load_settings(self._folder.config)

            mailbox = Mailbox(self._folder.mailbox, host=HOST, port=ports.mail)
            with listening(HOST, ports.mail, "--port"):
                self.say("Starting PostgreSQL")
            stack.enter_context(mailbox)
            url = stack.enter_context(database(settings))
            ensure_schema(settings, url)

            self.say("Starting the processors, the mailbox and the ERP")
            erp = self._erp()
            await erp.look()
            sandbox = create_sandbox(self._sandbox_settings(secrets))
            frame: SandboxFrame = sandbox.state.frame
            sandbox.register(create_mailbox_router(mailbox))
            sandbox.register(create_erp_router(erp, ZONE))
            sandbox.register(
                create_front_router(shown, secrets.operator_totp, frame, self._look_at_processors)
            )
            tasks = [await stack.enter_async_context(serving(sandbox, beside))]

            container = await stack.enter_async_context(deployment(settings, url))
            self._container = container
            await self._read_erp(container)
            await self._people(container, mailbox, secrets)

            self.say("Starting the portals and the background work")
            worker = background(make_worker(container))
            tasks.append(await stack.enter_async_context(worker))
            app = create_app(container)
            tasks.append(
                await stack.enter_async_context(serving(app, portals, settings.config.web))
            )
            tasks.append(await stack.enter_async_context(_watching(erp, self._sync_soon)))
            ageing = InvitationAgeing(container, frame, self._folder.root / "invitations_aged_s")
            tasks.append(await stack.enter_async_context(ageing.following()))
            await _catch_up(frame)
            await self._wait_for_answers()
            self._show(shown)
            stack.callback(self.say, "Stopping")
            await until_one_ends(*tasks)

    def _prepare(self) -> DemoSecrets:
        """Make the folder at the first start; keep what is there at every other."""
        folder = self._folder
        made = folder.made()
        now = Made(
            seed=self._seed,
            today=made.today if made else datetime.datetime.now(ZONE).date(),
            port=self._ports.portal,
            folder=str(folder.root),
        )
        if made is not None and made.seed != self._seed:
            raise Conflict(
                f"{folder.root} holds the demonstration of seed {made.seed}; start it with "
                f"--seed {made.seed}, or choose another --folder for seed {self._seed}"
            )
        secrets = folder.secrets()
        if made is None:
            self.say(f"Drawing the dealer of seed {self._seed}")
            dealer = generate_dealer(self._seed, now.today)
            write_files(folder.erp / "books", dealer)
            self.say(
                f"{len(dealer.customers):,} accounts, "
                f"{sum(len(one.jobs) for one in dealer.customers):,} jobs, "
                f"{len(dealer.open_documents):,} open documents"
            )
        if made is None or (made.port, made.folder) != (now.port, now.folder):
            folder.write_config(self._ports)
            folder.remember(now)
        return secrets

    def _erp(self) -> DemoErp:
        folder = self._folder.erp
        return DemoErp(
            ErpSettings(
                books=folder / "books",
                inbox=folder / "inbox",
                outbox=folder / "outbox",
                ledger=folder / "ledger.jsonl",
            )
        )

    def _sandbox_settings(self, secrets: DemoSecrets) -> SandboxSettings:
        hooks = f"{self._ports.portal_url}/webhooks"
        return SandboxSettings(
            stripe_secret_key=secrets.stripe_secret_key,
            stripe_publishable_key=secrets.stripe_publishable_key,
            stripe_webhooks=(WebhookTarget(f"{hooks}/pay_stripe", secrets.stripe_webhook_secret),),
            plaid_client_id=PLAID_CLIENT_ID,
            plaid_secret=secrets.plaid_secret,
            plaid_webhooks=(WebhookTarget(f"{hooks}/pay_ach_plaid", ""),),
            base_url=self._ports.sandbox_url,
            seed=self._seed,
            start_at=datetime.datetime.now(datetime.UTC),
            following=True,
            data_folder=self._folder.sandbox,
        )

    async def _read_erp(self, container: Container) -> None:
        self.say("Reading the ERP")
        run = await container.sync_erp()(SyncErpCommand(by=SYSTEM))
        if run.state == "failed":
            raise Unavailable(f"the demo ERP could not be read: {run.failure}")
        await container.refresh_figures()()

    async def _people(self, container: Container, mailbox: Mailbox, secrets: DemoSecrets) -> None:
        if await ensure_operator(container, secrets.operator_totp):
            self.say("The operator is set up")
        if await ensure_guest(container, mailbox):
            self.say("The customer was invited and has registered")

    async def _look_at_processors(self) -> None:
        """Have the worker poll and import now instead of at its next hour."""
        await self._enqueue("poll_processors", "import_all_settlements")

    async def _sync_soon(self) -> None:
        await self._enqueue("sync_erp")

    async def _enqueue(self, *kinds: str) -> None:
        if self._container is None:
            return
        async with self._container.uow()() as uow:
            for kind in kinds:
                await uow.work.enqueue(kind, key=f"demo:{kind}")
            await uow.commit()

    async def _wait_for_answers(self) -> None:
        """Ask everything once over HTTP, as a browser will."""
        urls = (f"{self._ports.portal_url}/readyz", f"{self._ports.sandbox_url}/")
        async with httpx.AsyncClient(timeout=10) as client:
            for url in urls:
                answer = await client.get(url)
                if answer.status_code != httpx.codes.OK:
                    raise Unavailable(
                        f"{url} answered {answer.status_code}; {self._folder.log} says why"
                    )

    def _show(self, shown: Guide) -> None:
        if self._as_json:
            click.echo(msgspec.json.encode(shown).decode())
            return
        rows = [("Start here", shown.home)]
        for one in shown.logins:
            rows += [
                (one.what, one.url),
                ("", f"login {one.login}   password {one.password}"),
                ("", one.note),
            ]
        rows += [
            ("Mailbox", shown.mailbox),
            ("Demo ERP", shown.erp),
            ("Authenticator", shown.authenticator),
            ("", shown.otpauth),
            ("Data and log", shown.folder),
        ]
        click.echo("\nCedar Yard Supply is open.\n")
        click.echo("\n".join(f"  {name:<16}{text}" for name, text in rows))
        click.echo("\n  Ctrl-C stops it.\n")


@contextlib.asynccontextmanager
async def _watching(
    erp: DemoErp, delivered: Callable[[], Awaitable[None]]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Let the ERP import and deliver beside the block."""
    task = asyncio.create_task(erp.watch(delivered), name="demo ERP")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _catch_up(frame: SandboxFrame) -> None:
    """Bring a world that stood still while nothing ran up to now, or leave it ahead."""
    now = datetime.datetime.now(datetime.UTC)
    if frame.clock.now() < now:
        await frame.clock.advance(to=now)
