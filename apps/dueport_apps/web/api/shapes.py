"""What the API takes and gives.

Amounts are integer cents in fields that end in ``_cents``, days end in ``_on``, instants in UTC end
in ``_at``, our identifiers in ``_id`` and somebody else's in ``_ref``. Unknown fields of a body are
refused. Lists come in pages: ``next`` is the cursor to send as ``after``, null on the last page.
"""

import datetime
from typing import Annotated, Literal

import msgspec
from litestar.params import QueryParameter

from dueport_core.accounts import AccountKind, AccountStatus
from dueport_core.open_items import OpenItemKind
from dueport_core.payments import Badge, PaymentState
from dueport_core.postings import PostingCategory, PostingState
from dueport_core.quotes import PaymentMethodKind
from dueport_core.settlements import SettlementLineCategory, SettlementState
from dueport_core.statements import StatementView

Limit = Annotated[
    int, QueryParameter(ge=1, le=200, description="How many entries a page has, 1 to 200.")
]
After = Annotated[
    str | None, QueryParameter(description="The cursor `next` of the page before this one.")
]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that is answered."""


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every body; a field that is not known is refused."""


BadgeWord = Literal["pending", "accepted", "declined", "expired"]


class FiguresBody(Given, frozen=True, kw_only=True):
    """``bucket_cents``: current, then 1–30, 31–60, 61–90 and 91+ days past due by default."""

    computed_on: datetime.date
    outstanding_cents: int
    current_cents: int
    past_due_cents: int
    debits_cents: int
    credits_cents: int
    bucket_cents: list[int]
    weighted_days_tenths: int
    open_items: int
    priority: int
    priority_reasons: list[str]


class AccountBody(Given, frozen=True, kw_only=True):
    account_no: str
    name: str
    kind: AccountKind
    status: AccountStatus
    """What the ERP says of the customer; portal access is another thing."""
    email: str
    email_problem: str
    """Why mail cannot be sent, or empty; it is fixed in the ERP."""
    invitation: BadgeWord | None
    """The badge; null where nobody is invited, which the filter calls ``none``."""
    has_login: bool
    bounced: bool
    """Mail to the address on file came back."""
    figures: FiguresBody | None


class AccountPageBody(Given, frozen=True, kw_only=True):
    items: list[AccountBody]
    next: str | None


class ContactBody(Given, frozen=True, kw_only=True):
    name: str
    email: str
    phone: str
    role: str
    is_primary: bool


class OpenItemBody(Given, frozen=True, kw_only=True):
    document_ref: str
    kind: OpenItemKind
    job_no: str
    issued_on: datetime.date
    due_on: datetime.date
    original_amount_cents: int
    open_amount_cents: int
    po_number: str
    reference: str
    released: bool


class PaymentLineBody(Given, frozen=True, kw_only=True):
    """``amount = money + credit + discount``."""

    document_ref: str
    job_no: str
    kind: OpenItemKind
    amount_cents: int
    credit_cents: int
    discount_cents: int
    money_cents: int


class CreditUseBody(Given, frozen=True, kw_only=True):
    document_ref: str
    applied_to: str
    amount_cents: int


class PaymentBody(Given, frozen=True, kw_only=True):
    """``total = principal + fee``: exactly what the processor charges."""

    payment_id: str
    account_no: str
    account_name: str
    method: PaymentMethodKind
    method_label: str
    state: PaymentState
    badge: Badge
    principal_cents: int
    fee_cents: int
    discount_cents: int
    total_cents: int
    currency: str
    anomaly: bool
    failure_code: str | None
    created_at: datetime.datetime
    settled_at: datetime.datetime | None
    settlement_id: str | None


class PaymentPageBody(Given, frozen=True, kw_only=True):
    items: list[PaymentBody]
    next: str | None


class PaymentEventBody(Given, frozen=True, kw_only=True):
    at: datetime.datetime
    kind: str
    detail: str


class PaymentDetailBody(Given, frozen=True, kw_only=True):
    payment: PaymentBody
    processor: str
    processor_ref: str | None
    lines: list[PaymentLineBody]
    credits: list[CreditUseBody]
    events: list[PaymentEventBody]


class SettlementBody(Given, frozen=True, kw_only=True):
    settlement_id: str
    settlement_ref: str
    processor: str
    state: SettlementState
    amount_cents: int
    unexplained_cents: int
    currency: str
    created_at: datetime.datetime
    arrival_on: datetime.date | None
    bank_trace: str
    problems: list[str]
    resolved_at: datetime.datetime | None


class SettlementRowBody(Given, frozen=True, kw_only=True):
    settlement: SettlementBody
    payments: int
    fee_cents: int
    postings: dict[str, PostingState]


class SettlementPageBody(Given, frozen=True, kw_only=True):
    items: list[SettlementRowBody]
    next: str | None


