"""Who may come in: portal users, operators, tokens, keys and sessions."""

from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
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
    choice,
    count,
    flag,
    instant,
    metadata,
    structured,
    words,
)
from dueport_apps.usecases.records import Language, OperatorRole, Permission

portal_user = Table(
    "portal_user",
    metadata,
    Column("user_id", Text, primary_key=True),
    words("email"),
    words("username"),
    words("name"),
    words("password_hash"),
    choice("language", Language),
    flag("active"),
    instant("created_at"),
)

# E-mail addresses and usernames are one namespace: whatever somebody types at sign-in means one
# person. Names are kept without case.
login_name = Table(
    "login_name",
    metadata,
    Column("name", Text, primary_key=True),
    Column("user_id", ForeignKey("portal_user.user_id"), nullable=False, index=True),
)

account_link = Table(
    "account_link",
    metadata,
    Column("user_id", ForeignKey("portal_user.user_id"), primary_key=True),
    Column("account_no", ForeignKey("account.account_no"), primary_key=True),
    choice("role", Literal["see", "pay", "admin"]),
    words("terms_version"),
    instant("linked_at"),
    instant("disabled_at", nullable=True),
    Index("ix_account_link_account_no", "account_no"),
)

operator = Table(
    "operator",
    metadata,
    Column("operator_id", Text, primary_key=True),
    words("email"),
    words("name"),
    choice("role", OperatorRole),
    words("password_hash"),
    words("totp_secret_sealed"),
    count("totp_last_step"),
    flag("active"),
    instant("created_at"),
    Index("uq_operator_email", text("lower(email)"), unique=True),
)

operator_recovery_code = Table(
    "operator_recovery_code",
    metadata,
    Column("operator_id", ForeignKey("operator.operator_id"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
)

one_time_token = Table(
    "one_time_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    choice(
        "purpose",
        Literal["operator_setup", "password_reset", "first_sign_in", "enrolment_email"],
    ),
    words("subject_id"),
    instant("expires_at"),
    instant("used_at", nullable=True),
    Index("ix_one_time_token_subject_id", "subject_id", "purpose"),
)

throttle_failure = Table(
    "throttle_failure",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    words("key"),
    instant("at"),
    Index("ix_throttle_failure_key", "key", "at"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    words("name"),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    structured("permissions", frozenset[Permission]),
    words("created_by"),
    instant("created_at"),
    instant("revoked_at", nullable=True),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    choice("portal", Literal["customer", "operator"]),
    words("user_id"),
    words("auth_level"),
    Column("csrf_secret", LargeBinary, nullable=False),
    instant("created_at"),
    instant("last_seen_at"),
    instant("step_up_at", nullable=True),
    structured("data", dict[str, Any]),
    CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
    Index("ix_session_user_id", "portal", "user_id"),
    Index("ix_session_last_seen_at", "last_seen_at"),
)
