"""The question beside the link: something of the customer's record that a stranger hardly knows.

It is only ever asked of somebody who holds a mailed link, so it is no password. Five wrong answers
take the invitation back, however they are spread over links, browsers and days. An answer that is
no such number at all is a slip of the hand and costs no try.
"""

import msgspec

from dueport_apps.usecases.invitation_steps import (
    customer_of_invitation,
    event_of,
    lock_live,
)
from dueport_apps.usecases.invite_records import LinkEnd, StoredInvitation
from dueport_apps.usecases.records import SYSTEM, audit
from dueport_apps.usecases.services import Tokens
from dueport_apps.usecases.steer_invitation import revoke
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.actors import Actor
from dueport_core.credentials import (
    SECOND_CHECK_TRIES,
    Answered,
    UsernameSource,
    check_value,
    second_check,
)
from dueport_core.errors import Conflict, Invalid
from dueport_core.invitations import InvitationState
from dueport_ports import Clock, field_words

TOO_OFTEN = (
    "That was the fifth wrong answer, so this invitation has been withdrawn. Contact us, and we "
    "will send you a new one."
)
LOST = "We have no {} on file any more to compare with. Contact us, and we will help you in."
_FORMS = {
    UsernameSource.PHONE: "Type the whole phone number with its area code, such as 603 555 0142.",
    UsernameSource.SHIP_TO_ZIP: "Type the whole ZIP code, such as 03431.",
}


class AnswerSecondCheck:
    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, token: str, answer: str, client_ip: str = "") -> None:
        """Return when the answer is right. Raises Invalid with the tries that are left, or with the
        form that an answer must have, and Conflict when no tries are left (the invitation is
        revoked), when the link is over, and when the record has lost what was asked for."""
        async with self._uow() as uow:
            invitation = await lock_live(
                uow, self._tokens, token, self._clock.now(), second_check_passed=True
            )
            if invitation.second_check is None:
                return
            account = await uow.accounts.get(invitation.account_no)
            asked = invitation.second_check
            if not check_value(account, asked, invitation.email):
                raise Conflict(LOST.format(field_words(asked)))
            answered = second_check(account, asked, invitation.email, answer)
            if answered is Answered.RIGHT:
                return
            if answered is Answered.MALFORMED:
                raise Invalid("The answer is not whole.", {"answer": _FORMS[asked]})
            left = await self._count(uow, invitation, client_ip)
            await uow.commit()
        if not left:
            raise Conflict(TOO_OFTEN)
        words = field_words(asked)
        tries = "1 try is left" if left == 1 else f"{left} tries are left"
        raise Invalid(
            "The answer is not right.",
            {"answer": f"That is not the {words} we have on file. {tries}."},
        )

    async def _count(self, uow: UnitOfWork, invitation: StoredInvitation, client_ip: str) -> int:
        now = self._clock.now()
        failures = invitation.second_check_failures + 1
        failed = msgspec.structs.replace(invitation, second_check_failures=failures)
        await uow.invitations.save(failed, InvitationState.PENDING)
        await uow.invitations.add_events(
            [event_of(invitation, now, "second_check_failed", detail=f"wrong answer {failures}")]
        )
        await uow.audit.append(
            audit(
                customer_of_invitation(invitation, client_ip),
                now,
                "invitation.second_check_failed",
                f"account:{invitation.account_no}",
                invitation=invitation.invitation_id,
                failures=str(failures),
            )
        )
        if failures >= SECOND_CHECK_TRIES:
            reason = f"{failures} wrong answers to the question about the account."
            await revoke(uow, failed, Actor.SYSTEM, self._clock, SYSTEM, reason, LinkEnd.LOCKED)
        return max(0, SECOND_CHECK_TRIES - failures)
