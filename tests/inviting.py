"""What several tests of invitations, sign-in and recovery need: forms filled in, secrets of mails."""

import re
from typing import Any

from dueport_apps.usecases.invite_records import InvitationRow
from dueport_apps.usecases.records import AccountLink
from tests.world import PASSWORD, World

FILLED = {
    "name": "Ana Ruiz",
    "password": PASSWORD,
    "password_again": PASSWORD,
    "accept_terms": "on",
    "link_account": "on",
}
"""The registration, filled in."""
CONSENT = {"accept_terms": "on", "link_account": "on"}
OTHER_PASSWORD = "purple walrus under nine bridges"


def secret_in(text: str) -> str:
    """Return the one-time password of a credential mail."""
    found = re.search(r"\b[A-Z2-7]{4}(?:-?[A-Z2-7]{4}){3}\b", text)
    assert found is not None, text
    return found.group()


def decline_token_in(text: str) -> str:
    """Return the token with which a mail lets somebody decline."""
    return text.split("/invitation/", 1)[1].split("/", 1)[0]


def mailed_code_in(text: str) -> str:
    """Return the six digits of a mail that proves a mailbox, as they are written there."""
    found = re.search(r"\bYour code is (\d{3} \d{3})\.", text)
    assert found is not None, text
    return found[1]


def reset_token_in(text: str) -> str:
    """Return the token of a mail about a forgotten password."""
    return text.split("/reset/", 1)[1].split()[0]


async def invitation_row(world: World, account_no: str = "1001") -> InvitationRow:
    """Return the account's newest invitation."""
    async with world.container.uow()() as uow:
        return (await uow.invitations.of_account(account_no))[0]


async def timeline(world: World, account_no: str = "1001") -> list[str]:
    """Return the kinds of the account's events, oldest first."""
    async with world.container.uow()() as uow:
        return [event.kind for event in await uow.invitations.events(account_no)]


async def linked_accounts(world: World, login: str) -> list[str]:
    """Return the accounts that a login opens."""
    async with world.container.uow()() as uow:
        user = await uow.users.by_login(login)
        return [link.account_no for link in await uow.users.links(user.user_id)] if user else []


async def also_link(world: World, user_id: str, *account_nos: str) -> None:
    """Give a login more accounts, past the invitations."""
    async with world.container.uow()() as uow:
        for account_no in account_nos:
            await uow.users.link(
                AccountLink(user_id=user_id, account_no=account_no, linked_at=world.clock.now())
            )
        await uow.commit()


def policies(**sections: dict[str, Any]) -> dict[str, Any]:
    """Return the changes for `open_world` that set these policies."""
    return {"policies": sections}
