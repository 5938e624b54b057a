"""Decline an invitation from its mail: the operator sees it, the link is dead."""

import msgspec

from dueport_apps.usecases.records import Principal, audit
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

    async def __call__(self, token: str, client_ip: str = "") -> None:
        """Decline. Raises NotFound for an unknown token and Conflict for one that was answered."""
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(self._tokens.hash(token), for_update=True)
            if invitation is None:
                raise NotFound("This invitation link is not valid.")
            transition(invitation.state, InvitationState.DECLINED, Actor.CUSTOMER)
            await uow.invitations.save(
                msgspec.structs.replace(invitation, state=InvitationState.DECLINED, decided_at=now),
                InvitationState.PENDING,
            )
            who = Principal(
                kind="customer",
                principal_id=invitation.email,
                name=invitation.email,
                account_no=invitation.account_no,
                client_ip=client_ip,
            )
            await uow.audit.append(
                audit(
                    who,
                    now,
                    "invitation.declined",
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                )
            )
            await uow.commit()
