"""``invite list``, ``resend``, ``revoke``, ``remind``, ``link`` and ``funnel``."""

import datetime
from typing import TYPE_CHECKING, Any

import click

from dueport_apps.commands.invite.following import campaign_row, say_campaign
from dueport_apps.commands.invite.ordering import CONFIRM_DECLINED
from dueport_apps.commands.invite.words import invitation_line
from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.usecases.declined_customers import was_declined
from dueport_apps.usecases.invite_records import Campaign, InvitationFilter, InvitationRow
from dueport_core.invitations import InvitationState
from dueport_ports import Conflict

if TYPE_CHECKING:
    from dueport_apps.container import Container

PAGE = 500
DAYS = click.IntRange(1, 366)
_DUE = "Due for a reminder: neither invited nor reminded since, and the mail has left."


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in InvitationState]))
@click.option("--pending-over", type=DAYS, metavar="DAYS", help="Pending for longer than this.")
@click.option("--due", type=DAYS, metavar="DAYS", help=_DUE)
@click.option("--asked", is_flag=True, help="Whose customer asked for a new link.")
@click.option(
    "--problems", is_flag=True, help="Whose last mail failed, bounced or is not confirmed."
)
@click.option("--matching", default="", metavar="TEXT", help="Part of a name or address.")
@click.option("--account", default="", metavar="NO", help="Of one customer.")
@deployment_command
async def list_invitations(
    session: Session,
    container: "Container",
    state: str | None,
    pending_over: int | None,
    due: int | None,
    asked: bool,
    problems: bool,
    matching: str,
    account: str,
) -> None:
    """List invitations, oldest first, with what became of the last mail; times are the dealer's."""
    now, zone = container.clock().now(), container.settings().zone
    wanted = InvitationFilter(
        state=InvitationState(state) if state else None,
        pending_since=now - datetime.timedelta(days=pending_over) if pending_over else None,
        due_since=now - datetime.timedelta(days=due) if due else None,
        asked=asked,
        delivery_problem=problems,
        text=matching,
        account_no=account,
    )
    rows: list[InvitationRow] = []
    after: str | None = None
    async with container.reads()() as uow:
        if account:
            await uow.accounts.get(account)
        while True:
            page, after = await uow.invitations.rows(wanted, after, PAGE)
            rows += page
            if after is None:
                break
    lines = [invitation_line(row, zone) for row in rows] or ["There is no such invitation."]
    session.say([_json(row) for row in rows], "\n".join(lines))


@click.command("resend")
@click.argument("invitation_id", metavar="ID")
@click.option("--confirm-declined", is_flag=True, help="The customer declined; send nevertheless.")
@deployment_command
async def resend(
    session: Session, container: "Container", invitation_id: str, confirm_declined: bool
) -> None:
    """Send a new link for an invitation that expired or did not arrive; the old one is dead."""
    try:
        campaign = await container.send_again().resend(
            invitation_id, command_line(), confirm_declined=confirm_declined
        )
    except Conflict as error:
        async with container.reads()() as uow:
            if confirm_declined or not await was_declined(uow, invitation_id):
                raise
        raise Conflict(f"{error.message} {CONFIRM_DECLINED}") from error
    await _say(session, container, campaign)


@click.command("remind")
@click.argument("invitation_id", metavar="[ID]", required=False)
@click.option("--pending-over", type=DAYS, metavar="DAYS", help="All that are pending for longer.")
@deployment_command
async def remind(
    session: Session, container: "Container", invitation_id: str | None, pending_over: int | None
) -> None:
    """Remind of one pending invitation, or of all that are pending for too long."""
    if (invitation_id is None) == (pending_over is None):
        raise click.UsageError("Name one invitation, or use --pending-over DAYS.")
    again = container.send_again()
    if invitation_id is not None:
        campaign = await again.remind(invitation_id, command_line())
    else:
        assert pending_over is not None
        campaign = await again.remind_pending(pending_over, command_line())
    await _say(session, container, campaign)


@click.command("revoke")
@click.argument("invitation_id", metavar="ID")
@deployment_command
async def revoke(session: Session, container: "Container", invitation_id: str) -> None:
    """Take a pending invitation back: every link to it is dead at once."""
    revoked = await container.revoke_invitation()(invitation_id, command_line())
    session.say(
        {"invitation_id": invitation_id, "state": revoked.state},
        f"The invitation to {revoked.email} is revoked.",
    )


@click.command("link")
@click.argument("invitation_id", metavar="ID")
@deployment_command
async def link(session: Session, container: "Container", invitation_id: str) -> None:
    """Print a working link of a pending invitation, to hand over by other means than mail."""
    url = await container.copy_invitation_link()(invitation_id, command_line())
    session.say({"url": url}, url)


@click.command("funnel")
@deployment_command
async def funnel(session: Session, container: "Container") -> None:
    """Show how far the customers got: invited, opened, registered, paid."""
    async with container.reads()() as uow:
        found = await uow.invitations.funnel()
    text = (
        f"{found.customers} customers, {found.invited} invited, {found.opened} opened, "
        f"{found.registered} registered, {found.paid} paid."
    )
    session.say(found, text)


async def _say(session: Session, container: "Container", campaign: Campaign) -> None:
    row = await campaign_row(container, campaign.campaign_id)
    say_campaign(session, row)


def _json(row: InvitationRow) -> dict[str, Any]:
    one = row.invitation
    return {
        "invitation_id": one.invitation_id,
        "account_no": one.account_no,
        "account_name": row.account_name,
        "email": one.email,
        "state": one.state,
        "delivery": one.way,
        "invited_at": one.invited_at,
        "expires_at": one.expires_at,
        "opened_at": one.opened_at,
        "asked_at": one.asked_at,
        "nudged_at": one.nudged_at,
        "mail_state": row.mail_state,
        "mail_code": row.mail_code,
        "mail_reason": row.mail_reason,
    }


COMMANDS: list[click.Command] = [list_invitations, resend, remind, revoke, link, funnel]
