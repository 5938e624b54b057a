"""The two people who can sign in from the start, made by the same use cases as everybody else."""

from typing import Final

import pyotp

from dueport_apps.container import Container
from dueport_apps.demo.cast import GUEST_ACCOUNT, GUEST_CONTACT, GUEST_EMAIL
from dueport_apps.sandbox.mailbox import Mailbox
from dueport_apps.usecases.accept_invitation import AcceptInvitationCommand
from dueport_apps.usecases.invite_records import Selection
from dueport_apps.usecases.plan_invitations import InviteOrder
from dueport_apps.usecases.records import SYSTEM, OperatorRole
from dueport_apps.usecases.set_up_operator import AddOperatorCommand, SetUpOperatorCommand

OPERATOR_EMAIL: Final = "admin@cedaryard.example"
OPERATOR_NAME: Final = "Demo Admin"
OPERATOR_PASSWORD: Final = "demo-operator-2026"  # noqa: S105 - opens a demonstration.
CUSTOMER_PASSWORD: Final = "demo-customer-2026"  # noqa: S105 - opens a demonstration.
MAIL_WAIT_S: Final = 15.0
_STEP_S: Final = 30


async def ensure_operator(container: Container, totp_secret: str) -> bool:
    """Make the administrator unless there is one; return whether it was made now."""
    async with container.uow()() as uow:
        known = await uow.operators.by_email(OPERATOR_EMAIL)
    if known is not None and known.password_hash:
        return False
    added = await container.add_operator()(
        AddOperatorCommand(
            email=OPERATOR_EMAIL, name=OPERATOR_NAME, role=OperatorRole.ADMIN, by=SYSTEM
        )
    )
    # A code works once. The one before the current leaves the current one for signing in.
    earlier = int(container.clock().now().timestamp()) - _STEP_S
    await container.set_up_operator()(
        SetUpOperatorCommand(
            token=added.setup_token,
            password=OPERATOR_PASSWORD,
            password_again=OPERATOR_PASSWORD,
            totp_secret=totp_secret,
            code=pyotp.TOTP(totp_secret).at(earlier),
        )
    )
    return True


async def ensure_guest(container: Container, mailbox: Mailbox) -> bool:
    """Invite and register the demonstration's customer unless they are; say if it was done now.

    The invitation travels by mail like any other and stays in the mailbox.
    """
    async with container.uow()() as uow:
        if await uow.users.by_login(GUEST_EMAIL) is not None:
            return False
        waiting = await uow.invitations.of_account(GUEST_ACCOUNT)
    if not waiting:
        order = InviteOrder(selection=Selection(account_nos=(GUEST_ACCOUNT,)))
        await container.start_campaign().at_once(order, SYSTEM)
    await container.send_mail()()
    mail = await mailbox.wait_for(GUEST_EMAIL, MAIL_WAIT_S)
    start = container.addresses().register("")
    token = next(link.removeprefix(start) for link in mail.links if link.startswith(start))
    await container.accept_invitation()(
        AcceptInvitationCommand(
            token=token,
            password=CUSTOMER_PASSWORD,
            password_again=CUSTOMER_PASSWORD,
            accept_terms=True,
            link_account=True,
            name=GUEST_CONTACT,
        )
    )
    return True
