"""What an operator does to one invitation, or to the access that came of it."""

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invite_records import (
    InvitationEvent,
    InvitationEventKind,
    InvitationToken,
    LinkEnd,
    StoredInvitation,
)
from dueport_apps.usecases.records import Principal, audit
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock, Conflict, NotFound


class RevokeInvitation:
    """Take a pending invitation back: every link to it is dead at once."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, invitation_id: str, by: Principal) -> StoredInvitation:
        """Revoke it. Raises Conflict, which names the state, for one that is not pending; an
        accepted one is a login, which is switched off by disabling the access."""
        async with self._uow() as uow:
            invitation = await uow.invitations.get(invitation_id, for_update=True)
            if invitation.state is InvitationState.ACCEPTED:
                raise Conflict("The customer has registered; disable the portal access instead.")
            revoked = await revoke(
                uow,
                invitation,
                Actor.OPERATOR,
                self._clock,
                by,
                "Revoked by an operator.",
                LinkEnd.REVOKED,
            )
            await uow.audit.append(
                audit(
                    by,
                    self._clock.now(),
                    "invitation.revoked",
                    f"account:{invitation.account_no}",
                    invitation=invitation_id,
                )
            )
            await uow.commit()
        return revoked


class CopyInvitationLink:
    """A working link for the operator to hand over by other means, such as the telephone."""

    def __init__(
        self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock, addresses: PortalAddresses
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock
        self._addresses = addresses

    async def __call__(self, invitation_id: str, by: Principal) -> str:
        """Return a registration link of its own for a pending invitation; links that were mailed
        stay good. Raises Conflict for one that is not pending."""
        now = self._clock.now()
        token = self._tokens.new()
        async with self._uow() as uow:
            invitation = await uow.invitations.get(invitation_id, for_update=True)
            if invitation.state is not InvitationState.PENDING or now >= invitation.expires_at:
                over = (
                    "expired"
                    if invitation.state is InvitationState.PENDING
                    else invitation.state.value
                )
                raise Conflict(
                    f"This invitation is {over}; its link would not work. Send a new one."
                )
            await uow.invitations.add_tokens(
                [
                    InvitationToken(
                        token_hash=self._tokens.hash(token),
                        invitation_id=invitation_id,
                        kind="link",
                        created_at=now,
                    )
                ]
            )
            await uow.invitations.add_events(
                [_event(invitation, self._clock, "link_copied", by.name)]
            )
            await uow.audit.append(
                audit(
                    by,
                    now,
                    "invitation.link_copied",
                    f"account:{invitation.account_no}",
                    invitation=invitation_id,
                )
            )
            await uow.commit()
        return self._addresses.register(token)


class DisableAccess:
    """Switch portal access off: sessions and links die at once, nothing is deleted."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, account_no: str, by: Principal, *, user_id: str = "") -> int:
        """Disable one person's access to the account, or everybody's with their pending
        invitations. Return how many were switched off. Raises NotFound for a person who has no
        login here, Conflict when there was nothing to disable."""
        now = self._clock.now()
        async with self._uow() as uow:
            await uow.invitations.lock()
            await uow.accounts.get(account_no)
            logins = await uow.users.logins(account_no)
            wanted = [one for one in logins if not user_id or one.user.user_id == user_id]
            if user_id and not wanted:
                raise NotFound("This person has no login for the account.")
            disabled = 0
            for login in wanted:
                if not await uow.users.set_disabled(login.user.user_id, account_no, now):
                    continue
                disabled += 1
                await uow.sessions.end("customer", login.user.user_id)
                await uow.tokens.void("password_reset", login.user.user_id, now)
                await self._record(uow, account_no, login.user.email, by)
            for row in await uow.invitations.of_account(account_no):
                invitation = row.invitation
                if user_id and invitation.email.lower() != wanted[0].user.email.lower():
                    continue
                if invitation.state in (InvitationState.PENDING, InvitationState.ACCEPTED):
                    disabled += invitation.state is InvitationState.PENDING
                    await revoke(
                        uow,
                        invitation,
                        Actor.OPERATOR,
                        self._clock,
                        by,
                        "Access was disabled.",
                        LinkEnd.SWITCHED_OFF,
                    )
            if not disabled:
                raise Conflict("Nobody of this customer has portal access.")
            await uow.audit.append(
                audit(
                    by,
                    now,
                    "access.disabled",
                    f"account:{account_no}",
                    person=wanted[0].user.email if user_id else "everybody",
                )
            )
            await uow.commit()
        return disabled

    async def restore(self, account_no: str, user_id: str, by: Principal) -> None:
        """Switch a person's access on again; their password is as it was."""
        async with self._uow() as uow:
            logins = await uow.users.logins(account_no)
            login = next((one for one in logins if one.user.user_id == user_id), None)
            if login is None:
                raise NotFound("This person has no login for the account.")
            if not await uow.users.set_disabled(user_id, account_no, None):
                raise Conflict("This access is not disabled.")
            await uow.invitations.add_events(
                [
                    InvitationEvent(
                        account_no=account_no,
                        at=self._clock.now(),
                        kind="access_restored",
                        actor=by.name,
                        detail=login.user.email,
                    )
                ]
            )
            await uow.audit.append(
                audit(
                    by,
                    self._clock.now(),
                    "access.restored",
                    f"account:{account_no}",
                    person=login.user.email,
                )
            )
            await uow.commit()

    async def _record(self, uow: UnitOfWork, account_no: str, email: str, by: Principal) -> None:
        await uow.invitations.add_events(
            [
                InvitationEvent(
                    account_no=account_no,
                    at=self._clock.now(),
                    kind="access_disabled",
                    actor=by.name,
                    detail=email,
                )
            ]
        )


