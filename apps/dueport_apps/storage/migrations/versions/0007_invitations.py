"""Invitations for the whole book: one row per address for life, campaigns, and mail by owner.

What an older version has stored is moved:

- Of several invitations of one account to one address the newest stays. The steps of all of them
  become the account's timeline.
- The link of a pending invitation stays good. A one-time password does not: it was kept as an
  Argon2 hash, which cannot be turned into the digest that is kept now, so such an invitation has
  its link only until somebody sends it again.
- A mail that was being handed over becomes unconfirmed, because its worker is gone.

On the way back an account keeps one living invitation, mails that only this version knows how to
write have failed, and access that was switched off is removed.
"""

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_invitations"
down_revision = "0006_guards"
branch_labels = None
depends_on = None

_INSTANT = sa.TIMESTAMP(timezone=True)
_MAIL_STATES = ("queued", "sending", "sent", "failed", "unconfirmed", "cancelled", "bounced")
_FIELDS = (
    "email",
    "phone",
    "account_no",
    "first_name",
    "last_name",
    "ship_to_zip",
    "random",
)
_EVENTS = (
    "invited",
    "resent",
    "nudged",
    "link_copied",
    "opened",
    "second_check_failed",
    "asked_again",
    "accepted",
    "declined",
    "expired",
    "revoked",
    "bounced",
    "access_disabled",
    "access_restored",
)


