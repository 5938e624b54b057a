"""What a filter over accounts means: the dashboard shows by it, and campaigns invite by it.

Everything here is written as a condition or a value of one account's row, so that a page of fifty
asks fifty times and a filter over all accounts becomes a join.
"""

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, func, or_, select, text

from dueport_apps.storage.rows import search_key
from dueport_apps.storage.tables.inviting import bounced_address, invitation
from dueport_apps.storage.tables.mirror import account, account_figures
from dueport_apps.storage.tables.people import account_link, portal_user
from dueport_apps.storage.tables.platform import mail_delivery
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import AccountFilter
from dueport_core.accounts import AccountStatus

has_login = (
    exists()
    .where(
        account_link.c.account_no == account.c.account_no,
        account_link.c.disabled_at.is_(None),
        portal_user.c.user_id == account_link.c.user_id,
        portal_user.c.active,
    )
    .correlate(account)
)
# An operator has switched everybody's access off, and only one switches it on again.
ever_had_login = (
    exists().where(account_link.c.account_no == account.c.account_no).correlate(account)
)
access_off = and_(ever_had_login, ~has_login)
_of_account = invitation.c.account_no == account.c.account_no
_is_pending = text("invitation.state = 'pending'")
# The badge of an account that nobody can sign in for: pending wins, then the newest answer.
undecided_state: ScalarSelect[Any] = (
    select(invitation.c.state)
    .where(_of_account, text("invitation.state IN ('pending', 'declined', 'expired')"))
    .order_by(
        text("invitation.state = 'pending' DESC"),
        invitation.c.invited_at.desc(),
        invitation.c.number.desc(),
    )
    .limit(1)
    .correlate(account)
    .scalar_subquery()
)
# The mail of an invitation that is pending has not left yet; a reminder comes after one that has.
mail_waits = (
    exists()
    .where(
        _of_account,
        _is_pending,
        mail_delivery.c.invitation_id == invitation.c.invitation_id,
        text("mail_delivery.invitation_id <> ''"),
        mail_delivery.c.kind != "invite_reminder",
        mail_delivery.c.state.in_([MailState.QUEUED, MailState.SENDING]),
    )
    .correlate(account)
)
# Mail goes to plain ASCII addresses only, so lower() is the key of every address that bounced.
bounced = func.lower(account.c.email).in_(select(bounced_address.c.address_key))

# Invited to an address that does not bounce: nothing has to be mended before they can register.
_is_invited = (
    exists()
    .where(
        _of_account,
        _is_pending,
        invitation.c.email_key.not_in(select(bounced_address.c.address_key)),
    )
    .correlate(account)
)


def matches(filter: AccountFilter) -> ColumnElement[bool]:
    """Return the condition on `account` and `account_figures` that the filter stands for."""
    wanted: list[ColumnElement[bool]] = [~account.c.gone]
    if typed := filter.text.strip():
        wanted.append(
            or_(
                account.c.search_name.contains(search_key(typed), autoescape=True),
                account.c.account_no.istartswith(typed, autoescape=True),
            )
        )
    if filter.active_only:
        wanted.append(account.c.status == AccountStatus.ACTIVE)
    if filter.past_due_only:
        wanted.append(account_figures.c.past_due_cents > 0)
    if filter.invitation:
        wanted.append(_has_badge(filter.invitation))
    if filter.email_problem:
        wanted.append(or_(account.c.email_problem != "", bounced))
    if filter.not_invited:
        wanted.append(and_(~has_login, ~_is_invited))
    return and_(*wanted)


def _has_badge(badge: str) -> ColumnElement[bool]:
    if badge == "accepted":
        return has_login
    if badge == "pending":
        return and_(~has_login, exists().where(_of_account, _is_pending).correlate(account))
    if badge == "none":
        badged = exists().where(
            _of_account, text("invitation.state IN ('pending', 'declined', 'expired')")
        )
        return and_(~ever_had_login, ~badged.correlate(account))
    # Few accounts have such an invitation at all, and only those are asked for their newest.
    some = exists().where(_of_account, invitation.c.state == badge).correlate(account)
    return and_(~has_login, some, undecided_state == badge)
