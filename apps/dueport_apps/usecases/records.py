"""What the platform itself keeps beside the dealer's receivables: people, sessions, mail, runs.

Core holds what is true of money; these values are about running the portals. All are frozen;
repositories take and return them.
"""

import datetime
import enum
from typing import Literal

import msgspec

from dueport_core.accounts import email_fault
from dueport_core.invitations import InvitationState
from dueport_ports import RowProblem

Language = Literal["en", "es"]
"""What customers' mails are written in."""


class OperatorRole(enum.StrEnum):
    ADMIN = "admin"
    AR = "ar"
    READ_ONLY = "read_only"


class Permission(enum.StrEnum):
    """What an operator (or an operator's API key) may do; roles are sets of these."""

    VIEW = "view"
    INVITE = "invite"
    MANAGE_PAYMENTS = "manage_payments"
    POST = "post"
    SYNC = "sync"
    ADMINISTER = "administer"


ROLE_PERMISSIONS: dict[OperatorRole, frozenset[Permission]] = {
    OperatorRole.ADMIN: frozenset(Permission),
    OperatorRole.AR: frozenset(Permission) - {Permission.ADMINISTER},
    OperatorRole.READ_ONLY: frozenset({Permission.VIEW}),
}


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    operator_id: str
    email: str
    name: str
    role: OperatorRole
    password_hash: str
    totp_secret_sealed: str
    """Empty until the second factor is set up; sealed by the deployment's SecretBox."""
    totp_last_step: int = 0
    """The last accepted time step: a code works once."""
    active: bool = True
    created_at: datetime.datetime


class PortalUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in to the customer portal, perhaps for several accounts."""

    user_id: str
    email: str
    """As entered; looked up case-insensitively."""
    username: str
    """What is typed at sign-in beside the e-mail; the e-mail itself for link delivery."""
    name: str
    password_hash: str
    language: Language = "en"
    active: bool = True
    created_at: datetime.datetime


class AccountLink(msgspec.Struct, frozen=True, kw_only=True):
    """One portal user's right to one account."""

    user_id: str
    account_no: str
    role: Literal["see", "pay", "admin"] = "admin"
    terms_version: str = ""
    linked_at: datetime.datetime
    disabled_at: datetime.datetime | None = None
    """Since when an operator has switched this access off."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's access to the operator API; only the hash of its text is kept."""

    key_id: str
    name: str
    token_hash: bytes
    permissions: frozenset[Permission]
    created_by: str
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None = None


class OneTimeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A mailed or printed right to do one thing once; bound to its purpose and subject."""

    token_hash: bytes
    purpose: Literal["operator_setup", "password_reset", "first_sign_in", "enrolment_email"]
    subject_id: str
    expires_at: datetime.datetime
    used_at: datetime.datetime | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is acting, as recorded in the audit log and checked by use cases."""

    kind: Literal["operator", "customer", "system", "api_key"]
    principal_id: str
    name: str
    permissions: frozenset[Permission] = frozenset()
    account_no: str = ""
    """The account a customer is acting for."""
    client_ip: str = ""
    user_agent: str = ""


SYSTEM = Principal(kind="system", principal_id="system", name="Dueport")


class AccountFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Derived per account, kept so that the dashboard can sort; cents unless named otherwise."""

    account_no: str
    computed_on: datetime.date
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    debits_cents: int
    credits_cents: int
    bucket_cents: tuple[int, ...]
    """Current, then one per bound: five for the default bounds."""
    weighted_days_tenths: int
    open_items: int
    priority: int
    priority_points: int
    priority_reasons: tuple[str, ...] = ()


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the Customers Dashboard."""

    account_no: str
    name: str
    kind: str
    status: str
    email: str
    email_problem: str
    figures: AccountFigures | None
    invitation: InvitationState | None
    """The badge: accepted while somebody can sign in, else pending, else the newest of declined
    and expired. None where nobody was invited, or the invitation was revoked."""
    has_login: bool
    bounced: bool = False
    """Mail to the address on file came back."""
    access_off: bool = False
    """Somebody had portal access, and an operator has switched all of it off."""
    mail_waits: bool = False
    """The mail of a pending invitation has not left yet."""

    @property
    def email_fault(self) -> str:
        """What is wrong with the address, without repeating it; empty where nothing is."""
        return email_fault(self.email) or ""


class AccountFilter(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    """Part of a name, or the start of an account number; case-insensitive."""
    active_only: bool = False
    invitation: Literal["", "none", "pending", "accepted", "declined", "expired"] = ""
    """The badge; empty for any."""
    past_due_only: bool = False
    email_problem: bool = False
    """Only customers who cannot be invited: no address, a malformed one, or one that bounced."""
    not_invited: bool = False
    """Without those who are registered, or invited to an address that does not bounce."""


AccountSort = Literal[
    "priority",
    "name",
    "account_no",
    "outstanding",
    "current",
    "past_due",
    "credits",
    "weighted_days",
]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    accounts: int
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    debits_cents: int
    credits_cents: int


class StoreCounts(msgspec.Struct, frozen=True, kw_only=True):
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0


class SyncRun(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    source: str
    started_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    state: Literal["running", "done", "failed"] = "running"
    counts: dict[str, StoreCounts] = {}
    problems: int = 0
    as_of: datetime.datetime | None = None
    failure: str = ""


class StoredProblem(msgspec.Struct, frozen=True, kw_only=True):
    problem_id: int
    run_id: str
    entity: str
    problem: RowProblem


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one document is in flight, or settled and not yet seen in the ERP."""

    document_ref: str
    held_cents: int
    applied_cents: int
    payment_id: str
    paid_by: str
    """Who started the payment, for the message to whoever comes second."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing somebody did. The store adds the number and the hash chain."""

    at: datetime.datetime
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    """Verb and object, e.g. ``invitation.sent``; stable, so people can search."""
    subject: str
    """What it was done to, e.g. ``account:1042``."""
    detail: dict[str, str] = {}
    client_ip: str = ""


class StoredAuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    entry: AuditEntry
    hash: str


def audit(
    who: Principal, at: datetime.datetime, action: str, subject: str, **detail: str
) -> AuditEntry:
    """Say what ``who`` did, in the form that the audit log keeps."""
    return AuditEntry(
        at=at,
        actor_kind=who.kind,
        actor_id=who.principal_id,
        actor_name=who.name,
        action=action,
        subject=subject,
        detail=detail,
        client_ip=who.client_ip,
    )
