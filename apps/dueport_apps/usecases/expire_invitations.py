"""Mark invitations whose time is over, so that their badge says Expired and can be resent.

Their links stay known, so that the page behind one can say what happened and offer a new one.
"""

import msgspec

from dueport_apps.usecases.invitation_steps import event_of
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
        expired = 0
        while True:
            found, done = await self._batch()
            expired += done
            if found < BATCH:
                return expired

    async def _batch(self) -> tuple[int, int]:
        now = self._clock.now()
        done = []
        async with self._uow() as uow:
            overdue = await uow.invitations.overdue(now, BATCH)
            for invitation in overdue:
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
                done.append(event_of(invitation, now, "expired"))
                await uow.audit.append(
                    audit(
                        SYSTEM,
                        now,
                        "invitation.expired",
                        f"account:{invitation.account_no}",
                        invitation=invitation.invitation_id,
                    )
                )
            await uow.invitations.add_events(done)
            await uow.commit()
        return len(overdue), len(done)
