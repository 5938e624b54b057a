"""What is kept of inviting: invitations, their tokens and steps, campaigns, logins, enrolment codes.

Values only, all frozen; repositories take and return them.
"""

import datetime
import enum
import re
from typing import Literal

import msgspec

from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.records import AccountFilter, AccountLink, Language, PortalUser
from dueport_core.accounts import Account
from dueport_core.credentials import UsernameSource
from dueport_core.invitations import InvitationState

ENHANCED_STATUS = re.compile(r"(?<![0-9.])([45])\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


class InviteRecipient(enum.StrEnum):
    """Who of a customer gets the mail."""

    PRIMARY = "primary"
    CONTACTS = "contacts"
    OTHER = "other"
    """An address that the operator types; the customer's record is not changed."""
    CUSTOMER = "customer"
    """The customer asked for it: self sign-up with the e-mail on file, or an enrolment code."""


class StoredInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """One address invited to one account: one row for life, whatever happens to it.

    Tokens are kept apart, as hashes, because several may be good at once: the mail's, a
    reminder's, a copied link's.
    """

    invitation_id: str
    account_no: str
    email: str
    recipient: InviteRecipient = InviteRecipient.PRIMARY
    delivery: str
    """The plugin that carries it, such as ``invite_link``."""
    language: Language = "en"
    second_check: UsernameSource | None = None
    """The field of the record that the registration asks for beside the link."""
    second_check_failures: int = 0
    username: str = ""
    """The user name promised by credential delivery, else empty."""
    state: InvitationState
    created_at: datetime.datetime
    """When it was first made."""
    invited_at: datetime.datetime
    """When it last became pending."""
    expires_at: datetime.datetime
    created_by: str
    campaign_id: str = ""
    """The campaign that last made it pending."""
    sends: int = 0
    """How many mails were asked for: the first, every resend and every reminder."""
    nudged_at: datetime.datetime | None = None
    opened_at: datetime.datetime | None = None
    asked_at: datetime.datetime | None = None
    """When the customer asked for a new link, until somebody sends one."""
    decided_at: datetime.datetime | None = None
    reason: str = ""
    """Why it was revoked, in words for the operator."""

    @property
    def way(self) -> Literal["link", "credentials"]:
        """How it is delivered, in the word that an order uses."""
        return "credentials" if self.delivery == "invite_credentials" else "link"


class InvitationToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail or an operator gives a customer: a link that registers, a one-time password that
    opens such a link, or the right to decline, which admits to nothing.

    A mail carries a token of each kind that it needs. Declining stands in a header that mail
    providers read and post to, so it never shares a token with registering.
    """

    token_hash: bytes
    invitation_id: str
    kind: Literal["link", "credential", "decline"]
    created_at: datetime.datetime
    link_hash: bytes | None = None
    """The one link that a sign-up's "I did not ask for this" takes back; the invitation stays as it
    is. None where declining declines the invitation."""


class LinkEnd(enum.StrEnum):
    """Why what once admitted to an invitation admits to nothing any more."""

    USED = "used"
    DECLINED = "declined"
    REPLACED = "replaced"
    """By a newer mail to the same address."""
    REVOKED = "revoked"
    LOCKED = "locked"
    """Too many wrong answers to the question beside it."""
    MOVED = "moved"
    """The ERP has another address for the customer."""
    SWITCHED_OFF = "switched_off"
    """The customer's portal access was."""
    TAKEN_BACK = "taken_back"
    """Whoever got it said that they had not asked for it."""


class EndedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that can only explain itself: how it stands with the invitation that it was for."""

    invitation: StoredInvitation
    end: LinkEnd
    ended_at: datetime.datetime
    decline_only: bool = False
    """It could do nothing else while it was good."""


InvitationEventKind = Literal[
    "invited",
    "resent",
    "nudged",
    "link_copied",
    "opened",
    "second_check_failed",
    "asked_again",
    "accepted",
    "declined",
    "expired",
    "revoked",
    "bounced",
    "access_disabled",
    "access_restored",
    "not_asked",
]


class InvitationEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the life of an account's invitations and logins; never edited.

    What became of each mail is told by its delivery row, not here.
    """

    account_no: str
    invitation_id: str = ""
    at: datetime.datetime
    kind: InvitationEventKind
    actor: str = ""
    """The person's name, empty where the clock or the customer did it."""
    detail: str = ""


class InvitationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list of invitations, with what became of its last mail."""

    invitation: StoredInvitation
    account_name: str
    mail_state: MailState | None = None
    mail_code: int = 0
    mail_reason: str = ""
    mail_at: datetime.datetime | None = None


class InvitationFilter(msgspec.Struct, frozen=True, kw_only=True):
    state: InvitationState | None = None
    pending_since: datetime.datetime | None = None
    """Pending, and invited before then."""
    asked: bool = False
    """The customer asked for a new link and waits."""
    delivery_problem: bool = False
    """Pending or expired, and the last mail failed, bounced or may not have arrived."""
    due_since: datetime.datetime | None = None
    """Due for a reminder: pending, neither invited nor reminded after then, and the last mail has
    left and is not known to be lost."""
    text: str = ""
    account_no: str = ""


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """How far the invited customers got; each number counts accounts and holds the next ones."""

    customers: int
    invited: int
    opened: int
    registered: int
    paid: int


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Who a campaign is for: named accounts, or everybody whom a filter shows."""

    account_nos: tuple[str, ...] = ()
    matching: AccountFilter | None = None
    """Where it is set, ``account_nos`` is empty. The empty filter is everybody."""
    excluded: tuple[str, ...] = ()
    """Accounts that the filter shows and that were unticked."""
    invitation_ids: frozenset[str] = frozenset()
    """To send again or remind only these invitations of the accounts."""


class InviteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to invite."""

    delivery: Literal["link", "credentials"] = "link"
    username: UsernameSource = UsernameSource.EMAIL
    """For credential delivery."""
    second_check: UsernameSource | None = None
    recipient: InviteRecipient = InviteRecipient.PRIMARY
    address: str = ""
    """For ``InviteRecipient.OTHER``."""
    language: Language = "en"
    additional_login: bool = False
    """Invite one more person of a customer who has a login or an invitation already."""
    confirm_declined: bool = False
    """A person has seen that the customer declined and invites nevertheless."""
    pending_days: int = 0
    """For reminders: only invitations that are pending for longer."""


class CampaignKind(enum.StrEnum):
    INVITE = "invite"
    """Customers who were never invited, or whose invitation was revoked."""
    RESEND = "resend"
    """Expired ones, and pending ones whose mail did not arrive for certain: a new link."""
    NUDGE = "nudge"
    """Pending ones: a reminder. The first link stays good, the expiry as it is."""


class CampaignState(enum.StrEnum):
    DRAFT = "draft"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One decision to invite, remind or send again; one customer is a campaign of one."""

    campaign_id: str
    kind: CampaignKind = CampaignKind.INVITE
    state: CampaignState = CampaignState.DRAFT
    selection: Selection
    options: InviteOptions
    created_by: str
    created_by_name: str
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    recipients: int = 0
    """Mails that were recorded at the start."""
    cannot: int = 0
    already: int = 0


class LeftOutKind(enum.StrEnum):
    """Why a selected customer gets no mail."""

    NO_EMAIL = "no_email"
    MALFORMED_EMAIL = "malformed_email"
    BOUNCED_EMAIL = "bounced_email"
    ACCESS_OFF = "access_off"
    """An operator has switched the portal access off."""
    NEVER_INVITED = "never_invited"
    """There is nothing to send again or to remind of."""
    MISSING_FIELD = "missing_field"
    USERNAME_SHARED = "username_shared"
    """Another customer of the same plan gets the user name."""
    USERNAME_TAKEN = "username_taken"
    MAIL_NOT_ARRIVED = "mail_not_arrived"
    """No reminder, because the last mail did not arrive."""
    OTHER = "other"
    """For a reason of the delivery's own."""
    REGISTERED = "registered"
    PENDING = "pending"
    DECLINED = "declined"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REMINDED_LATELY = "reminded_lately"
    INVITED_LATELY = "invited_lately"
    MAIL_WAITING = "mail_waiting"
    """No reminder, because the last mail has not left yet."""

    @property
    def needs_none(self) -> bool:
        """Whether the customer needs no such mail, and nothing has to be mended."""
        return self in _NEEDS_NONE


_NEEDS_NONE = frozenset(
    {
        LeftOutKind.REGISTERED,
        LeftOutKind.PENDING,
        LeftOutKind.DECLINED,
        LeftOutKind.EXPIRED,
        LeftOutKind.REVOKED,
        LeftOutKind.REMINDED_LATELY,
        LeftOutKind.INVITED_LATELY,
        LeftOutKind.MAIL_WAITING,
    }
)


class CampaignRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A selected customer who gets nothing, why, and where to mend that."""

    campaign_id: str
    account_no: str
    account_name: str
    email: str = ""
    reason: str
    """The problem at length and what to do about it, for a place that shows nothing else."""
    field: str = ""
    """The field of the record to mend in the ERP; empty where that would not help."""
    kind: LeftOutKind = LeftOutKind.OTHER
    problem: str = ""
    """The problem alone, such as ``there is a blank in it``, where the address is shown beside."""

    @property
    def advice(self) -> str:
        """What to do about it, where something can be done."""
        return self.reason.partition(f"{self.problem}; ")[2] if self.problem else ""


class CampaignProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the campaign's mails are in each state."""

    queued: int = 0
    sending: int = 0
    sent: int = 0
    failed: int = 0
    unconfirmed: int = 0
    cancelled: int = 0
    bounced: int = 0

    @property
    def total(self) -> int:
        return sum(msgspec.structs.astuple(self))

    @property
    def finished(self) -> int:
        return self.total - self.queued - self.sending

    @property
    def mailed(self) -> int:
        """How many were sent or tried for good: neither waiting nor taken back."""
        return self.finished - self.cancelled


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of campaigns."""

    campaign: Campaign
    progress: CampaignProgress


class CampaignMail(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of a campaign."""

    account_no: str
    account_name: str
    invitation_id: str
    email: str
    state: MailState
    code: int = 0
    reason: str = ""
    tries: int = 0
    sent_at: datetime.datetime | None = None
    due_at: datetime.datetime | None = None
    """Of a queued one: from when on it is tried, or tried again."""


class NextTry(msgspec.Struct, frozen=True, kw_only=True):
    """Why a campaign stands still: all that it still has to send waits for another try."""

    due_at: datetime.datetime
    tries: int
    """How often the mail that is due first was tried; 0 where the server could not be reached."""


class InviteCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether an account can be invited."""

    account: Account
    has_login: bool
    """Whether somebody can sign in for it now."""
    invitations: tuple[InvitationRow, ...] = ()
    bounced: frozenset[str] = frozenset()
    """Addresses of its contacts and invitations, in lower case, whose mail came back."""
    access_off: bool = False
    """Somebody had portal access, and all of it is switched off."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may sign in for an account."""

    user: PortalUser
    link: AccountLink


class BouncedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The mark on an address whose mail came back."""

    address: str
    at: datetime.datetime
    reason: str
    """The server's words, with the enhanced status code (RFC 3463) where it gave one."""

    @property
    def permanent(self) -> bool | None:
        """Whether the server refuses for good, or only for now; None where it does not say."""
        status = ENHANCED_STATUS.search(self.reason)
        return None if status is None else status[1] == "5"


class BouncedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A customer whom mail to a bounced address was for."""

    account_no: str
    account_name: str
    on_file: bool
    """The ERP holds the address for this customer, so that is where it has to be mended."""


class BouncedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of bounced addresses."""

    mark: BouncedAddress
    accounts: tuple[BouncedAccount, ...] = ()
    """In order of their numbers; nobody where the address was typed in and never invited."""

    @property
    def on_file(self) -> bool:
        return any(one.on_file for one in self.accounts)


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an account's enrolment code; the code itself is derived, never stored."""

    account_no: str
    generation: int = 1
    """A new generation makes a new code and voids the old one."""
    failures: int = 0
    locked_at: datetime.datetime | None = None
    used_at: datetime.datetime | None = None
