"""Register with the account number and the code that is printed on the statement.

Five wrong codes lock an account number until the dealer prints a new code. A number that does not
exist is counted and locked alike, so that trying numbers out teaches nothing.

Whoever has no login yet proves the mailbox of their address with a code that is mailed to it (see
``prove_mailbox``); whoever has one proves that instead, with its password or by being signed in.
"""

import datetime

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE, finish, name_on_file
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.enrolment_codes import EnrolmentCodeMaker
from dueport_apps.usecases.enrolment_steps import TRIES, hold_enrolment, refuse_switched_off
from dueport_apps.usecases.invitation_steps import (
    consent_problems,
    event_of,
    refuse_second_login,
)
from dueport_apps.usecases.invite_records import Enrolment, InviteRecipient, StoredInvitation
from dueport_apps.usecases.link_account import tell_linked
from dueport_apps.usecases.mails import EnrolmentNotice
from dueport_apps.usecases.password_rules import PasswordRules
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.prove_mailbox import MailboxClaim, MailedCodes, forget_codes
from dueport_apps.usecases.records import PortalUser, Principal, audit
from dueport_apps.usecases.services import Ids, Mailroom, PasswordHasher
from dueport_apps.usecases.sign_in import WRONG, CheckPassword, SignInCommand
from dueport_apps.usecases.sign_up import CLOSED
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.actors import Actor
from dueport_core.errors import Conflict, Forbidden, Invalid, NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock, check_email

WRONG_CODE = "That account number and code do not belong together."
NO_CODE = "Type all ten letters and digits of the code, such as 7K2QM-XA94T."
LOCKED = (
    "This account number is locked after five wrong codes. Contact us, and we will give you a "
    "new code."
)

# Wrong codes for numbers that do not exist are counted under an instant that never ages, because
# those of real accounts do not age either.
_AGELESS = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


class OpenedEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    """A right code: what the registration goes on with."""

    account_no: str
    account_name: str
    generation: int


class OpenEnrolment:
    """Check an account number and a code."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        codes: EnrolmentCodeMaker,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._uow = uow
        self._codes = codes
        self._clock = clock
        self._policies = policies
        self._throttle = Throttle(clock)

    async def __call__(self, account_no: str, code: str, client_ip: str) -> OpenedEnrolment:
        """Return what the code opens. Raises Invalid for what is no code at all, which counts for
        nothing, and for a wrong pair, and Conflict for a locked number, both alike for numbers that
        do not exist; TooManyTries for an address that guesses;
        Forbidden, after a right code only, where access is switched off or taken; NotFound where the
        dealer does not offer this."""
        if not self._policies.signup.enrolment_codes:
            raise NotFound(CLOSED)
        number = account_no.strip()
        async with self._uow() as uow:
            await self._throttle.refuse_address(uow, client_ip)
            if not self._codes.is_whole(code):
                raise Invalid(FORM_INCOMPLETE, {"code": NO_CODE})
            account = await uow.accounts.find_typed(number)
            enrolment = Enrolment(account_no=number)
            if account is not None:
                number = account.account_no
                await uow.accounts.lock(number)
                enrolment = await uow.enrolments.get(number, for_update=True)
            ghosts, _ = await uow.throttle.failures(_ghost(number), _AGELESS)
            failures = ghosts if account is None else enrolment.failures
            right = self._codes.matches(number, enrolment.generation, code)
            if failures >= TRIES:
                raise Conflict(LOCKED)
            if account is not None and right:
                await self._refuse_closed(uow, account)
                return OpenedEnrolment(
                    account_no=account.account_no,
                    account_name=account.name,
                    generation=enrolment.generation,
                )
            await self._count(uow, account, enrolment, number, client_ip)
            await uow.commit()
        left = TRIES - failures - 1
        if not left:
            raise Conflict(LOCKED)
        tries = "One more wrong try locks" if left == 1 else f"{left} more wrong tries lock"
        raise Invalid(FORM_INCOMPLETE, {"code": f"{WRONG_CODE} {tries} this account number."})

    async def _refuse_closed(self, uow: UnitOfWork, account: Account) -> None:
        try:
            await refuse_second_login(uow, self._policies, account.account_no)
        except Conflict as error:
            raise Forbidden(error.message) from error
        await refuse_switched_off(uow, account.account_no)

    async def _count(
        self,
        uow: UnitOfWork,
        account: Account | None,
        enrolment: Enrolment,
        number: str,
        client_ip: str,
    ) -> None:
        now = self._clock.now()
        await self._throttle.record_address(uow, client_ip)
        if account is None:
            await uow.throttle.record(_ghost(number), _AGELESS)
        else:
            failures = enrolment.failures + 1
            locked_at = now if failures >= TRIES else None
            await uow.enrolments.save(
                msgspec.structs.replace(enrolment, failures=failures, locked_at=locked_at)
            )
        who = Principal(kind="customer", principal_id="", name="", client_ip=client_ip)
        subject = f"account:{account.account_no}" if account else "account"
        await uow.audit.append(audit(who, now, "enrolment.refused", subject))


class EnrolCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What was filled in to make a login. Account and e-mail are those of the claim, which comes from
    the page before and never from the form."""

    claim: MailboxClaim
    mailed_code: str
    password: str
    password_again: str
    accept_terms: bool
    link_account: bool
    name: str = ""
    client_ip: str = ""
    user_agent: str = ""


class EnrolKnownCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What was filled in to link the account to a login that exists."""

    account_no: str
    generation: int
    """Of the code that was right; a code that was used or replaced meanwhile is refused."""
    accept_terms: bool
    link_account: bool
    user_id: str = ""
    """Who is signed in; empty where login and password are given."""
    login: str = ""
    password: str = ""
    client_ip: str = ""
    user_agent: str = ""


class HasLogin(msgspec.Struct, frozen=True):
    """The mailbox was proved, and its address has a login already: sign in to link the account."""

    email: str


class Enrol:
    """Finish: a new login, or one more account for a login that exists."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        check_password: CheckPassword,
        hasher: PasswordHasher,
        rules: PasswordRules,
        mailed_codes: MailedCodes,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        policies: Policies,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._check_password = check_password
        self._hasher = hasher
        self._rules = rules
        self._mailed_codes = mailed_codes
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock
        self._policies = policies
        self._addresses = addresses

    async def register(self, command: EnrolCommand) -> PortalUser | HasLogin:
        """Make a login with the claimed e-mail, and use the mailed code up in the same transaction.

        Whether the e-mail has a login already is told only with the right code, which then stays as
        it is. Raises Invalid per field, TooManyTries for a client that guesses, Conflict when the
        statement's code was used meanwhile or the customer has its one login, and Forbidden where
        access is switched off.
        """
        claim = command.claim
        async with self._uow() as uow:
            account = await uow.accounts.get(claim.account_no)
        fields = self._rules.problems(
            command.password,
            command.password_again,
            words=(account.name, account.account_no, claim.email),
        )
        fields |= consent_problems(
            account, terms=command.accept_terms, company=command.link_account
        )
        async with self._uow() as uow:
            await self._hold(uow, claim)
            problem = await self._mailed_codes.check(
                uow, claim, command.mailed_code, command.client_ip
            )
            if problem is None and await uow.users.by_login(claim.email) is not None:
                return HasLogin(claim.email)
            await uow.commit()
        if problem is not None:
            fields = {"code": problem, **fields}
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)
        password_hash = await self._hasher.hash(command.password)
        async with self._uow() as uow:
            enrolment = await self._hold(uow, claim)
            await self._mailed_codes.use(uow, claim, command.mailed_code)
            if await uow.users.by_login(claim.email) is not None:
                return HasLogin(claim.email)
            user = PortalUser(
                user_id=self._ids.new(),
                email=claim.email,
                username=claim.email,
                name=command.name.strip() or name_on_file(account, claim.email),
                password_hash=password_hash,
                language=self._policies.invite.language,
                created_at=self._clock.now(),
            )
            await uow.users.add(user)
            who = _principal(user, account, command.client_ip, command.user_agent)
            await self._finish(uow, enrolment, account, user, who)
            await uow.commit()
        return user

    async def link(self, command: EnrolKnownCommand) -> PortalUser:
        """Link the account to a login that exists. Raises as ``register``, and Forbidden or
        TooManyTries for a wrong password."""
        async with self._uow() as uow:
            account = await uow.accounts.get(command.account_no)
        fields = consent_problems(account, terms=command.accept_terms, company=command.link_account)
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)
        user_id = command.user_id or await self._prove(command)
        async with self._uow() as uow:
            enrolment = await hold_enrolment(
                uow, self._policies, command.account_no, command.generation, user_id
            )
            user = await uow.users.get(user_id)
            if not user.active:
                raise Forbidden(WRONG)
            who = _principal(user, account, command.client_ip, command.user_agent)
            await self._finish(uow, enrolment, account, user, who)
            await tell_linked(uow, self._mailroom, self._ids, self._clock, user, account)
            await uow.commit()
        return user

    async def _prove(self, command: EnrolKnownCommand) -> str:
        user = await self._check_password(
            SignInCommand(
                login=command.login,
                password=command.password,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
        )
        return user.user_id

    async def _hold(self, uow: UnitOfWork, claim: MailboxClaim) -> Enrolment:
        return await hold_enrolment(uow, self._policies, claim.account_no, claim.generation)

    async def _finish(
        self,
        uow: UnitOfWork,
        enrolment: Enrolment,
        account: Account,
        user: PortalUser,
        who: Principal,
    ) -> None:
        now = self._clock.now()
        invitation = await self._invitation(uow, account, user)
        await uow.invitations.put([invitation])
        await uow.invitations.add_events(
            [event_of(invitation, now, "invited", detail="with the code of the statement")]
        )
        await finish(uow, invitation, who, self._policies, self._clock)
        # The next generation is another code: the one that was used is worthless.
        await uow.enrolments.save(
            Enrolment(
                account_no=account.account_no, generation=enrolment.generation + 1, used_at=now
            )
        )
        await forget_codes(uow, account.account_no, now)
        await self._tell_dealers_contact(uow, account, user)

    async def _invitation(
        self, uow: UnitOfWork, account: Account, user: PortalUser
    ) -> StoredInvitation:
        now = self._clock.now()
        await uow.invitations.lock()
        present = await uow.invitations.find(account.account_no, user.email)
        state = present.state if present else None
        if state is InvitationState.ACCEPTED:
            # Registered before and unlinked since; the timeline goes on with a new start.
            state = None
        return StoredInvitation(
            invitation_id=present.invitation_id if present else self._ids.new(),
            account_no=account.account_no,
            email=user.email,
            recipient=InviteRecipient.CUSTOMER,
            delivery="invite_link",
            language=user.language,
            state=transition(state, InvitationState.PENDING, Actor.CUSTOMER),
            created_at=present.created_at if present else now,
            invited_at=now,
            expires_at=now + self._policies.invitation_lifetime,
            created_by=user.user_id,
            sends=present.sends if present else 0,
        )

    async def _tell_dealers_contact(
        self, uow: UnitOfWork, account: Account, user: PortalUser
    ) -> None:
        """Tell the address on file, which the code's finder may not have."""
        on_file = account.primary_email
        if check_email(on_file) or on_file is None:
            return
        contact = account.primary_contact
        await self._mailroom.queue(
            uow,
            kind="enrolment_notice",
            subject_ref=f"enrolment:{user.user_id}:{account.account_no}",
            to_address=on_file,
            to_name=(contact.name.strip() if contact else "") or account.name,
            message=EnrolmentNotice(
                account_name=account.name,
                account_no=account.account_no,
                login=user.email,
                happened_at=self._clock.now(),
                contact_url=self._addresses.contact,
            ),
            language=self._policies.invite.language,
        )


def _principal(user: PortalUser, account: Account, client_ip: str, user_agent: str) -> Principal:
    return Principal(
        kind="customer",
        principal_id=user.user_id,
        name=user.name,
        account_no=account.account_no,
        client_ip=client_ip,
        user_agent=user_agent,
    )


def _ghost(number: str) -> str:
    """Zeros in front do not matter, as for numbers that exist."""
    return f"enrol:{number[:40].lower().lstrip('0')}"
