"""Sign up without an invitation, with the e-mail address that the dealer's ERP holds.

The page looks nobody up: it leaves a job behind and says the same to everybody. The job mails an
invitation for every account that has the address on file, or says that there is a login, or does
nothing; only the mailbox's owner learns which.
"""

import datetime

import msgspec

from dueport_apps.usecases.accept_invitation import FORM_INCOMPLETE
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invitation_steps import customer_of_invitation, email_problem, event_of
from dueport_apps.usecases.invite_records import (
    InvitationToken,
    InviteRecipient,
    LinkEnd,
    StoredInvitation,
)
from dueport_apps.usecases.mails import AlreadyRegisteredMail, SignUpMail
from dueport_apps.usecases.policies import Policies
from dueport_apps.usecases.records import PortalUser, audit
from dueport_apps.usecases.services import Ids, Mailroom, Tokens
from dueport_apps.usecases.throttle import Throttle
from dueport_apps.usecases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from dueport_core.accounts import Account
from dueport_core.actors import Actor
from dueport_core.credentials import check_value
from dueport_core.errors import Conflict, Invalid, NotFound
from dueport_core.invitations import InvitationState, transition
from dueport_ports import Clock

PAUSE = datetime.timedelta(hours=1)
CLOSED = "There is no such page on this portal."


class RequestSignUp:
    """What the page does: count the request and leave the rest to a job."""

    def __init__(self, uow: UnitOfWorkFactory, ids: Ids, clock: Clock, policies: Policies) -> None:
        self._uow = uow
        self._ids = ids
        self._policies = policies
        self._throttle = Throttle(clock)

    async def __call__(self, email: str, client_ip: str) -> None:
        """Ask for the mail. Raises Invalid for what is no address, TooManyTries for somebody who
        asks too often, and NotFound where the dealer does not offer this; never a word about who
        is known."""
        if not self._policies.signup.self_service:
            raise NotFound(CLOSED)
        if problem := email_problem(email.strip()):
            raise Invalid(FORM_INCOMPLETE, {"email": problem})
        async with self._uow() as uow:
            if await self._throttle.admit_request(uow, "sign-up", email, client_ip):
                await uow.work.enqueue(
                    "mail_sign_up", {"email": email.strip(), "request_id": self._ids.new()}
                )
            await uow.commit()


