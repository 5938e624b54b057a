"""What signed-in customers change about their own login: the password, and the mails' language."""

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.password_rules import PasswordRules
from dueport_apps.usecases.records import Language
from dueport_apps.usecases.services import Ids, Mailroom, PasswordHasher
from dueport_apps.usecases.set_password import SetPassword, words_of
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Invalid
from dueport_ports import Clock

WRONG_OLD = "That is not your password."
SAME = "This is your present password; choose another."


class ChangePasswordCommand(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    old_password: str
    password: str
    password_again: str
    session: bytes
    """The hash of the session that goes on; all others of the person end."""
    client_ip: str = ""
    user_agent: str = ""


class ChangePassword:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        hasher: PasswordHasher,
        rules: PasswordRules,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._hasher = hasher
        self._rules = rules
        self._clock = clock
        self._set_password = SetPassword(mailroom, ids, addresses)
        self._throttle = Throttle(clock)

    async def __call__(self, command: ChangePasswordCommand) -> int:
        """Change it and return how many other sessions ended. Raises Invalid per field, and
        TooManyTries: a session that was left open must not be a place to guess the password."""
        guesses = f"change/{command.user_id}"
        async with self._uow() as uow:
            await self._throttle.begin(uow, guesses, command.client_ip)
            user = await uow.users.get(command.user_id)
            await uow.commit()
        right = await self._hasher.verify(user.password_hash, command.old_password)
        async with self._uow() as uow:
            if right:
                await self._throttle.clear(uow, guesses)
            else:
                await self._throttle.record_address(uow, command.client_ip)
            await uow.commit()
        if not right:
            raise Invalid(FORM_INCOMPLETE, {"old_password": WRONG_OLD})
        fields = self._rules.problems(
            command.password, command.password_again, await words_of(self._uow, user)
        )
        if not fields and command.password == command.old_password:
            fields["password"] = SAME
        if fields:
            raise Invalid(FORM_INCOMPLETE, fields)
        password_hash = await self._hasher.hash(command.password)
        async with self._uow() as uow:
            user = await uow.users.get(command.user_id)
            ended = await self._set_password(
                uow,
                user,
                password_hash,
                "changed",
                self._clock.now(),
                client_ip=command.client_ip,
                user_agent=command.user_agent,
                but=command.session,
            )
            await uow.commit()
        return ended


class ChangeLanguage:
    """Choose what one's mails are written in."""

    def __init__(self, uow: UnitOfWorkFactory) -> None:
        self._uow = uow

    async def __call__(self, user_id: str, language: Language) -> None:
        async with self._uow() as uow:
            user = await uow.users.get(user_id)
            await uow.users.save(msgspec.structs.replace(user, language=language))
            await uow.commit()
