"""Small builders for open items, statements and payments, and the dealer's account they tell of."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.payments import CreditUse, Payment, PaymentLine, PaymentState
from dueport_core.quotes import PaymentMethodKind
from dueport_core.statements import Statement

ACCOUNT = "A-100"
NOW = datetime(2026, 4, 8, 15, 30, tzinfo=UTC)
TODAY = date(2026, 4, 8)

_VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "money.json"


def vectors(name: str) -> Any:
    """Return one table of the worked examples."""
    return json.loads(_VECTORS.read_text())[name]


def on(text: str) -> date:
    """Read a date written as year-month-day."""
    return date.fromisoformat(text)


def item(ref: str, cents: int, due: str = "2026-05-10", **more: Any) -> OpenItem:
    """Return an invoice, or a credit where the amount is negative."""
    kind = OpenItemKind.CREDIT if cents < 0 else OpenItemKind.INVOICE
    fields: dict[str, Any] = {
        "document_ref": ref,
        "account_no": ACCOUNT,
        "kind": kind,
        "issued_on": on("2026-03-01"),
        "due_on": on(due),
        "original_amount_cents": cents,
        "open_amount_cents": cents,
    }
    return OpenItem(**(fields | more))


def cedar_items() -> list[OpenItem]:
    """One account on 2026-04-08: three jobs, 1,573.00 of debits and 150.25 of credits."""
    debit, charge = OpenItemKind.DEBIT, OpenItemKind.FINANCE_CHARGE
    new = {"posted_on": on("2026-04-01")}
    return [
        item("I100", 20000, "2026-03-10", original_amount_cents=50000),
        item("I101", 40000, "2026-04-20", job_no="12"),
        item("I102", 35500, "2026-04-20", job_no="12"),
        item("D7", 1500, "2026-04-25", job_no="12", kind=debit),
        item("F3", 300, "2026-04-20", kind=charge),
        item("C55", -10025, "2026-03-20", job_no="12"),
        item("I110", 60000, "2026-05-10", job_no="15", **new),
        item("C60", -5000, "2026-04-02", job_no="15", **new),
    ]


def cedar_statement(**more: Any) -> Statement:
    """The statement of that account: drawn on 2026-03-31, 2 % until 2026-04-10."""
    fields: dict[str, Any] = {
        "statement_ref": "S-3",
        "account_no": ACCOUNT,
        "statement_on": on("2026-03-31"),
        "cutoff_on": on("2026-03-25"),
        "due_on": on("2026-04-20"),
        "balance_cents": 87275,
        "discount_on": on("2026-04-10"),
        "discount_bps": 200,
    }
    return Statement(**(fields | more))


def payment(
    payment_id: str,
    principal_cents: int,
    *,
    fee_cents: int = 0,
    discount_cents: int = 0,
    method: PaymentMethodKind = PaymentMethodKind.CARD,
    **more: Any,
) -> Payment:
    """Return a settled payment of one invoice."""
    line = PaymentLine(
        document_ref=f"I-{payment_id}",
        job_no="0",
        kind=OpenItemKind.INVOICE,
        amount_cents=principal_cents + discount_cents,
        credit_cents=0,
        discount_cents=discount_cents,
        money_cents=principal_cents,
    )
    fields: dict[str, Any] = {
        "payment_id": payment_id,
        "account_no": ACCOUNT,
        "quote_id": f"Q-{payment_id}",
        "portal_user_id": "U1",
        "method": method,
        "state": PaymentState.SETTLED,
        "lines": (line,),
        "credits": (),
        "principal_cents": principal_cents,
        "fee_cents": fee_cents,
        "discount_cents": discount_cents,
        "total_cents": principal_cents + fee_cents,
        "processor": "pay_stripe",
        "created_at": NOW,
    }
    return Payment(**(fields | more))


def credit_use(ref: str, to: str, cents: int) -> CreditUse:
    """Return so much of a credit on a document."""
    return CreditUse(document_ref=ref, applied_to=to, amount_cents=cents)