class MailSignUp:
    """What the job does: invite, remind of the login, or nothing."""

    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        mailroom: Mailroom,
        ids: Ids,
        clock: Clock,
        policies: Policies,
        addresses: PortalAddresses,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._mailroom = mailroom
        self._ids = ids
        self._clock = clock
        self._policies = policies
        self._addresses = addresses

    async def __call__(self, email: str, request_id: str) -> int:
        """Return how many mails were written, at most once per address and hour."""
        if not self._policies.signup.self_service:
            return 0
        now = self._clock.now()
        key = f"sign-up-mail:{email.lower()}"
        async with self._uow() as uow:
            await uow.invitations.lock()
            written, _ = await uow.throttle.failures(key, now - PAUSE)
            if written:
                return 0
            user = await uow.users.by_login(email)
            if user is not None:
                mails = await self._tell_login(uow, user, request_id)
            else:
                mails = await self._invite(uow, email, request_id)
            if mails:
                await uow.throttle.record(key, now)
            await uow.commit()
        return mails

    async def _tell_login(self, uow: UnitOfWork, user: PortalUser, request_id: str) -> int:
        """Remind of the login; somebody whose access was switched off gets nothing."""
        if not user.active or not await uow.users.links(user.user_id):
            return 0
        queued = await self._mailroom.queue(
            uow,
            kind="already_registered",
            subject_ref=f"sign-up:{request_id}",
            to_address=user.email,
            to_name=user.name,
            message=AlreadyRegisteredMail(
                login=user.email,
                sign_in_url=self._addresses.sign_in,
                reset_url=self._addresses.forgot_password,
            ),
            language=user.language,
        )
        return int(queued)

    async def _invite(self, uow: UnitOfWork, email: str, request_id: str) -> int:
        if await uow.bounces.of([email]):
            return 0
        mails = 0
        for account in await uow.accounts.with_email(email):
            if await self._may_sign_up(uow, account, email):
                mails += await self._invite_one(uow, account, email, request_id)
        return mails

    async def _may_sign_up(self, uow: UnitOfWork, account: Account, email: str) -> bool:
        logins = await uow.users.logins(account.account_no)
        alive = [one for one in logins if one.link.disabled_at is None and one.user.active]
        if logins and not alive:
            return False  # An operator has switched the access off; only they switch it on.
        if self._policies.logins.per_customer == "one":
            primary = (account.primary_email or "").lower() == email.lower()
            return primary and not alive
        return True

    async def _invite_one(
        self, uow: UnitOfWork, account: Account, email: str, request_id: str
    ) -> int:
        present = await uow.invitations.find(account.account_no, email)
        invitation = self._invitation(account, email, present)
        if invitation is None:
            return 0
        now = self._clock.now()
        token, not_asked = self._tokens.new(), self._tokens.new()
        queued = await self._mailroom.queue(
            uow,
            kind="sign_up",
            subject_ref=f"sign-up:{request_id}:{account.account_no}",
            to_address=invitation.email,
            to_name=account.name,
            message=SignUpMail(
                account_name=account.name,
                account_no=account.account_no,
                register_url=self._addresses.register(token),
                decline_url=self._addresses.decline(not_asked),
                expires_at=invitation.expires_at,
            ),
            language=invitation.language,
            invitation_id=invitation.invitation_id,
        )
        if not queued:
            return 0
        await uow.invitations.put([invitation])
        if present is not None and present.state is not InvitationState.PENDING:
            # An invitation that comes to life again does not bring its old links back.
            await uow.invitations.void_tokens([invitation.invitation_id], LinkEnd.REPLACED, now)
        await uow.invitations.add_tokens(self._given(invitation, token, not_asked))
        await uow.invitations.add_events(
            [event_of(invitation, now, "invited", detail=f"signed up with {invitation.email}")]
        )
        await uow.audit.append(
            audit(
                customer_of_invitation(invitation, ""),
                now,
                "invitation.signed_up",
                f"account:{account.account_no}",
                invitation=invitation.invitation_id,
            )
        )
        return 1

    def _given(
        self, invitation: StoredInvitation, token: str, not_asked: str
    ) -> list[InvitationToken]:
        """Return the mail's two tokens: one registers, the other takes that one back and leaves what
        the dealer has sent alone."""
        now = self._clock.now()
        link = InvitationToken(
            token_hash=self._tokens.hash(token),
            invitation_id=invitation.invitation_id,
            kind="link",
            created_at=now,
        )
        takes_back = InvitationToken(
            token_hash=self._tokens.hash(not_asked),
            invitation_id=invitation.invitation_id,
            kind="decline",
            created_at=now,
            link_hash=link.token_hash,
        )
        return [link, takes_back]

    def _invitation(
        self, account: Account, email: str, present: StoredInvitation | None
    ) -> StoredInvitation | None:
        """Return the invitation, pending; None where a customer may not make it so: the dealer
        withdrew it, or its question could not be answered from the record."""
        try:
            state = transition(
                present.state if present else None, InvitationState.PENDING, Actor.CUSTOMER
            )
        except Conflict:
            return None
        question = self._policies.invite.second_check
        if question is not None and not check_value(account, question, email):
            return None
        now = self._clock.now()
        fresh = StoredInvitation(
            invitation_id=present.invitation_id if present else self._ids.new(),
            account_no=account.account_no,
            email=present.email if present else email,
            recipient=InviteRecipient.CUSTOMER,
            delivery="invite_link",
            language=present.language if present else self._policies.invite.language,
            second_check=question,
            state=state,
            created_at=present.created_at if present else now,
            invited_at=now,
            expires_at=now + self._policies.invitation_lifetime,
            created_by=email,
            sends=present.sends + 1 if present else 1,
        )
        if present is None or present.state is not InvitationState.PENDING:
            return fresh
        # What the dealer sent before stays good, and wrong answers stay counted.
        return msgspec.structs.replace(
            fresh,
            recipient=present.recipient,
            delivery=present.delivery,
            username=present.username,
            second_check=present.second_check,
            second_check_failures=present.second_check_failures,
            opened_at=present.opened_at,
            created_by=present.created_by,
            campaign_id=present.campaign_id,
            nudged_at=present.nudged_at,
        )
