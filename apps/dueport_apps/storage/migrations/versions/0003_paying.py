"""Quotes, instruments, payments and what they hold of the documents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_paying"
down_revision = "0002_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "collect",
        sa.Column("collect_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("session_ref", sa.Text(), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("processor_customer_ref", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("instrument_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_collect_account_no")
        ),
        sa.PrimaryKeyConstraint("collect_id", name=op.f("pk_collect")),
    )
    op.create_index("ix_collect_user_id", "collect", ["user_id", "processor"], unique=False)
    op.create_table(
        "instrument",
        sa.Column("instrument_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("processor_customer_ref", sa.Text(), nullable=False),
        sa.Column("instrument", postgresql.JSONB(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("removed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_instrument_account_no")
        ),
        sa.PrimaryKeyConstraint("instrument_id", name=op.f("pk_instrument")),
    )
    op.create_index("ix_instrument_user_id", "instrument", ["user_id", "account_no"], unique=False)
    op.create_table(
        "payment",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("portal_user_id", sa.Text(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "card", "ach", name="method", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "created",
                "requires_action",
                "pending",
                "processing",
                "settled",
                "failed",
                "canceled",
                "returned",
                "disputed",
                "partially_refunded",
                "refunded",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("credits", postgresql.JSONB(), nullable=False),
        sa.Column("principal_cents", sa.BigInteger(), nullable=False),
        sa.Column("fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("discount_cents", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("anomaly", sa.Boolean(), nullable=False),
        sa.Column("processor_ref", sa.Text(), nullable=True),
        sa.Column("instrument_label", sa.Text(), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "principal_cents >= 0 AND fee_cents >= 0 AND discount_cents >= 0",
            name=op.f("ck_payment_signs"),
        ),
        sa.CheckConstraint(
            "total_cents = principal_cents + fee_cents", name=op.f("ck_payment_total")
        ),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_payment_account_no")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_payment")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payment_payment_id")),
        sa.UniqueConstraint("quote_id", name=op.f("uq_payment_quote_id")),
    )
    op.create_index("ix_payment_account_no", "payment", ["account_no", "number"], unique=False)
    op.create_index("ix_payment_created_at", "payment", ["created_at"], unique=False)
    op.create_index("ix_payment_state", "payment", ["state", "number"], unique=False)
    op.create_index(
        "uq_payment_processor_ref",
        "payment",
        ["processor", "processor_ref"],
        unique=True,
        postgresql_where=sa.text("processor_ref IS NOT NULL"),
    )
    op.create_table(
        "quote",
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("quote", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_quote_account_no")
        ),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quote")),
    )
    op.create_index(op.f("ix_quote_account_no"), "quote", ["account_no"], unique=False)
    op.create_table(
        "mandate",
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.Text(), nullable=False),
        sa.Column("sec_code", sa.Text(), nullable=False),
        sa.Column("account_label", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.payment_id"], name=op.f("fk_mandate_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_mandate")),
    )
    op.create_table(
        "payment_attempt",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("attempt", postgresql.JSONB(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "frozen",
                "sent",
                "unknown",
                "answered",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("processor_ref", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_lookup_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lookups", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("action", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.payment_id"], name=op.f("fk_payment_attempt_payment_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_payment_attempt")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_payment_attempt_attempt_id")),
    )
    op.create_index(
        "ix_payment_attempt_due",
        "payment_attempt",
        ["next_lookup_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'answered'"),
    )
    op.create_index(
        "ix_payment_attempt_payment_id", "payment_attempt", ["payment_id", "number"], unique=False
    )
    op.create_table(
        "payment_event",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.payment_id"], name=op.f("fk_payment_event_payment_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_payment_event")),
    )
    op.create_index(
        "ix_payment_event_payment_id", "payment_event", ["payment_id", "number"], unique=False
    )
    op.create_table(
        "reservation",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("document_ref", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("open_after_cents", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "held",
                "applied",
                "released",
                "reopened",
                "seen",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("paid_by", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_reservation_amount_cents")),
        sa.CheckConstraint("open_after_cents >= 0", name=op.f("ck_reservation_open_after_cents")),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_reservation_account_no")
        ),
        sa.ForeignKeyConstraint(
            ["document_ref"], ["document.document_ref"], name=op.f("fk_reservation_document_ref")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.payment_id"], name=op.f("fk_reservation_payment_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reservation")),
    )
    op.create_index(
        "ix_reservation_account_no",
        "reservation",
        ["account_no"],
        unique=False,
        postgresql_where=sa.text("state IN ('held', 'applied')"),
    )
    op.create_index(
        "uq_reservation_held",
        "reservation",
        ["document_ref"],
        unique=True,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "uq_reservation_payment_id_document_ref",
        "reservation",
        ["payment_id", "document_ref"],
        unique=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("reservation")
    op.drop_table("payment_event")
    op.drop_table("payment_attempt")
    op.drop_table("mandate")
    op.drop_table("quote")
    op.drop_table("payment")
    op.drop_table("instrument")
    op.drop_table("collect")
