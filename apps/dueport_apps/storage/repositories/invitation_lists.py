"""Lists of invitations with what became of their last mail, and how far the customers got."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage import cursors
from dueport_apps.storage.rows import Rows, any_of, search_key
from dueport_apps.storage.tables.inviting import invitation
from dueport_apps.storage.tables.mirror import account
from dueport_apps.storage.tables.platform import mail_delivery
from dueport_apps.usecases.invite_records import (
    Funnel,
    InvitationFilter,
    InvitationRow,
    StoredInvitation,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_core.invitations import InvitationState

_INVITATIONS = Rows(invitation, StoredInvitation)
_ORDER = "invitations:oldest"

# Written as they are in the conditions of the partial indexes, which a parameter would hide.
_about_an_invitation = text("mail_delivery.invitation_id <> ''")
_did_not_arrive = text(
    "mail_delivery.state IN ('failed', 'unconfirmed', 'bounced')"
    " AND mail_delivery.invitation_id <> ''"
)

_last_mail = (
    select(
        mail_delivery.c.state,
        mail_delivery.c.code,
        mail_delivery.c.reason,
        mail_delivery.c.changed_at,
    )
    .where(mail_delivery.c.invitation_id == invitation.c.invitation_id, _about_an_invitation)
    .order_by(mail_delivery.c.number.desc())
    .limit(1)
    .correlate(invitation)
    .lateral("last_mail")
)
_newer_mail = mail_delivery.alias("newer_mail")
_last_mail_did_not_arrive = exists().where(
    mail_delivery.c.invitation_id == invitation.c.invitation_id,
    _did_not_arrive,
    ~exists().where(
        _newer_mail.c.invitation_id == mail_delivery.c.invitation_id,
        text("newer_mail.invitation_id <> ''"),
        _newer_mail.c.number > mail_delivery.c.number,
    ),
)
_last_mail_waits = exists().where(
    mail_delivery.c.invitation_id == invitation.c.invitation_id,
    text("mail_delivery.state IN ('queued', 'sending') AND mail_delivery.invitation_id <> ''"),
)

_ROWS = (
    select(
        *_INVITATIONS.columns,
        account.c.name.label("account_name"),
        _last_mail.c.state.label("mail_state"),
        _last_mail.c.code.label("mail_code"),
        _last_mail.c.reason.label("mail_reason"),
        _last_mail.c.changed_at.label("mail_at"),
        invitation.c.number,
    )
    .select_from(invitation)
    .join(account, account.c.account_no == invitation.c.account_no)
    .outerjoin(_last_mail, true())
)

_FUNNEL = text(
    """
    SELECT count(*),
           count(*) FILTER (WHERE linked OR invited),
           count(*) FILTER (WHERE linked OR opened),
           count(*) FILTER (WHERE linked),
           count(*) FILTER (WHERE linked AND EXISTS (
               SELECT FROM payment
               WHERE payment.account_no = customer.account_no
                 AND state NOT IN ('failed', 'canceled')
           ))
    FROM (
        SELECT account.account_no,
               linked.account_no IS NOT NULL AS linked,
               addressed.account_no IS NOT NULL AS invited,
               coalesce(addressed.opened, false) AS opened
        FROM account
        LEFT JOIN (SELECT DISTINCT account_no FROM account_link) AS linked USING (account_no)
        LEFT JOIN (
            SELECT account_no, bool_or(opened_at IS NOT NULL) AS opened
            FROM invitation
            -- One that was taken back before anything had left was no invitation.
            WHERE state <> 'revoked' OR opened_at IS NOT NULL OR EXISTS (
                SELECT FROM mail_delivery
                WHERE mail_delivery.invitation_id = invitation.invitation_id
                  AND mail_delivery.invitation_id <> ''
                  AND mail_delivery.state IN ('sent', 'bounced', 'unconfirmed')
            )
            GROUP BY account_no
        ) AS addressed USING (account_no)
        WHERE NOT account.gone
    ) AS customer
    """
)


async def of_accounts(
    connection: AsyncConnection, account_nos: Sequence[str]
) -> dict[str, list[InvitationRow]]:
    """Return the invitations of these accounts, the last invited first."""
    rows = await connection.execute(
        _ROWS.where(invitation.c.account_no == any_of(account_nos)).order_by(
            invitation.c.invited_at.desc(), invitation.c.number.desc()
        )
    )
    found: dict[str, list[InvitationRow]] = {}
    for row in rows:
        built = _row(row)
        found.setdefault(built.invitation.account_no, []).append(built)
    return found


async def of_account(connection: AsyncConnection, account_no: str) -> list[InvitationRow]:
    """Return one account's invitations, the last invited first."""
    return (await of_accounts(connection, [account_no])).get(account_no, [])


