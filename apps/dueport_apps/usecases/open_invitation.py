"""Look at an invitation by its link. Looking never consumes it: mail scanners look too.

A link that has ended shows what became of it and nothing else: it says no more of the account than
its name, which stands in the mail that the link came with.
"""

import datetime
import enum

import msgspec

from dueport_apps.usecases.invitation_steps import DEAD_LINK, event_of, is_live
from dueport_apps.usecases.invite_records import EndedLink, LinkEnd, StoredInvitation
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.errors import NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

_ENDS = {
    InvitationState.ACCEPTED: LinkEnd.USED,
    InvitationState.DECLINED: LinkEnd.DECLINED,
    InvitationState.REVOKED: LinkEnd.REVOKED,
}


class NewerMail(enum.StrEnum):
    """How it stands with the mail that replaced a link."""

    SENT = "sent"
    COMING = "coming"
    LOST = "lost"
    """It could not be delivered."""
    EXPIRED = "expired"
    """It was sent, and its link is over as well."""


class LinkOver(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a link that has ended."""

    end: LinkEnd
    at: datetime.datetime
    """When; for ``LinkEnd.REPLACED`` when the newer mail left, or expired."""
    newer: NewerMail | None = None
    """Set for ``LinkEnd.REPLACED`` alone."""


class OpenedInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """What the registration page shows."""

    invitation: StoredInvitation
    account_name: str
    live: bool
    has_login: bool = False
    """The e-mail already signs in here: link the account after signing in, no new password."""
    is_taken: bool = False
    """The dealer allows one login per customer, and there is one."""
    person: str = ""
    """What the ERP calls whoever has this address; nothing where it has no name."""
    decline_only: bool = False
    """What was opened can decline and do nothing else."""
    one_link: bool = False
    """All that it declines is the link that it was mailed with, after somebody signed up."""
    over: LinkOver | None = None
    """Set where this link has ended, whatever others of the invitation do; then it is not live."""

    @property
    def may_ask(self) -> bool:
        """Whether the customer can ask for a new link with this one."""
        if self.decline_only:
            return False
        if self.over is None:
            return not self.live
        return self.over.newer is NewerMail.EXPIRED


class OpenInvitation:
    """Find the invitation of a link; one that has expired or ended is shown, not hidden."""

    def __init__(
        self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock, policies: Policies
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock
        self._policies = policies

    async def __call__(self, token: str, *, to_register: bool = True) -> OpenedInvitation:
        """Return it; raises NotFound for a token that was never issued, or ended long ago, and for
        one that can only decline, unless it is looked at to decline.

        The first look at the registration is noted; a look at the page that declines is not.
        """
        token_hash = self._tokens.hash(token)
        to_decline = not to_register
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(token_hash, to_decline=to_decline)
            if invitation is None:
                link = await uow.invitations.ended(token_hash, to_decline=to_decline)
                if link is None:
                    raise NotFound(DEAD_LINK)
                return await self._ended(uow, link)
            if invitation.state in _ENDS:
                # The mail was composed at the very moment in which the invitation was decided.
                return await self._ended(uow, _decided(invitation))
            opened = await self._opened(uow, invitation)
            right = await uow.invitations.decline_token(token_hash) if to_decline else None
        if right is not None:
            return msgspec.structs.replace(
                opened, decline_only=True, one_link=right.link_hash is not None
            )
        if to_register and opened.live and invitation.opened_at is None:
            await self._note(invitation.invitation_id)
        return opened

    async def _opened(self, uow: UnitOfWork, invitation: StoredInvitation) -> OpenedInvitation:
        account = await uow.accounts.get(invitation.account_no)
        user = await uow.users.by_login(invitation.email)
        holders = await uow.users.of_account(invitation.account_no)
        one = self._policies.logins.per_customer == "one"
        contact = account.contact_of(invitation.email)
        return OpenedInvitation(
            invitation=invitation,
            account_name=account.name,
            person=contact.name.strip() if contact else "",
            live=is_live(invitation, self._clock.now()),
            has_login=user is not None,
            is_taken=one and bool(holders),
        )

    async def _ended(self, uow: UnitOfWork, link: EndedLink) -> OpenedInvitation:
        account = await uow.accounts.get(link.invitation.account_no)
        over = LinkOver(end=link.end, at=link.ended_at)
        if link.end is LinkEnd.REPLACED:
            over = await self._replaced(uow, link)
        return OpenedInvitation(
            invitation=link.invitation,
            account_name=account.name,
            live=False,
            decline_only=link.decline_only,
            over=over,
        )

    async def _replaced(self, uow: UnitOfWork, link: EndedLink) -> LinkOver:
        """Say how it stands with the newer mail."""
        present = link.invitation
        if not is_live(present, self._clock.now()):
            return LinkOver(end=link.end, at=present.expires_at, newer=NewerMail.EXPIRED)
        rows = await uow.invitations.of_account(present.account_no)
        mail = next(one for one in rows if one.invitation.invitation_id == present.invitation_id)
        match mail.mail_state:
            case MailState.QUEUED | MailState.SENDING:
                newer = NewerMail.COMING
            case MailState.FAILED | MailState.BOUNCED | MailState.CANCELLED:
                newer = NewerMail.LOST
            case _:
                newer = NewerMail.SENT
        return LinkOver(end=link.end, at=mail.mail_at or link.ended_at, newer=newer)

    async def _note(self, invitation_id: str) -> None:
        """Write down the first look, once."""
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await uow.invitations.get(invitation_id, for_update=True)
            if invitation.opened_at is not None or invitation.state is not InvitationState.PENDING:
                return
            await uow.invitations.save(
                msgspec.structs.replace(invitation, opened_at=now), InvitationState.PENDING
            )
            await uow.invitations.add_events([event_of(invitation, now, "opened")])
            await uow.commit()


def _decided(invitation: StoredInvitation) -> EndedLink:
    return EndedLink(
        invitation=invitation,
        end=_ENDS[invitation.state],
        ended_at=invitation.decided_at or invitation.invited_at,
    )
