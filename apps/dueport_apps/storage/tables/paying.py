"""Quotes, instruments, payments and what they hold of the documents."""

from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    text,
)

from dueport_apps.storage.tables.base import (
    cents,
    choice,
    count,
    flag,
    instant,
    metadata,
    structured,
    words,
)
from dueport_apps.usecases.payment_records import AttemptState
from dueport_core.payments import CreditUse, PaymentLine, PaymentState
from dueport_core.quotes import PaymentQuote
from dueport_ports import Instrument, PaymentAttempt, PaymentMethodKind

ReservationState = Literal["held", "applied", "released", "reopened", "seen"]
"""Held while the payment is in flight; applied once settled; seen when the ERP shows it too.
Released and reopened documents are owed again, before and after settling."""

quote = Table(
    "quote",
    metadata,
    Column("quote_id", Text, primary_key=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False, index=True),
    words("instrument_id"),
    instant("expires_at"),
    structured("quote", PaymentQuote),
)

instrument = Table(
    "instrument",
    metadata,
    Column("instrument_id", Text, primary_key=True),
    words("user_id"),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    words("processor"),
    words("processor_customer_ref"),
    # Its ``instrument_ref`` is sealed: a dump of this table charges nobody.
    structured("instrument", Instrument),
    flag("kept"),
    instant("created_at"),
    instant("removed_at", nullable=True),
    Index("ix_instrument_user_id", "user_id", "account_no"),
)

collect = Table(
    "collect",
    metadata,
    Column("collect_id", Text, primary_key=True),
    words("user_id"),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    words("processor"),
    words("session_ref"),
    flag("keep"),
    words("processor_customer_ref"),
    instant("created_at"),
    words("instrument_id"),
    Index("ix_collect_user_id", "user_id", "processor"),
)

payment = Table(
    "payment",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", Text, nullable=False, unique=True),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    # What was previewed is charged once.
    Column("quote_id", Text, nullable=False, unique=True),
    words("portal_user_id"),
    choice("method", PaymentMethodKind),
    choice("state", PaymentState),
    structured("lines", tuple[PaymentLine, ...]),
    structured("credits", tuple[CreditUse, ...]),
    cents("principal_cents"),
    cents("fee_cents"),
    cents("discount_cents"),
    cents("total_cents"),
    words("processor"),
    instant("created_at"),
    words("currency"),
    flag("frozen"),
    flag("anomaly"),
    Column("processor_ref", Text, nullable=True),
    words("instrument_label"),
    Column("failure_code", Text, nullable=True),
    instant("settled_at", nullable=True),
    count("version"),
    instant("changed_at"),
    CheckConstraint(
        "principal_cents >= 0 AND fee_cents >= 0 AND discount_cents >= 0", name="signs"
    ),
    CheckConstraint("total_cents = principal_cents + fee_cents", name="total"),
    Index(
        "uq_payment_processor_ref",
        "processor",
        "processor_ref",
        unique=True,
        postgresql_where=text("processor_ref IS NOT NULL"),
    ),
    Index("ix_payment_account_no", "account_no", "number"),
    Index("ix_payment_state", "state", "number"),
    Index("ix_payment_created_at", "created_at"),
)

# Which of a payment's documents it holds. The unique index is what decides between two tabs.
reservation = Table(
    "reservation",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", ForeignKey("payment.payment_id"), nullable=False),
    Column("account_no", ForeignKey("account.account_no"), nullable=False),
    Column("document_ref", ForeignKey("document.document_ref"), nullable=False),
    cents("amount_cents"),
    # The document's open amount, as a magnitude, once the ERP has taken this payment in.
    cents("open_after_cents"),
    choice("state", ReservationState),
    words("paid_by"),
    CheckConstraint("amount_cents > 0", name="amount_cents"),
    CheckConstraint("open_after_cents >= 0", name="open_after_cents"),
    Index("uq_reservation_payment_id_document_ref", "payment_id", "document_ref", unique=True),
    Index(
        "uq_reservation_held",
        "document_ref",
        unique=True,
        postgresql_where=text("state = 'held'"),
    ),
    Index(
        "ix_reservation_account_no",
        "account_no",
        postgresql_where=text("state IN ('held', 'applied')"),
    ),
)

payment_event = Table(
    "payment_event",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", ForeignKey("payment.payment_id"), nullable=False),
    instant("at"),
    words("kind"),
    words("detail"),
    words("actor"),
    Index("ix_payment_event_payment_id", "payment_id", "number"),
)

payment_attempt = Table(
    "payment_attempt",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("attempt_id", Text, nullable=False, unique=True),
    Column("payment_id", ForeignKey("payment.payment_id"), nullable=False),
    # The instrument's reference inside is sealed.
    structured("attempt", PaymentAttempt),
    words("processor"),
    choice("state", AttemptState),
    words("processor_ref"),
    instant("sent_at", nullable=True),
    instant("next_lookup_at", nullable=True),
    count("lookups"),
    words("outcome"),
    structured("action", dict[str, Any]),
    Index("ix_payment_attempt_payment_id", "payment_id", "number"),
    Index(
        "ix_payment_attempt_due",
        "next_lookup_at",
        postgresql_where=text("state <> 'answered'"),
    ),
)

mandate = Table(
    "mandate",
    metadata,
    Column("payment_id", ForeignKey("payment.payment_id"), primary_key=True),
    words("user_id"),
    words("text"),
    words("text_hash"),
    words("sec_code"),
    words("account_label"),
    instant("accepted_at"),
    words("client_ip"),
    words("user_agent"),
)
