"""Ask for a new link, or a new one-time password, from the page of an expired one: the dealer is
told, at most once a day.

A link that was replaced by a newer one may ask too once that one has expired; it is the only thing
that an ended link can do, and the new link goes to the invitation's own address whoever asks.
"""

import datetime

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invitation_steps import customer_of_invitation, event_of, is_live
from dueport_apps.usecases.invite_records import LinkEnd, StoredInvitation
from dueport_apps.usecases.mails import LinkAskedMail
from dueport_apps.usecases.records import audit
from dueport_apps.usecases.services import Mailroom, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.invitations import InvitationState
from dueport_ports import Clock, DealerFacts

PAUSE = datetime.timedelta(days=1)


class AskForLink:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        mailroom: Mailroom,
        clock: Clock,
        addresses: PortalAddresses,
        dealer: DealerFacts,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._mailroom = mailroom
        self._clock = clock
        self._addresses = addresses
        self._dealer = dealer

    async def __call__(self, token: str, client_ip: str = "") -> None:
        """Tell the dealer. Nothing happens, and nothing is said, for a link that admits to nothing,
        for an invitation that has not expired, and for the second time within a day."""
        async with self._uow() as uow:
            invitation = await self._held(uow, token)
            if invitation is not None:
                await self._tell(uow, invitation, client_ip)

    async def after_password(self, invitation_id: str, client_ip: str = "") -> None:
        """The same for somebody who has proved that they have the mail, with its password."""
        async with self._uow() as uow:
            invitation = await uow.invitations.get(invitation_id, for_update=True)
            await self._tell(uow, invitation, client_ip)

    async def _tell(self, uow: UnitOfWork, invitation: StoredInvitation, client_ip: str) -> None:
        now = self._clock.now()
        if not self._may_ask(invitation, now):
            return
        account = await uow.accounts.get(invitation.account_no)
        await uow.invitations.save(
            msgspec.structs.replace(invitation, asked_at=now), invitation.state
        )
        await uow.invitations.add_events([event_of(invitation, now, "asked_again")])
        await self._mailroom.queue(
            uow,
            kind="link_asked",
            subject_ref=f"asked:{invitation.invitation_id}:{now:%Y%m%dT%H%M%S}",
            to_address=self._dealer.reply_to,
            to_name=self._dealer.name,
            message=LinkAskedMail(
                account_name=account.name,
                account_no=account.account_no,
                email=invitation.email,
                asked_at=now,
                account_url=self._addresses.account(account.account_no),
            ),
            reply_to=invitation.email,
        )
        await uow.audit.append(
            audit(
                customer_of_invitation(invitation, client_ip),
                now,
                "invitation.asked_again",
                f"account:{invitation.account_no}",
                invitation=invitation.invitation_id,
            )
        )
        await uow.commit()

    async def _held(self, uow: UnitOfWork, token: str) -> StoredInvitation | None:
        """Hold the invitation that this link may ask for until commit."""
        token_hash = self._tokens.hash(token)
        invitation = await uow.invitations.by_token(token_hash, for_update=True)
        if invitation is not None:
            return invitation
        link = await uow.invitations.ended(token_hash)
        if link is None or link.end is not LinkEnd.REPLACED:
            return None
        return await uow.invitations.get(link.invitation.invitation_id, for_update=True)

    @staticmethod
    def _may_ask(invitation: StoredInvitation, now: datetime.datetime) -> bool:
        open_states = (InvitationState.PENDING, InvitationState.EXPIRED)
        if invitation.state not in open_states or is_live(invitation, now):
            return False
        return invitation.asked_at is None or now - invitation.asked_at >= PAUSE
