"""``invite codes`` and ``letter``: what is printed for customers."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from dueport_apps.commands.invite.words import counted
from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.spreadsheets import csv_content
from dueport_apps.usecases.records import Language
from dueport_ports import Invalid

if TYPE_CHECKING:
    from dueport_apps.container import Container

_TARGET = click.Path(path_type=Path, dir_okay=False)


@click.command("codes")
@click.option("--out", type=_TARGET, metavar="FILE.csv", help="Write a CSV file.")
@deployment_command
async def codes(session: Session, container: "Container", out: Path | None) -> None:
    """List the enrolment codes of all customers whom nobody can sign in for.

    With the account number, a code opens the registration: keep the list like a password.
    """
    found = await container.enrolment_codes().export_all(command_line())
    if not container.settings().config.policies.signup.enrolment_codes:
        click.echo(
            "Nobody can use them: set enrolment_codes = true in [policies.signup].", err=True
        )
    if out is not None:
        rows = [(account.account_no, account.name, code) for account, code in found]
        _write(out, csv_content(("account_no", "account_name", "code"), rows))
        value = {"file": str(out), "codes": len(found)}
        session.say(value, f"Wrote {counted(len(found), 'code')} to {out}.")
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
@click.option("--language", type=click.Choice(["en", "es"]), help="English or Spanish.")
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
        raise click.UsageError("Name accounts or use --all, not both.")
    announce, chosen = container.announce(), cast(Language | None, language)
    letters = len(dict.fromkeys(account))
    if everybody:
        content, letters = await announce.letters_to_all(command_line(), chosen)
    else:
        content = await announce.letter(account, chosen)
    _write(out, content)
    words = counted(letters, "letter") if letters else "the letter to everybody"
    session.say({"file": str(out), "letters": letters}, f"Wrote {words} to {out}.")


def _write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read: codes in it open registrations."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error


COMMANDS: list[click.Command] = [codes, letter]
