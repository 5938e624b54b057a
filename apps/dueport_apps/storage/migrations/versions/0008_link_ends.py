"""Links that have ended are kept for a while, so that their page can say what happened.

Before, a link that was used, declined, replaced or withdrawn was deleted, and still is on the way
back: a version that does not know of ends would let its holder in again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_link_ends"
down_revision = "0007_invitations"
branch_labels = None
depends_on = None

_ENDS = ("used", "declined", "replaced", "revoked", "locked", "moved", "switched_off")


def upgrade() -> None:
    """Add when and why; what is there is good."""
    op.execute("ALTER TABLE invitation_token SET (fillfactor = 50)")
    listed = ", ".join(f"'{end}'" for end in _ENDS)
    op.add_column(
        "invitation_token", sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True)
    )
    op.add_column("invitation_token", sa.Column("end_reason", sa.String(40), nullable=True))
    op.create_check_constraint(
        op.f("ck_invitation_token_end_reason"), "invitation_token", f"end_reason IN ({listed})"
    )
    op.create_check_constraint(
        op.f("ck_invitation_token_ended_at"),
        "invitation_token",
        "(ended_at IS NULL) = (end_reason IS NULL)",
    )


def downgrade() -> None:
    """Forget what has ended, then the columns."""
    op.execute("DELETE FROM invitation_token WHERE ended_at IS NOT NULL")
    for name in ("ended_at", "end_reason"):
        op.drop_constraint(op.f(f"ck_invitation_token_{name}"), "invitation_token")
        op.drop_column("invitation_token", name)
    op.execute("ALTER TABLE invitation_token RESET (fillfactor)")
