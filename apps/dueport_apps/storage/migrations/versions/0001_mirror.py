"""The ERP's data, the figures derived from it, and the runs that pull it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_mirror"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "account",
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "charge",
                "cash",
                "system",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "active",
                "inactive",
                "hold",
                "disabled",
                "closed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "posting_model",
            sa.Enum(
                "balance_forward",
                "open_item",
                "open_item_terms",
                name="posting_model",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "billing_level",
            sa.Enum(
                "master",
                "job",
                name="billing_level",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("contacts", postgresql.JSONB(), nullable=False),
        sa.Column("ship_to_zip", sa.Text(), nullable=False),
        sa.Column("terms_text", sa.Text(), nullable=False),
        sa.Column("credit_limit_cents", sa.BigInteger(), nullable=True),
        sa.Column("address_lines", postgresql.JSONB(), nullable=False),
        sa.Column("billing_state", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_problem", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("account_no", name=op.f("pk_account")),
    )
    op.create_index(
        "ix_account_search_name", "account", ["search_name", "account_no"], unique=False
    )
    op.create_table(
        "sync_cursor",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "entity",
            sa.Enum(
                "accounts",
                "jobs",
                "documents",
                "statements",
                name="entity",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "entity", name=op.f("pk_sync_cursor")),
    )
    op.create_table(
        "sync_run",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "done",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sync_run")),
        sa.UniqueConstraint("run_id", name=op.f("uq_sync_run_run_id")),
    )
    op.create_index(
        "uq_sync_run_running",
        "sync_run",
        ["source"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "sync_seen",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
    )
    op.create_table(
        "account_figures",
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("stale", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("computed_on", sa.Date(), nullable=True),
        sa.Column(
            "outstanding_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("current_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("past_due_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("debits_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("credits_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "weighted_days_tenths", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("open_items", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority_points", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("bucket_cents", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("priority_reasons", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_account_figures_account_no")
        ),
        sa.PrimaryKeyConstraint("account_no", name=op.f("pk_account_figures")),
    )
    op.create_index(
        "ix_account_figures_credits_cents",
        "account_figures",
        ["credits_cents", "account_no"],
        unique=False,
    )
    op.create_index(
        "ix_account_figures_current_cents",
        "account_figures",
        ["current_cents", "account_no"],
        unique=False,
    )
    op.create_index(
        "ix_account_figures_outstanding_cents",
        "account_figures",
        ["outstanding_cents", "account_no"],
        unique=False,
    )
    op.create_index(
        "ix_account_figures_past_due_cents",
        "account_figures",
        ["past_due_cents", "account_no"],
        unique=False,
    )
    op.create_index(
        "ix_account_figures_priority_points",
        "account_figures",
        ["priority_points", "outstanding_cents", "account_no"],
        unique=False,
    )
    op.create_index(
        "ix_account_figures_stale",
        "account_figures",
        ["account_no"],
        unique=False,
        postgresql_where=sa.text("stale"),
    )
    op.create_index(
        "ix_account_figures_weighted_days_tenths",
        "account_figures",
        ["weighted_days_tenths", "account_no"],
        unique=False,
    )
    op.create_table(
        "document",
        sa.Column("document_ref", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("job_no", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "invoice",
                "debit",
                "credit",
                "finance_charge",
                "balance_forward",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.Column("original_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("open_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("po_number", sa.Text(), nullable=False),
        sa.Column("statement_ref", sa.Text(), nullable=True),
        sa.Column("discount_eligible", sa.Boolean(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("erp_kind", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "CASE WHEN kind = 'credit' THEN original_amount_cents <= 0 AND open_amount_cents <= 0 ELSE original_amount_cents >= 0 AND open_amount_cents >= 0 END",
            name=op.f("ck_document_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_document_account_no")
        ),
        sa.PrimaryKeyConstraint("document_ref", name=op.f("pk_document")),
    )
    op.create_index(
        "ix_document_open",
        "document",
        ["account_no", "due_on"],
        unique=False,
        postgresql_where=sa.text("open_amount_cents <> 0"),
    )
    op.create_table(
        "job",
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("job_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "active",
                "inactive",
                "hold",
                "disabled",
                "closed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_job_account_no")
        ),
        sa.PrimaryKeyConstraint("account_no", "job_no", name=op.f("pk_job")),
    )
    op.create_table(
        "statement",
        sa.Column("statement_ref", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("statement_on", sa.Date(), nullable=False),
        sa.Column("cutoff_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("balance_cents", sa.BigInteger(), nullable=False),
        sa.Column("job_no", sa.Text(), nullable=True),
        sa.Column("discount_on", sa.Date(), nullable=True),
        sa.Column("discount_bps", sa.BigInteger(), nullable=True),
        sa.Column("discount_cents", sa.BigInteger(), nullable=True),
        sa.Column("document_refs", postgresql.JSONB(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "discount_bps BETWEEN 0 AND 10000", name=op.f("ck_statement_discount_bps")
        ),
        sa.CheckConstraint("discount_cents >= 0", name=op.f("ck_statement_discount_cents")),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_statement_account_no")
        ),
        sa.PrimaryKeyConstraint("statement_ref", name=op.f("pk_statement")),
    )
    op.create_index(
        "ix_statement_account_no", "statement", ["account_no", "cutoff_on"], unique=False
    )
    op.create_table(
        "sync_problem",
        sa.Column("problem_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(
            "entity",
            sa.Enum(
                "accounts",
                "jobs",
                "documents",
                "statements",
                name="entity",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("problem", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_run.run_id"], name=op.f("fk_sync_problem_run_id")
        ),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_sync_problem")),
    )
    op.create_index(
        "ix_sync_problem_run_id", "sync_problem", ["run_id", "problem_id"], unique=False
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("sync_problem")
    op.drop_table("statement")
    op.drop_table("job")
    op.drop_table("document")
    op.drop_table("account_figures")
    op.drop_table("sync_seen")
    op.drop_table("sync_run")
    op.drop_table("sync_cursor")
    op.drop_table("account")
