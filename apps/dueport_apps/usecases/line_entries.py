"""What one line of a payout books, beside what its payment has booked already.

A payment's own money is booked when it settles and a return when it is returned; a payout's line
adds the processor's fee to those. Refunds and disputes are booked here, with the line that shows
that the money moved. What no payment of ours explains is parked in suspense.
"""

import datetime

from dueport_core.fees import surcharge_refund_cents
from dueport_core.journal import (
    JournalEntry,
    dispute_opened,
    dispute_won,
    processor_fee,
    refund,
    suspense,
)
from dueport_core.payments import Payment
from dueport_core.settlements import SettlementLine, SettlementLineCategory


def line_entries(
    processor: str, line: SettlementLine, payment: Payment | None, on: datetime.date
) -> tuple[JournalEntry, ...]:
    """Return the line's entries; their sources are unique, so booking again adds nothing."""
    match line.category:
        case SettlementLineCategory.PAYMENT | SettlementLineCategory.RETURN if payment is not None:
            return _fee(processor, line, line.fee_cents, on)
        case SettlementLineCategory.FEE:
            return _fee(processor, line, -line.net_cents, on)
        case SettlementLineCategory.REFUND if payment is not None:
            total = -line.gross_cents
            surcharge = _surcharge_share(payment, total)
            return (
                refund(
                    line.refund_ref or line.line_ref, processor, total - surcharge, surcharge, on
                ),
                *_fee(processor, line, line.fee_cents, on),
            )
        case SettlementLineCategory.DISPUTE if payment is not None:
            total = -line.gross_cents
            return (
                dispute_opened(
                    line.dispute_ref or line.line_ref,
                    processor,
                    total,
                    line.fee_cents,
                    on,
                    _surcharge_share(payment, total),
                ),
            )
        case SettlementLineCategory.DISPUTE_REVERSAL if payment is not None:
            return (
                dispute_won(
                    line.dispute_ref or line.line_ref,
                    processor,
                    line.gross_cents,
                    on,
                    _surcharge_share(payment, line.gross_cents),
                ),
                *_fee(processor, line, line.fee_cents, on),
            )
        case _ if line.net_cents:
            return (suspense(line.line_ref, processor, line.net_cents, line.category.value, on),)
        case _:
            return ()


def _fee(
    processor: str, line: SettlementLine, fee_cents: int, on: datetime.date
) -> tuple[JournalEntry, ...]:
    return (processor_fee(line.line_ref, processor, fee_cents, on),) if fee_cents else ()


def _surcharge_share(payment: Payment, total_cents: int) -> int:
    """Return how much of a movement is surcharge, in proportion to the payment's own."""
    if not payment.fee_cents:
        return 0
    principal = total_cents - total_cents * payment.fee_cents // payment.total_cents
    return surcharge_refund_cents(payment.principal_cents, payment.fee_cents, 0, principal)
