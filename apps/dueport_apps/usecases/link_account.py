"""Take an invitation with a login that exists: one more account for it, and no new password.

Whoever holds the link proves the login as at sign-in, with its password and with the same limits, or
by being signed in. An invitation can therefore never be used to take a login over.
"""

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE, finish
from dueport_apps.usecases.invitation_steps import (
    DEAD_LINK,
    consent_problems,
    lock_live,
    refuse_second_login,
)
from dueport_apps.usecases.mails import AccessLinkedNotice
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import PortalUser, Principal
from dueport_apps.usecases.services import Ids, Mailroom, Tokens
from dueport_apps.usecases.sign_in import WRONG, CheckPassword, SignInCommand
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.errors import Forbidden, Invalid, NotFound
from dueport_ports import Clock


class LinkAccountCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The account comes from the token; the login from the session or from its password."""

    token: str
    accept_terms: bool
    link_account: bool
    user_id: str = ""
    """Who is signed in; empty where login and password are given."""
    login: str = ""
    password: str = ""
    second_check_passed: bool = False
    client_ip: str = ""
    user_agent: str = ""


class LinkAccount:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        check_password: CheckPassword,
        tokens: Tokens,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._check_password = check_password
        self._tokens = tokens
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock
        self._policies = policies

    async def __call__(self, command: LinkAccountCommand) -> PortalUser:
        """Link, accept the invitation and tell the login's owner. Raises Invalid per field,
        Forbidden for a wrong password, TooManyTries, and NotFound or Conflict as registering
        does."""
        async with self._uow() as uow:
            found = await uow.invitations.by_token(self._tokens.hash(command.token))
            if found is None:
                raise NotFound(DEAD_LINK)
            account = await uow.accounts.get(found.account_no)
        fields = consent_problems(account, terms=command.accept_terms, company=command.link_account)
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)
        user_id = command.user_id or await self._prove(command)
        async with self._uow() as uow:
            invitation = await lock_live(
                uow,
                self._tokens,
                command.token,
                self._clock.now(),
                second_check_passed=command.second_check_passed,
            )
            await refuse_second_login(uow, self._policies, invitation.account_no, user_id)
            user = await uow.users.get(user_id)
            if not user.active:
                raise Forbidden(WRONG)
            who = Principal(
                kind="customer",
                principal_id=user.user_id,
                name=user.name,
                account_no=invitation.account_no,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
            await finish(uow, invitation, who, self._policies, self._clock)
            await tell_linked(uow, self._mailroom, self._ids, self._clock, user, account)
            await uow.commit()
        return user

    async def _prove(self, command: LinkAccountCommand) -> str:
        user = await self._check_password(
            SignInCommand(
                login=command.login,
                password=command.password,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
        )
        return user.user_id


async def tell_linked(
    uow: UnitOfWork,
    mailroom: Mailroom,
    ids: Ids,
    clock: Clock,
    user: PortalUser,
    account: Account,
) -> None:
    """Mail the owner of a login that it opens one more account."""
    await mailroom.queue(
        uow,
        kind="access_linked",
        subject_ref=f"linked:{ids.new()}",
        to_address=user.email,
        to_name=user.name,
        message=AccessLinkedNotice(
            account_name=account.name,
            account_no=account.account_no,
            login=user.email,
            happened_at=clock.now(),
        ),
        language=user.language,
    )
