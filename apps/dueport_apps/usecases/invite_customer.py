"""Invite one customer: the invitation and its mail in one transaction, at most one pending each."""

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal, StoredInvitation, audit
from dueport_apps.usecases.services import Deliveries, Ids, Mailroom, PasswordHasher, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.invitations import InvitationState
from dueport_ports import Account, Clock, Conflict, Invalid, InviteRequest, Skipped, check_email


class InviteCustomerCommand(msgspec.Struct, frozen=True, kw_only=True):
    account_no: str
    by: Principal


class InviteCustomer:
    """Invite an account that was not invited yet; everything else is a refusal that names the state."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        deliveries: Deliveries,
        mailroom: Mailroom,
        tokens: Tokens,
        hasher: PasswordHasher,
        ids: Ids,
        clock: Clock,
        policies: Policies,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._deliveries = deliveries
        self._mailroom = mailroom
        self._tokens = tokens
        self._hasher = hasher
        self._ids = ids
        self._clock = clock
        self._policies = policies
        self._addresses = addresses

    async def __call__(self, command: InviteCustomerCommand) -> StoredInvitation:
        """Send it. Raises Conflict for an account already invited or registered, Invalid when the
        ERP has no usable address or the delivery lacks a field."""
        now = self._clock.now()
        async with self._uow() as uow:
            account = await uow.accounts.get(command.account_no)
            email = _usable_email(account)
            await self._refuse_if_invited(uow, account)
            token = self._tokens.new()
            content = self._deliveries.named(self._deliveries.current).prepare(
                InviteRequest(
                    account=account,
                    email=email,
                    register_url=self._addresses.register(token),
                    decline_url=self._addresses.decline(token),
                    sign_in_url=self._addresses.sign_in,
                    expires_in_days=self._policies.invite.expires_in_days,
                    username_source=self._policies.invite.username,
                    taken_usernames=await uow.users.taken_usernames([email]),
                )
            )
            if isinstance(content, Skipped):
                raise Invalid(f"{account.name} cannot be invited: {content.reason}")
            credential = content.credential
            invitation = StoredInvitation(
                invitation_id=self._ids.new(),
                account_no=account.account_no,
                email=email,
                delivery=self._deliveries.current,
                state=InvitationState.PENDING,
                token_hash=self._tokens.hash(token),
                created_at=now,
                expires_at=now + self._policies.invitation_lifetime,
                created_by=command.by.principal_id,
                credential_username=credential.username if credential else "",
                credential_hash=await self._hasher.hash(credential.secret) if credential else "",
            )
            await uow.invitations.add(invitation)
            await self._mailroom.queue(
                uow,
                kind="invite",
                subject_ref=f"invitation:{invitation.invitation_id}",
                to_address=email,
                to_name=account.name,
                message=content,
            )
            await uow.audit.append(
                audit(
                    command.by,
                    now,
                    "invitation.sent",
                    f"account:{account.account_no}",
                    invitation=invitation.invitation_id,
                    to=email,
                    delivery=invitation.delivery,
                )
            )
            await uow.commit()
        return invitation

    async def _refuse_if_invited(self, uow: UnitOfWork, account: Account) -> None:
        if await uow.users.of_account(account.account_no):
            raise Conflict(f"{account.name} already has a login and cannot be invited again")
        latest = await uow.invitations.latest(account.account_no)
        if latest is not None:
            raise Conflict(
                f"{account.name} was already invited: the invitation to {latest.email} is "
                f"{latest.state.value}"
            )


def _usable_email(account: Account) -> str:
    problem = check_email(account.primary_email)
    if problem:
        raise Invalid(f"{account.name} cannot be invited: {problem}; fix it in the ERP")
    assert account.primary_email is not None
    return account.primary_email
