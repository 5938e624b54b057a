"""What the pages of a preview show: its lines, its credits, and what changed since another one."""

from collections.abc import Mapping

import msgspec

from dueport_apps.usecases.payment_mails import KIND_WORDS
from dueport_core.open_items import MASTER_JOB
from dueport_core.quotes import PaymentQuote
from dueport_core.statements import DiscountReason, StatementView

NOT_WORTH_SAYING = frozenset({DiscountReason.NO_STATEMENT, DiscountReason.NO_DISCOUNT_OFFERED})


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    document_ref: str
    kind: str
    job: str
    amount_cents: int
    credit_cents: int
    discount_cents: int


class CreditView(msgspec.Struct, frozen=True):
    document_ref: str
    amount_cents: int


class Difference(msgspec.Struct, frozen=True):
    """One thing that changed; None is "was not there" or "is not there any more"."""

    what: str
    before_cents: int | None
    after_cents: int | None


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    quote: PaymentQuote
    lines: tuple[LineView, ...]
    credits: tuple[CreditView, ...]
    from_statement: bool
    discount_reasons: tuple[str, ...]
    """Why there is no statement discount, where that is worth knowing."""


def quote_view(quote: PaymentQuote, jobs: Mapping[str, str]) -> QuoteView:
    """Arrange a quote; ``jobs`` names the account's jobs by number."""
    reasons = quote.discount.reasons
    return QuoteView(
        quote=quote,
        lines=tuple(
            LineView(
                document_ref=line.document_ref,
                kind=KIND_WORDS[line.kind],
                job=job_words(line.job_no, jobs),
                amount_cents=line.amount_cents,
                credit_cents=line.credit_cents,
                discount_cents=line.discount_cents,
            )
            for line in quote.lines
        ),
        credits=tuple(CreditView(ref, cents) for ref, cents in used_credits(quote).items()),
        from_statement=quote.view is StatementView.CURRENT_STATEMENT,
        discount_reasons=(
            ()
            if quote.discount.granted or NOT_WORTH_SAYING.intersection(reasons)
            else quote.discount.sentences
        ),
    )


def used_credits(quote: PaymentQuote) -> dict[str, int]:
    """Return how much of each credit a quote uses."""
    used: dict[str, int] = {}
    for use in quote.credits:
        used[use.document_ref] = used.get(use.document_ref, 0) + use.amount_cents
    return used


def job_words(job_no: str, names: Mapping[str, str]) -> str:
    """Name a job as people know it; the master job needs no name."""
    if job_no == MASTER_JOB:
        return ""
    return f"{job_no} {names.get(job_no, '')}".strip()


def differences(before: PaymentQuote, after: PaymentQuote) -> tuple[Difference, ...]:
    """Say what a customer who saw ``before`` must know about ``after``."""
    old = {line.document_ref: line.amount_cents for line in before.lines}
    new = {line.document_ref: line.amount_cents for line in after.lines}
    pairs = [(ref, old.get(ref), new.get(ref)) for ref in dict.fromkeys((*old, *new))]
    old_credits, new_credits = used_credits(before), used_credits(after)
    pairs += [
        (f"Credit {ref}", old_credits.get(ref), new_credits.get(ref))
        for ref in dict.fromkeys((*old_credits, *new_credits))
    ]
    pairs += [
        ("Discount", before.discount_cents, after.discount_cents),
        ("Fee", before.fee_cents, after.fee_cents),
        ("Total", before.total_cents, after.total_cents),
    ]
    return tuple(Difference(what, one, other) for what, one, other in pairs if one != other)