class RevokeMovedInvitations:
    """When the ERP has another address for a customer, the link to the old one must not work."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, by: Principal) -> int:
        """Revoke pending invitations to addresses that the ERP no longer holds; return how many. A
        login that exists is never moved or touched."""
        revoked = 0
        while True:
            async with self._uow() as uow:
                await uow.invitations.lock()
                moved = await uow.invitations.moved_away(500)
                for invitation in moved:
                    await revoke(
                        uow,
                        invitation,
                        Actor.SYSTEM,
                        self._clock,
                        by,
                        "The e-mail address in the ERP has changed.",
                        LinkEnd.MOVED,
                    )
                await uow.commit()
            revoked += len(moved)
            if len(moved) < 500:
                return revoked


class ClearBounce:
    """Let mail go to an address again whose mail came back."""

    def __init__(self, uow: UnitOfWorkFactory, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def __call__(self, address: str, by: Principal) -> None:
        """Clear the mark; raises NotFound where there is none."""
        async with self._uow() as uow:
            if not await uow.bounces.clear(address):
                raise NotFound("No mail to this address came back.")
            await uow.audit.append(
                audit(by, self._clock.now(), "bounce.cleared", f"address:{address.lower()}")
            )
            await uow.commit()


async def revoke(
    uow: UnitOfWork,
    invitation: StoredInvitation,
    actor: Actor,
    clock: Clock,
    by: Principal,
    reason: str,
    end: LinkEnd,
) -> StoredInvitation:
    """Revoke in the caller's transaction: the state moves, every token is void, the timeline says
    why in words for the operator; ``end`` decides what the links tell the customer."""
    now = clock.now()
    revoked = msgspec.structs.replace(
        invitation,
        state=transition(invitation.state, InvitationState.REVOKED, actor),
        decided_at=now,
        reason=reason,
    )
    await uow.invitations.save(revoked, invitation.state)
    await uow.invitations.void_tokens([invitation.invitation_id], end, now)
    await uow.invitations.add_events(
        [_event(invitation, clock, "revoked", by.name if by.kind != "system" else "", reason)]
    )
    return revoked


def _event(
    invitation: StoredInvitation,
    clock: Clock,
    kind: InvitationEventKind,
    actor: str,
    detail: str = "",
) -> InvitationEvent:
    return InvitationEvent(
        account_no=invitation.account_no,
        invitation_id=invitation.invitation_id,
        at=clock.now(),
        kind=kind,
        actor=actor,
        detail=detail or invitation.email,
    )
