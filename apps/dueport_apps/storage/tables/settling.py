"""Payouts and what they are made of, postings to the ERP, and the double-entry journal."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
)

from dueport_apps.storage.tables.base import (
    cents,
    choice,
    count,
    day,
    instant,
    metadata,
    structured,
    words,
)
from dueport_core.journal import EntryKind
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.settlements import SettlementLineCategory, SettlementState
from dueport_ports import PostingBatch, SettlementHead, SettlementLine

settlement = Table(
    "settlement",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("settlement_id", Text, nullable=False, unique=True),
    words("processor"),
    words("settlement_ref"),
    instant("created_at"),
    structured("head", SettlementHead),
    choice("state", SettlementState),
    cents("unexplained_cents"),
    structured("problems", tuple[str, ...]),
    instant("imported_at"),
    instant("resolved_at", nullable=True),
    words("resolved_by"),
    count("version"),
    UniqueConstraint("processor", "settlement_ref"),
    CheckConstraint("unexplained_cents >= 0", name="unexplained_cents"),
    CheckConstraint(
        "state <> 'resolved' OR (unexplained_cents = 0 AND resolved_at IS NOT NULL)",
        name="resolved",
    ),
    Index("ix_settlement_created_at", "created_at", "number"),
)

settlement_line = Table(
    "settlement_line",
    metadata,
    Column("settlement_id", ForeignKey("settlement.settlement_id"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    words("line_ref"),
    choice("category", SettlementLineCategory),
    Column("payment_id", ForeignKey("payment.payment_id"), nullable=True),
    cents("gross_cents"),
    cents("fee_cents"),
    structured("line", SettlementLine),
    UniqueConstraint("settlement_id", "line_ref"),
    Index("ix_settlement_line_payment_id", "payment_id"),
)

posting = Table(
    "posting",
    metadata,
    Column("settlement_id", ForeignKey("settlement.settlement_id"), primary_key=True),
    choice("category", PostingCategory, primary_key=True),
    Column("batch_key", Text, nullable=False, unique=True),
    structured("batch", PostingBatch),
    choice("state", PostingState),
    count("receipts"),
    cents("amount_cents"),
    instant("claimed_at"),
    instant("posted_at", nullable=True),
    words("posted_by"),
    structured("erp_refs", tuple[str, ...]),
    words("reason"),
    count("tries"),
    count("version"),
)

journal_entry = Table(
    "journal_entry",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False, unique=True),
    choice("kind", EntryKind),
    day("occurred_on"),
    words("reason"),
    # The same event is looked up by the beginning of its source, whatever the collation.
    Index("ix_journal_entry_source", "source", postgresql_ops={"source": "text_pattern_ops"}),
)

# A deferred trigger checks at commit that the lines of an entry add up to zero.
journal_line = Table(
    "journal_line",
    metadata,
    Column("number", ForeignKey("journal_entry.number"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    words("account"),
    cents("amount_cents"),
    CheckConstraint("amount_cents <> 0", name="amount_cents"),
    Index("ix_journal_line_account", "account"),
)
