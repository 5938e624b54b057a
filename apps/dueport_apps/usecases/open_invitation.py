"""Look at an invitation by its link. Looking never consumes it: mail scanners look too."""

import msgspec

from dueport_apps.usecases.invitation_steps import DEAD_LINK, event_of, is_live
from dueport_apps.usecases.invite_records import StoredInvitation
from dueport_apps.usecases.policies import Policies
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
    is_taken: bool = False
    """The dealer allows one login per customer, and there is one."""


class OpenInvitation:
    """Find the invitation of a link; an expired one is shown, not hidden."""

    def __init__(
        self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock, policies: Policies
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock
        self._policies = policies

    async def __call__(self, token: str, *, to_register: bool = True) -> OpenedInvitation:
        """Return it; raises NotFound for a token that was never issued, was used or was replaced.

        The first look at the registration is noted; a look at the page that declines is not.
        """
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await uow.invitations.by_token(self._tokens.hash(token))
            if invitation is None:
                raise NotFound(DEAD_LINK)
            account = await uow.accounts.get(invitation.account_no)
            user = await uow.users.by_login(invitation.email)
            holders = await uow.users.of_account(invitation.account_no)
            one = self._policies.logins.per_customer == "one"
            opened = OpenedInvitation(
                invitation=invitation,
                account_name=account.name,
                live=is_live(invitation, now),
                has_login=user is not None,
                is_taken=one and bool(holders),
            )
        if to_register and opened.live and invitation.opened_at is None:
            await self._note(invitation.invitation_id)
        return opened

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
