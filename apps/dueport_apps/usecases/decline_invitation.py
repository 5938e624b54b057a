"""Decline an invitation from its mail: the operator sees it, every link to it is dead."""

import msgspec

from dueport_apps.usecases.invitation_steps import customer_of_invitation, event_of
from dueport_apps.usecases.invite_records import StoredInvitation
from dueport_apps.usecases.records import audit
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.errors import NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock


class DeclineInvitation:
    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock

    async def __call__(
        self, token: str, client_ip: str = "", *, detail: str = ""
    ) -> StoredInvitation:
        """Decline. Raises NotFound for a token that admits to nothing (any more) and Conflict for
        an invitation that has expired. ``detail`` says how, for the timeline."""
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(self._tokens.hash(token), for_update=True)
            if invitation is None:
                raise NotFound("This invitation link is not valid.")
            declined = msgspec.structs.replace(
                invitation,
                state=transition(invitation.state, InvitationState.DECLINED, Actor.CUSTOMER),
                decided_at=now,
            )
            await uow.invitations.save(declined, invitation.state)
            await uow.invitations.void_tokens([invitation.invitation_id])
            await uow.invitations.add_events([event_of(invitation, now, "declined", detail=detail)])
            await uow.audit.append(
                audit(
                    customer_of_invitation(invitation, client_ip),
                    now,
                    "invitation.declined",
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                )
            )
            await uow.commit()
        return declined
