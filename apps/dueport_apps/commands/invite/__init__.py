"""``dueport invite …``: everything about invitations that the operator portal can do."""

import click

from dueport_apps.commands.invite import access, campaigns, invitations, papers, returned, sending


@click.group()
def invite() -> None:
    """Invite customers, follow what became of it, and mend it.

    With --json every command answers with one JSON document; its times are in UTC.

    \b
    Exit codes:
      0  done
      1  done, and something was found: customers who cannot be mailed (send),
         mails that did not arrive for certain (status, send --watch),
         reports that could not be understood (read-bounces)
      2  wrong arguments
      3  the configuration is wrong
      4  something outside, such as the mail server, did not answer
      5  refused; nothing was changed
    """


for _part in (sending, campaigns, invitations, access, papers, returned):
    for _command in _part.COMMANDS:
        invite.add_command(_command)
