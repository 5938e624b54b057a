"""Show how far a campaign is, and stay until it is through."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click
import msgspec

from dueport_apps.commands.invite.words import campaign_lines, counted
from dueport_apps.commands.session import EXIT_FOUND, Session
from dueport_apps.usecases.invite_records import CampaignRow, CampaignState
from dueport_ports import Unavailable

if TYPE_CHECKING:
    from dueport_apps.container import Container

LOOK_S = 0.5
STALLED_S = 120.0
"""A campaign of which nothing moved for so long waits for its mail server; people need not."""
_TROUBLE = ("failed", "unconfirmed", "bounced")


async def campaign_row(container: "Container", campaign_id: str) -> CampaignRow:
    """Return a campaign with its progress; raises NotFound."""
    async with container.reads()() as uow:
        return CampaignRow(
            campaign=await uow.campaigns.get(campaign_id),
            progress=await uow.campaigns.progress(campaign_id),
        )


async def follow(session: Session, container: "Container", campaign_id: str) -> CampaignRow:
    """Stay until nothing waits any more, or somebody pauses the campaign.

    This process sends along with the workers meanwhile, so that a campaign comes to its end where
    none is running. The bar is drawn on the error stream, and only for people. Raises Unavailable
    when nothing moves any more; the mails stay queued.
    """
    row = await campaign_row(container, campaign_id)
    with click.progressbar(
        length=row.progress.total, label="Sending", file=sys.stderr, hidden=session.as_json
    ) as bar:
        bar.update(row.progress.finished)
        moved_at = time.monotonic()
        async with _sending_along(container) as sending:
            while row.campaign.state is CampaignState.SENDING:
                done, _ = await asyncio.wait({sending}, timeout=LOOK_S)
                if done:
                    # It never ends by itself, so it has failed.
                    await sending
                before = row.progress.finished
                row = await campaign_row(container, campaign_id)
                if row.progress.finished > before:
                    bar.update(row.progress.finished - before)
                    moved_at = time.monotonic()
                elif time.monotonic() - moved_at > STALLED_S:
                    raise _stalled(row)
    return row


def say_campaign(session: Session, row: CampaignRow) -> None:
    """Print one campaign."""
    session.say(row_json(row), "\n".join(campaign_lines(row)))


def exit_for(row: CampaignRow) -> None:
    """End with the exit code that says that some of the campaign's mails are in trouble."""
    if any(getattr(row.progress, name) for name in _TROUBLE):
        raise SystemExit(EXIT_FOUND)


def row_json(row: CampaignRow) -> dict[str, object]:
    """Return the campaign as programs read it."""
    campaign = row.campaign
    return {
        "campaign_id": campaign.campaign_id,
        "kind": campaign.kind,
        "state": campaign.state,
        "created_by": campaign.created_by_name,
        "created_at": campaign.created_at,
        "started_at": campaign.started_at,
        "ended_at": campaign.ended_at,
        "recipients": campaign.recipients,
        "cannot": campaign.cannot,
        "already": campaign.already,
        "progress": {
            "total": row.progress.total,
            "finished": row.progress.finished,
            **msgspec.structs.asdict(row.progress),
        },
    }


def _stalled(row: CampaignRow) -> Unavailable:
    waiting = row.progress.total - row.progress.finished
    return Unavailable(
        f"{counted(waiting, 'mail waits', 'mails wait')}, and for a while none was "
        "sent: the mail server takes none now. Workers go on trying; "
        f"`dueport invite status {row.campaign.campaign_id}` shows how far it is."
    )


@contextlib.asynccontextmanager
async def _sending_along(container: "Container") -> AsyncIterator["asyncio.Task[None]"]:
    """Send mail beside the block, like a worker."""

    async def send() -> None:
        while True:
            await container.send_mail()()
            await asyncio.sleep(LOOK_S)

    task = asyncio.create_task(send(), name="send mail")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