def upgrade() -> None:
    """Reshape invitations and mail, and create what is new."""
    _create_tables()
    _extend_invitations()
    _move_invitations()
    _finish_invitations()
    _extend_mail()
    op.add_column("account_link", sa.Column("disabled_at", _INSTANT, nullable=True))
    _add_filled("portal_user", sa.Column("language", sa.String(40), nullable=False), "'en'")
    _check_words("portal_user", "language", ("en", "es"))
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON invitation_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Put everything back as far as the older version can hold it."""
    _shrink_mail()
    _shrink_invitations()
    op.drop_column("portal_user", "language")
    # The older version would let these people in again.
    op.execute("DELETE FROM account_link WHERE disabled_at IS NOT NULL")
    op.drop_column("account_link", "disabled_at")
    for table in (
        "mail_pace",
        "enrolment",
        "bounced_address",
        "campaign_refusal",
        "campaign",
        "invitation_event",
    ):
        op.drop_table(table)


# What is new.


def _choice(name: str, *values: str) -> sa.Column[str]:
    kind = sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)
    return sa.Column(name, kind, nullable=False)


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _create_tables() -> None:
    op.create_table(
        "invitation_event",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_words("account_no", "invitation_id"),
        sa.Column("at", _INSTANT, nullable=False),
        _choice("kind", *_EVENTS),
        *_words("actor", "detail"),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_invitation_event_account_no")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invitation_event")),
    )
    op.create_index("ix_invitation_event_account_no", "invitation_event", ["account_no", "number"])
    op.create_table(
        "campaign",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_words("campaign_id"),
        _choice("kind", "invite", "resend", "nudge"),
        _choice("state", "draft", "sending", "paused", "done", "cancelled"),
        sa.Column("selection", postgresql.JSONB(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        *_words("created_by", "created_by_name"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("recipients", "cannot", "already")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_campaign")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_campaign_campaign_id")),
    )
    op.create_index(
        "ix_campaign_sending",
        "campaign",
        ["campaign_id"],
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_table(
        "campaign_refusal",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_words("campaign_id", "account_no", "account_name", "email", "reason", "field"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.campaign_id"], name=op.f("fk_campaign_refusal_campaign_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_campaign_refusal")),
    )
    op.create_index(
        "ix_campaign_refusal_campaign_id", "campaign_refusal", ["campaign_id", "number"]
    )
    op.create_table(
        "bounced_address",
        *_words("address_key", "address"),
        sa.Column("at", _INSTANT, nullable=False),
        *_words("reason"),
        sa.PrimaryKeyConstraint("address_key", name=op.f("pk_bounced_address")),
    )
    op.create_table(
        "enrolment",
        *_words("account_no"),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("locked_at", _INSTANT, nullable=True),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_no"], ["account.account_no"], name=op.f("fk_enrolment_account_no")
        ),
        sa.PrimaryKeyConstraint("account_no", name=op.f("pk_enrolment")),
    )
    op.create_table(
        "mail_pace",
        *_words("name"),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mail_pace")),
    )


# Invitations.


def _add_filled(table: str, column: "sa.Column[Any]", value: str) -> None:
    """Add a column that is never null, with this value in the rows that are there."""
    column.server_default = sa.DefaultClause(sa.text(value))
    op.add_column(table, column)
    op.alter_column(table, column.name, server_default=None)


def _check_words(table: str, column: str, values: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({listed})")


def _extend_invitations() -> None:
    op.alter_column("invitation", "credential_username", new_column_name="username")
    for name, value in (
        ("recipient", "'primary'"),
        ("language", "'en'"),
    ):
        _add_filled("invitation", sa.Column(name, sa.String(40), nullable=False), value)
    _check_words("invitation", "recipient", ("primary", "contacts", "other", "customer"))
    _check_words("invitation", "language", ("en", "es"))
    op.add_column("invitation", sa.Column("second_check", sa.String(40), nullable=True))
    _check_words("invitation", "second_check", _FIELDS)
    for name, value in (("second_check_failures", "0"), ("sends", "1")):
        _add_filled("invitation", sa.Column(name, sa.BigInteger(), nullable=False), value)
    for name in ("email_key", "campaign_id", "reason"):
        _add_filled("invitation", sa.Column(name, sa.Text(), nullable=False), "''")
    for name in ("invited_at", "nudged_at", "asked_at"):
        op.add_column("invitation", sa.Column(name, _INSTANT, nullable=True))


def _email_key(email: str) -> str:
    return unicodedata.normalize("NFC", email.strip().casefold())


def _move_invitations() -> None:
    connection = op.get_bind()
    emails = connection.execute(sa.text("SELECT number, email FROM invitation")).all()
    if emails:
        connection.execute(
            sa.text("UPDATE invitation SET email_key = :key WHERE number = :number"),
            [{"number": row.number, "key": _email_key(row.email)} for row in emails],
        )
    op.execute("UPDATE invitation SET invited_at = created_at")
    op.execute(
        """
        CREATE TEMPORARY TABLE kept_invitation ON COMMIT DROP AS
        SELECT number, invitation_id, first_value(invitation_id) OVER (
            PARTITION BY account_no, email_key ORDER BY number DESC
        ) AS kept_id
        FROM invitation
        """
    )
    op.execute(
        """
        INSERT INTO invitation_event (account_no, invitation_id, at, kind, actor, detail)
        SELECT step.account_no, kept_id, step.at, step.kind, step.actor, ''
        FROM (
            SELECT account_no, number, invitation.created_at AS at, 'invited' AS kind,
                   1 AS place, coalesce(operator.name, '') AS actor
                FROM invitation LEFT JOIN operator ON operator_id = created_by
            UNION ALL
            SELECT account_no, number, opened_at, 'opened', 2, ''
                FROM invitation WHERE opened_at IS NOT NULL
            UNION ALL
            SELECT account_no, number,
                   coalesce(decided_at, CASE state WHEN 'expired' THEN expires_at END, created_at),
                   state, 3, ''
                FROM invitation WHERE state <> 'pending'
        ) AS step
        JOIN kept_invitation USING (number)
        ORDER BY step.at, step.number, step.place
        """
    )
    op.execute(
        "DELETE FROM invitation USING kept_invitation"
        " WHERE kept_invitation.number = invitation.number AND kept_id <> invitation.invitation_id"
    )


def _finish_invitations() -> None:
    op.create_table(
        "invitation_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        *_words("invitation_id"),
        _choice("kind", "link", "credential"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation_id"],
            ["invitation.invitation_id"],
            name=op.f("fk_invitation_token_invitation_id"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitation_token")),
    )
    op.create_index(
        op.f("ix_invitation_token_invitation_id"), "invitation_token", ["invitation_id"]
    )
    op.execute(
        "INSERT INTO invitation_token (token_hash, invitation_id, kind, created_at)"
        " SELECT token_hash, invitation_id, 'link', created_at FROM invitation"
        " WHERE state = 'pending'"
    )
    op.drop_index("uq_invitation_alive", "invitation")
    op.drop_index("ix_invitation_account_no", "invitation")
    op.drop_column("invitation", "token_hash")
    op.drop_column("invitation", "credential_hash")
    op.alter_column("invitation", "invited_at", nullable=False)
    op.create_unique_constraint(
        op.f("uq_invitation_account_no_email_key"), "invitation", ["account_no", "email_key"]
    )
    op.create_index("ix_invitation_invited_at", "invitation", ["invited_at", "number"])


def _shrink_invitations() -> None:
    op.drop_index("ix_invitation_invited_at", "invitation")
    op.drop_constraint(op.f("uq_invitation_account_no_email_key"), "invitation")
    op.add_column("invitation", sa.Column("token_hash", sa.LargeBinary(), nullable=True))
    op.execute(
        """
        UPDATE invitation SET token_hash = coalesce(
            (SELECT token_hash FROM invitation_token
                WHERE invitation_token.invitation_id = invitation.invitation_id AND kind = 'link'
                ORDER BY created_at DESC LIMIT 1),
            -- Nobody knows what this is the digest of, so it opens nothing.
            sha256(convert_to(gen_random_uuid()::text, 'UTF8'))
        )
        """
    )
    op.alter_column("invitation", "token_hash", nullable=False)
    op.create_unique_constraint(op.f("uq_invitation_token_hash"), "invitation", ["token_hash"])
    op.drop_table("invitation_token")
    op.execute(
        """
        UPDATE invitation SET state = 'revoked', decided_at = coalesce(decided_at, invited_at)
        WHERE state IN ('pending', 'accepted') AND number NOT IN (
            SELECT DISTINCT ON (account_no) number FROM invitation
            WHERE state IN ('pending', 'accepted')
            ORDER BY account_no, state, invited_at DESC, number DESC
        )
        """
    )
    op.execute("UPDATE invitation SET created_at = invited_at")
    _add_filled("invitation", sa.Column("credential_hash", sa.Text(), nullable=False), "''")
    for name in (
        "recipient",
        "language",
        "second_check",
        "second_check_failures",
        "sends",
        "email_key",
        "campaign_id",
        "reason",
        "invited_at",
        "nudged_at",
        "asked_at",
    ):
        op.drop_column("invitation", name)
    op.alter_column("invitation", "username", new_column_name="credential_username")
    op.create_index("ix_invitation_account_no", "invitation", ["account_no", "number"])
    op.create_index(
        "uq_invitation_alive",
        "invitation",
        ["account_no"],
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'accepted')"),
    )


# Mail.

_MAIL_INDEXES = {
    "ix_mail_delivery_queued": (("due_at", "number"), "state = 'queued' AND campaign_id = ''"),
    "ix_mail_delivery_queued_by_campaign": (
        ("campaign_id", "due_at", "number"),
        "state = 'queued' AND campaign_id <> ''",
    ),
    "ix_mail_delivery_sending": (("claim_owner",), "state = 'sending'"),
    "ix_mail_delivery_campaign_state": (("campaign_id", "state", "number"), "campaign_id <> ''"),
    "ix_mail_delivery_campaign_id": (("campaign_id", "number"), "campaign_id <> ''"),
    "ix_mail_delivery_invitation_id": (("invitation_id", "number"), "invitation_id <> ''"),
    "ix_mail_delivery_problem": (
        ("invitation_id", "number"),
        "state IN ('failed', 'unconfirmed', 'bounced') AND invitation_id <> ''",
    ),
}


def _extend_mail() -> None:
    op.drop_index("ix_mail_delivery_queued", "mail_delivery")
    op.drop_index("ix_mail_delivery_sending", "mail_delivery")
    for name in ("invitation_id", "campaign_id"):
        _add_filled("mail_delivery", sa.Column(name, sa.Text(), nullable=False), "''")
    op.add_column("mail_delivery", sa.Column("claim_owner", sa.BigInteger(), nullable=True))
    op.add_column("mail_delivery", sa.Column("handed_at", _INSTANT, nullable=True))
    op.add_column("mail_delivery", sa.Column("changed_at", _INSTANT, nullable=True))
    op.execute(
        "UPDATE mail_delivery SET state = 'unconfirmed', handed_at = claimed_at,"
        " reason = 'Interrupted while it was handed over; it may have arrived.'"
        " WHERE state = 'sending'"
    )
    op.execute("UPDATE mail_delivery SET changed_at = coalesce(sent_at, claimed_at, created_at)")
    op.execute(
        "UPDATE mail_delivery SET invitation_id = kept_id FROM kept_invitation"
        " WHERE subject_ref = 'invitation:' || kept_invitation.invitation_id"
    )
    op.execute("DROP TABLE kept_invitation")
    op.alter_column("mail_delivery", "changed_at", nullable=False)
    op.drop_column("mail_delivery", "claim_token")
    op.drop_column("mail_delivery", "claimed_at")
    op.drop_constraint(op.f("ck_mail_delivery_state"), "mail_delivery")
    _check_words("mail_delivery", "state", _MAIL_STATES)
    op.create_check_constraint(
        op.f("ck_mail_delivery_claim_owner"),
        "mail_delivery",
        "state <> 'sending' OR claim_owner IS NOT NULL",
    )
    for name, (columns, condition) in _MAIL_INDEXES.items():
        op.create_index(name, "mail_delivery", list(columns), postgresql_where=sa.text(condition))


def _shrink_mail() -> None:
    for name in _MAIL_INDEXES:
        op.drop_index(name, "mail_delivery")
    op.drop_constraint(op.f("ck_mail_delivery_claim_owner"), "mail_delivery")
    op.drop_constraint(op.f("ck_mail_delivery_state"), "mail_delivery")
    _add_filled("mail_delivery", sa.Column("claim_token", sa.Text(), nullable=False), "''")
    op.add_column("mail_delivery", sa.Column("claimed_at", _INSTANT, nullable=True))
    op.execute("UPDATE mail_delivery SET claimed_at = changed_at WHERE state <> 'queued'")
    op.execute(
        "UPDATE mail_delivery SET state = 'unconfirmed',"
        " reason = 'Interrupted while it was handed over; it may have arrived.'"
        " WHERE state = 'sending'"
    )
    op.execute(
        "UPDATE mail_delivery SET state = 'failed', reason = CASE state"
        " WHEN 'bounced' THEN reason"
        " WHEN 'cancelled' THEN 'Taken back before it was sent.'"
        " ELSE 'Not sent: this version cannot write it. Invite the customer again.' END"
        " WHERE state IN ('bounced', 'cancelled')"
        " OR state = 'queued' AND invitation_id <> '' AND content_sealed = ''"
    )
    _check_words("mail_delivery", "state", ("queued", "sending", "sent", "failed", "unconfirmed"))
    for name in ("invitation_id", "campaign_id", "claim_owner", "handed_at", "changed_at"):
        op.drop_column("mail_delivery", name)
    for name, column, state in (
        ("ix_mail_delivery_queued", "due_at", "queued"),
        ("ix_mail_delivery_sending", "claimed_at", "sending"),
    ):
        op.create_index(
            name, "mail_delivery", [column], postgresql_where=sa.text(f"state = '{state}'")
        )
