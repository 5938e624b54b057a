"""``dueport invite …``: everything about invitations that the operator portal can do."""

import click

from dueport_apps.commands.invite import access, campaigns, invitations, papers, returned, sending


@click.group()
def invite() -> None:
    """Invite customers, follow what became of it, and mend it."""


for _part in (sending, campaigns, invitations, access, papers, returned):
    for _command in _part.COMMANDS:
        invite.add_command(_command)
