"""What the steps of enrolling with the code on the statement have in common."""

from dueport_apps.usecases.invitation_steps import refuse_second_login
from dueport_apps.usecases.invite_records import Enrolment
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.errors import Conflict, Forbidden

TRIES = 5
"""Wrong codes after which an account number is locked until the dealer prints a new code."""
SWITCHED_OFF = "Online access for this account is switched off. Contact us to have it opened again."
STALE_CODE = (
    "The code on the statement was used or replaced meanwhile. Start again with the newest one."
)


async def hold_enrolment(
    uow: UnitOfWork, policies: Policies, account_no: str, generation: int, user_id: str = ""
) -> Enrolment:
    """Hold the account until commit and make sure that its code still opens a registration. Raises
    Conflict for a code that was used, replaced or locked and for a customer who has its one login,
    and Forbidden where access is switched off."""
    await refuse_second_login(uow, policies, account_no, user_id)
    enrolment = await uow.enrolments.get(account_no, for_update=True)
    if enrolment.generation != generation or enrolment.failures >= TRIES:
        raise Conflict(STALE_CODE)
    await refuse_switched_off(uow, account_no)
    return enrolment


async def refuse_switched_off(uow: UnitOfWork, account_no: str) -> None:
    """Refuse where an operator has switched everybody's access off: only they switch it on."""
    logins = await uow.users.logins(account_no)
    if logins and all(one.link.disabled_at or not one.user.active for one in logins):
        raise Forbidden(SWITCHED_OFF)
