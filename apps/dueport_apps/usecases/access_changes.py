"""What became of an account's logins and invitations when access was switched off or on."""

from collections.abc import Sequence

import msgspec

from dueport_apps.usecases.invite_records import InvitationRow, Login
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.invitations import InvitationState


class Access(msgspec.Struct, frozen=True):
    """Everybody who may come in, or could until somebody switched it off."""

    logins: Sequence[Login]
    invitations: Sequence[InvitationRow]


class AccessChange(msgspec.Struct, frozen=True):
    """What is different now."""

    logins: tuple[Login, ...]
    """Those that were switched off or on."""
    invitations: tuple[InvitationRow, ...]
    """Those that were pending and are revoked."""

    @property
    def number(self) -> int:
        return len(self.logins) + len(self.invitations)


async def access_of(uow: UnitOfWork, account_no: str) -> Access:
    """Return how an account's access stands; empty for an account that does not exist."""
    return Access(await uow.users.logins(account_no), await uow.invitations.of_account(account_no))


def access_change(before: Access, after: Access) -> AccessChange:
    """Return what has changed between two looks at one account."""
    was_off = {one.user.user_id: one.link.disabled_at for one in before.logins}
    pending = {
        row.invitation.invitation_id
        for row in before.invitations
        if row.invitation.state is InvitationState.PENDING
    }
    return AccessChange(
        tuple(
            one
            for one in after.logins
            if one.user.user_id in was_off
            and (was_off[one.user.user_id] is None) is not (one.link.disabled_at is None)
        ),
        tuple(
            row
            for row in after.invitations
            if row.invitation.invitation_id in pending
            and row.invitation.state is InvitationState.REVOKED
        ),
    )
