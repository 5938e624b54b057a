"""The ERP's data as last pulled, what is derived from it per account, and the runs that did it."""

from typing import Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)

from dueport_apps.storage.tables.base import (
    cents,
    choice,
    count,
    day,
    flag,
    instant,
    metadata,
    structured,
    words,
)
from dueport_apps.usecases.records import StoreCounts
from dueport_core.accounts import AccountKind, AccountStatus, BillingLevel, Contact, PostingModel
from dueport_core.open_items import OpenItemKind
from dueport_ports import Entity, RowProblem


def _mirrored() -> tuple[Column[bytes], Column[bool]]:
    # The hash of the ERP's own values decides whether a pulled row changed anything.
    return Column("content_hash", LargeBinary, nullable=False), flag("gone", default=False)


account = Table(
    "account",
    metadata,
    Column("account_no", Text, primary_key=True),
    words("name"),
    choice("kind", AccountKind),
    choice("status", AccountStatus),
    choice("posting_model", PostingModel),
    choice("billing_level", BillingLevel),
    structured("contacts", tuple[Contact, ...]),
    words("ship_to_zip"),
    words("terms_text"),
    cents("credit_limit_cents", nullable=True),
    structured("address_lines", tuple[str, ...]),
    words("billing_state"),
    words("branch"),
    # Derived when a row is stored: the name without case and accents, and who would get mail.
    words("search_name"),
    words("email"),
    words("email_problem"),
    *_mirrored(),
    Index("ix_account_search_name", "search_name", "account_no"),
)

job = Table(
    "job",
    metadata,
    Column("account_no", ForeignKey("account.account_no"), primary_key=True),
    Column("job_no", Text, primary_key=True),
    words("name"),
    choice("status", AccountStatus),
    *_mirrored(),
)

document = Table(
    "document",
    metadata,
    Column("document_ref", Text, primary_key=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    words("job_no"),
    choice("kind", OpenItemKind),
    day("issued_on"),
    day("due_on"),
    day("posted_on", nullable=True),
    cents("original_amount_cents"),
    cents("open_amount_cents"),
    words("reference"),
    words("po_number"),
    Column("statement_ref", Text, nullable=True),
    Column("discount_eligible", Boolean, nullable=True),
    flag("released"),
    words("erp_kind"),
    *_mirrored(),
    CheckConstraint(
        "CASE WHEN kind = 'credit' THEN original_amount_cents <= 0 AND open_amount_cents <= 0 "
        "ELSE original_amount_cents >= 0 AND open_amount_cents >= 0 END",
        name="sign",
    ),
    Index(
        "ix_document_open",
        "account_no",
        "due_on",
        postgresql_where=text("open_amount_cents <> 0"),
    ),
)

statement = Table(
    "statement",
    metadata,
    Column("statement_ref", Text, primary_key=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    day("statement_on"),
    day("cutoff_on"),
    day("due_on"),
    cents("balance_cents"),
    Column("job_no", Text, nullable=True),
    day("discount_on", nullable=True),
    Column("discount_bps", BigInteger, nullable=True),
    cents("discount_cents", nullable=True),
    structured("document_refs", tuple[str, ...]),
    flag("is_current"),
    *_mirrored(),
    CheckConstraint("discount_bps BETWEEN 0 AND 10000", name="discount_bps"),
    CheckConstraint("discount_cents >= 0", name="discount_cents"),
    Index("ix_statement_account_no", "account_no", "cutoff_on"),
)

# Every account has a row from the moment it is mirrored; ``computed_on`` is null until its
# figures have been computed, and ``stale`` says that its data changed since.
account_figures = Table(
    "account_figures",
    metadata,
    Column("account_no", ForeignKey("account.account_no"), primary_key=True),
    flag("stale", default=True),
    day("computed_on", nullable=True),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("0"))
        for name in (
            "outstanding_cents",
            "current_cents",
            "past_due_cents",
            "debits_cents",
            "credits_cents",
            "weighted_days_tenths",
            "open_items",
            "priority",
            "priority_points",
        )
    ),
    structured("bucket_cents", tuple[int, ...], server_default="[]"),
    structured("priority_reasons", tuple[str, ...], server_default="[]"),
    *(
        Index(f"ix_account_figures_{column}", column, "account_no")
        for column in (
            "outstanding_cents",
            "current_cents",
            "past_due_cents",
            "credits_cents",
            "weighted_days_tenths",
        )
    ),
    Index(
        "ix_account_figures_priority_points", "priority_points", "outstanding_cents", "account_no"
    ),
    Index("ix_account_figures_stale", "account_no", postgresql_where=text("stale")),
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    words("source"),
    instant("started_at"),
    instant("finished_at", nullable=True),
    choice("state", Literal["running", "done", "failed"]),
    structured("counts", dict[str, StoreCounts]),
    count("problems"),
    instant("as_of", nullable=True),
    words("failure"),
    # One run of a source at a time.
    Index("uq_sync_run_running", "source", unique=True, postgresql_where=text("state = 'running'")),
)

sync_cursor = Table(
    "sync_cursor",
    metadata,
    Column("source", Text, primary_key=True),
    choice("entity", Entity, primary_key=True),
    words("cursor"),
)

# The natural keys that a run under way has met; what a complete snapshot did not meet is gone.
# Written by the hundred thousand and read once, so it has neither keys nor indexes.
sync_seen = Table(
    "sync_seen",
    metadata,
    words("run_id"),
    words("entity"),
    words("key"),
)

sync_problem = Table(
    "sync_problem",
    metadata,
    Column("problem_id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", ForeignKey("sync_run.run_id"), nullable=False),
    choice("entity", Entity),
    structured("problem", RowProblem),
    Index("ix_sync_problem_run_id", "run_id", "problem_id"),
)
