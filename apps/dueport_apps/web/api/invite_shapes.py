"""What the API takes and gives about invitations, campaigns, logins and mail that came back."""

import datetime
from typing import Annotated, Literal

import msgspec

from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignState,
    InvitationEventKind,
    LeftOutKind,
)
from dueport_apps.usecases.mail_records import MailState
from dueport_apps.usecases.receive_bounce import BounceOutcome
from dueport_apps.usecases.records import Language
from dueport_apps.web.api.shapes import AccountBody, ContactBody, Given, OpenItemBody, Taken
from dueport_core.accounts import AccountStatus
from dueport_core.credentials import UsernameSource
from dueport_core.invitations import InvitationState

LISTED_MAX = 1000
"""How many entries each list of a rehearsal holds; the counts are whole."""
SELECTED_MAX = 50_000

InvitationChoice = Literal["", "none", "pending", "accepted", "declined", "expired"]
SecondCheckChoice = Literal["none", "phone", "ship_to_zip"]
"""``none`` and ``SECOND_CHECKS``, written out because a type must be."""
DeliveryChoice = Literal["link", "credentials"]
SentToWord = Literal["primary", "contacts", "address", "customer"]
"""What ``send_to`` takes, and ``customer``."""
AccountNumbers = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=64)]],
    msgspec.Meta(max_length=SELECTED_MAX),
]
Days = Annotated[int, msgspec.Meta(ge=1, le=366)]


class MatchingBody(Taken, frozen=True, kw_only=True):
    """The filters of the Customers Dashboard; those that are left out narrow nothing."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Part of a name, or the start of an account number."""
    invitation: InvitationChoice = ""
    active: bool = False
    past_due: bool = False
    email_problem: bool = False


class InviteBody(Taken, frozen=True, kw_only=True):
    """To whom, by exactly one of ``account_no``, ``account_nos``, ``all`` and ``matching``; and how.

    What is left out is as the dealer's policies say. ``resend`` sends a new link to those whose
    invitation has expired or whose mail did not arrive for certain.
    """

    kind: Literal["invite", "resend"] = "invite"
    account_no: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    account_nos: AccountNumbers | None = None
    all: bool = False
    matching: MatchingBody | None = None
    excluded: AccountNumbers = msgspec.field(default_factory=list)
    """Accounts that ``all`` or ``matching`` would select and that are left out."""
    delivery: DeliveryChoice | None = None
    username_from: UsernameSource | None = None
    """For ``delivery: credentials`` alone: the field that becomes the user name."""
    second_check: SecondCheckChoice | None = None
    """For ``delivery: link`` alone: the field that the registration asks for beside the link;
    ``none`` asks for nothing."""
    send_to: Literal["primary", "contacts", "address"] = "primary"
    address: Annotated[str, msgspec.Meta(max_length=320)] = ""
    """For ``send_to: address``; the customer's record is not changed."""
    language: Language | None = None
    additional_login: bool = False
    """Invite one more person of a customer who has a login or an invitation already."""
    confirm_declined: bool = False
    """Invite customers who declined, too."""


class PreviewOrderBody(InviteBody, frozen=True, kw_only=True):
    """An order as for ``POST invitations``, and whose mail to show."""

    show_account_no: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """The customer whose mail is shown; the first who would get one where it is left out."""


class MailTestBody(InviteBody, frozen=True, kw_only=True):
    """An order as for ``POST invitations``, and where the test goes."""

    to_address: Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
    show_account_no: Annotated[str, msgspec.Meta(max_length=64)] = ""


class ResendBody(Taken, frozen=True, kw_only=True):
    confirm_declined: bool = False
    """The customer declined, and a person wants to invite again."""


class NudgeBody(Taken, frozen=True, kw_only=True):
    pending_over_days: Days


class AccessBody(Taken, frozen=True, kw_only=True):
    user_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """One person's login; everybody's where it is left out."""


class AddressBody(Taken, frozen=True, kw_only=True):
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=320)]


class MailFailureBody(Given, frozen=True, kw_only=True):
    """What became of the last mail to an address, where it did not arrive for certain."""

    state: MailState
    code: int
    words: str
    """The mail server's."""
    at: datetime.datetime | None


class WillBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    email: str
    to_name: str
    username: str
    """For ``credentials``: the user name that the mail promises."""
    erp_status: AccountStatus
    last_failure: MailFailureBody | None
    """Set where the last mail to this address did not arrive, so that the next may not either."""


class CannotBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    email: str
    kind: LeftOutKind
    """The reason, for programs."""
    reason: str
    """The reason and what to do about it, for people."""
    problem: str
    """The reason alone."""
    field: str
    """Which field of the record to mend in the ERP, or empty."""


class AlreadyBody(Given, frozen=True, kw_only=True):
    """Somebody who needs no such mail; ``declined`` ones get it with ``confirm_declined: true``."""

    account_no: str
    account_name: str
    email: str
    kind: LeftOutKind
    """The reason, for programs."""
    state: InvitationState
    words: str
    """The rest of a sentence that begins with the customer's name."""
    reminded_at: datetime.datetime | None
    erp_status: AccountStatus


class RehearsalBody(Given, frozen=True, kw_only=True):
    """Counts are whole; each list ends after 1,000 entries."""

    will_count: int
    cannot_count: int
    already_count: int
    will: list[WillBody]
    cannot: list[CannotBody]
    already: list[AlreadyBody]


class PreviewBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    to_address: str
    subject: str
    text: str
    html: str


class ProgressBody(Given, frozen=True, kw_only=True):
    """How many of the campaign's mails are in each state."""

    total: int
    finished: int
    queued: int
    sending: int
    sent: int
    failed: int
    unconfirmed: int
    cancelled: int
    bounced: int


class CampaignBody(Given, frozen=True, kw_only=True):
    campaign_id: str
    kind: CampaignKind
    state: CampaignState
    delivery: DeliveryChoice
    send_to: SentToWord
    """As it was ordered; ``customer`` for the customer's own request."""
    language: Language
    created_by_name: str
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    recipients: int
    """Mails that were recorded at the start."""
    cannot: int
    already: int
    progress: ProgressBody


class CampaignPageBody(Given, frozen=True, kw_only=True):
    items: list[CampaignBody]
    next: str | None


class CampaignMailBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    invitation_id: str
    email: str
    state: MailState
    code: int
    """The mail server's reply code, 0 where there is none."""
    reason: str
    """The mail server's words."""
    tries: int
    sent_at: datetime.datetime | None


class CampaignMailPageBody(Given, frozen=True, kw_only=True):
    items: list[CampaignMailBody]
    next: str | None


class RefusalPageBody(Given, frozen=True, kw_only=True):
    items: list[CannotBody]
    next: str | None


class InvitationBody(Given, frozen=True, kw_only=True):
    invitation_id: str
    account_no: str
    account_name: str
    email: str
    delivery: DeliveryChoice
    second_check: SecondCheckChoice
    language: Language
    username: str
    """The user name that credential delivery promised, else empty."""
    state: InvitationState
    reason: str
    """Why it was revoked."""
    created_at: datetime.datetime
    invited_at: datetime.datetime
    expires_at: datetime.datetime
    sends: int
    nudged_at: datetime.datetime | None
    opened_at: datetime.datetime | None
    asked_at: datetime.datetime | None
    """When the customer asked for a new link, until one is sent."""
    decided_at: datetime.datetime | None
    campaign_id: str
    mail_state: MailState | None
    """What became of its last mail."""
    mail_code: int
    mail_reason: str
    mail_at: datetime.datetime | None


class InvitationPageBody(Given, frozen=True, kw_only=True):
    items: list[InvitationBody]
    next: str | None


class LinkBody(Given, frozen=True, kw_only=True):
    url: str
    """Works like the mailed link; whoever has it can register, so hand it to the customer alone."""


class FunnelBody(Given, frozen=True, kw_only=True):
    """Each number counts accounts and holds the next ones."""

    customers: int
    invited: int
    opened: int
    registered: int
    paid: int


class LoginBody(Given, frozen=True, kw_only=True):
    user_id: str
    name: str
    email: str
    username: str
    role: Literal["see", "pay", "admin"]
    linked_at: datetime.datetime
    disabled_at: datetime.datetime | None
    """Since when an operator has switched this access off."""


class AccountDetailBody(Given, frozen=True, kw_only=True):
    account: AccountBody
    contacts: list[ContactBody]
    items: list[OpenItemBody]
    invitations: list[InvitationBody]
    logins: list[LoginBody]


class AccessChangedBody(Given, frozen=True, kw_only=True):
    changed: int
    """How many logins were switched off or on, and how many pending invitations were revoked."""
    logins_changed: int
    invitations_revoked: list[InvitationBody]
    logins: list[LoginBody]
    """Everybody who has one, as it is now."""


StepKind = InvitationEventKind | Literal["mail"]


class StepBody(Given, frozen=True, kw_only=True):
    """A step in the life of the account's invitations and logins, or one of their mails."""

    at: datetime.datetime
    kind: StepKind
    """What happened; ``mail`` for a mail, whose fate is in ``mail_state``."""
    actor: str
    detail: str
    invitation_id: str
    mail_state: MailState | None = None
    mail_code: int = 0
    mail_reason: str = ""


class TimelineBody(Given, frozen=True, kw_only=True):
    steps: list[StepBody]


class BouncedBody(Given, frozen=True, kw_only=True):
    address: str
    outcome: BounceOutcome
    account_no: str
    reason: str


class BounceResultBody(Given, frozen=True, kw_only=True):
    recipients: list[BouncedBody]


class BouncedAccountBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    on_file: bool
    """The ERP holds the address for this customer: that is where to correct it."""


class BouncedAddressBody(Given, frozen=True, kw_only=True):
    address: str
    at: datetime.datetime
    """When the last mail came back."""
    reason: str
    """The mail server's words."""
    permanent: bool | None
    """Whether the server refuses for good; null where it does not say."""
    accounts: list[BouncedAccountBody]
    """The customers whom mail to this address was for."""


class BouncedPageBody(Given, frozen=True, kw_only=True):
    items: list[BouncedAddressBody]
    next: str | None


class CodeBody(Given, frozen=True, kw_only=True):
    account_no: str
    account_name: str
    code: str


class CodePageBody(Given, frozen=True, kw_only=True):
    items: list[CodeBody]
    next: str | None


class RenewedCodeBody(Given, frozen=True, kw_only=True):
    account_no: str
    code: str
