"""Who is invited: invitations with their tokens and timeline, campaigns, bounces, enrolment."""

from typing import get_type_hints

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dueport_apps.storage.tables.base import (
    choice,
    count,
    instant,
    metadata,
    structured,
    words,
)
from dueport_apps.usecases.invite_records import (
    CampaignKind,
    CampaignState,
    InvitationEvent,
    InvitationToken,
    InviteOptions,
    InviteRecipient,
    LeftOutKind,
    LinkEnd,
    Selection,
)
from dueport_apps.usecases.records import Language
from dueport_core.credentials import UsernameSource
from dueport_core.invitations import InvitationState

# One row per account and address, for life.
invitation = Table(
    "invitation",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("invitation_id", Text, nullable=False, unique=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    words("email"),
    # The address without case, as addresses are compared.
    words("email_key"),
    choice("recipient", InviteRecipient),
    words("delivery"),
    choice("language", Language),
    choice("second_check", UsernameSource, nullable=True),
    count("second_check_failures"),
    words("username"),
    # The promised username without case, as it is looked up.
    words("credential_login"),
    choice("state", InvitationState),
    instant("created_at"),
    instant("invited_at"),
    instant("expires_at"),
    words("created_by"),
    words("campaign_id"),
    count("sends"),
    instant("nudged_at", nullable=True),
    instant("opened_at", nullable=True),
    instant("asked_at", nullable=True),
    instant("decided_at", nullable=True),
    words("reason"),
    UniqueConstraint("account_no", "email_key"),
    Index(
        "uq_invitation_credential_login",
        "credential_login",
        unique=True,
        postgresql_where=text("state = 'pending' AND credential_login <> ''"),
    ),
    Index(
        "ix_invitation_credential_login",
        "credential_login",
        postgresql_where=text("credential_login <> ''"),
    ),
    Index("ix_invitation_expires_at", "expires_at", postgresql_where=text("state = 'pending'")),
    Index("ix_invitation_invited_at", "invited_at", "number"),
)

invitation_token = Table(
    "invitation_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("invitation_id", ForeignKey("invitation.invitation_id"), nullable=False, index=True),
    choice("kind", get_type_hints(InvitationToken)["kind"]),
    instant("created_at"),
    # For a token that takes one link back and leaves the invitation alone.
    Column("link_hash", LargeBinary, nullable=True),
    # Null while it is good. What has ended is kept for a while, to explain itself.
    instant("ended_at", nullable=True),
    choice("end_reason", LinkEnd, nullable=True),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended_at"),
    # Half of each page is left for what its rows become, so that ending the links of a whole book
    # touches no index.
    postgresql_with={"fillfactor": 50},
)

# Append-only: a trigger refuses changes.
invitation_event = Table(
    "invitation_event",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    # Empty for what concerns the account's logins and no invitation.
    words("invitation_id"),
    instant("at"),
    choice("kind", get_type_hints(InvitationEvent)["kind"]),
    words("actor"),
    words("detail"),
    Index("ix_invitation_event_account_no", "account_no", "number"),
)

campaign = Table(
    "campaign",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("campaign_id", Text, nullable=False, unique=True),
    choice("kind", CampaignKind),
    choice("state", CampaignState),
    structured("selection", Selection),
    structured("options", InviteOptions),
    words("created_by"),
    words("created_by_name"),
    instant("created_at"),
    instant("started_at", nullable=True),
    instant("ended_at", nullable=True),
    count("recipients"),
    count("cannot"),
    count("already"),
    Index("ix_campaign_sending", "campaign_id", postgresql_where=text("state = 'sending'")),
)

campaign_refusal = Table(
    "campaign_refusal",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("campaign_id", ForeignKey("campaign.campaign_id"), nullable=False),
    words("account_no"),
    words("account_name"),
    words("email"),
    words("reason"),
    words("field"),
    choice("kind", LeftOutKind),
    words("problem"),
    Index("ix_campaign_refusal_campaign_id", "campaign_id", "number"),
)

# The key is the address without case.
bounced_address = Table(
    "bounced_address",
    metadata,
    Column("address_key", Text, primary_key=True),
    words("address"),
    instant("at"),
    words("reason"),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("account_no", ForeignKey("account.account_no"), primary_key=True),
    count("generation"),
    count("failures"),
    instant("locked_at", nullable=True),
    instant("used_at", nullable=True),
)
