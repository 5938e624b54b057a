"""The ``dueport`` command: set up, check, run and operate one dealer's deployment.

Exit codes: 0 done, 1 done but something was found (a failed check, refused rows), 2 wrong
arguments, 3 the configuration is wrong, 4 something outside did not answer, 5 refused.
"""

import asyncio
import importlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dueport_apps.commands.session import (
    EXIT_FOUND,
    EXIT_OUTSIDE,
    Session,
    command,
    open_container,
)
from dueport_apps.web.http.request_log import configure_logging
from dueport_ports import NamedFile

LATE = {"invite": "dueport_apps.commands.invite"}
"""Groups of commands that are imported when they are asked for, so that every start is quick."""


class Commands(click.Group):
    """The commands of this module, and those of ``LATE``."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), *LATE])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in LATE:
            return super().get_command(context, name)
        found: click.Command = getattr(importlib.import_module(LATE[name]), name)
        return found


class LogoFile(click.ParamType[str]):
    """The name of a picture beside the configuration; empty for none. A wrong one is asked again."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from dueport_apps.logo import read_logo
        from dueport_ports import Misconfigured

        folder = Path() if ctx is None else ctx.find_root().params["config"].parent
        if value:
            try:
                read_logo(folder / value)
            except Misconfigured as error:
                self.fail(str(error), param, ctx)
        return value


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("dealer.toml"),
    envvar="DUEPORT_CONFIG",
    show_default=True,
    help="The deployment's configuration file.",
)
@click.version_option(package_name="dueport")
def main(config: Path) -> None:
    """Receivables payments for dealers: portals, plugins and postings proved to the cent."""
    # Answers go to standard output, so the log must not.
    configure_logging(stream=sys.stderr, level=logging.CRITICAL)


@main.command()
@click.option("--name", prompt="Dealer's name")
@click.option("--reply-to", prompt="Address that customers reply to")
@click.option("--phone", prompt="Phone", default="")
@click.option(
    "--logo", type=LogoFile(), prompt="Logo, a PNG or JPEG file beside dealer.toml", default=""
)
@click.option("--time-zone", prompt="Time zone", default="America/New_York")
@click.option("--base-url", prompt="Portal address", default="http://127.0.0.1:8400")
@click.option("--stripe-publishable-key", prompt="Stripe publishable key", default="")
@click.option("--plaid-client-id", prompt="Plaid client id", default="")
@click.option("--smtp-host", prompt="Mail server", default="127.0.0.1")
@click.option("--smtp-port", prompt="Mail server's port", default=587, type=int)
@click.option("--smtp-username", prompt="Mail server's user", default="")
@command
def init(session: Session, **answers: Any) -> None:
    """Write a dealer.toml by asking."""
    from dueport_apps.commands.init import Answers, write_config

    path = write_config(session.config.parent, Answers(**answers))
    session.say(
        {"config": str(path)},
        f"Wrote {path} and a secret key beside it.\nNext: set the secrets that it names, then run "
        f"`dueport --config {path} check`.",
    )


@main.command()
@command
def check(session: Session) -> None:
    """Check the configuration, plugins, database, mail server, ERP and processors."""
    from dueport_apps.commands.check import check_deployment

    findings = asyncio.run(check_deployment(session.settings()))
    lines = [f"{'ok  ' if f.ok else 'FAIL'}  {f.what}: {f.detail}" for f in findings]
    session.say(findings, "\n".join(lines))
    if not all(finding.ok for finding in findings):
        raise SystemExit(EXIT_FOUND)


@main.command()
@command
def migrate(session: Session) -> None:
    """Bring the database's schema up to date."""
    from dueport_apps.deployment import database
    from dueport_apps.storage.migrate import migrate as migrate_database

    with database(session.settings()) as url:
        migrate_database(url)
    session.say({"migrated": True}, "The database is up to date.")


@main.command()
@click.option("--worker/--no-worker", default=False, help="Also run background work here.")
@command
def serve(session: Session, worker: bool) -> None:
    """Serve both portals, the API and the webhooks."""
    from dueport_apps.commands.serve import run
    from dueport_apps.commands.serve import serve as serve_portals

    run(serve_portals(session.settings(), with_worker=worker))


@main.command()
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64))
@click.option("--once", is_flag=True, help="Do what is due now and stop.")
@command
def worker(session: Session, concurrency: int, once: bool) -> None:
    """Run background work: mail, webhooks, settlements, posting, schedules."""
    from dueport_apps.commands.serve import run, work

    run(work(session.settings(), concurrency=concurrency, once=once))


