"""``invite disable`` and ``restore``: portal access of customers who have registered."""

from typing import TYPE_CHECKING

import click

from dueport_apps.commands.session import Session, command_line, deployment_command

if TYPE_CHECKING:
    from dueport_apps.container import Container


@click.command("disable")
@click.argument("account_no", metavar="ACCOUNT")
@click.option("--login", default="", metavar="EMAIL", help="One person; everybody without it.")
@deployment_command
async def disable(session: Session, container: "Container", account_no: str, login: str) -> None:
    """Switch portal access off: sessions and links die at once, nothing is deleted."""
    user_id = await container.restore_access().person(account_no, login) if login else ""
    changed = await container.disable_access()(account_no, command_line(), user_id=user_id)
    session.say({"disabled": changed}, f"Switched off: {changed} login(s) and invitation(s).")


@click.command("restore")
@click.argument("account_no", metavar="ACCOUNT")
@click.option("--login", default="", metavar="EMAIL", help="One person; everybody without it.")
@deployment_command
async def restore(session: Session, container: "Container", account_no: str, login: str) -> None:
    """Switch portal access on again; passwords are as they were."""
    access = container.restore_access()
    user_id = await access.person(account_no, login) if login else ""
    changed = await access(account_no, command_line(), user_id=user_id)
    session.say({"restored": changed}, f"Switched on again: {changed} login(s).")


COMMANDS: list[click.Command] = [disable, restore]
