"""What keeps the platform honest: inbound events, mail, the audit log, remembered answers."""

from typing import Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dueport_apps.storage.tables.base import choice, count, instant, metadata, structured, words
from dueport_apps.usecases.mail_records import MailState

inbound_event = Table(
    "inbound_event",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    words("processor"),
    words("dedupe_key"),
    words("kind"),
    words("ref"),
    instant("received_at"),
    choice("state", Literal["new", "done", "parked"]),
    count("tries"),
    words("reason"),
    UniqueConstraint("processor", "dedupe_key"),
    Index("ix_inbound_event_new", "event_id", postgresql_where=text("state = 'new'")),
    Index("ix_inbound_event_processor", "processor", "received_at"),
)

feed_cursor = Table(
    "feed_cursor",
    metadata,
    Column("processor", Text, primary_key=True),
    words("cursor"),
)

mail_delivery = Table(
    "mail_delivery",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery_id", Text, nullable=False, unique=True),
    words("kind"),
    words("subject_ref"),
    words("to_address"),
    words("subject"),
    words("content_sealed"),
    # Empty where the mail is about no invitation, and belongs to no campaign.
    words("invitation_id"),
    words("campaign_id"),
    choice("state", MailState),
    instant("due_at"),
    instant("created_at"),
    count("tries"),
    # The number of the worker that holds it, or that was interrupted over it.
    Column("claim_owner", BigInteger, nullable=True),
    instant("handed_at", nullable=True),
    # When it was asked for, claimed, handed over or decided, whatever came last.
    instant("changed_at"),
    count("code"),
    words("reason"),
    instant("sent_at", nullable=True),
    # Nobody is told the same thing twice.
    UniqueConstraint("kind", "subject_ref", "to_address"),
    CheckConstraint("state <> 'sending' OR claim_owner IS NOT NULL", name="claim_owner"),
    Index(
        "ix_mail_delivery_queued",
        "due_at",
        "number",
        postgresql_where=text("state = 'queued' AND campaign_id = ''"),
    ),
    Index(
        "ix_mail_delivery_queued_by_campaign",
        "campaign_id",
        "due_at",
        "number",
        postgresql_where=text("state = 'queued' AND campaign_id <> ''"),
    ),
    Index("ix_mail_delivery_sending", "claim_owner", postgresql_where=text("state = 'sending'")),
    Index("ix_mail_delivery_subject_ref", "subject_ref"),
    # A campaign's mails are counted in this index alone.
    Index(
        "ix_mail_delivery_campaign_state",
        "campaign_id",
        "state",
        "number",
        postgresql_where=text("campaign_id <> ''"),
    ),
    Index(
        "ix_mail_delivery_campaign_id",
        "campaign_id",
        "number",
        postgresql_where=text("campaign_id <> ''"),
    ),
    Index(
        "ix_mail_delivery_invitation_id",
        "invitation_id",
        "number",
        postgresql_where=text("invitation_id <> ''"),
    ),
    Index(
        "ix_mail_delivery_problem",
        "invitation_id",
        "number",
        postgresql_where=text(
            "state IN ('failed', 'unconfirmed', 'bounced') AND invitation_id <> ''"
        ),
    ),
)

# When the next mail may be sent under the rate that all workers share.
mail_pace = Table(
    "mail_pace",
    metadata,
    Column("name", Text, primary_key=True),
    instant("next_at"),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    # Without gaps: the number follows the entry before it, under a lock.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    instant("at"),
    words("actor_kind"),
    words("actor_id"),
    words("actor_name"),
    words("action"),
    words("subject"),
    structured("detail", dict[str, str]),
    words("client_ip"),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    CheckConstraint("number > 0", name="number"),
    Index("ix_audit_entry_subject", "subject", "number"),
)

# The web base's kept answers, by the hash of person, route and key.
kept_answer = Table(
    "kept_answer",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    instant("claimed_at"),
    Column("answer", LargeBinary, nullable=True),
)
