"""The double-entry journal: debits are positive, every entry adds up to zero.

Append-only. What was wrong is put right by a reversing entry; ``source`` is unique, so the same
event can never be booked twice.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import Cents
from dueport_core.payments import Payment


class LedgerAccount(StrEnum):
    """The accounts beside the clearing accounts, of which each processor has one."""

    CASH = "cash"
    AR = "ar"
    SALES_DISCOUNTS = "sales_discounts"
    SURCHARGE_RECOVERY = "surcharge_recovery"
    PROCESSOR_FEES = "processor_fees"
    DISPUTE_LOSS = "dispute_loss"
    UNAPPLIED = "unapplied"
    SUSPENSE = "suspense"


class EntryKind(StrEnum):
    """What happened."""

    PAYMENT_SETTLED = "payment_settled"
    PROCESSOR_FEE = "processor_fee"
    REFUND = "refund"
    PAYOUT = "payout"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    ACH_RETURN = "ach_return"
    SUSPENSE = "suspense"
    REVERSAL = "reversal"


class JournalLine(msgspec.Struct, frozen=True):
    """One side: positive is a debit, negative a credit."""

    account: str
    amount_cents: Cents


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A balanced entry; one that is empty or does not add up to zero cannot be built.

    ``source`` names the event, such as ``payment:ID:settled``, and is unique in the journal.
    ``reason`` is for people, where the kind does not say enough.
    """

    source: str
    kind: EntryKind
    occurred_on: date
    lines: tuple[JournalLine, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.lines or not all(line.amount_cents for line in self.lines):
            raise Invalid(f"Journal entry {self.source} has nothing to book.")
        off = sum(line.amount_cents for line in self.lines)
        if off:
            raise Invalid(f"Journal entry {self.source} is off balance by {off} cents.")


def clearing(processor: str) -> str:
    """The account of what a processor owes us: settled with the payer, not paid out yet."""
    return f"clearing:{processor}"


def payment_settled(payment: Payment, occurred_on: date) -> JournalEntry:
    """Book a settled payment: money and fee to clearing, the documents out of AR.

    Credits used lower AR on the documents and raise it on the credits, so a payment by credits
    alone is an entry within AR.
    """
    return _entry(
        f"payment:{payment.payment_id}:settled",
        EntryKind.PAYMENT_SETTLED,
        occurred_on,
        _settled_lines(payment),
    )


def ach_return(payment: Payment, return_ref: str, occurred_on: date) -> JournalEntry:
    """Book a debit that came back: the documents reopen gross, the discount is undone."""
    return _entry(
        f"payment:{payment.payment_id}:returned:{return_ref}",
        EntryKind.ACH_RETURN,
        occurred_on,
        [JournalLine(line.account, -line.amount_cents) for line in _settled_lines(payment)],
    )


def processor_fee(line_ref: str, processor: str, fee_cents: int, occurred_on: date) -> JournalEntry:
    """Book what a processor kept (negative: gave back) for one movement on its balance."""
    return _entry(
        f"fee:{processor}:{line_ref}",
        EntryKind.PROCESSOR_FEE,
        occurred_on,
        [
            JournalLine(LedgerAccount.PROCESSOR_FEES, fee_cents),
            JournalLine(clearing(processor), -fee_cents),
        ],
    )


def refund(
    refund_id: str, processor: str, principal_cents: int, surcharge_cents: int, occurred_on: date
) -> JournalEntry:
    """Book money given back: the documents are owed again, the surcharge share is returned.

    The processor's fee is not: it stays where it was booked.
    """
    return _entry(
        f"refund:{refund_id}",
        EntryKind.REFUND,
        occurred_on,
        [
            JournalLine(LedgerAccount.AR, principal_cents),
            JournalLine(LedgerAccount.SURCHARGE_RECOVERY, surcharge_cents),
            JournalLine(clearing(processor), -principal_cents - surcharge_cents),
        ],
    )


def payout(
    settlement_ref: str, processor: str, amount_cents: int, occurred_on: date
) -> JournalEntry:
    """Book a payout into the bank account, or, negative, the processor's debit of it."""
    return _entry(
        f"settlement:{processor}:{settlement_ref}:paid",
        EntryKind.PAYOUT,
        occurred_on,
        [
            JournalLine(LedgerAccount.CASH, amount_cents),
            JournalLine(clearing(processor), -amount_cents),
        ],
    )


def dispute_opened(
    dispute_ref: str,
    processor: str,
    amount_cents: int,
    fee_cents: int,
    occurred_on: date,
    surcharge_cents: int = 0,
) -> JournalEntry:
    """Book a dispute: the bank takes ``amount_cents`` (of which ``surcharge_cents`` surcharge)
    back at once, and the fee is lost however it ends."""
    return _entry(
        f"dispute:{processor}:{dispute_ref}:opened",
        EntryKind.DISPUTE_OPENED,
        occurred_on,
        [
            JournalLine(LedgerAccount.AR, amount_cents - surcharge_cents),
            JournalLine(LedgerAccount.SURCHARGE_RECOVERY, surcharge_cents),
            JournalLine(LedgerAccount.DISPUTE_LOSS, fee_cents),
            JournalLine(clearing(processor), -amount_cents - fee_cents),
        ],
    )


def dispute_won(
    dispute_ref: str,
    processor: str,
    amount_cents: int,
    occurred_on: date,
    surcharge_cents: int = 0,
) -> JournalEntry:
    """Book a dispute that was won: the money is back, its fee is not."""
    return _entry(
        f"dispute:{processor}:{dispute_ref}:won",
        EntryKind.DISPUTE_WON,
        occurred_on,
        [
            JournalLine(clearing(processor), amount_cents),
            JournalLine(LedgerAccount.AR, surcharge_cents - amount_cents),
            JournalLine(LedgerAccount.SURCHARGE_RECOVERY, -surcharge_cents),
        ],
    )


def suspense(
    line_ref: str, processor: str, net_cents: int, reason: str, occurred_on: date
) -> JournalEntry:
    """Park a movement on a processor's balance that nothing explains yet; ``reason`` says why."""
    return _entry(
        f"suspense:{processor}:{line_ref}",
        EntryKind.SUSPENSE,
        occurred_on,
        [
            JournalLine(clearing(processor), net_cents),
            JournalLine(LedgerAccount.SUSPENSE, -net_cents),
        ],
        reason,
    )


def reversal(entry: JournalEntry, occurred_on: date, reason: str = "") -> JournalEntry:
    """Take an entry back with its mirror image; an entry can be reversed once."""
    return _entry(
        f"{entry.source}:reversed",
        EntryKind.REVERSAL,
        occurred_on,
        [JournalLine(line.account, -line.amount_cents) for line in entry.lines],
        reason,
    )


def trial_balance(entries: Iterable[JournalEntry]) -> Mapping[str, int]:
    """Return the balance of every account that was ever touched; they add up to zero."""
    balances: dict[str, int] = {}
    for entry in entries:
        for line in entry.lines:
            balances[line.account] = balances.get(line.account, 0) + line.amount_cents
    return balances


def _settled_lines(payment: Payment) -> list[JournalLine]:
    lowered = payment.principal_cents + payment.discount_cents + payment.credits_cents
    return [
        JournalLine(clearing(payment.processor), payment.total_cents),
        JournalLine(LedgerAccount.SALES_DISCOUNTS, payment.discount_cents),
        JournalLine(LedgerAccount.AR, payment.credits_cents),
        JournalLine(LedgerAccount.AR, -lowered),
        JournalLine(LedgerAccount.SURCHARGE_RECOVERY, -payment.fee_cents),
    ]


def _entry(
    source: str,
    kind: EntryKind,
    occurred_on: date,
    lines: Iterable[JournalLine],
    reason: str = "",
) -> JournalEntry:
    return JournalEntry(
        source=source,
        kind=kind,
        occurred_on=occurred_on,
        lines=tuple(line for line in lines if line.amount_cents),
        reason=reason,
    )
