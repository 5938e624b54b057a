"""``invite disable`` and ``restore``: portal access of customers who have registered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dueport_apps.commands.invite.words import counted
from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.usecases.access_changes import Access, AccessChange, access_change, access_of

if TYPE_CHECKING:
    from dueport_apps.container import Container


@click.command("disable")
@click.argument("account_no", metavar="ACCOUNT")
@click.option("--login", default="", metavar="EMAIL", help="One person; everybody without it.")
@deployment_command
async def disable(session: Session, container: "Container", account_no: str, login: str) -> None:
    """Switch portal access off: sessions and links die at once, nothing is deleted."""
    user_id = await container.restore_access().person(account_no, login) if login else ""
    before = await _access(container, account_no)
    await container.disable_access()(account_no, command_line(), user_id=user_id)
    change = access_change(before, await _access(container, account_no))
    done = [
        _done("Switched off", "login", _logins(change)),
        _done("Revoked", "invitation", _invited(change)),
    ]
    session.say(
        {"disabled": change.number, "logins": _logins(change), "invitations": _invited(change)},
        "\n".join(filter(None, done)),
    )


@click.command("restore")
@click.argument("account_no", metavar="ACCOUNT")
@click.option("--login", default="", metavar="EMAIL", help="One person; everybody without it.")
@deployment_command
async def restore(session: Session, container: "Container", account_no: str, login: str) -> None:
    """Switch portal access on again; passwords are as they were."""
    access = container.restore_access()
    user_id = await access.person(account_no, login) if login else ""
    before = await _access(container, account_no)
    await access(account_no, command_line(), user_id=user_id)
    change = access_change(before, await _access(container, account_no))
    session.say(
        {"restored": len(change.logins), "logins": _logins(change)},
        _done("Switched on again", "login", _logins(change)),
    )


async def _access(container: "Container", account_no: str) -> Access:
    async with container.reads()() as uow:
        return await access_of(uow, account_no)


def _done(what: str, noun: str, whose: Sequence[str]) -> str:
    return f"{what}: {counted(len(whose), noun)} ({', '.join(whose)})." if whose else ""


def _logins(change: AccessChange) -> list[str]:
    return [one.user.email for one in change.logins]


def _invited(change: AccessChange) -> list[str]:
    return [row.invitation.email for row in change.invitations]


COMMANDS: list[click.Command] = [disable, restore]
