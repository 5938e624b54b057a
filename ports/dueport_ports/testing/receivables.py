"""A small dealer's receivables, with one of everything that an ERP connector must get right."""

import datetime
from typing import Final

import msgspec

from dueport_core.accounts import Account, AccountKind, AccountStatus, Contact, Job
from dueport_core.journal import EntryKind, JournalEntry, JournalLine
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.postings import Application, CreditUsed, PostingCategory, Receipt
from dueport_core.quotes import PaymentMethodKind
from dueport_core.statements import Statement
from dueport_ports.erp import PostingBatch


class Receivables(msgspec.Struct, frozen=True, kw_only=True):
    """What an ERP holds."""

    accounts: tuple[Account, ...]
    jobs: tuple[Job, ...]
    items: tuple[OpenItem, ...]
    statements: tuple[Statement, ...] = ()

    def without(self, document_ref: str) -> "Receivables":
        """Return the same without one document, as after it was paid or voided."""
        return msgspec.structs.replace(
            self, items=tuple(item for item in self.items if item.document_ref != document_ref)
        )


_BILLED_ON: Final = datetime.date(2026, 3, 2)


def sample_receivables() -> Receivables:
    """Three accounts, five jobs, eight documents of every kind, one statement."""

    def item(
        ref: str, account: str, job: str, kind: OpenItemKind, original: int, left: int
    ) -> OpenItem:
        return OpenItem(
            document_ref=ref,
            account_no=account,
            job_no=job,
            kind=kind,
            issued_on=_BILLED_ON,
            due_on=_BILLED_ON + datetime.timedelta(days=30),
            original_amount_cents=original,
            open_amount_cents=left,
            po_number="PO-77" if ref == "2603-000101" else "",
            statement_ref="S-1001-03" if account == "1001" else None,
        )

    kinds = OpenItemKind
    return Receivables(
        accounts=(
            Account(
                account_no="1001",
                name="Harbor Builders, LLC",
                contacts=(Contact(name="Ana Ruiz", email="ap@harbor.example", phone="555-0101"),),
                credit_limit_cents=2_500_000,
            ),
            Account(
                account_no="0042",
                name="Müller & Sons",
                status=AccountStatus.HOLD,
                contacts=(Contact(name="P. Müller", email="pay@mueller.example"),),
            ),
            Account(account_no="CASH-1", name="Counter sales", kind=AccountKind.CASH),
        ),
        jobs=(
            Job(account_no="1001", job_no="0", name="Master"),
            Job(account_no="1001", job_no="12", name="Pier 12"),
            Job(account_no="1001", job_no="15", name="Depot", status=AccountStatus.CLOSED),
            Job(account_no="0042", job_no="0", name="Master"),
            Job(account_no="0042", job_no="007", name="Shed"),
        ),
        items=(
            item("2603-000101", "1001", "12", kinds.INVOICE, 50_000, 20_000),
            item("2603-000102", "1001", "12", kinds.INVOICE, 40_001, 40_001),
            item("2603-000103", "1001", "15", kinds.INVOICE, 7, 7),
            item("2603-000104", "1001", "12", kinds.DEBIT, 1_500, 1_500),
            item("2603-000105", "1001", "0", kinds.FINANCE_CHARGE, 310, 310),
            item("2603-000106", "1001", "12", kinds.CREDIT, -10_025, -10_025),
            item("2603-000107", "0042", "007", kinds.INVOICE, 1_234_567, 1_234_567),
            item("2603-000108", "0042", "0", kinds.BALANCE_FORWARD, 99_999, 99_999),
        ),
        statements=(
            Statement(
                statement_ref="S-1001-03",
                account_no="1001",
                statement_on=datetime.date(2026, 3, 25),
                cutoff_on=datetime.date(2026, 3, 25),
                due_on=datetime.date(2026, 4, 10),
                balance_cents=51_793,
                discount_on=datetime.date(2026, 4, 5),
                discount_cents=1_036,
                document_refs=("2603-000101", "2603-000102"),
            ),
        ),
    )


def sample_batch(
    category: PostingCategory = PostingCategory.INVOICES, key: str = "dealer:po_1:invoices:1"
) -> PostingBatch:
    """Return one posting of a category, on the documents of ``sample_receivables``.

    The invoices bring 400.01 with a discount of 7.00 and 0.07; the credits apply 100.25.
    """
    amounts = {
        PostingCategory.INVOICES: (("12", "2603-000102", 40_001, 700), ("15", "2603-000103", 7, 0)),
        PostingCategory.DEBITS: (("12", "2603-000104", 1_500, 0), ("0", "2603-000105", 310, 0)),
        PostingCategory.CREDITS: (("12", "2603-000101", 10_025, 0),),
    }[category]
    by_credit = category is PostingCategory.CREDITS
    receipts = tuple(
        Receipt(
            key=f"pay_1:{category}:{job}",
            account_no="1001",
            job_no=job,
            method=PaymentMethodKind.ACH,
            processor_ref="pi_1",
            check_no="DP0000000000001",
            received_on=datetime.date(2026, 3, 30),
            amount_cents=0 if by_credit else cents,
            applications=(
                Application(document_ref=ref, amount_cents=cents, discount_cents=discount),
            ),
            credits_used=(CreditUsed(document_ref="2603-000106", amount_cents=cents),)
            if by_credit
            else (),
        )
        for job, ref, cents, discount in amounts
    )
    return PostingBatch(
        key=key,
        settlement_ref="po_1",
        category=category,
        deposit_on=datetime.date(2026, 4, 2),
        receipts=receipts,
    )


def sample_journal() -> tuple[JournalEntry, ...]:
    """Return the entries of a small settlement: money in, the processor's fee out."""
    on = datetime.date(2026, 4, 2)
    return (
        JournalEntry(
            source="payout:po_1",
            kind=EntryKind.PAYOUT,
            occurred_on=on,
            lines=(JournalLine("cash", 40_008), JournalLine("clearing:stripe", -40_008)),
        ),
        JournalEntry(
            source="fee:stripe:txn_1",
            kind=EntryKind.PROCESSOR_FEE,
            occurred_on=on,
            lines=(JournalLine("processor_fees", 500), JournalLine("clearing:stripe", -500)),
        ),
    )