@main.command()
@command
def sync(session: Session) -> None:
    """Read the ERP now."""
    from dueport_apps.usecases.records import SYSTEM
    from dueport_apps.usecases.sync_erp import SyncErpCommand

    async def run() -> None:
        async with open_container(session) as container:
            result = await container.sync_erp()(SyncErpCommand(by=SYSTEM))
            await container.refresh_figures()()
            lines = [
                f"{entity}: {counts.inserted} new, {counts.updated} changed, "
                f"{counts.unchanged} unchanged, {counts.deleted} gone"
                for entity, counts in result.counts.items()
            ]
            lines.append(f"{result.problems} row(s) with a remark or refused")
            if result.state == "failed":
                lines.append(f"FAILED: {result.failure}")
            session.say(result, "\n".join(lines))
            if result.state == "failed":
                raise SystemExit(EXIT_OUTSIDE)

    asyncio.run(run())


@main.command()
@command
def settle(session: Session) -> None:
    """Read payouts from every processor now."""

    async def run() -> None:
        async with open_container(session) as container:
            problems = await container.import_all_settlements()()
            session.say({"problems": problems}, "\n".join(problems) or "Every payout is matched.")
            if problems:
                raise SystemExit(EXIT_FOUND)

    asyncio.run(run())


@main.command()
@click.argument("settlement_id")
@click.option("--files", type=click.Path(path_type=Path, file_okay=False), help="Write files only.")
@command
def post(session: Session, settlement_id: str, files: Path | None) -> None:
    """Post one settlement to the ERP, or write its import files."""
    from dueport_apps.usecases.post_settlement import PostSettlementCommand
    from dueport_apps.usecases.records import SYSTEM

    async def render() -> Sequence[NamedFile]:
        async with open_container(session) as container:
            rendered: Sequence[NamedFile] = await container.post_settlement().render(settlement_id)
            return rendered

    async def run() -> None:
        async with open_container(session) as container:
            settlement = await container.post_settlement()(
                PostSettlementCommand(settlement_id=settlement_id, by=SYSTEM)
            )
            session.say(settlement, f"Settlement {settlement_id} is {settlement.state.value}.")

    if files is None:
        asyncio.run(run())
        return
    rendered = asyncio.run(render())
    files.mkdir(parents=True, exist_ok=True)
    for file in rendered:
        (files / Path(file.name).name).write_bytes(file.content)
    names = [file.name for file in rendered]
    session.say({"files": names}, "\n".join(names))


@main.command()
@command
def plugins(session: Session) -> None:
    """List the plugins that the configuration uses, with version, ports and state."""
    from dueport_apps.plugin_loader import load_plugins

    settings = session.settings()
    catalog = load_plugins(settings.wanted_plugins, settings.config.extensions)
    missing = sorted(set(settings.wanted_plugins) - {s.name for s in catalog.statuses})
    lines = [
        f"{status.name}  {status.distribution} {status.version}  "
        f"{', '.join(status.ports) or '-'}  {f'off: {status.off}' if status.off else 'on'}"
        for status in catalog.statuses
    ]
    lines += [f"{name}  not installed" for name in missing]
    session.say({"plugins": catalog.statuses, "missing": missing}, "\n".join(lines))


@main.group()
def operator() -> None:
    """Manage the dealer's staff."""


@operator.command("add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(["admin", "ar", "read_only"]), default="admin")
@command
def operator_add(session: Session, email: str, name: str, role: str) -> None:
    """Add an operator and print the one-time link that sets password and second factor."""
    from dueport_apps.usecases.records import SYSTEM, OperatorRole
    from dueport_apps.usecases.set_up_operator import AddOperatorCommand

    async def run() -> None:
        async with open_container(session) as container:
            added = await container.add_operator()(
                AddOperatorCommand(email=email, name=name, role=OperatorRole(role), by=SYSTEM)
            )
            link = container.addresses().operator_setup(added.setup_token)
            session.say(
                {"operator_id": added.operator.operator_id, "setup_url": link},
                f"{name} sets up here, once, within 72 hours:\n{link}",
            )

    asyncio.run(run())


@main.group()
def audit() -> None:
    """Read the audit log."""


@audit.command("verify")
@command
def audit_verify(session: Session) -> None:
    """Check the audit log's hash chain."""

    async def run() -> None:
        async with open_container(session) as container, container.uow()() as uow:
            broken = await uow.audit.verify()
        if broken is None:
            session.say({"ok": True}, "The audit log is intact.")
            return
        session.say({"ok": False, "first_broken": broken}, f"Entry {broken} does not follow.")
        raise SystemExit(EXIT_FOUND)

    asyncio.run(run())


@main.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Where its data lies; the next start goes on from it.  [default: demo-data]",
)
@click.option(
    "--port",
    default=8400,
    show_default=True,
    type=int,
    help="The portals' port; the pages around them take the one 20 above, mail the one 25 above.",
)
@click.option("--seed", default=7, show_default=True, type=int, help="Which dealer is drawn.")
@command
def demo(session: Session, folder: Path | None, port: int, seed: int) -> None:
    """Run a demonstration dealer with both portals, the sandbox and a mailbox."""
    from dueport_apps.commands.demo import run_demo
    from dueport_apps.demo.config import default_folder

    where = folder or default_folder(Path.cwd())
    asyncio.run(run_demo(where, port=port, seed=seed, as_json=session.as_json))


if __name__ == "__main__":
    main()
