"""Settlements, postings to the ERP, and the journal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_settling"
down_revision = "0003_paying"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "journal_entry",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "payment_settled",
                "processor_fee",
                "refund",
                "payout",
                "dispute_opened",
                "dispute_won",
                "ach_return",
                "suspense",
                "reversal",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_entry")),
        sa.UniqueConstraint("source", name=op.f("uq_journal_entry_source")),
    )
    op.create_index(
        "ix_journal_entry_source",
        "journal_entry",
        ["source"],
        unique=False,
        postgresql_ops={"source": "text_pattern_ops"},
    )
    op.create_table(
        "settlement",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("settlement_ref", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("head", postgresql.JSONB(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "matched",
                "posting",
                "posted",
                "resolved",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("unexplained_cents", sa.BigInteger(), nullable=False),
        sa.Column("problems", postgresql.JSONB(), nullable=False),
        sa.Column("imported_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state <> 'resolved' OR (unexplained_cents = 0 AND resolved_at IS NOT NULL)",
            name=op.f("ck_settlement_resolved"),
        ),
        sa.CheckConstraint("unexplained_cents >= 0", name=op.f("ck_settlement_unexplained_cents")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_settlement")),
        sa.UniqueConstraint(
            "processor", "settlement_ref", name=op.f("uq_settlement_processor_settlement_ref")
        ),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_settlement_settlement_id")),
    )
    op.create_index(
        "ix_settlement_created_at", "settlement", ["created_at", "number"], unique=False
    )
    op.create_table(
        "journal_line",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_cents <> 0", name=op.f("ck_journal_line_amount_cents")),
        sa.ForeignKeyConstraint(
            ["number"], ["journal_entry.number"], name=op.f("fk_journal_line_number")
        ),
        sa.PrimaryKeyConstraint("number", "position", name=op.f("pk_journal_line")),
    )
    op.create_index("ix_journal_line_account", "journal_line", ["account"], unique=False)
    op.create_table(
        "posting",
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "invoices",
                "credits",
                "debits",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("batch_key", sa.Text(), nullable=False),
        sa.Column("batch", postgresql.JSONB(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "claimed",
                "posted",
                "unknown",
                "rejected",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("receipts", sa.BigInteger(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("posted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("erp_refs", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlement.settlement_id"], name=op.f("fk_posting_settlement_id")
        ),
        sa.PrimaryKeyConstraint("settlement_id", "category", name=op.f("pk_posting")),
        sa.UniqueConstraint("batch_key", name=op.f("uq_posting_batch_key")),
    )
    op.create_table(
        "settlement_line",
        sa.Column("settlement_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line_ref", sa.Text(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "payment",
                "refund",
                "refund_failure",
                "return",
                "dispute",
                "dispute_reversal",
                "fee",
                "adjustment",
                "reserve_hold",
                "reserve_release",
                "topup",
                "prior_settlement",
                "foreign",
                "unallocated",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("payment_id", sa.Text(), nullable=True),
        sa.Column("gross_cents", sa.BigInteger(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("line", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.payment_id"], name=op.f("fk_settlement_line_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"],
            ["settlement.settlement_id"],
            name=op.f("fk_settlement_line_settlement_id"),
        ),
        sa.PrimaryKeyConstraint("settlement_id", "position", name=op.f("pk_settlement_line")),
        sa.UniqueConstraint(
            "settlement_id", "line_ref", name=op.f("uq_settlement_line_settlement_id_line_ref")
        ),
    )
    op.create_index(
        "ix_settlement_line_payment_id", "settlement_line", ["payment_id"], unique=False
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("settlement_line")
    op.drop_table("posting")
    op.drop_table("journal_line")
    op.drop_table("settlement")
    op.drop_table("journal_entry")
