"""Mark invitations whose time is over, so that their badge says Expired and can be resent."""

import msgspec

from dueport_apps.usecases.records import SYSTEM, audit
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.errors import Conflict
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock

BATCH = 500


class ExpireInvitations:
    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self) -> int:
        """Expire every overdue invitation; return how many."""
        now = self._clock.now()
        expired = 0
        async with self._uow() as uow:
            for invitation in await uow.invitations.overdue(now, BATCH):
                transition(invitation.state, InvitationState.EXPIRED, Actor.SCHEDULER)
                try:
                    await uow.invitations.save(
                        msgspec.structs.replace(
                            invitation, state=InvitationState.EXPIRED, decided_at=now
                        ),
                        InvitationState.PENDING,
                    )
                except Conflict:
                    # The customer answered between the read and now: theirs counts.
                    continue
                expired += 1
                await uow.audit.append(
                    audit(
                        SYSTEM,
                        now,
                        "invitation.expired",
                        f"account:{invitation.account_no}",
                        invitation=invitation.invitation_id,
                    )
                )
            await uow.commit()
        return expired
