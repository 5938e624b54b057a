"""``invite codes`` and ``letter``: what is printed for customers."""

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.usecases.records import Language, audit
from dueport_ports import Account, Invalid

if TYPE_CHECKING:
    from dueport_apps.container import Container

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TARGET = click.Path(path_type=Path, dir_okay=False)


@click.command("codes")
@click.option("--out", type=_TARGET, metavar="FILE.csv", help="Write a CSV file.")
@deployment_command
async def codes(session: Session, container: "Container", out: Path | None) -> None:
    """List the enrolment codes of all customers whom nobody can sign in for.

    With the account number, a code opens the registration: keep the list like a password.
    """
    found = await container.announce().all_codes()
    if not container.settings().config.policies.signup.enrolment_codes:
        click.echo(
            "Nobody can use them: set enrolment_codes = true in [policies.signup].", err=True
        )
    async with container.uow()() as uow:
        detail = {"codes": str(len(found))}
        now = container.clock().now()
        await uow.audit.append(
            audit(command_line(), now, "enrolment.exported", "accounts", **detail)
        )
        await uow.commit()
    if out is not None:
        _write(out, _csv(found).encode("utf-8-sig"))
        value = {"file": str(out), "codes": len(found)}
        session.say(value, f"Wrote {len(found)} code(s) to {out}.")
        return
    value_list = [
        {
            "account_no": account.account_no,
            "account_name": account.name,
            "code": code,
        }
        for account, code in found
    ]
    lines = [f"{account.account_no}  {code}  {account.name}" for account, code in found]
    session.say(value_list, "\n".join(lines) or "Everybody can sign in; there is no code.")


@click.command("letter")
@click.option("--out", required=True, type=_TARGET, metavar="FILE.pdf", help="Where to write it.")
@click.option("--account", multiple=True, metavar="NO", help="To this customer; repeatable.")
@click.option("--all", "everybody", is_flag=True, help="To all whom nobody can sign in for.")
@click.option("--language", type=click.Choice(["en", "es"]))
@deployment_command
async def letter(
    session: Session,
    container: "Container",
    out: Path,
    account: tuple[str, ...],
    everybody: bool,
    language: str | None,
) -> None:
    """Write the letter that announces the portal: one page per customer, or one for everybody."""
    if account and everybody:
        raise Invalid("Name accounts or use --all, not both.")
    announce, chosen = container.announce(), cast(Language | None, language)
    letters = len(dict.fromkeys(account))
    if everybody:
        content, letters = await announce.letters_to_all(chosen)
    else:
        content = await announce.letter(account, chosen)
    _write(out, content)
    words = f"{letters} letter(s)" if letters else "the letter to everybody"
    session.say({"file": str(out), "letters": letters}, f"Wrote {words} to {out}.")


def _csv(found: list[tuple[Account, str]]) -> str:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(("account_no", "account_name", "code"))
    for account, code in found:
        table.writerow((_plain(account.account_no), _plain(account.name), code))
    return written.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking what the ERP holds for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read: codes in it open registrations."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error


COMMANDS: list[click.Command] = [codes, letter]
