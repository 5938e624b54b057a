"""Register with the account number and the code that is printed on the statement.

Five wrong codes lock an account number until the dealer prints a new code. A number that does not
exist is counted and locked alike, so that trying numbers out teaches nothing.
"""

import datetime

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE, finish, refuse_known
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.enrolment_codes import EnrolmentCodeMaker
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

TRIES = 5
WRONG_CODE = "That account number and code do not belong together."
LOCKED = (
    "This account number is locked after five wrong codes. Contact us, and we will give you a "
    "new code."
)
SWITCHED_OFF = "Online access for this account is switched off. Contact us to have it opened again."
STALE_CODE = "This code was used or replaced meanwhile. Start again with the newest one."

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
        """Return what the code opens. Raises Invalid for a wrong pair and Conflict for a locked
        number, both alike for numbers that do not exist; TooManyTries for an address that guesses;
        Forbidden, after a right code only, where access is switched off or taken; NotFound where the
        dealer does not offer this."""
        if not self._policies.signup.enrolment_codes:
            raise NotFound(CLOSED)
        number = account_no.strip()
        async with self._uow() as uow:
            await self._throttle.refuse_address(uow, client_ip)
            account = await uow.accounts.find(number)
            enrolment = Enrolment(account_no=number)
            if account is not None:
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
    """What was filled in. The account comes from the code, the e-mail from the person."""

    account_no: str
    generation: int
    """Of the code that was right; a code that was used or replaced meanwhile is refused."""
    accept_terms: bool
    link_account: bool
    email: str = ""
    name: str = ""
    password: str = ""
    password_again: str = ""
    user_id: str = ""
    """Who is signed in, to link the account to their login."""
    login: str = ""
    login_password: str = ""
    """The password of ``login``, to link the account to it."""
    client_ip: str = ""
    user_agent: str = ""


class Enrol:
    """Finish: a new login, or one more account for a login that exists."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        check_password: CheckPassword,
        hasher: PasswordHasher,
        rules: PasswordRules,
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
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock
        self._policies = policies
        self._addresses = addresses

    async def register(self, command: EnrolCommand) -> PortalUser:
        """Make a login with the typed e-mail. Raises Invalid per field and Conflict when the code
        was used meanwhile, the e-mail has a login, or the customer has its one login."""
        async with self._uow() as uow:
            account = await uow.accounts.get(command.account_no)
        email = command.email.strip()
        fields = self._rules.problems(
            command.password,
            command.password_again,
            words=(account.name, account.account_no, email),
        )
        if problem := check_email(email):
            fields["email"] = f"{problem[:1].upper()}{problem[1:]}."
        self._check(account, command, fields)
        password_hash = await self._hasher.hash(command.password)
        async with self._uow() as uow:
            enrolment = await self._hold(uow, command)
            await refuse_known(uow, email)
            user = PortalUser(
                user_id=self._ids.new(),
                email=email,
                username=email,
                name=command.name.strip() or account.name,
                password_hash=password_hash,
                language=self._policies.invite.language,
                created_at=self._clock.now(),
            )
            await uow.users.add(user)
            await self._finish(uow, command, enrolment, account, user)
            await uow.commit()
        return user

    async def link(self, command: EnrolCommand) -> PortalUser:
        """Link the account to a login that exists. Raises as ``register``, and Forbidden or
        TooManyTries for a wrong password."""
        async with self._uow() as uow:
            account = await uow.accounts.get(command.account_no)
        self._check(account, command, {})
        user_id = command.user_id or await self._prove(command)
        async with self._uow() as uow:
            enrolment = await self._hold(uow, command, user_id)
            user = await uow.users.get(user_id)
            if not user.active:
                raise Forbidden(WRONG)
            await self._finish(uow, command, enrolment, account, user)
            await tell_linked(uow, self._mailroom, self._ids, self._clock, user, account)
            await uow.commit()
        return user

    def _check(self, account: Account, command: EnrolCommand, fields: dict[str, str]) -> None:
        fields |= consent_problems(
            account, terms=command.accept_terms, company=command.link_account
        )
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)

    async def _prove(self, command: EnrolCommand) -> str:
        user = await self._check_password(
            SignInCommand(
                login=command.login,
                password=command.login_password,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
        )
        return user.user_id

    async def _hold(self, uow: UnitOfWork, command: EnrolCommand, user_id: str = "") -> Enrolment:
        """Hold the account until commit and make sure that the code is still good."""
        await refuse_second_login(uow, self._policies, command.account_no, user_id)
        enrolment = await uow.enrolments.get(command.account_no, for_update=True)
        if enrolment.generation != command.generation or enrolment.failures >= TRIES:
            raise Conflict(STALE_CODE)
        await refuse_switched_off(uow, command.account_no)
        return enrolment

    async def _finish(
        self,
        uow: UnitOfWork,
        command: EnrolCommand,
        enrolment: Enrolment,
        account: Account,
        user: PortalUser,
    ) -> None:
        now = self._clock.now()
        invitation = await self._invitation(uow, account, user)
        await uow.invitations.put([invitation])
        await uow.invitations.add_events(
            [event_of(invitation, now, "invited", detail="with the code of the statement")]
        )
        who = Principal(
            kind="customer",
            principal_id=user.user_id,
            name=user.name,
            account_no=account.account_no,
            client_ip=command.client_ip,
            user_agent=command.user_agent,
        )
        await finish(uow, invitation, who, self._policies, self._clock)
        # The next generation is another code: the one that was used is worthless.
        await uow.enrolments.save(
            Enrolment(
                account_no=account.account_no, generation=enrolment.generation + 1, used_at=now
            )
        )
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


async def refuse_switched_off(uow: UnitOfWork, account_no: str) -> None:
    """Refuse where an operator has switched everybody's access off: only they switch it on."""
    logins = await uow.users.logins(account_no)
    if logins and all(one.link.disabled_at or not one.user.active for one in logins):
        raise Forbidden(SWITCHED_OFF)


def _ghost(number: str) -> str:
    return f"enrol:{number[:40].lower()}"
