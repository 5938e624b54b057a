"""Write the mails of invitations at the moment of sending: mint the token, fill the template.

Until then nothing that admits anybody exists, and afterwards only its hash is kept.
"""

import math
from collections.abc import Sequence

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invite_records import InvitationToken, InviteOptions, StoredInvitation
from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState
from dueport_apps.usecases.plan_invitations import InvitePlanner, options_of
from dueport_apps.usecases.services import Mailroom, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.invitations import InvitationState
from dueport_ports import Account, Clock, Contact, Misconfigured, OutgoingEmail, Skipped

REMINDER = "invite_reminder"


class Composed(msgspec.Struct, frozen=True):
    """What is ready to be sent, and what became of the rest."""

    ready: tuple[tuple[MailDelivery, OutgoingEmail], ...]
    outcomes: tuple[MailOutcome, ...]


class ComposeInvitations:
    def __init__(
        self,
        planner: InvitePlanner,
        mailroom: Mailroom,
        tokens: Tokens,
        clock: Clock,
        addresses: PortalAddresses,
    ) -> None:
        self._planner = planner
        self._mailroom = mailroom
        self._tokens = tokens
        self._clock = clock
        self._addresses = addresses

    async def __call__(self, uow: UnitOfWork, claimed: Sequence[MailDelivery]) -> Composed:
        """Write every mail of an invitation that is still pending, and store its token's hash in
        the caller's transaction, which must be committed before the mail is sent.

        One that was answered, revoked or has expired meanwhile is cancelled, one whose customer
        lacks a field by now has failed; neither stops the others.
        """
        invitations = await uow.invitations.by_ids([one.invitation_id for one in claimed])
        accounts = await uow.accounts.many(
            list(dict.fromkeys(one.account_no for one in invitations.values()))
        )
        ready: list[tuple[MailDelivery, OutgoingEmail]] = []
        outcomes: list[MailOutcome] = []
        tokens: list[InvitationToken] = []
        for delivery in claimed:
            invitation = invitations[delivery.invitation_id]
            if not self._is_live(invitation):
                outcomes.append(
                    MailOutcome(
                        delivery_id=delivery.delivery_id,
                        state=MailState.CANCELLED,
                        reason="The invitation was not pending any more.",
                    )
                )
                continue
            written = self._write(delivery, invitation, accounts[invitation.account_no], tokens)
            if isinstance(written, MailOutcome):
                outcomes.append(written)
            else:
                ready.append((delivery, written))
        await uow.invitations.add_tokens(tokens)
        return Composed(tuple(ready), tuple(outcomes))

    def _write(
        self,
        delivery: MailDelivery,
        invitation: StoredInvitation,
        account: Account,
        tokens: list[InvitationToken],
    ) -> OutgoingEmail | MailOutcome:
        now = self._clock.now()
        token = self._tokens.new()
        left = invitation.expires_at - now
        content = self._planner.content(
            account,
            invitation.email,
            options_of(invitation, InviteOptions()),
            token=token,
            reminder=delivery.kind == REMINDER,
            expires_in_days=max(1, math.ceil(left.total_seconds() / 86400)),
            username=invitation.username,
        )
        if isinstance(content, Skipped):
            return _failed(delivery, content.reason)
        try:
            mail = self._mailroom.compose(
                delivery,
                to_name=_name(account, invitation.email),
                content=content,
                language=invitation.language,
                unsubscribe_url=self._addresses.unsubscribe(token),
            )
        except Misconfigured as error:
            return _failed(delivery, error.message)
        tokens.append(
            InvitationToken(
                token_hash=self._tokens.hash(token),
                invitation_id=invitation.invitation_id,
                kind="link",
                created_at=now,
            )
        )
        if content.credential is not None:
            tokens.append(
                InvitationToken(
                    token_hash=credential_hash(
                        self._tokens, invitation.invitation_id, content.credential.secret
                    ),
                    invitation_id=invitation.invitation_id,
                    kind="credential",
                    created_at=now,
                )
            )
        return mail

    def _is_live(self, invitation: StoredInvitation) -> bool:
        return (
            invitation.state is InvitationState.PENDING
            and self._clock.now() < invitation.expires_at
        )


def credential_hash(tokens: Tokens, invitation_id: str, secret: str) -> bytes:
    """Return what is stored of a one-time password: 80 random bits need no slow hash."""
    return tokens.hash(f"{invitation_id}/{secret.strip().upper()}")


def _name(account: Account, email: str) -> str:
    wanted = email.lower()
    contact = next(
        (one for one in account.contacts if one.email.strip().lower() == wanted), Contact()
    )
    return contact.name.strip() or account.name


def _failed(delivery: MailDelivery, reason: str) -> MailOutcome:
    return MailOutcome(delivery_id=delivery.delivery_id, state=MailState.FAILED, reason=reason)
