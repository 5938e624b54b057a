"""From our own values to what the API answers.

Most answers show the fields of a value under the same names, so they are copied by name; a name
that is missing on either side fails in the first test that asks for it.
"""

from typing import Any

import msgspec

from dueport_apps.usecases.payment_records import PaymentEvent, PaymentRow, StoredInstrument
from dueport_apps.usecases.records import AccountFigures, AccountRow, StoredAuditEntry, SyncRun
from dueport_apps.usecases.settlement_proof import SettlementProof
from dueport_apps.usecases.settlement_records import StoredLine, StoredPosting, StoredSettlement
from dueport_apps.usecases.show_outstanding import Outstanding
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_apps.web.api.shapes import (
    AccountBody,
    AuditBody,
    ContactBody,
    CreditUseBody,
    FiguresBody,
    JobBody,
    MethodBody,
    OpenItemBody,
    OutstandingBody,
    PayableBody,
    PaymentBody,
    PaymentDetailBody,
    PaymentEventBody,
    PaymentLineBody,
    PostingBody,
    ProofBody,
    QuoteBody,
    SettlementBody,
    SettlementLineBody,
    StatementBody,
    SyncCountsBody,
    SyncRunBody,
)
from dueport_apps.web.payment_status import payment_row
from dueport_core.accounts import Account, AccountKind, AccountStatus
from dueport_core.open_items import OpenItem
from dueport_core.payments import Payment
from dueport_core.quotes import PaymentQuote
from dueport_core.statements import Statement


def same(value: object, into: type[Any], **more: object) -> Any:
    """Build a struct from the fields of another that it shares names with, lists for tuples."""
    wanted = {field.name for field in msgspec.structs.fields(into)} - more.keys()
    shared = {name: getattr(value, name) for name in wanted}
    return into(
        **{name: list(one) if isinstance(one, tuple) else one for name, one in shared.items()},
        **more,
    )


def figures_body(figures: AccountFigures) -> FiguresBody:
    body: FiguresBody = same(figures, FiguresBody)
    return body


def account_body(row: AccountRow) -> AccountBody:
    body: AccountBody = same(
        row,
        AccountBody,
        figures=figures_body(row.figures) if row.figures else None,
        kind=AccountKind(row.kind),
        status=AccountStatus(row.status),
        invitation=row.invitation.value if row.invitation else None,
    )
    return body


def contact_bodies(account: Account) -> list[ContactBody]:
    return [same(contact, ContactBody) for contact in account.contacts]


def item_body(item: OpenItem) -> OpenItemBody:
    body: OpenItemBody = same(item, OpenItemBody)
    return body


def payment_body(row: PaymentRow) -> PaymentBody:
    body: PaymentBody = same(
        row.payment,
        PaymentBody,
        account_name=row.account_name,
        badge=row.badge,
        method_label=row.payment.instrument_label,
        settlement_id=row.settlement_id or None,
    )
    return body


def payment_lines(payment: Payment) -> list[PaymentLineBody]:
    return [same(line, PaymentLineBody) for line in payment.lines]


def credit_uses(payment: Payment | PaymentQuote) -> list[CreditUseBody]:
    return [same(use, CreditUseBody) for use in payment.credits]


async def payment_detail(uow: UnitOfWork, payment: Payment) -> PaymentDetailBody:
    """Return one payment with its lines, credits and stages."""
    return PaymentDetailBody(
        payment=payment_body(await payment_row(uow, payment)),
        processor=payment.processor,
        processor_ref=payment.processor_ref,
        lines=payment_lines(payment),
        credits=credit_uses(payment),
        events=event_bodies(await uow.payments.events(payment.payment_id)),
    )


def event_bodies(events: list[PaymentEvent]) -> list[PaymentEventBody]:
    return [same(event, PaymentEventBody) for event in events]


def settlement_body(settlement: StoredSettlement) -> SettlementBody:
    head = settlement.head
    body: SettlementBody = same(
        settlement,
        SettlementBody,
        settlement_ref=head.settlement_ref,
        amount_cents=head.amount_cents,
        currency=head.currency,
        created_at=head.created_at,
        arrival_on=head.arrival_on,
        bank_trace=head.bank_trace,
    )
    return body


def settlement_lines(lines: list[StoredLine]) -> list[SettlementLineBody]:
    return [same(stored.line, SettlementLineBody) for stored in lines]


def posting_bodies(postings: list[StoredPosting]) -> list[PostingBody]:
    return [same(posting, PostingBody) for posting in postings]


def proof_body(proof: SettlementProof) -> ProofBody:
    body: ProofBody = same(proof, ProofBody)
    return body


def audit_body(stored: StoredAuditEntry) -> AuditBody:
    body: AuditBody = same(stored.entry, AuditBody, number=stored.number, hash=stored.hash)
    return body


def run_body(run: SyncRun) -> SyncRunBody:
    counts = {name: same(one, SyncCountsBody) for name, one in run.counts.items()}
    body: SyncRunBody = same(run, SyncRunBody, counts=counts)
    return body


def statement_body(statement: Statement) -> StatementBody:
    body: StatementBody = same(statement, StatementBody)
    return body


def quote_body(quote: PaymentQuote) -> QuoteBody:
    body: QuoteBody = same(
        quote,
        QuoteBody,
        lines=[same(line, PaymentLineBody) for line in quote.lines],
        credits=credit_uses(quote),
    )
    return body


def method_body(stored: StoredInstrument) -> MethodBody:
    return MethodBody(
        instrument_id=stored.instrument_id,
        method=stored.instrument.kind,
        label=stored.instrument.label,
        created_at=stored.created_at,
    )


def outstanding_body(outstanding: Outstanding) -> OutstandingBody:
    aging = outstanding.aging
    return OutstandingBody(
        account_no=outstanding.account.account_no,
        view=outstanding.view,
        statement=statement_body(outstanding.statement) if outstanding.statement else None,
        jobs=[
            JobBody(
                job_no=job.job_no,
                name=job.name,
                balance_cents=job.balance_cents,
                credits_cents=job.credits_cents,
                items=[
                    PayableBody(
                        item=item_body(payable.item),
                        payable_cents=payable.payable_cents,
                        days_past_due=payable.days_past_due,
                        paid_by=payable.reserved.paid_by if payable.reserved else None,
                    )
                    for payable in (outstanding.payables[item.document_ref] for item in job.items)
                ],
            )
            for job in outstanding.jobs
        ],
        bucket_labels=list(aging.labels()),
        bucket_cents=list(aging.buckets),
        total_cents=aging.total_cents,
        past_due_cents=aging.past_due_cents,
        payable_cents=outstanding.payable_cents,
        as_of=outstanding.freshness.as_of,
        is_stale=outstanding.freshness.stale,
    )