class SettlementLineBody(Given, frozen=True, kw_only=True):
    """``net = gross - fee``, all signed."""

    line_ref: str
    category: SettlementLineCategory
    gross_cents: int
    fee_cents: int
    net_cents: int
    occurred_at: datetime.datetime
    payment_id: str | None


class PostingBody(Given, frozen=True, kw_only=True):
    category: PostingCategory
    state: PostingState
    receipts: int
    amount_cents: int
    claimed_at: datetime.datetime
    posted_at: datetime.datetime | None
    posted_by: str
    erp_refs: list[str]
    reason: str


class ProofBody(Given, frozen=True, kw_only=True):
    """``payments - fees + refunds + returns + disputes + other + unexplained = payout``."""

    payments_cents: int
    fees_cents: int
    refunds_cents: int
    returns_cents: int
    disputes_cents: int
    other_cents: int
    unexplained_cents: int
    payout_cents: int


class SettlementDetailBody(Given, frozen=True, kw_only=True):
    settlement: SettlementBody
    proof: ProofBody
    lines: list[SettlementLineBody]
    postings: list[PostingBody]


class AuditBody(Given, frozen=True, kw_only=True):
    number: int
    at: datetime.datetime
    actor_kind: Literal["operator", "customer", "system", "api_key"]
    actor_id: str
    actor_name: str
    action: str
    subject: str
    detail: dict[str, str]
    hash: str


class AuditPageBody(Given, frozen=True, kw_only=True):
    items: list[AuditBody]
    next: str | None


class PluginBody(Given, frozen=True, kw_only=True):
    name: str
    """What the configuration calls it."""
    title: str
    """What people call it; its name where it has none."""
    distribution: str
    version: str
    ports: list[str]
    is_on: bool
    off_reason: str


class SyncCountsBody(Given, frozen=True, kw_only=True):
    inserted: int
    updated: int
    unchanged: int
    deleted: int


class SyncRunBody(Given, frozen=True, kw_only=True):
    run_id: str
    source: str
    state: Literal["running", "done", "failed"]
    started_at: datetime.datetime
    finished_at: datetime.datetime | None
    as_of: datetime.datetime | None
    counts: dict[str, SyncCountsBody]
    problems: int
    failure: str


class SyncAskedBody(Given, frozen=True, kw_only=True):
    """The run is done by a worker; ``GET sync`` shows it once it has begun."""

    queued: bool = True


class LinkedAccountBody(Given, frozen=True, kw_only=True):
    account_no: str
    name: str
    role: Literal["see", "pay", "admin"]
    is_open: bool
    """Whether this is the account that the session acts for."""


class MeBody(Given, frozen=True, kw_only=True):
    user_id: str
    name: str
    email: str
    permissions: list[str]
    accounts: list[LinkedAccountBody]
    csrf_token: str
    """To be sent as ``x-csrf-token`` with every call that changes something."""


class PayableBody(Given, frozen=True, kw_only=True):
    item: OpenItemBody
    payable_cents: int
    days_past_due: int
    paid_by: str | None
    """Who is paying it right now, where somebody is."""


class JobBody(Given, frozen=True, kw_only=True):
    job_no: str
    name: str
    balance_cents: int
    credits_cents: int
    items: list[PayableBody]


class StatementBody(Given, frozen=True, kw_only=True):
    statement_ref: str
    statement_on: datetime.date
    cutoff_on: datetime.date
    due_on: datetime.date
    balance_cents: int
    discount_on: datetime.date | None
    is_current: bool


class OutstandingBody(Given, frozen=True, kw_only=True):
    account_no: str
    view: StatementView
    statement: StatementBody | None
    jobs: list[JobBody]
    bucket_labels: list[str]
    bucket_cents: list[int]
    total_cents: int
    past_due_cents: int
    payable_cents: int
    as_of: datetime.datetime | None
    is_stale: bool


class QuoteRequestBody(Taken, frozen=True, kw_only=True):
    """Which documents to pay, never a total. With ``instrument_id`` the quote can be paid."""

    documents: Annotated[list[str], msgspec.Meta(min_length=1, max_length=2000)]
    view: StatementView = StatementView.ALL
    method: PaymentMethodKind | None = None
    instrument_id: str = ""
    amounts_cents: dict[str, int] = {}


class QuoteBody(Given, frozen=True, kw_only=True):
    quote_id: str
    view: StatementView
    method: PaymentMethodKind | None
    lines: list[PaymentLineBody]
    credits: list[CreditUseBody]
    subtotal_cents: int
    credits_cents: int
    discount_cents: int
    fee_cents: int
    total_cents: int
    expires_at: datetime.datetime


class PayBody(Taken, frozen=True, kw_only=True):
    quote_id: str
    accept_mandate: bool = False
    """For ACH: the payer has read and accepted the authorization."""


class MethodBody(Given, frozen=True, kw_only=True):
    instrument_id: str
    method: PaymentMethodKind
    label: str
    created_at: datetime.datetime
