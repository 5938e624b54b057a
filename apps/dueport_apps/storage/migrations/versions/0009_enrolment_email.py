"""One more purpose of a one-time token: the code that proves a mailbox while somebody enrols.

On the way back such codes are deleted; they live a quarter of an hour.
"""

from alembic import op

revision = "0009_enrolment_email"
down_revision = "0008_link_ends"
branch_labels = None
depends_on = None

_BEFORE = ("operator_setup", "password_reset", "first_sign_in")


def upgrade() -> None:
    """Let tokens be of the new purpose."""
    _allow(*_BEFORE, "enrolment_email")


def downgrade() -> None:
    """Delete the tokens of the new purpose, and refuse more."""
    op.execute("DELETE FROM one_time_token WHERE purpose = 'enrolment_email'")
    _allow(*_BEFORE)


def _allow(*purposes: str) -> None:
    name = op.f("ck_one_time_token_purpose")
    listed = ", ".join(f"'{purpose}'" for purpose in purposes)
    op.drop_constraint(name, "one_time_token", type_="check")
    op.create_check_constraint(name, "one_time_token", f"purpose IN ({listed})")
