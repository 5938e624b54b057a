"""Sign in: customers with a password, operators with a password and then a TOTP code.

Wrong names and wrong passwords cost the same time and get the same answer. Failures are counted
per login and per address, in the database, so that more processes do not mean more tries; the
count only delays the sign-in form and never touches sessions that exist.
"""

import datetime

import msgspec

from dueport_apps.usecases.records import (
    Operator,
    PortalUser,
    Principal,
    StoredInvitation,
    audit,
)
from dueport_apps.usecases.services import PasswordHasher, SecondFactor, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.credentials import SECRET_LIFETIME_S
from dueport_core.errors import Forbidden, TooManyTries
from dueport_core.invitations import InvitationState
from dueport_ports import Clock

FREE_FAILURES = 10
FREE_FAILURES_PER_ADDRESS = 50
DELAY_S = 30
DELAY_MAX_S = 3600
WINDOW = datetime.timedelta(hours=24)

WRONG = "That e-mail or password is not right."
WRONG_CODE = "That code is not right. Codes change every 30 seconds and work once."


class SignInCommand(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    password: str
    client_ip: str
    user_agent: str = ""


class Throttle:
    """After ten failures each further try of that login waits, twice as long each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def refuse_if_slowed(self, uow: UnitOfWork, login: str, client_ip: str) -> None:
        """Raise TooManyTries with the seconds to wait, alike for logins that do not exist."""
        for key, free in self._keys(login, client_ip):
            count, last = await uow.throttle.failures(key, self._clock.now() - WINDOW)
            if last is None or count < free:
                continue
            delay_s = min(DELAY_S * 2 ** min(count - free, 10), DELAY_MAX_S)
            wait = (last + datetime.timedelta(seconds=delay_s) - self._clock.now()).total_seconds()
            if wait > 0:
                raise TooManyTries(
                    f"Too many tries. Wait {round(wait) + 1} seconds and try again.",
                    retry_after_s=round(wait) + 1,
                )

    async def record(self, uow: UnitOfWork, login: str, client_ip: str) -> None:
        for key, _ in self._keys(login, client_ip):
            await uow.throttle.record(key, self._clock.now())

    async def clear(self, uow: UnitOfWork, login: str) -> None:
        """Forget the login's failures; an address stays counted, one success must not reset it."""
        await uow.throttle.clear(f"login:{login.strip().lower()}")

    @staticmethod
    def _keys(login: str, client_ip: str) -> tuple[tuple[str, int], ...]:
        return (
            (f"login:{login.strip().lower()}", FREE_FAILURES),
            (f"address:{client_ip}", FREE_FAILURES_PER_ADDRESS),
        )


class MustRegister(msgspec.Struct, frozen=True):
    """The login was a mailed one-time credential: it opens the registration and nothing else."""

    token: str


class SignInCustomer:
    """Customers sign in with their own password; an invited one with the mailed credential.

    A mailed secret never becomes a password. It is good for three days, for the registration page
    alone, and it is worthless once somebody has registered there.
    """

    def __init__(
        self, uow: UnitOfWorkFactory, hasher: PasswordHasher, tokens: Tokens, clock: Clock
    ) -> None:
        self._uow = uow
        self._hasher = hasher
        self._tokens = tokens
        self._clock = clock
        self._throttle = Throttle(clock)

    async def __call__(self, command: SignInCommand) -> PortalUser | MustRegister:
        """Return the user, or the way to the registration; raises Forbidden with one answer for
        every reason, or TooManyTries."""
        async with self._uow() as uow:
            await self._throttle.refuse_if_slowed(uow, command.login, command.client_ip)
            user = await uow.users.by_login(command.login.strip())
            invitation = None
            if user is None:
                invitation = await self._credential_of(uow, command.login.strip())
        expected = user.password_hash if user else ""
        if invitation is not None:
            expected = invitation.credential_hash
        right = await self._hasher.verify(expected, command.password)
        if invitation is not None and right:
            return await self._open_registration(invitation, command)
        who = Principal(
            kind="customer",
            principal_id=user.user_id if user else "",
            name=user.name if user else "",
            client_ip=command.client_ip,
            user_agent=command.user_agent,
        )
        async with self._uow() as uow:
            if user is None or not right or not user.active:
                await self._throttle.record(uow, command.login, command.client_ip)
                await uow.audit.append(
                    audit(who, self._clock.now(), "sign_in.refused", "customer", portal="customer")
                )
                await uow.commit()
                raise Forbidden(WRONG)
            await self._throttle.clear(uow, command.login)
            await uow.audit.append(
                audit(who, self._clock.now(), "sign_in.done", f"user:{user.user_id}")
            )
            await uow.commit()
        return user

    async def _credential_of(self, uow: UnitOfWork, login: str) -> StoredInvitation | None:
        invitation = await uow.invitations.by_username(login)
        if invitation is None or not invitation.credential_hash:
            return None
        now = self._clock.now()
        secret_ends_at = invitation.created_at + datetime.timedelta(seconds=SECRET_LIFETIME_S)
        return invitation if now < min(secret_ends_at, invitation.expires_at) else None

    async def _open_registration(
        self, invitation: StoredInvitation, command: SignInCommand
    ) -> MustRegister:
        """Give the invitation a fresh token, so that only this browser can go on with it."""
        token = self._tokens.new()
        async with self._uow() as uow:
            await uow.invitations.save(
                msgspec.structs.replace(invitation, token_hash=self._tokens.hash(token)),
                InvitationState.PENDING,
            )
            await self._throttle.clear(uow, command.login)
            who = Principal(
                kind="customer",
                principal_id=invitation.email,
                name=invitation.email,
                account_no=invitation.account_no,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
            await uow.audit.append(
                audit(
                    who,
                    self._clock.now(),
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
        throttle_name = f"operator/{command.login}"
        async with self._uow() as uow:
            await self._throttle.refuse_if_slowed(uow, throttle_name, command.client_ip)
            operator = await uow.operators.by_email(command.login.strip())
        right = await self._hasher.verify(
            operator.password_hash if operator else "", command.password
        )
        async with self._uow() as uow:
            if operator is None or not right or not operator.active:
                await self._throttle.record(uow, throttle_name, command.client_ip)
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
