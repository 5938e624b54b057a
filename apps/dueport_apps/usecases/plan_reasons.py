"""Why somebody is left out of a campaign: typed for those who draw it, in words for who reads it."""

import collections
import datetime
import enum
from collections.abc import Iterable

import msgspec

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignRefusal,
    InvitationRow,
    InviteCandidate,
    LeftOutKind,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_core.accounts import AccountStatus
from dueport_core.invitations import InvitationState
from dueport_ports import Conflict, Invalid

WAITING_MAIL = frozenset({MailState.QUEUED, MailState.SENDING})
FAILED_MAIL = frozenset({MailState.FAILED, MailState.UNCONFIRMED, MailState.BOUNCED})
"""Nobody can say that such a mail arrived."""

_K = LeftOutKind
_DONE_WORDS = {
    CampaignKind.INVITE: "invited",
    CampaignKind.RESEND: "sent a new link",
    CampaignKind.NUDGE: "reminded",
}
_OF_STATE = {
    InvitationState.PENDING: (_K.PENDING, "is pending and waits for the customer"),
    InvitationState.EXPIRED: (_K.EXPIRED, "is expired; use Resend"),
    InvitationState.DECLINED: (_K.DECLINED, "was declined; confirm that you want to invite again"),
    InvitationState.REVOKED: (_K.REVOKED, "was revoked; use Invite"),
    InvitationState.ACCEPTED: (_K.REGISTERED, "is accepted"),
}
_INTRODUCTION = {
    CampaignKind.INVITE: "was already invited",
    CampaignKind.RESEND: "needs no new link",
    CampaignKind.NUDGE: "needs no reminder",
}
_GROUPS = {
    _K.NO_EMAIL: "without an e-mail address",
    _K.MALFORMED_EMAIL: "with a malformed e-mail address",
    _K.BOUNCED_EMAIL: "whose address sent mail back",
    _K.ACCESS_OFF: "whose portal access is switched off",
    _K.NEVER_INVITED: "never invited",
    _K.MISSING_FIELD: "without the field that is needed",
    _K.USERNAME_SHARED: "whose username another customer of this list gets",
    _K.USERNAME_TAKEN: "whose username is in use already",
    _K.MAIL_NOT_ARRIVED: "whose last mail did not arrive",
    _K.OTHER: "for another reason",
    _K.REGISTERED: "already registered",
    _K.PENDING: "already invited, with no answer yet",
    _K.DECLINED: "declined",
    _K.EXPIRED: "with an expired invitation",
    _K.REVOKED: "with a revoked invitation",
    _K.REMINDED_LATELY: "reminded within the last {days}",
    _K.INVITED_LATELY: "invited within the last {days}",
    _K.MAIL_WAITING: "whose mail is still waiting to leave",
}


