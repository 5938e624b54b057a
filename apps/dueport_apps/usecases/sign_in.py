"""Sign in: customers with a password, operators with a password and then a TOTP code.

Wrong names and wrong passwords cost the same time and get the same answer. Failures are counted
(see ``Throttle``); the count only delays the sign-in form and never touches sessions that exist.
"""

import msgspec

from dueport_apps.usecases.compose_invitations import credential_hash
from dueport_apps.usecases.invitation_steps import customer_of_invitation, is_live
from dueport_apps.usecases.invite_records import InvitationToken, StoredInvitation
from dueport_apps.usecases.records import Operator, PortalUser, Principal, audit
from dueport_apps.usecases.services import PasswordHasher, SecondFactor, Tokens
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.credentials import SECRET_LIFETIME_S
from dueport_core.errors import Forbidden
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

WRONG = "That login or password is not right."
WRONG_CODE = "That code is not right. Codes change every 30 seconds and work once."


class SignInCommand(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    password: str
    client_ip: str
    user_agent: str = ""


class MustRegister(msgspec.Struct, frozen=True):
    """The login was a mailed one-time credential: it opens the registration and nothing else."""

    token: str


class PasswordExpired(msgspec.Struct, frozen=True):
    """The login was a mailed one-time password whose time is over: a new one can be asked for."""

    invitation_id: str
    is_newer_good: bool
    """A newer mail has brought another password, which still works."""


class CheckPassword:
    """Whether this is a customer's own password; every reason to refuse looks the same."""

    def __init__(self, uow: UnitOfWorkFactory, hasher: PasswordHasher, clock: Clock) -> None:
        self._uow = uow
        self._hasher = hasher
        self._clock = clock
        self._throttle = Throttle(clock)

    async def __call__(self, command: SignInCommand, *, needs_account: bool = False) -> PortalUser:
        """Return the user; raises Forbidden, or TooManyTries. With ``needs_account`` somebody whose
        access was switched off everywhere is refused like a stranger."""
        user = await self.matching(command, needs_account=needs_account)
        await self.record(command, user)
        if user is None:
            raise Forbidden(WRONG)
        return user

    async def matching(self, command: SignInCommand, *, needs_account: bool) -> PortalUser | None:
        """Return the user whose password it is, or None; takes as long either way."""
        async with self._uow() as uow:
            await self._throttle.begin(uow, command.login, command.client_ip)
            user = await uow.users.by_login(command.login.strip())
            links = await uow.users.links(user.user_id if user else "")
            await uow.commit()
        right = await self._hasher.verify(user.password_hash if user else "", command.password)
        if user is None or not right or not user.active or (needs_account and not links):
            return None
        return user

    async def record(self, command: SignInCommand, user: PortalUser | None) -> None:
        """Count a failure, or forget the earlier ones; the audit log has both."""
        who = Principal(
            kind="customer",
            principal_id=user.user_id if user else "",
            name=user.name if user else "",
            client_ip=command.client_ip,
            user_agent=command.user_agent,
        )
        now = self._clock.now()
        async with self._uow() as uow:
            if user is None:
                await self._throttle.record_address(uow, command.client_ip)
                entry = audit(who, now, "sign_in.refused", "customer", portal="customer")
            else:
                await self._throttle.clear(uow, command.login)
                entry = audit(who, now, "sign_in.done", f"user:{user.user_id}")
            await uow.audit.append(entry)
            await uow.commit()


class SignInCustomer:
    """Customers sign in with their own password; an invited one with the mailed credential.

    A mailed secret never becomes a password. It is good for three days, for the registration page
    alone, and it is worthless once somebody has registered there. Afterwards it opens nothing, but
    whoever has it is told why.
    """

    def __init__(
        self, uow: UnitOfWorkFactory, hasher: PasswordHasher, tokens: Tokens, clock: Clock
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock
        self._check = CheckPassword(uow, hasher, clock)
        self._throttle = Throttle(clock)

    async def __call__(self, command: SignInCommand) -> PortalUser | MustRegister | PasswordExpired:
        """Return the user, the way to the registration, or that the right one-time password came too
        late; raises Forbidden with one answer for every other reason, or TooManyTries."""
        # Both are always asked, so that the time does not tell which of them knows the name.
        user = await self._check.matching(command, needs_account=True)
        mailed = await self._mailed(command)
        if user is None and mailed is not None:
            invitation, given = mailed
            if self._is_good(invitation, given):
                return await self._open_registration(invitation, command)
            return await self._came_late(invitation, command)
        await self._check.record(command, user)
        if user is None:
            raise Forbidden(WRONG)
        return user

    async def _mailed(
        self, command: SignInCommand
    ) -> tuple[StoredInvitation, InvitationToken] | None:
        """Return the invitation whose mailed one-time password this is, and the password's row,
        whether it is in time or not."""
        async with self._uow() as uow:
            known = {
                credential_hash(self._tokens, one.invitation_id, command.password): one
                for one in await uow.invitations.with_username(command.login.strip())
            }
            found = await uow.invitations.passwords(list(known))
        return (known[found[0].token_hash], found[0]) if found else None

    def _is_good(self, invitation: StoredInvitation, given: InvitationToken) -> bool:
        """Whether the password is in time; one exactly as old as it may get is too old."""
        now = self._clock.now()
        age_s = (now - given.created_at).total_seconds()
        return is_live(invitation, now) and age_s < SECRET_LIFETIME_S

    async def _came_late(
        self, invitation: StoredInvitation, command: SignInCommand
    ) -> PasswordExpired:
        """Say so, which only somebody with the right password ever learns; it opens nothing."""
        now = self._clock.now()
        async with self._uow() as uow:
            # The try stays counted: an old mail must not buy guesses at somebody's own password.
            await uow.audit.append(
                audit(
                    customer_of_invitation(invitation, command.client_ip, command.user_agent),
                    now,
                    "invitation.credential_expired",
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                )
            )
            await uow.commit()
        return PasswordExpired(invitation.invitation_id, is_newer_good=is_live(invitation, now))

    async def _open_registration(
        self, invitation: StoredInvitation, command: SignInCommand
    ) -> MustRegister:
        """Mint a link for this browser alone."""
        token = self._tokens.new()
        now = self._clock.now()
        async with self._uow() as uow:
            present = await uow.invitations.get(invitation.invitation_id, for_update=True)
            if present.state is not InvitationState.PENDING:
                raise Forbidden(WRONG)
            await uow.invitations.add_tokens(
                [
                    InvitationToken(
                        token_hash=self._tokens.hash(token),
                        invitation_id=invitation.invitation_id,
                        kind="link",
                        created_at=now,
                    )
                ]
            )
            await self._throttle.clear(uow, command.login)
            who = customer_of_invitation(invitation, command.client_ip, command.user_agent)
            await uow.audit.append(
                audit(
                    who,
                    now,
                    "invitation.credential_used",
                    f"account:{invitation.account_no}",
                    invitation=invitation.invitation_id,
                )
            )
            await uow.commit()
        return MustRegister(token)


class SignInOperator:
    """The first factor. The session it opens reaches nothing but the second factor's page."""

    def __init__(self, uow: UnitOfWorkFactory, hasher: PasswordHasher, clock: Clock) -> None:
        self._uow = uow
        self._hasher = hasher
        self._clock = clock
        self._throttle = Throttle(clock)

    async def __call__(self, command: SignInCommand) -> Operator:
        """Return the operator; raises Forbidden with one answer for every reason, or TooManyTries."""
        throttle_name = f"operator/{command.login.strip()}"
        async with self._uow() as uow:
            await self._throttle.begin(uow, throttle_name, command.client_ip)
            operator = await uow.operators.by_email(command.login.strip())
            await uow.commit()
        right = await self._hasher.verify(
            operator.password_hash if operator else "", command.password
        )
        async with self._uow() as uow:
            if operator is None or not right or not operator.active:
                await self._throttle.record_address(uow, command.client_ip)
                who = _operator_principal(operator, command.client_ip)
                await uow.audit.append(
                    audit(who, self._clock.now(), "sign_in.refused", "operator", portal="operator")
                )
                await uow.commit()
                raise Forbidden(WRONG)
        return operator


class ConfirmSecondFactor:
    """The second factor: a TOTP code, once per time step, or a recovery code, once."""

    def __init__(
        self, uow: UnitOfWorkFactory, factor: SecondFactor, tokens: Tokens, clock: Clock
    ) -> None:
        self._uow = uow
        self._factor = factor
        self._tokens = tokens
        self._clock = clock
        self._throttle = Throttle(clock)

    async def __call__(
        self, operator_id: str, code: str, client_ip: str, *, action: str = "sign_in.done"
    ) -> Operator:
        """Return the operator, now fully signed in; raises Forbidden or TooManyTries. ``action`` is
        what the audit log says: a sign-in, or a second look before something sensitive."""
        throttle_name = f"second-factor/{operator_id}"
        async with self._uow() as uow:
            await self._throttle.refuse_if_slowed(uow, throttle_name, client_ip)
            operator = await uow.operators.get(operator_id)
            who = _operator_principal(operator, client_ip)
            if not operator.active or not await self._is_right(uow, operator, code):
                await self._throttle.record(uow, throttle_name, client_ip)
                await uow.audit.append(
                    audit(
                        who, self._clock.now(), "second_factor.refused", f"operator:{operator_id}"
                    )
                )
                await uow.commit()
                raise Forbidden(WRONG_CODE)
            await self._throttle.clear(uow, throttle_name)
            await self._throttle.clear(uow, f"operator/{operator.email}")
            await uow.audit.append(audit(who, self._clock.now(), action, f"operator:{operator_id}"))
            await uow.commit()
        return operator

    async def _is_right(self, uow: UnitOfWork, operator: Operator, code: str) -> bool:
        text = code.replace(" ", "").replace("-", "")
        if text.isdigit() and len(text) == 6:
            step = self._factor.matching_step(operator.totp_secret_sealed, text)
            return step is not None and await uow.operators.use_totp_step(
                operator.operator_id, step
            )
        return await uow.operators.use_recovery_code(
            operator.operator_id, self._tokens.hash(text.upper())
        )


def _operator_principal(operator: Operator | None, client_ip: str) -> Principal:
    return Principal(
        kind="operator",
        principal_id=operator.operator_id if operator else "",
        name=operator.name if operator else "",
        client_ip=client_ip,
    )
