"""Who may come in: users, operators, invitations, tokens, keys and sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_people"
down_revision = "0001_mirror"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("permissions", postgresql.JSONB(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_key_token_hash")),
    )
    op.create_table(
        "one_time_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "operator_setup",
                "password_reset",
                "first_sign_in",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_one_time_token")),
    )
    op.create_index(
        "ix_one_time_token_subject_id", "one_time_token", ["subject_id", "purpose"], unique=False
    )
    op.create_table(
        "operator",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "admin",
                "ar",
                "read_only",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_secret_sealed", sa.Text(), nullable=False),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_operator")),
    )
    op.create_index(
        "uq_operator_email", "operator", [sa.literal_column("lower(email)")], unique=True
    )
    op.create_table(
        "portal_user",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_portal_user")),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "portal",
            sa.Enum(
                "customer",
                "operator",
                name="portal",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("auth_level", sa.Text(), nullable=False),
        sa.Column("csrf_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("step_up_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_session_token_hash")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index("ix_session_last_seen_at", "session", ["last_seen_at"], unique=False)
    op.create_index("ix_session_user_id", "session", ["portal", "user_id"], unique=False)
    op.create_table(
        "throttle_failure",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_throttle_failure")),
    )
    op.create_index("ix_throttle_failure_key", "throttle_failure", ["key", "at"], unique=False)
    op.create_table(
        "account_link",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "see",
                "pay",
                "admin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("terms_version", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_account_link_account_no")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["portal_user.user_id"], name=op.f("fk_account_link_user_id")
        ),
        sa.PrimaryKeyConstraint("user_id", "account_no", name=op.f("pk_account_link")),
    )
    op.create_index("ix_account_link_account_no", "account_link", ["account_no"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invitation_id", sa.Text(), nullable=False),
        sa.Column("account_no", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "accepted",
                "declined",
                "expired",
                "revoked",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("credential_username", sa.Text(), nullable=False),
        sa.Column("credential_hash", sa.Text(), nullable=False),
        sa.Column("credential_login", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_invitation_account_no")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invitation")),
        sa.UniqueConstraint("invitation_id", name=op.f("uq_invitation_invitation_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index(
        "ix_invitation_account_no", "invitation", ["account_no", "number"], unique=False
    )
    op.create_index(
        "ix_invitation_expires_at",
        "invitation",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "uq_invitation_alive",
        "invitation",
        ["account_no"],
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'accepted')"),
    )
    op.create_index(
        "uq_invitation_credential_login",
        "invitation",
        ["credential_login"],
        unique=True,
        postgresql_where=sa.text("state = 'pending' AND credential_login <> ''"),
    )
    op.create_table(
        "login_name",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["portal_user.user_id"], name=op.f("fk_login_name_user_id")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_login_name")),
    )
    op.create_index(op.f("ix_login_name_user_id"), "login_name", ["user_id"], unique=False)
    op.create_table(
        "operator_recovery_code",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.operator_id"],
            name=op.f("fk_operator_recovery_code_operator_id"),
        ),
        sa.PrimaryKeyConstraint("operator_id", "code_hash", name=op.f("pk_operator_recovery_code")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("operator_recovery_code")
    op.drop_table("login_name")
    op.drop_table("invitation")
    op.drop_table("account_link")
    op.drop_table("throttle_failure")
    op.drop_table("session")
    op.drop_table("portal_user")
    op.drop_table("operator")
    op.drop_table("one_time_token")
    op.drop_table("api_key")
