"""The journal always balances."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueport_core.errors import Invalid
from dueport_core.journal import (
    EntryKind,
    JournalEntry,
    JournalLine,
    LedgerAccount,
    ach_return,
    clearing,
    dispute_opened,
    dispute_won,
    payment_settled,
    payout,
    processor_fee,
    refund,
    reversal,
    suspense,
    trial_balance,
)
from dueport_core.open_items import OpenItemKind
from dueport_core.payments import PaymentLine
from dueport_core.quotes import PaymentMethodKind
from tests.core.builders import TODAY, credit_use, payment

STRIPE = "pay_stripe"
CLEARING = clearing(STRIPE)
AR = LedgerAccount.AR

P1 = payment("P1", 125050, fee_cents=3751)
P2 = payment("P2", 88163, discount_cents=1762, method=PaymentMethodKind.ACH)
P3 = payment("P3", 50000)
P4 = payment("P4", 30000, method=PaymentMethodKind.ACH)


def amounts(entry: JournalEntry) -> dict[str, int]:
    return dict(trial_balance([entry]))


def test_three_payouts_with_refund_dispute_and_return_add_up_to_the_cent() -> None:
    day = TODAY
    journal = [
        payment_settled(P1, day),
        processor_fee("t1", STRIPE, 3765, day),
        payment_settled(P2, day),
        processor_fee("t2", STRIPE, 500, day),
        payment_settled(P3, day),
        processor_fee("t3", STRIPE, 1480, day),
        refund("R1", STRIPE, 40000, 1200, day),
    ]
    assert amounts(journal[0]) == {
        CLEARING: 128801,
        AR: -125050,
        LedgerAccount.SURCHARGE_RECOVERY: -3751,
    }
    assert amounts(journal[2]) == {
        CLEARING: 88163,
        LedgerAccount.SALES_DISCOUNTS: 1762,
        AR: -89925,
    }
    assert amounts(journal[6]) == {
        AR: 40000,
        LedgerAccount.SURCHARGE_RECOVERY: 1200,
        CLEARING: -41200,
    }
    # Everything the processor owes goes out with the first payout.
    assert trial_balance(journal)[CLEARING] == 220019
    journal.append(payout("po_1", STRIPE, 220019, day))
    balances = trial_balance(journal)
    # The four payments are for documents that were opened in AR before the journal begins.
    opened = 125050 + 89925 + 50000 + 30000
    assert balances[CLEARING] == 0
    assert opened + balances[AR] == 70000

    journal += [
        dispute_opened("dp_1", STRIPE, 50000, 1500, day),
        payment_settled(P4, day),
        processor_fee("t5", STRIPE, 240, day),
    ]
    assert trial_balance(journal)[CLEARING] == -21740
    journal += [
        payout("po_2", STRIPE, -21740, day),
        ach_return(P4, "R01", day),
        processor_fee("t6", STRIPE, 400, day),
        dispute_won("dp_1", STRIPE, 50000, day),
    ]
    assert trial_balance(journal)[CLEARING] == 19600
    journal.append(payout("po_3", STRIPE, 19600, day))
    balances = trial_balance(journal)
    assert {account: cents for account, cents in balances.items() if cents and account != AR} == {
        LedgerAccount.CASH: 217879,
        LedgerAccount.PROCESSOR_FEES: 6385,
        LedgerAccount.SURCHARGE_RECOVERY: -2551,
        LedgerAccount.SALES_DISCOUNTS: 1762,
        LedgerAccount.DISPUTE_LOSS: 1500,
    }
    assert opened + balances[AR] == 70000
    assert sum(balances.values()) == 0

    journal.append(ach_return(P2, "R10", day))
    assert amounts(journal[-1]) == {
        AR: 89925,
        LedgerAccount.SALES_DISCOUNTS: -1762,
        CLEARING: -88163,
    }
    assert opened + trial_balance(journal)[AR] == 159925
    assert len({entry.source for entry in journal}) == len(journal)
    assert sum(trial_balance(journal).values()) == 0


def test_an_entry_off_balance_or_empty_cannot_be_built() -> None:
    def build(*lines: JournalLine) -> JournalEntry:
        return JournalEntry(
            source="payment:P1:settled",
            kind=EntryKind.PAYMENT_SETTLED,
            occurred_on=TODAY,
            lines=lines,
        )

    with pytest.raises(Invalid, match="off balance by 1 cents"):
        build(JournalLine("cash", 100), JournalLine("ar", -99))
    with pytest.raises(Invalid, match="nothing to book"):
        build()
    with pytest.raises(Invalid, match="nothing to book"):
        build(JournalLine("cash", 0))
    with pytest.raises(Invalid, match="nothing to book"):
        processor_fee("t1", STRIPE, 0, TODAY)


def test_a_payment_by_credits_alone_moves_within_receivables() -> None:
    line = PaymentLine(
        document_ref="I1",
        job_no="0",
        kind=OpenItemKind.INVOICE,
        amount_cents=5000,
        credit_cents=5000,
        discount_cents=0,
        money_cents=0,
    )
    paid = payment("P9", 0, lines=(line,), credits=(credit_use("C1", "I1", 5000),))
    entry = payment_settled(paid, TODAY)
    assert entry.lines == (JournalLine(AR, 5000), JournalLine(AR, -5000))


def test_a_disputed_surcharge_is_given_back_and_won_back() -> None:
    opened = dispute_opened("dp_2", STRIPE, 128801, 1500, TODAY, surcharge_cents=3751)
    won = dispute_won("dp_2", STRIPE, 128801, TODAY, surcharge_cents=3751)
    assert amounts(opened) == {
        AR: 125050,
        LedgerAccount.SURCHARGE_RECOVERY: 3751,
        LedgerAccount.DISPUTE_LOSS: 1500,
        CLEARING: -130301,
    }
    left = {account: cents for account, cents in trial_balance([opened, won]).items() if cents}
    assert left == {LedgerAccount.DISPUTE_LOSS: 1500, CLEARING: -1500}


def test_what_nothing_explains_is_parked_with_its_reason() -> None:
    entry = suspense("t9", STRIPE, -700, "reserve held", TODAY)
    assert entry.reason == "reserve held"
    assert amounts(entry) == {CLEARING: -700, LedgerAccount.SUSPENSE: 700}


@given(
    st.integers(0, 10_000_000), st.integers(0, 300_000), st.integers(0, 200_000), st.integers(0, 9)
)
def test_an_entry_and_its_reversal_leave_nothing(
    principal: int, fee: int, discount: int, days: int
) -> None:
    entry = payment_settled(
        payment("P1", principal + 1, fee_cents=fee, discount_cents=discount), TODAY
    )
    back = reversal(entry, TODAY + timedelta(days), "booked by mistake")
    assert back.source == f"{entry.source}:reversed"
    assert back.kind is EntryKind.REVERSAL
    assert not any(trial_balance([entry, back]).values())
