"""``invite campaigns``, ``status``, ``pause``, ``resume`` and ``cancel``."""

from typing import TYPE_CHECKING

import click

from dueport_apps.commands.invite.following import (
    campaign_row,
    exit_for,
    follow,
    row_json,
    say_campaign,
)
from dueport_apps.commands.invite.words import campaign_line, campaign_lines, left_out_line
from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.usecases.invite_records import CampaignRefusal, CampaignRow

if TYPE_CHECKING:
    from dueport_apps.container import Container

PAGE = 200


@click.command("campaigns")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@deployment_command
async def campaigns(session: Session, container: "Container", limit: int) -> None:
    """List campaigns, newest first; times are the dealer's."""
    zone = container.settings().zone
    rows: list[CampaignRow] = []
    after: str | None = None
    async with container.reads()() as uow:
        while len(rows) < limit:
            page, after = await uow.campaigns.rows(after, min(PAGE, limit - len(rows)))
            rows += page
            if after is None:
                break
    lines = [campaign_line(row, zone) for row in rows] or ["There is no campaign yet."]
    session.say([row_json(row) for row in rows], "\n".join(lines))


@click.command("status")
@click.argument("campaign_id", metavar="CAMPAIGN")
@click.option("--watch", is_flag=True, help="Stay, help sending, and show the progress.")
@click.option("--left-out", is_flag=True, help="List the customers who got no mail, and why.")
@deployment_command
async def status(
    session: Session, container: "Container", campaign_id: str, watch: bool, left_out: bool
) -> None:
    """Show how far a campaign is."""
    row = await (
        follow(session, container, campaign_id) if watch else campaign_row(container, campaign_id)
    )
    if left_out:
        refusals = await _left_out(container, campaign_id)
        lines = [*campaign_lines(row), *(left_out_line(one) for one in refusals)]
        session.say({**row_json(row), "left_out": refusals}, "\n".join(lines))
    else:
        say_campaign(session, row)
    exit_for(row)


@click.command("pause")
@click.argument("campaign_id", metavar="CAMPAIGN")
@deployment_command
async def pause(session: Session, container: "Container", campaign_id: str) -> None:
    """Hold a campaign's unsent mails."""
    await container.steer_campaign().pause(campaign_id, command_line())
    say_campaign(session, await campaign_row(container, campaign_id))


@click.command("resume")
@click.argument("campaign_id", metavar="CAMPAIGN")
@deployment_command
async def resume(session: Session, container: "Container", campaign_id: str) -> None:
    """Go on with a paused campaign."""
    await container.steer_campaign().resume(campaign_id, command_line())
    say_campaign(session, await campaign_row(container, campaign_id))


@click.command("cancel")
@click.argument("campaign_id", metavar="CAMPAIGN")
@deployment_command
async def cancel(session: Session, container: "Container", campaign_id: str) -> None:
    """Take back a campaign's unsent mails; what has left cannot be taken back."""
    await container.steer_campaign().cancel(campaign_id, command_line())
    say_campaign(session, await campaign_row(container, campaign_id))


async def _left_out(container: "Container", campaign_id: str) -> list[CampaignRefusal]:
    """Return who could not be mailed, then who needed no mail."""
    found: list[CampaignRefusal] = []
    async with container.reads()() as uow:
        for needs_none in (False, True):
            after: str | None = None
            while True:
                page, after = await uow.campaigns.refusals(
                    campaign_id, after, PAGE, needs_none=needs_none
                )
                found += page
                if after is None:
                    break
    return found


COMMANDS: list[click.Command] = [campaigns, status, pause, resume, cancel]
