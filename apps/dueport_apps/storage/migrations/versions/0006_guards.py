"""What the database itself refuses: changing history, and entries that do not balance."""

from alembic import op

revision = "0006_guards"
down_revision = "0005_platform"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("audit_entry", "journal_entry", "journal_line", "payment_event", "mandate")

_REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'What was wrong is put right by a further entry.';
END
$$
"""

_CHECK_BALANCE = """
CREATE FUNCTION check_journal_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lines bigint;
    off_by numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount_cents), 0) INTO lines, off_by
        FROM journal_line WHERE journal_line.number = NEW.number;
    IF lines = 0 OR off_by <> 0 THEN
        RAISE EXCEPTION 'journal entry % has % lines and is off balance by % cents',
            NEW.number, lines, off_by USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Create the triggers."""
    op.execute(_REFUSE_CHANGE)
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(_CHECK_BALANCE)
    for table in ("journal_entry", "journal_line"):
        # Deferred to commit, when an entry has all its lines.
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table}"
            " DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION check_journal_balance()"
        )


def downgrade() -> None:
    """Drop the triggers."""
    for table in ("journal_entry", "journal_line"):
        op.execute(f"DROP TRIGGER balanced ON {table}")
    op.execute("DROP FUNCTION check_journal_balance")
    for table in _APPEND_ONLY:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change")
