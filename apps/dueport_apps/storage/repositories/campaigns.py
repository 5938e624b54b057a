"""Campaigns: each change names the state it expects; the mails are counted where they lie."""

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.bulk import execute_many, insert_of
from dueport_apps.storage.rows import Rows, any_of
from dueport_apps.storage.tables.inviting import campaign, campaign_refusal, invitation
from dueport_apps.storage.tables.mirror import account
from dueport_apps.storage.tables.platform import mail_delivery
from dueport_apps.usecases.invite_records import (
    Campaign,
    CampaignMail,
    CampaignProgress,
    CampaignRefusal,
    CampaignRow,
    CampaignState,
    LeftOutKind,
    NextTry,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_core.errors import Conflict, NotFound

_CAMPAIGNS = Rows(campaign, Campaign)
_REFUSALS = Rows(campaign_refusal, CampaignRefusal)
_ADD_REFUSALS = insert_of(campaign_refusal, _REFUSALS.names)

# Written as it is in the condition of the partial indexes, which a parameter would hide.
_of_a_campaign = text("mail_delivery.campaign_id <> ''")

# In order of number, as everybody locks mails, so that nobody waits in a circle.
_CANCEL_UNSENT = text(
    """
    WITH unsent AS MATERIALIZED (
        SELECT number FROM mail_delivery
        WHERE campaign_id = :campaign_id AND campaign_id <> ''
          AND (state = 'queued' OR state = 'sending' AND handed_at IS NULL)
        ORDER BY number
        FOR UPDATE
    )
    UPDATE mail_delivery
    SET state = 'cancelled', claim_owner = NULL, content_sealed = '',
        reason = 'Taken back before it was sent.'
    FROM unsent
    WHERE mail_delivery.number = unsent.number
    RETURNING mail_delivery.invitation_id
    """
)
_FIRST_QUEUED = text(
    """
    SELECT due_at, tries FROM mail_delivery
    WHERE campaign_id = :campaign_id AND campaign_id <> '' AND state = 'queued'
    ORDER BY due_at, number
    LIMIT 1
    """
)
_END_FINISHED = text(
    """
    UPDATE campaign SET state = 'done', ended_at = :now
    WHERE state = 'sending' AND started_at IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM mail_delivery
          WHERE mail_delivery.campaign_id = campaign.campaign_id
            AND mail_delivery.campaign_id <> ''
            AND mail_delivery.state IN ('queued', 'sending')
      )
    """
)


class SqlCampaigns:
    """Campaigns, whom they reached and whom they could not."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, campaign: Campaign) -> None:
        """Insert a campaign."""
        await self._connection.execute(insert(_CAMPAIGNS.table).values(_CAMPAIGNS.values(campaign)))

    async def get(self, campaign_id: str, *, for_update: bool = False) -> Campaign:
        """Return a campaign, locked if asked; raises NotFound for an unknown id."""
        query = _CAMPAIGNS.select().where(campaign.c.campaign_id == campaign_id)
        if for_update:
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("There is no such campaign.")
        return _CAMPAIGNS.build(row)

    async def save(self, campaign: Campaign, expected: CampaignState) -> None:
        """Compare-and-set on the state; raises Conflict when somebody else was faster."""
        table = _CAMPAIGNS.table
        result = await self._connection.execute(
            update(table)
            .where(table.c.campaign_id == campaign.campaign_id, table.c.state == expected)
            .values(_CAMPAIGNS.values(campaign))
        )
        if result.rowcount != 1:
            raise Conflict("This campaign has changed meanwhile; look at it again.")

    async def rows(self, after: str | None, limit: int) -> tuple[list[CampaignRow], str | None]:
        """Return one page, newest first and without drafts, and the cursor of the next."""
        order = "campaigns:newest"
        query = cursors.keyset(
            select(*_CAMPAIGNS.columns, campaign.c.number).where(
                campaign.c.state != CampaignState.DRAFT
            ),
            order=order,
            columns=(campaign.c.number,),
            descending=True,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        progress = await self._progress([row.campaign_id for row in page])
        next_page = cursors.encode(order, [page[-1].number]) if len(found) > limit else None
        return [
            CampaignRow(
                campaign=_CAMPAIGNS.build(row),
                progress=progress.get(row.campaign_id, CampaignProgress()),
            )
            for row in page
        ], next_page

    async def progress(self, campaign_id: str) -> CampaignProgress:
        """Count the campaign's mails by state."""
        return (await self._progress([campaign_id])).get(campaign_id, CampaignProgress())

    async def next_try(self, campaign_id: str, now: datetime.datetime) -> NextTry | None:
        """Return when the campaign's queued mails are tried again; None where one may go now, or
        none is queued."""
        first = (
            await self._connection.execute(_FIRST_QUEUED, {"campaign_id": campaign_id})
        ).one_or_none()
        if first is None or first.due_at <= now:
            return None
        return NextTry(due_at=first.due_at, tries=first.tries)

    async def add_refusals(self, refusals: Sequence[CampaignRefusal]) -> None:
        """Keep who gets nothing and why, in this order."""
        rows = [_REFUSALS.values(refusal) for refusal in refusals]
        await execute_many(self._connection, _ADD_REFUSALS, campaign_refusal, rows)

    async def refusals(
        self, campaign_id: str, after: str | None, limit: int, *, needs_none: bool = False
    ) -> tuple[list[CampaignRefusal], str | None]:
        """Return one page of those who could not be mailed, or who needed no mail, in the order in
        which they were added, and the cursor of the next."""
        order = f"campaign refusals:{'needs none' if needs_none else ''}"
        kinds = [kind for kind in LeftOutKind if kind.needs_none is needs_none]
        query = cursors.keyset(
            select(*_REFUSALS.columns, campaign_refusal.c.number).where(
                campaign_refusal.c.campaign_id == campaign_id,
                campaign_refusal.c.kind.in_(kinds),
            ),
            order=order,
            columns=(campaign_refusal.c.number,),
            descending=False,
            after=after,
            limit=limit,
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        next_page = cursors.encode(order, [page[-1].number]) if len(found) > limit else None
        return [_REFUSALS.build(row) for row in page], next_page

    async def mails(
        self, campaign_id: str, state: MailState | None, after: str | None, limit: int
    ) -> tuple[list[CampaignMail], str | None]:
        """Return one page in the order in which the mails were recorded, and the next cursor."""
        order = f"campaign mails:{state or ''}"
        chosen = (
            select(mail_delivery)
            .where(mail_delivery.c.campaign_id == campaign_id, _of_a_campaign)
            .where(*([] if state is None else [mail_delivery.c.state == state]))
        )
        # The page first, so that only its mails meet their invitations and accounts.
        mail = cursors.keyset(
            chosen,
            order=order,
            columns=(mail_delivery.c.number,),
            descending=False,
            after=after,
            limit=limit,
        ).subquery("mail")
        query = (
            select(
                mail,
                func.coalesce(account.c.account_no, "").label("account_no"),
                func.coalesce(account.c.name, "").label("account_name"),
            )
            .outerjoin(invitation, invitation.c.invitation_id == mail.c.invitation_id)
            .outerjoin(account, account.c.account_no == invitation.c.account_no)
            .order_by(mail.c.number)
        )
        found = (await self._connection.execute(query)).all()
        page = found[:limit]
        next_page = cursors.encode(order, [page[-1].number]) if len(found) > limit else None
        return [_mail(row) for row in page], next_page

    async def cancel_unsent(self, campaign_id: str) -> list[str]:
        """Take back the mails that no server has seen; return the invitations they were for.

        A mail that a worker has claimed is taken back too, as long as it was not being handed
        over: `begin` will not return it then.
        """
        found = await self._connection.scalars(_CANCEL_UNSENT, {"campaign_id": campaign_id})
        return sorted({invitation_id for invitation_id in found if invitation_id})

    async def end_finished(self, now: datetime.datetime) -> int:
        """Mark campaigns as done that have nothing left to send; return how many."""
        return (await self._connection.execute(_END_FINISHED, {"now": now})).rowcount

    async def delete_drafts(self, older_than: datetime.datetime) -> int:
        """Forget drafts that were begun before then and never started; return how many."""
        result = await self._connection.execute(
            delete(campaign).where(
                campaign.c.state == CampaignState.DRAFT, campaign.c.created_at < older_than
            )
        )
        return result.rowcount

    async def _progress(self, campaign_ids: Sequence[str]) -> dict[str, CampaignProgress]:
        rows = await self._connection.execute(
            select(mail_delivery.c.campaign_id, mail_delivery.c.state, func.count())
            .where(mail_delivery.c.campaign_id == any_of(campaign_ids), _of_a_campaign)
            .group_by(mail_delivery.c.campaign_id, mail_delivery.c.state)
        )
        counts: dict[str, dict[str, int]] = {}
        for campaign_id, state, number in rows:
            counts.setdefault(campaign_id, {})[state.value] = number
        return {key: CampaignProgress(**by_state) for key, by_state in counts.items()}


def _mail(row: Any) -> CampaignMail:
    return CampaignMail(
        account_no=row.account_no,
        account_name=row.account_name,
        invitation_id=row.invitation_id,
        email=row.to_address,
        state=row.state,
        code=row.code,
        reason=row.reason,
        tries=row.tries,
        sent_at=row.sent_at,
        due_at=row.due_at if row.state is MailState.QUEUED else None,
    )
