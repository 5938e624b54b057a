"""Look at an invitation by its link. Looking never consumes it: mail scanners look too."""

import msgspec

from dueport_apps.usecases.records import StoredInvitation
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import NotFound
from dueport_core.invitations import InvitationState
from dueport_ports import Clock


class OpenedInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """What the registration page shows."""

    invitation: StoredInvitation
    account_name: str
    live: bool
    has_login: bool
    """The e-mail already signs in here: link the account after signing in, no new password."""


class OpenInvitation:
    """Find the invitation of a token; expired and answered ones are shown, not hidden."""

    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, token: str) -> OpenedInvitation:
        """Return it; raises NotFound for a token that was never issued or was replaced."""
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(self._tokens.hash(token), for_update=True)
            if invitation is None:
                raise NotFound("This invitation link is not valid. Ask your dealer for a new one.")
            account = await uow.accounts.get(invitation.account_no)
            user = await uow.users.by_login(invitation.email)
            live = invitation.state is InvitationState.PENDING and now < invitation.expires_at
            if live and invitation.opened_at is None:
                invitation = msgspec.structs.replace(invitation, opened_at=now)
                await uow.invitations.save(invitation, InvitationState.PENDING)
                await uow.commit()
        return OpenedInvitation(
            invitation=invitation,
            account_name=account.name,
            live=live,
            has_login=user is not None,
        )
