"""Whom a campaign leaves out is kept with a kind, and with the problem apart from the advice.

What was refused before is of the kind "other". On the way back those who needed no mail are
forgotten, because a version that knows no kinds would show them as refused.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_left_out_kinds"
down_revision = "0009_enrolment_email"
branch_labels = None
depends_on = None

_CANNOT = (
    "no_email",
    "malformed_email",
    "bounced_email",
    "access_off",
    "never_invited",
    "missing_field",
    "username_shared",
    "username_taken",
    "mail_not_arrived",
    "other",
)
_NEED_NONE = (
    "registered",
    "pending",
    "declined",
    "expired",
    "revoked",
    "reminded_lately",
    "invited_lately",
    "mail_waiting",
)


def upgrade() -> None:
    """Add both columns; the whole reason is the problem of what is there."""
    op.add_column(
        "campaign_refusal",
        sa.Column("kind", sa.String(40), nullable=False, server_default="other"),
    )
    op.add_column(
        "campaign_refusal", sa.Column("problem", sa.Text(), nullable=False, server_default="")
    )
    op.execute("UPDATE campaign_refusal SET problem = reason")
    for name in ("kind", "problem"):
        op.alter_column("campaign_refusal", name, server_default=None)
    listed = ", ".join(f"'{kind}'" for kind in _CANNOT + _NEED_NONE)
    op.create_check_constraint(
        op.f("ck_campaign_refusal_kind"), "campaign_refusal", f"kind IN ({listed})"
    )


def downgrade() -> None:
    """Forget who needed no mail, then the columns."""
    kept = sa.table("campaign_refusal", sa.column("kind"))
    op.execute(sa.delete(kept).where(kept.c.kind.in_(_NEED_NONE)))
    op.drop_constraint(op.f("ck_campaign_refusal_kind"), "campaign_refusal")
    op.drop_column("campaign_refusal", "problem")
    op.drop_column("campaign_refusal", "kind")