async def page(
    connection: AsyncConnection, filter: InvitationFilter, after: str | None, limit: int
) -> tuple[list[InvitationRow], str | None]:
    """Return one page, those that were invited first first, and the cursor of the next."""
    query = cursors.keyset(
        _ROWS.where(_matches(filter)),
        order=_ORDER,
        columns=(invitation.c.invited_at, invitation.c.number),
        descending=False,
        after=after,
        limit=limit,
    )
    found = (await connection.execute(query)).all()
    shown = found[:limit]
    next_page = None
    if len(found) > limit:
        next_page = cursors.encode(_ORDER, [shown[-1].invited_at, shown[-1].number])
    return [_row(row) for row in shown], next_page


async def count(connection: AsyncConnection, filter: InvitationFilter) -> int:
    """Return how many invitations the filter shows."""
    query: Select[Any] = (
        select(func.count())
        .select_from(invitation)
        .join(account, account.c.account_no == invitation.c.account_no)
        .where(_matches(filter))
    )
    return int((await connection.execute(query)).scalar_one())


async def funnel(connection: AsyncConnection) -> Funnel:
    """Count accounts by how far they got; whoever has a login was invited and has opened."""
    customers, invited, opened, registered, paid = (await connection.execute(_FUNNEL)).one()
    return Funnel(
        customers=customers, invited=invited, opened=opened, registered=registered, paid=paid
    )


def _matches(filter: InvitationFilter) -> ColumnElement[bool]:
    wanted: list[ColumnElement[bool]] = [true()]
    if filter.state is not None:
        wanted.append(invitation.c.state == filter.state)
    if filter.pending_since is not None:
        wanted.append(invitation.c.state == InvitationState.PENDING)
        wanted.append(invitation.c.invited_at < filter.pending_since)
    if filter.due_since is not None:
        wanted.append(invitation.c.state == InvitationState.PENDING)
        wanted.append(invitation.c.invited_at <= filter.due_since)
        wanted.append(func.coalesce(invitation.c.nudged_at, filter.due_since) <= filter.due_since)
        wanted.append(~_last_mail_waits)
        wanted.append(~_last_mail_did_not_arrive)
    if filter.asked:
        wanted.append(invitation.c.asked_at.is_not(None))
    if filter.delivery_problem:
        # Where it was never delivered, an expired one still wants another address.
        wanted.append(invitation.c.state.in_((InvitationState.PENDING, InvitationState.EXPIRED)))
        wanted.append(_last_mail_did_not_arrive)
    if typed := filter.text.strip():
        wanted.append(
            or_(
                account.c.search_name.contains(search_key(typed), autoescape=True),
                account.c.account_no.istartswith(typed, autoescape=True),
                invitation.c.email_key.contains(typed.casefold(), autoescape=True),
            )
        )
    if filter.account_no:
        wanted.append(invitation.c.account_no == filter.account_no)
    return and_(*wanted)


def _row(row: Any) -> InvitationRow:
    state: MailState | None = row.mail_state
    return InvitationRow(
        invitation=_INVITATIONS.build(row),
        account_name=row.account_name,
        mail_state=state,
        mail_code=row.mail_code or 0,
        mail_reason=row.mail_reason or "",
        mail_at=row.mail_at,
    )
