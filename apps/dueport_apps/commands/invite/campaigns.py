"""``invite campaigns``, ``status``, ``pause``, ``resume`` and ``cancel``."""

from typing import TYPE_CHECKING

import click

from dueport_apps.commands.invite.following import (
    campaign_row,
    follow,
    one_line,
    row_json,
    say_campaign,
)
from dueport_apps.commands.session import Session, command_line, deployment_command
from dueport_apps.usecases.invite_records import CampaignRow

if TYPE_CHECKING:
    from dueport_apps.container import Container

PAGE = 200


@click.command("campaigns")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@deployment_command
async def campaigns(session: Session, container: "Container", limit: int) -> None:
    """List campaigns, newest first."""
    rows: list[CampaignRow] = []
    after: str | None = None
    async with container.reads()() as uow:
        while len(rows) < limit:
            page, after = await uow.campaigns.rows(after, min(PAGE, limit - len(rows)))
            rows += page
            if after is None:
                break
    lines = [one_line(row) for row in rows] or ["There is no campaign yet."]
    session.say([row_json(row) for row in rows], "\n".join(lines))


@click.command("status")
@click.argument("campaign_id", metavar="CAMPAIGN")
@click.option("--watch", is_flag=True, help="Stay, help sending, and show the progress.")
@deployment_command
async def status(session: Session, container: "Container", campaign_id: str, watch: bool) -> None:
    """Show how far a campaign is."""
    row = await (
        follow(session, container, campaign_id) if watch else campaign_row(container, campaign_id)
    )
    say_campaign(session, row)


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


COMMANDS: list[click.Command] = [campaigns, status, pause, resume, cancel]
