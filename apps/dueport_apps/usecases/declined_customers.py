"""Whether a refusal has to do with customers who declined: only a person may invite those again.

Pages, programs and commands each confirm it in a way of their own, so each names its own way.
"""

import contextlib

from dueport_apps.usecases.campaigns import RehearseInvitations
from dueport_apps.usecases.invite_records import LeftOutKind
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.invitations import InvitationState


async def leaves_out_declined(rehearse: RehearseInvitations, order: InviteOrder) -> bool:
    """Whether the order leaves somebody out who declined, because nobody has confirmed that; raises
    as the rehearsal does."""
    if order.options.confirm_declined:
        return False
    async with contextlib.aclosing(rehearse.pages(order)) as pages:
        async for page in pages:
            if any(one.kind is LeftOutKind.DECLINED for one in page.already):
                return True
    return False


async def was_declined(uow: UnitOfWork, invitation_id: str) -> bool:
    """Whether the customer declined this invitation; raises NotFound."""
    return (await uow.invitations.get(invitation_id)).state is InvitationState.DECLINED
