"""Register from an invitation: password, terms, the link to the account, all or nothing."""

import msgspec

from dueport_apps.usecases.invitation_steps import (
    DEAD_LINK,
    consent_problems,
    event_of,
    lock_live,
    refuse_second_login,
)
from dueport_apps.usecases.invite_records import LinkEnd, StoredInvitation
from dueport_apps.usecases.password_rules import PasswordRules
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import AccountLink, PortalUser, Principal, audit
from dueport_apps.usecases.services import Ids, PasswordHasher, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.actors import Actor
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock

FORM_INCOMPLETE = "Some fields need your attention."


class AcceptInvitationCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer filled in. Account and e-mail come from the token, never from the form."""

    token: str
    password: str
    password_again: str
    accept_terms: bool
    link_account: bool
    name: str = ""
    second_check_passed: bool = False
    """This browser has answered the invitation's question, where it has one."""
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
        """Register; raises Invalid with a message per field, NotFound for a link that is used or
        was replaced, Conflict when it has expired, when the e-mail already has a login (it must
        sign in to link) or the customer has its one login, Forbidden before the second check."""
        async with self._uow() as uow:
            found = await uow.invitations.by_token(self._tokens.hash(command.token))
            if found is None:
                raise NotFound(DEAD_LINK)
            account = await uow.accounts.get(found.account_no)
        self._check_form(command, found, account)
        # Hashing takes tens of milliseconds, so it happens before any row is held.
        password_hash = await self._hasher.hash(command.password)
        now = self._clock.now()
        async with self._uow() as uow:
            invitation = await lock_live(
                uow,
                self._tokens,
                command.token,
                now,
                second_check_passed=command.second_check_passed,
            )
            await refuse_second_login(uow, self._policies, invitation.account_no)
            await refuse_known(uow, invitation.email)
            user = PortalUser(
                user_id=self._ids.new(),
                email=invitation.email,
                username=invitation.username or invitation.email,
                name=command.name.strip() or name_on_file(account, invitation.email),
                password_hash=password_hash,
                language=invitation.language,
                created_at=now,
            )
            await uow.users.add(user)
            who = Principal(
                kind="customer",
                principal_id=user.user_id,
                name=user.name,
                account_no=invitation.account_no,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
            await finish(uow, invitation, who, self._policies, self._clock)
            await uow.commit()
        return user

    def _check_form(
        self, command: AcceptInvitationCommand, invitation: StoredInvitation, account: Account
    ) -> None:
        fields = self._rules.problems(
            command.password,
            command.password_again,
            words=(account.name, account.account_no, invitation.email),
        )
        fields |= consent_problems(
            account, terms=command.accept_terms, company=command.link_account
        )
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)


def name_on_file(account: Account, email: str) -> str:
    """Return what the ERP calls the person with this address, the company's name where it has
    none."""
    contact = account.contact_of(email)
    return (contact.name.strip() if contact else "") or account.name


async def refuse_known(uow: UnitOfWork, email: str) -> None:
    """Refuse to make a second login for an address: its password is never replaced this way."""
    if await uow.users.by_login(email) is not None:
        raise Conflict(
            f"{email} already has a login here. Sign in with its password to link this account "
            "to it."
        )


async def finish(
    uow: UnitOfWork,
    invitation: StoredInvitation,
    who: Principal,
    policies: Policies,
    clock: Clock,
) -> None:
    """Link the person, and accept the invitation, in the caller's transaction."""
    now = clock.now()
    terms = policies.terms.version
    await uow.users.link(
        AccountLink(
            user_id=who.principal_id,
            account_no=invitation.account_no,
            terms_version=terms,
            linked_at=now,
        )
    )
    accepted = msgspec.structs.replace(
        invitation,
        state=transition(invitation.state, InvitationState.ACCEPTED, Actor.CUSTOMER),
        decided_at=now,
    )
    await uow.invitations.save(accepted, invitation.state)
    await uow.invitations.void_tokens([invitation.invitation_id], LinkEnd.USED, now)
    await uow.invitations.add_events([event_of(invitation, now, "accepted", actor=who.name)])
    await uow.audit.append(
        audit(
            who,
            now,
            "invitation.accepted",
            f"account:{invitation.account_no}",
            invitation=invitation.invitation_id,
            terms=terms,
        )
    )
