"""Declining has tokens of its own, and a mailed password's invitation ends with the password.

Tokens of links decline too, so the mails that are on their way keep working. On the way back tokens
that only decline are deleted; their mails can then no longer decline, and nothing worse.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011_declining"
down_revision = "0010_left_out_kinds"
branch_labels = None
depends_on = None

_TOKEN_KINDS = ("link", "credential")
_ENDS = ("used", "declined", "replaced", "revoked", "locked", "moved", "switched_off")
_EVENTS = (
    *("invited", "resent", "nudged", "link_copied", "opened", "second_check_failed"),
    *("asked_again", "accepted", "declined", "expired", "revoked", "bounced"),
    *("access_disabled", "access_restored"),
)


def upgrade() -> None:
    """Let a token decline, or take one link back; end the invitations whose password is over."""
    op.add_column("invitation_token", sa.Column("link_hash", sa.LargeBinary(), nullable=True))
    _allow("invitation_token", "kind", *_TOKEN_KINDS, "decline")
    _allow("invitation_token", "end_reason", *_ENDS, "taken_back")
    _allow("invitation_event", "kind", *_EVENTS, "not_asked")
    op.create_index(
        "ix_invitation_credential_login",
        "invitation",
        ["credential_login"],
        postgresql_where=sa.text("credential_login <> ''"),
    )
    op.execute(
        "UPDATE invitation SET expires_at = least(expires_at, interval '72 hours' + coalesce("
        "(SELECT max(created_at) FROM invitation_token AS given WHERE given.kind = 'credential'"
        " AND given.invitation_id = invitation.invitation_id), invited_at))"
        " WHERE state = 'pending' AND delivery = 'invite_credentials'"
    )


def downgrade() -> None:
    """Delete the tokens that the version before does not know; what was taken back was declined."""
    op.drop_index("ix_invitation_credential_login", "invitation")
    op.execute("DELETE FROM invitation_token WHERE kind = 'decline'")
    op.execute(
        "UPDATE invitation_token SET end_reason = 'declined' WHERE end_reason = 'taken_back'"
    )
    op.execute("ALTER TABLE invitation_event DISABLE TRIGGER USER")
    op.execute("UPDATE invitation_event SET kind = 'declined' WHERE kind = 'not_asked'")
    op.execute("ALTER TABLE invitation_event ENABLE TRIGGER USER")
    _allow("invitation_event", "kind", *_EVENTS)
    _allow("invitation_token", "end_reason", *_ENDS)
    _allow("invitation_token", "kind", *_TOKEN_KINDS)
    op.drop_column("invitation_token", "link_hash")


def _allow(table: str, column: str, *choices: str) -> None:
    name = op.f(f"ck_{table}_{column}")
    listed = ", ".join(f"'{choice}'" for choice in choices)
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"{column} IN ({listed})")
