"""Decline an invitation from its mail: the operator sees it, every link to it is dead.

Whoever is mailed because somebody signed up with their address declines nothing: they take that one
link back, and what the dealer sent them stays as it is.
"""

import msgspec

from dueport_apps.usecases.invitation_steps import customer_of_invitation, event_of
from dueport_apps.usecases.invite_records import (
    InvitationEventKind,
    InviteRecipient,
    LinkEnd,
    StoredInvitation,
)
from dueport_apps.usecases.records import audit
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.errors import Conflict, NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock


class DeclineInvitation:
    """Decline, with the token for it or with the link's own."""

    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock

    async def __call__(
        self, token: str, client_ip: str = "", *, detail: str = ""
    ) -> StoredInvitation:
        """Decline, or take a sign-up's link back. Raises NotFound for a token that admits to nothing
        (any more) and Conflict for an invitation that has expired. ``detail`` says how, for the
        timeline."""
        token_hash = self._tokens.hash(token)
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(
                token_hash, to_decline=True, for_update=True
            )
            if invitation is None:
                raise NotFound("This invitation link is not valid.")
            kind: InvitationEventKind
            right = await uow.invitations.decline_token(token_hash)
            if right is not None and right.link_hash is not None:
                done = await self._take_back(uow, invitation, [token_hash, right.link_hash])
                kind, action = "not_asked", "invitation.link_taken_back"
            else:
                done = await self._decline(uow, invitation)
                kind, action = "declined", "invitation.declined"
            now = self._clock.now()
            await uow.invitations.add_events([event_of(invitation, now, kind, detail=detail)])
            await uow.audit.append(
                audit(
                    customer_of_invitation(invitation, client_ip),
                    now,
                    action,
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                )
            )
            await uow.commit()
        return done

    async def _decline(self, uow: UnitOfWork, invitation: StoredInvitation) -> StoredInvitation:
        now = self._clock.now()
        declined = msgspec.structs.replace(
            invitation,
            state=transition(invitation.state, InvitationState.DECLINED, Actor.CUSTOMER),
            decided_at=now,
        )
        await uow.invitations.save(declined, invitation.state)
        await uow.invitations.void_tokens([invitation.invitation_id], LinkEnd.DECLINED, now)
        return declined

    async def _take_back(
        self, uow: UnitOfWork, invitation: StoredInvitation, token_hashes: list[bytes]
    ) -> StoredInvitation:
        """End the sign-up's link. An invitation that consisted of it alone is over with it: it would
        wait for nobody, and remind somebody who has said that they asked for nothing."""
        if invitation.state is not InvitationState.PENDING:
            raise Conflict("This invitation has expired; nothing is left to take back.")
        now = self._clock.now()
        await uow.invitations.take_back(token_hashes, LinkEnd.TAKEN_BACK, now)
        asked_for = invitation.recipient is InviteRecipient.CUSTOMER
        if asked_for and not await uow.invitations.is_reachable(invitation.invitation_id):
            invitation = msgspec.structs.replace(invitation, expires_at=now)
            await uow.invitations.save(invitation, InvitationState.PENDING)
        return invitation
