"""``invite bounces``, ``read-bounces`` and ``clear-bounce``: mail that came back."""

import asyncio
import sys
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dueport_apps.commands.invite.words import counted, moment
from dueport_apps.commands.session import EXIT_FOUND, Session, command_line, deployment_command
from dueport_apps.usecases.invite_records import BouncedRow
from dueport_apps.usecases.receive_bounce import BouncedRecipient
from dueport_ports import Invalid, Misconfigured

if TYPE_CHECKING:
    from dueport_apps.container import Container

PAGE = 500
_KINDS = {True: "permanent", False: "temporary", None: "unclear"}
_READABLE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("bounces")
@deployment_command
async def bounces(session: Session, container: "Container") -> None:
    """List the addresses whose mail came back, newest first; nothing is sent there.

    Times are the dealer's.
    """
    zone = container.settings().zone
    rows: list[BouncedRow] = []
    after: str | None = None
    async with container.reads()() as uow:
        while True:
            page, after = await uow.bounces.rows(after, PAGE)
            rows += page
            if after is None:
                break
    lines = [_line(row, zone) for row in rows] or ["No address bounces."]
    session.say([_json(row) for row in rows], "\n".join(lines))


@click.command("read-bounces")
@click.argument("files", nargs=-1, type=_READABLE, metavar="[FILE]...")
@deployment_command
async def read_bounces(session: Session, container: "Container", files: tuple[Path, ...]) -> None:
    """Read reports of mail that came back: the named files, or the folder of the configuration.

    Named files stay where they are; those of the folder are moved to its `done` or `unread`.
    """
    if not files:
        await _read_folder(session, container)
        return
    results = []
    lines = []
    with click.progressbar(
        length=len(files), label="Reading", file=sys.stderr, hidden=session.as_json
    ) as bar:
        for path in files:
            result, line = await _read_file(container, path)
            results.append(result)
            lines.append(line)
            bar.update(1)
    session.say(results, "\n".join(lines))
    if any("error" in result for result in results):
        raise SystemExit(EXIT_FOUND)


@click.command("clear-bounce")
@click.argument("address")
@deployment_command
async def clear_bounce(session: Session, container: "Container", address: str) -> None:
    """Let mail go to an address again whose mail came back."""
    await container.clear_bounce()(address.strip(), command_line())
    session.say({"cleared": address}, f"{address} can be mailed again.")


async def _read_folder(session: Session, container: "Container") -> None:
    reading = container.read_bounces()
    if not reading.configured:
        raise Misconfigured(
            "no folder is configured; name files, or set bounces_folder under [mail]"
        )
    done = await reading(command_line())
    text = (
        f"Read {counted(done.files, 'file')}: {counted(done.marked, 'address', 'addresses')} "
        f"marked, {done.unread} not understood and kept."
    )
    session.say(done, text)
    if done.unread:
        raise SystemExit(EXIT_FOUND)


async def _read_file(container: "Container", path: Path) -> tuple[dict[str, Any], str]:
    raw = await asyncio.to_thread(path.read_bytes)
    try:
        result = await container.receive_bounce()(raw, command_line())
    except Invalid as error:
        return {"file": str(path), "error": error.message}, f"{path}: {error.message}"
    said = "; ".join(_words(one) for one in result.recipients)
    return {"file": str(path), "recipients": result.recipients}, f"{path}: {said}"


def _line(row: BouncedRow, zone: zoneinfo.ZoneInfo) -> str:
    named = ", ".join(f"{one.account_no} {one.account_name}" for one in row.accounts)
    hint = "  Fix in ERP" if row.on_file else ""
    return (
        f"{moment(row.mark.at, zone)}  {row.mark.address}  {named or 'no customer'}  "
        f"{_KINDS[row.mark.permanent]}  {row.mark.reason}{hint}"
    )


def _json(row: BouncedRow) -> dict[str, Any]:
    return {
        "address": row.mark.address,
        "at": row.mark.at,
        "reason": row.mark.reason,
        "permanent": row.mark.permanent,
        "accounts": row.accounts,
    }


def _words(recipient: BouncedRecipient) -> str:
    return f"{recipient.address} {recipient.outcome} ({recipient.reason})"


COMMANDS: list[click.Command] = [bounces, read_bounces, clear_bounce]
