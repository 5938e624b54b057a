"""What the steps that a customer takes with an invitation have in common."""

import datetime

from dueport_apps.usecases.invite_records import (
    InvitationEvent,
    InvitationEventKind,
    StoredInvitation,
)
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import Principal
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.wording import ended
from dueport_core.accounts import Account, check_email
from dueport_core.errors import Conflict, Forbidden, NotFound
from dueport_core.invitations import InvitationState

WHOLE_EMAIL = "Type a whole e-mail address, such as name@company.com."
DEAD_LINK = "This invitation link does not work any more. Ask for a new one."
ONE_LOGIN = (
    "This customer already has its one login. Ask the colleague who signs in, or contact us."
)


def event_of(
    invitation: StoredInvitation,
    at: datetime.datetime,
    kind: InvitationEventKind,
    *,
    actor: str = "",
    detail: str = "",
) -> InvitationEvent:
    """Return a line of the account's timeline; without a detail it names the address."""
    return InvitationEvent(
        account_no=invitation.account_no,
        invitation_id=invitation.invitation_id,
        at=at,
        kind=kind,
        actor=actor,
        detail=detail or invitation.email,
    )


def customer_of_invitation(
    invitation: StoredInvitation, client_ip: str, user_agent: str = ""
) -> Principal:
    """Return who acts by an invitation's link: all that is known is whom it was mailed to."""
    return Principal(
        kind="customer",
        principal_id=invitation.email,
        name=invitation.email,
        account_no=invitation.account_no,
        client_ip=client_ip,
        user_agent=user_agent,
    )


def is_live(invitation: StoredInvitation, now: datetime.datetime) -> bool:
    """Whether its links still open the registration; the expiry instant itself is late."""
    return invitation.state is InvitationState.PENDING and now < invitation.expires_at


async def lock_live(
    uow: UnitOfWork,
    tokens: Tokens,
    token: str,
    now: datetime.datetime,
    *,
    second_check_passed: bool,
) -> StoredInvitation:
    """Hold the invitation of a link until commit; raises NotFound or Conflict for a dead one, and
    Forbidden while its second check is unanswered."""
    invitation = await uow.invitations.by_token(tokens.hash(token), for_update=True)
    if invitation is None:
        raise NotFound(DEAD_LINK)
    if invitation.state is not InvitationState.PENDING:
        raise Conflict(f"This invitation is {invitation.state.value}; ask for a new one.")
    if now >= invitation.expires_at:
        raise Conflict("This invitation has expired; ask for a new one.")
    if invitation.second_check is not None and not second_check_passed:
        raise Forbidden("Answer the question about your account first.")
    return invitation


async def refuse_second_login(
    uow: UnitOfWork, policies: Policies, account_no: str, user_id: str = ""
) -> None:
    """Hold the account and refuse a login beyond the one that the dealer allows; two people who come
    at once are decided one by one."""
    await uow.accounts.lock(account_no)
    if policies.logins.per_customer == "one":
        others = [one for one in await uow.users.of_account(account_no) if one.user_id != user_id]
        if others:
            raise Conflict(ONE_LOGIN)


def email_problem(email: str) -> str | None:
    """Return what to tell somebody whose own address this is not, or None for a possible one. What
    exactly is wrong with it is for those who keep records; a person only has to type it again."""
    return WHOLE_EMAIL if check_email(email) else None


def consent_problems(account: Account, *, terms: bool, company: bool) -> dict[str, str]:
    """Return what is missing of the two confirmations that every registration needs."""
    fields: dict[str, str] = {}
    if not terms:
        fields["accept_terms"] = "Accept the terms to register."
    if not company:
        fields["link_account"] = ended(f"Confirm that this is your company: {account.name}")
    return fields