class AlreadyIn(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who needs no mail of this kind, and why."""

    account_no: str
    account_name: str
    email: str = ""
    state: InvitationState
    kind: LeftOutKind
    words: str
    """The rest of a sentence that begins with the customer's name."""
    reminded_at: datetime.datetime | None = None
    """When the last reminder of this invitation was asked for."""
    erp_status: AccountStatus = AccountStatus.ACTIVE


class Reminder(enum.StrEnum):
    """How an invitation stands with being reminded of."""

    DUE = "due"
    REMINDED_LATELY = "reminded_lately"
    INVITED_LATELY = "invited_lately"
    MAIL_WAITING = "mail_waiting"
    """Its last mail has not left yet."""
    MAIL_NOT_ARRIVED = "mail_not_arrived"
    """Nobody can say that its last mail arrived: it needs a new one, or another address."""
    OVER = "over"
    """It is not pending any more."""


def reminder_of(row: InvitationRow, now: datetime.datetime, over_days: int = 0) -> Reminder:
    """Return whether a reminder is due for an invitation, of those that were neither invited nor
    reminded within so many days."""
    invitation = row.invitation
    if invitation.state is not InvitationState.PENDING or now >= invitation.expires_at:
        return Reminder.OVER
    if row.mail_state in WAITING_MAIL:
        return Reminder.MAIL_WAITING
    if row.mail_state in FAILED_MAIL:
        return Reminder.MAIL_NOT_ARRIVED
    since = now - datetime.timedelta(days=over_days)
    if invitation.nudged_at is not None and invitation.nudged_at > since:
        return Reminder.REMINDED_LATELY
    return Reminder.INVITED_LATELY if invitation.invited_at > since else Reminder.DUE


def registered(candidate: InviteCandidate) -> AlreadyIn:
    """Say that a customer can sign in and needs no invitation."""
    return AlreadyIn(
        account_no=candidate.account.account_no,
        account_name=candidate.account.name,
        state=InvitationState.ACCEPTED,
        kind=LeftOutKind.REGISTERED,
        words="already has a login and cannot be invited again",
        erp_status=candidate.account.status,
    )


def standing(candidate: InviteCandidate, row: InvitationRow, kind: CampaignKind) -> AlreadyIn:
    """Say that the state of an invitation is why there is no such mail."""
    left_out, words = _OF_STATE[row.invitation.state]
    words = f"{_INTRODUCTION[kind]}: the invitation to {row.invitation.email} {words}"
    return _already(candidate, row, left_out, words)


def not_reminded(
    candidate: InviteCandidate, row: InvitationRow, reminder: Reminder, over_days: int
) -> AlreadyIn | CampaignRefusal:
    """Say why no reminder of this invitation goes out."""
    match reminder:
        case Reminder.MAIL_NOT_ARRIVED:
            return refusal(
                candidate,
                row.invitation.email,
                LeftOutKind.MAIL_NOT_ARRIVED,
                "its last mail did not arrive",
                "send it again, or to another address",
            )
        case Reminder.MAIL_WAITING:
            words = "needs no reminder yet: its mail is still waiting to leave"
            return _already(candidate, row, LeftOutKind.MAIL_WAITING, words)
        case Reminder.REMINDED_LATELY:
            words = f"was reminded within the last {_days(over_days)}"
            return _already(candidate, row, LeftOutKind.REMINDED_LATELY, words)
        case Reminder.INVITED_LATELY:
            words = f"was invited within the last {_days(over_days)}"
            return _already(candidate, row, LeftOutKind.INVITED_LATELY, words)
        case _ if row.invitation.state is InvitationState.PENDING:
            words = f"needs no reminder: the invitation to {row.invitation.email} is expired"
            return _already(candidate, row, LeftOutKind.EXPIRED, f"{words}; use Resend")
        case _:
            return standing(candidate, row, CampaignKind.NUDGE)


def refusal(
    candidate: InviteCandidate,
    email: str,
    kind: LeftOutKind,
    problem: str,
    advice: str = "",
    *,
    field: str = "",
    told: str = "",
) -> CampaignRefusal:
    """Say why a customer cannot be mailed; ``told`` is the problem at more length, for a place that
    shows nothing else."""
    told = told or problem
    return CampaignRefusal(
        campaign_id="",
        account_no=candidate.account.account_no,
        account_name=candidate.account.name,
        email=email,
        reason=f"{told}; {advice}" if advice else told,
        field=field,
        kind=kind,
        problem=problem,
    )


def kept(one: AlreadyIn | CampaignRefusal, campaign_id: str) -> CampaignRefusal:
    """Return what a campaign keeps of somebody whom it leaves out."""
    if isinstance(one, CampaignRefusal):
        return msgspec.structs.replace(one, campaign_id=campaign_id)
    return CampaignRefusal(
        campaign_id=campaign_id,
        account_no=one.account_no,
        account_name=one.account_name,
        email=one.email,
        reason=one.words,
        kind=one.kind,
        problem=one.words,
    )


class LeftOut:
    """Counts who is left out of a plan, and says it where nobody would get a mail."""

    def __init__(self, kind: CampaignKind, over_days: int = 0) -> None:
        self.cannot = 0
        self.already = 0
        self._kind = kind
        self._over_days = over_days
        self._kinds: collections.Counter[LeftOutKind] = collections.Counter()
        self._first: AlreadyIn | CampaignRefusal | None = None

    @property
    def total(self) -> int:
        return self.cannot + self.already

    def take(self, cannot: Iterable[CampaignRefusal], already: Iterable[AlreadyIn]) -> None:
        """Count these too."""
        for refused in cannot:
            self.cannot += 1
            self._count(refused)
        for one in already:
            self.already += 1
            self._count(one)

    def _count(self, one: AlreadyIn | CampaignRefusal) -> None:
        self._kinds[one.kind] += 1
        self._first = self._first or one

    def why(self) -> str:
        """Say why nobody gets a mail: the reason of a single customer, else how many for which."""
        done = _DONE_WORDS[self._kind]
        if self._first is None:
            return "no customer matches any more"
        if self.total == 1:
            if isinstance(self._first, AlreadyIn):
                return f"{self._first.account_name} {self._first.words}"
            return f"{self._first.account_name} cannot be {done}: {self._first.reason}"
        days = _days(self._over_days)
        reasons = ", ".join(
            f"{number:,} {_GROUPS[kind].format(days=days)}"
            for kind, number in self._kinds.most_common()
        )
        return f"none of the {self.total:,} customers can be {done}: {reasons}"

    def error(self) -> Conflict | Invalid:
        """Return what is raised where nobody can be mailed: Conflict where nobody needs a mail,
        Invalid where there is something to mend."""
        why = self.why()
        words = f"{why[:1].upper()}{why[1:]}. Nothing was sent."
        return Conflict(words) if self.already and not self.cannot else Invalid(words)


def _already(
    candidate: InviteCandidate, row: InvitationRow, kind: LeftOutKind, words: str
) -> AlreadyIn:
    invitation = row.invitation
    return AlreadyIn(
        account_no=candidate.account.account_no,
        account_name=candidate.account.name,
        email=invitation.email,
        state=invitation.state,
        kind=kind,
        words=words,
        reminded_at=invitation.nudged_at,
        erp_status=candidate.account.status,
    )


def _days(number: int) -> str:
    return "day" if number == 1 else f"{number} days"
