"""A new password for somebody who forgot theirs, by a link that is mailed to them.

The page that asks never looks anybody up: it leaves a job behind and says the same to everybody, so
that neither its words nor its time tell who has a login. The job mails, or does not.
"""

import datetime

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.mails import ResetPasswordMail
from dueport_apps.usecases.password_rules import PasswordRules
from dueport_apps.usecases.records import OneTimeToken, PortalUser
from dueport_apps.usecases.services import Ids, Mailroom, PasswordHasher, Tokens
from dueport_apps.usecases.set_password import RESET, SetPassword, words_of
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Invalid, NotFound
from dueport_ports import Clock

LIFETIME = datetime.timedelta(minutes=60)
DEAD_RESET = "This link was used already, has expired or was replaced by a newer one."


class RequestPasswordReset:
    """What the page does: count the request and leave the rest to a job."""

    def __init__(self, uow: UnitOfWorkFactory, ids: Ids, clock: Clock) -> None:
        self._uow = uow
        self._ids = ids
        self._throttle = Throttle(clock)

    async def __call__(self, login: str, client_ip: str) -> None:
        """Ask for the mail; raises Invalid for an empty login and TooManyTries for an address that
        asks too often, both without looking anybody up."""
        if not login.strip():
            raise Invalid(FORM_INCOMPLETE, {"login": "Fill in this field."})
        async with self._uow() as uow:
            if await self._throttle.admit_request(uow, "reset", login, client_ip):
                await uow.work.enqueue(
                    "mail_password_reset",
                    {"login": login.strip(), "request_id": self._ids.new()},
                )
            await uow.commit()


class MailPasswordReset:
    """What the job does: mail a link to whoever the login belongs to, or nothing."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        mailroom: Mailroom,
        clock: Clock,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._mailroom = mailroom
        self._clock = clock
        self._addresses = addresses

    async def __call__(self, login: str, request_id: str) -> bool:
        """Mail the link; False where there is nobody to mail, or this request was answered before.
        The mail goes to the login's own e-mail, whatever was typed; earlier links are void."""
        now = self._clock.now()
        token = self._tokens.new()
        async with self._uow() as uow:
            user = await uow.users.by_login(login)
            if user is None or not user.active or not await uow.users.links(user.user_id):
                return False
            queued = await self._mailroom.queue(
                uow,
                kind="reset_password",
                subject_ref=f"reset:{request_id}",
                to_address=user.email,
                to_name=user.name,
                message=ResetPasswordMail(
                    login=user.email,
                    reset_url=self._addresses.reset(token),
                    expires_in_minutes=int(LIFETIME.total_seconds() // 60),
                ),
                language=user.language,
            )
            if not queued:
                return False
            await uow.tokens.void(RESET, user.user_id, now)
            await uow.tokens.add(
                OneTimeToken(
                    token_hash=self._tokens.hash(token),
                    purpose=RESET,
                    subject_id=user.user_id,
                    expires_at=now + LIFETIME,
                )
            )
            await uow.commit()
        return True


class ResetPasswordCommand(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    password: str
    password_again: str
    client_ip: str = ""
    user_agent: str = ""


class ResetPassword:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        hasher: PasswordHasher,
        rules: PasswordRules,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._hasher = hasher
        self._rules = rules
        self._clock = clock
        self._set_password = SetPassword(mailroom, ids, addresses)
        self._throttle = Throttle(clock)

    async def find(self, token: str) -> PortalUser | None:
        """Return whose link this is, or None for one that does not work. Looking consumes nothing."""
        async with self._uow() as uow:
            found = await uow.tokens.find(self._tokens.hash(token), RESET)
            if found is None or found.used_at or self._clock.now() >= found.expires_at:
                return None
            user = await uow.users.get(found.subject_id)
        return user if user.active else None

    async def __call__(self, command: ResetPasswordCommand) -> PortalUser:
        """Set the password and end every session of the person. Raises Invalid per field, NotFound
        for a link that was used, has expired or was replaced."""
        user = await self.find(command.token)
        if user is None:
            raise NotFound(DEAD_RESET)
        words = await words_of(self._uow, user)
        fields = self._rules.problems(command.password, command.password_again, words)
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)
        password_hash = await self._hasher.hash(command.password)
        now = self._clock.now()
        async with self._uow() as uow:
            used = await uow.tokens.use(self._tokens.hash(command.token), RESET, now)
            user = await uow.users.get(used.subject_id)
            # Whoever reads the mailbox is the owner: guesses of others need not slow them down.
            for login in {user.email, user.username}:
                await self._throttle.clear(uow, login)
            await self._set_password(
                uow,
                user,
                password_hash,
                "reset",
                now,
                client_ip=command.client_ip,
                user_agent=command.user_agent,
            )
            await uow.commit()
        return user
