"""What follows a new password, however it came about: nobody else stays signed in, and the owner
is told."""

import datetime
from typing import Final, Literal

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.mails import SignInNotice
from dueport_apps.usecases.records import PortalUser, Principal, audit
from dueport_apps.usecases.services import Ids, Mailroom
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_apps.wording import browser_words

RESET: Final = "password_reset"
"""The purpose of the tokens that a reset is mailed with."""


class SetPassword:
    """Set a customer's password in the caller's transaction."""

    def __init__(self, mailroom: Mailroom, ids: Ids, addresses: PortalAddresses) -> None:
        self._mailroom = mailroom
        self._ids = ids
        self._addresses = addresses

    async def __call__(
        self,
        uow: UnitOfWork,
        user: PortalUser,
        password_hash: str,
        how: Literal["changed", "reset"],
        now: datetime.datetime,
        *,
        client_ip: str,
        user_agent: str,
        but: bytes = b"",
    ) -> int:
        """Save the password, void every link for a reset, end the person's sessions but this one,
        tell them by mail and record it. Return how many sessions ended."""
        await uow.users.save(msgspec.structs.replace(user, password_hash=password_hash))
        await uow.tokens.void(RESET, user.user_id, now)
        ended = await uow.sessions.end("customer", user.user_id, but=but)
        await self._mailroom.queue(
            uow,
            kind="sign_in_notice",
            subject_ref=f"password:{self._ids.new()}",
            to_address=user.email,
            to_name=user.name,
            message=SignInNotice(
                happened_at=now,
                login=user.email,
                device=browser_words(user_agent),
                client_ip=client_ip,
                reset_url=self._addresses.forgot_password,
            ),
            language=user.language,
        )
        by = Principal(
            kind="customer",
            principal_id=user.user_id,
            name=user.name,
            client_ip=client_ip,
            user_agent=user_agent,
        )
        await uow.audit.append(audit(by, now, f"password.{how}", f"user:{user.user_id}"))
        return ended


async def words_of(uow: UnitOfWorkFactory, user: PortalUser) -> tuple[str, ...]:
    """Return the words that anybody would try first: names and numbers around this person."""
    async with uow() as unit:
        links = await unit.users.links(user.user_id)
        accounts = await unit.accounts.many([link.account_no for link in links])
    around = [word for one in accounts.values() for word in (one.name, one.account_no)]
    return (user.email, user.username, user.name, *around)
