"""Register from an invitation: password, terms, the link to the account, all or nothing."""

import msgspec

from dueport_apps.usecases.password_rules import PASSWORDS_DIFFER, PasswordRules
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import (
    AccountLink,
    PortalUser,
    Principal,
    StoredInvitation,
    audit,
)
from dueport_apps.usecases.services import Ids, PasswordHasher, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.actors import Actor
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock


class AcceptInvitationCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer filled in. Account and e-mail come from the token, never from the form."""

    token: str
    password: str
    password_again: str
    accept_terms: bool
    link_account: bool
    name: str = ""
    client_ip: str = ""
    user_agent: str = ""


class AcceptInvitation:
    """Make the login and link it to the account; the token works once, whoever is first."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        hasher: PasswordHasher,
        rules: PasswordRules,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._hasher = hasher
        self._rules = rules
        self._ids = ids
        self._clock = clock
        self._policies = policies

    async def __call__(self, command: AcceptInvitationCommand) -> PortalUser:
        """Register; raises Invalid with a message per field, NotFound for a dead link, Conflict
        when the e-mail already has a login (it must sign in to link) or somebody was faster."""
        async with self._uow() as uow:
            found = await uow.invitations.by_token(self._tokens.hash(command.token))
            if found is None:
                raise NotFound("This invitation link is not valid. Ask your dealer for a new one.")
            account = await uow.accounts.get(found.account_no)
        self._check_form(command, found, account)
        # Hashing takes tens of milliseconds, so it happens before any row is held.
        password_hash = await self._hasher.hash(command.password)
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await self._lock_live(uow, command.token)
            await self._refuse_second_login(uow, invitation)
            transition(invitation.state, InvitationState.ACCEPTED, Actor.CUSTOMER)
            user = PortalUser(
                user_id=self._ids.new(),
                email=invitation.email,
                username=invitation.credential_username or invitation.email,
                name=command.name.strip() or account.name,
                password_hash=password_hash,
                created_at=now,
            )
            await uow.users.add(user)
            await uow.users.link(
                AccountLink(
                    user_id=user.user_id,
                    account_no=invitation.account_no,
                    terms_version=self._policies.terms.version,
                    linked_at=now,
                )
            )
            await uow.invitations.save(
                msgspec.structs.replace(invitation, state=InvitationState.ACCEPTED, decided_at=now),
                InvitationState.PENDING,
            )
            who = Principal(
                kind="customer",
                principal_id=user.user_id,
                name=user.name,
                account_no=invitation.account_no,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
            await uow.audit.append(
                audit(
                    who,
                    now,
                    "invitation.accepted",
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                    terms=self._policies.terms.version,
                )
            )
            await uow.commit()
        return user

    def _check_form(
        self, command: AcceptInvitationCommand, invitation: StoredInvitation, account: Account
    ) -> None:
        fields: dict[str, str] = {}
        problem = self._rules.problem(
            command.password, words=(account.name, account.account_no, invitation.email)
        )
        if problem:
            fields["password"] = problem
        if command.password != command.password_again:
            fields["password_again"] = PASSWORDS_DIFFER
        if not command.accept_terms:
            fields["accept_terms"] = "Accept the terms to register."
        if not command.link_account:
            fields["link_account"] = f"Confirm that this is your company: {account.name}."
        if fields:
            raise Invalid("Some fields need your attention.", fields)

    async def _lock_live(self, uow: UnitOfWork, token: str) -> StoredInvitation:
        invitation = await uow.invitations.by_token(self._tokens.hash(token), for_update=True)
        if invitation is None:
            raise NotFound("This invitation link is not valid. Ask your dealer for a new one.")
        if invitation.state is InvitationState.ACCEPTED:
            raise Conflict("This invitation was already used. Sign in instead.")
        if invitation.state is not InvitationState.PENDING:
            raise Conflict(f"This invitation is {invitation.state.value}; ask for a new one.")
        if self._clock.now() >= invitation.expires_at:
            raise Conflict("This invitation has expired; ask for a new one.")
        return invitation

    async def _refuse_second_login(self, uow: UnitOfWork, invitation: StoredInvitation) -> None:
        if await uow.users.by_login(invitation.email) is not None:
            raise Conflict(
                f"{invitation.email} already has a login here. Sign in with its password to "
                "link this account to it."
            )
        if self._policies.logins.per_customer == "one" and await uow.users.of_account(
            invitation.account_no
        ):
            raise Conflict("This customer already has its one login.")
