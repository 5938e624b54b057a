"""Write the mails of invitations at the moment of sending: mint the token, fill the template.

Until then nothing that admits anybody exists, and afterwards only its hash is kept. A mail carries
two tokens: what registers (a link, or a one-time password) and what only declines, because the
latter stands in a header that mail providers read and post to. Both are rows of one insert.
"""

import datetime
from collections.abc import Sequence
from typing import Literal

import msgspec

from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.invite_records import InvitationToken, InviteOptions, StoredInvitation
from dueport_apps.usecases.mail_records import MailDelivery, MailOutcome, MailState
from dueport_apps.usecases.plan_invitations import InvitePlanner, options_of
from dueport_apps.usecases.services import Mailroom, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_core.credentials import SECRET_LIFETIME_S
from dueport_core.invitations import InvitationState
from dueport_ports import Account, Clock, Contact, Misconfigured, OutgoingEmail, Skipped

REMINDER = "invite_reminder"
_PASSWORD_LIFETIME = datetime.timedelta(seconds=SECRET_LIFETIME_S)


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
        token, decline_token = self._tokens.new(), self._tokens.new()
        expires_at = invitation.expires_at
        if invitation.delivery == "invite_credentials":
            expires_at = min(expires_at, now + _PASSWORD_LIFETIME)
        content = self._planner.content(
            account,
            invitation.email,
            options_of(invitation, InviteOptions()),
            token=token,
            decline_token=decline_token,
            reminder=delivery.kind == REMINDER,
            expires_at=expires_at,
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
                unsubscribe_url=self._addresses.unsubscribe(decline_token),
            )
        except Misconfigured as error:
            return _failed(delivery, error.message)
        hashes: dict[Literal["link", "credential", "decline"], bytes] = {
            "decline": self._tokens.hash(decline_token)
        }
        if content.credential is None:
            hashes["link"] = self._tokens.hash(token)
        else:
            # The mail shows the password and no link, so there is none.
            secret = content.credential.secret
            hashes["credential"] = credential_hash(self._tokens, invitation.invitation_id, secret)
        tokens += [
            InvitationToken(
                token_hash=token_hash,
                invitation_id=invitation.invitation_id,
                kind=kind,
                created_at=now,
            )
            for kind, token_hash in hashes.items()
        ]
        return mail

    def _is_live(self, invitation: StoredInvitation) -> bool:
        return (
            invitation.state is InvitationState.PENDING
            and self._clock.now() < invitation.expires_at
        )


def credential_hash(tokens: Tokens, invitation_id: str, secret: str) -> bytes:
    """Return what is stored of a one-time password: 80 random bits need no slow hash.

    Case, blanks and dashes do not matter, because people copy and type them as they like.
    """
    bare = "".join(letter for letter in secret.upper() if letter.isalnum())
    return tokens.hash(f"{invitation_id}/{bare}")


def _name(account: Account, email: str) -> str:
    wanted = email.lower()
    contact = next(
        (one for one in account.contacts if one.email.strip().lower() == wanted), Contact()
    )
    return contact.name.strip() or account.name


def _failed(delivery: MailDelivery, reason: str) -> MailOutcome:
    return MailOutcome(delivery_id=delivery.delivery_id, state=MailState.FAILED, reason=reason)
