"""What is written to the ERP: receipts per job and category."""

from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dueport_core.errors import Conflict, Invalid
from dueport_core.open_items import OpenItemKind
from dueport_core.payments import Payment, PaymentLine, PaymentState
from dueport_core.postings import (
    LEGAL_MOVES,
    Application,
    CreditUsed,
    PostingCategory,
    PostingState,
    Receipt,
    check_number,
    posting_obstacle,
    receipts_for,
    transition,
)
from dueport_core.quotes import PaymentMethodKind
from tests.core.builders import TODAY, credit_use, payment

CHICAGO = ZoneInfo("America/Chicago")
C = PostingCategory


def line(
    ref: str,
    money: int,
    credit: int = 0,
    discount: int = 0,
    job_no: str = "0",
    kind: OpenItemKind = OpenItemKind.INVOICE,
) -> PaymentLine:
    return PaymentLine(
        document_ref=ref,
        job_no=job_no,
        kind=kind,
        amount_cents=money + credit + discount,
        credit_cents=credit,
        discount_cents=discount,
        money_cents=money,
    )


def mixed_payment() -> Payment:
    lines = (
        line("I101", 29281, 10025, 694, job_no="12"),
        line("I102", 34884, 0, 616, job_no="12"),
        line("D7", 1500, job_no="12", kind=OpenItemKind.DEBIT),
        line("F3", 0, 300, job_no="0", kind=OpenItemKind.FINANCE_CHARGE),
        line("I100", 20000, job_no="0"),
    )
    uses = (
        credit_use("C55", "I101", 10000),
        credit_use("C60", "I101", 25),
        credit_use("C60", "F3", 300),
    )
    return payment(
        "pay-01J9-Z4",
        85665,
        lines=lines,
        credits=uses,
        discount_cents=1310,
        processor_ref="pi_1",
    )


def test_every_cent_of_a_payment_is_in_one_receipt() -> None:
    receipts = receipts_for([mixed_payment()], CHICAGO)
    shown = {
        category: [(one.job_no, one.amount_cents) for one in found]
        for category, found in receipts.items()
    }
    assert shown == {
        C.INVOICES: [("0", 20000), ("12", 64165)],
        C.CREDITS: [("0", 0), ("12", 0)],
        C.DEBITS: [("12", 1500)],
    }
    assert receipts[C.INVOICES][1].applications == (
        Application(document_ref="I101", amount_cents=29281, discount_cents=694),
        Application(document_ref="I102", amount_cents=34884, discount_cents=616),
    )
    assert receipts[C.CREDITS][1].applications == (
        Application(document_ref="I101", amount_cents=10025),
    )
    assert receipts[C.CREDITS][1].credits_used == (
        CreditUsed(document_ref="C55", amount_cents=10000),
        CreditUsed(document_ref="C60", amount_cents=25),
    )
    first = receipts[C.INVOICES][0]
    assert (first.key, first.check_no) == ("pay-01J9-Z4:invoices:0", "PAY01J9Z4")
    assert (first.processor_ref, first.method) == ("pi_1", PaymentMethodKind.CARD)


def test_a_line_without_money_takes_its_discount_with_the_credit() -> None:
    paid = payment(
        "P1",
        0,
        lines=(line("I1", 0, credit=4900, discount=100),),
        credits=(credit_use("C1", "I1", 4900),),
        discount_cents=100,
    )
    receipts = receipts_for([paid], CHICAGO)
    assert receipts[C.INVOICES] == ()
    assert receipts[C.CREDITS][0].applications == (
        Application(document_ref="I1", amount_cents=4900, discount_cents=100),
    )


def test_one_cent_of_credit_is_enough_to_carry_the_discount() -> None:
    paid = payment(
        "P1",
        0,
        lines=(line("I1", 0, credit=1, discount=99),),
        credits=(credit_use("C1", "I1", 1),),
        discount_cents=99,
    )
    receipts = receipts_for([paid], CHICAGO)
    assert receipts[C.INVOICES] == ()
    assert receipts[C.CREDITS][0].applications[0].discount_cents == 99


def test_a_document_that_a_discount_covers_whole_is_still_posted() -> None:
    paid = payment("P1", 0, lines=(line("I1", 0, discount=100),), discount_cents=100)
    receipt = receipts_for([paid], CHICAGO)[C.INVOICES][0]
    assert (receipt.amount_cents, receipt.applications[0].discount_cents) == (0, 100)


def test_a_receipt_carries_the_dealers_day_of_the_submission() -> None:
    late = payment("P1", 100, created_at=datetime(2026, 4, 9, 3, 30, tzinfo=UTC))
    assert receipts_for([late], CHICAGO)[C.INVOICES][0].received_on == TODAY


def test_some_erps_want_a_constant_instead_of_a_check_number() -> None:
    receipts = receipts_for([mixed_payment()], CHICAGO, check_no="Online")
    assert {one.check_no for found in receipts.values() for one in found} == {"Online"}
    assert check_number("0190f3c2-7b1e-7c59-a1b2-c3d4e5f60718") == "1B2C3D4E5F60718"


def test_only_settled_money_is_posted() -> None:
    postable = {
        PaymentState.SETTLED,
        PaymentState.PARTIALLY_REFUNDED,
        PaymentState.REFUNDED,
    }
    for state in PaymentState:
        paid = replace(mixed_payment(), state=state)
        assert (posting_obstacle(paid) is None) is (state in postable)
    with pytest.raises(Conflict, match="is pending; only settled money"):
        receipts_for([replace(mixed_payment(), state=PaymentState.PENDING)], CHICAGO)
    with pytest.raises(Conflict, match="release it before posting"):
        receipts_for([replace(mixed_payment(), frozen=True)], CHICAGO)


def test_a_receipt_that_applies_another_amount_than_it_brings_cannot_exist() -> None:
    good = receipts_for([mixed_payment()], CHICAGO)[C.CREDITS][0]
    with pytest.raises(Invalid, match="another amount than it brings"):
        replace(good, amount_cents=1)
    assert isinstance(good, Receipt)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 100_000),
            st.integers(0, 100_000),
            st.integers(0, 5_000),
            st.sampled_from(["0", "12", "15"]),
            st.sampled_from(
                [OpenItemKind.INVOICE, OpenItemKind.DEBIT, OpenItemKind.BALANCE_FORWARD]
            ),
        ),
        min_size=1,
        max_size=15,
    )
)
def test_receipts_add_up_to_the_payment(
    rows: list[tuple[int, int, int, str, OpenItemKind]],
) -> None:
    lines = tuple(
        line(f"D{index}", money, credit, discount, job_no, kind)
        for index, (money, credit, discount, job_no, kind) in enumerate(rows)
    )
    uses = tuple(
        credit_use(f"C{index % 3}", one.document_ref, one.credit_cents)
        for index, one in enumerate(lines)
        if one.credit_cents
    )
    paid = payment(
        "P1",
        sum(one.money_cents for one in lines),
        lines=lines,
        credits=uses,
        discount_cents=sum(one.discount_cents for one in lines),
    )
    receipts = [one for found in receipts_for([paid], CHICAGO).values() for one in found]
    applications = [part for one in receipts for part in one.applications]
    assert sum(one.amount_cents for one in receipts) == paid.principal_cents
    assert sum(part.discount_cents for part in applications) == paid.discount_cents
    used = [part for one in receipts for part in one.credits_used]
    assert sum(part.amount_cents for part in used) == paid.credits_cents
    assert len({one.key for one in receipts}) == len(receipts)


@pytest.mark.parametrize(("state", "to"), list(product(PostingState, PostingState)), ids=str)
def test_a_posting_moves_as_documented(state: PostingState, to: PostingState) -> None:
    if state is to or to in LEGAL_MOVES[state]:
        assert transition(state, to) is to
    else:
        with pytest.raises(Conflict, match=f"that is {state} cannot become {to}"):
            transition(state, to)


def test_an_unknown_answer_is_never_claimed_again_without_a_look_up() -> None:
    assert PostingState.CLAIMED not in LEGAL_MOVES[PostingState.UNKNOWN]
    assert LEGAL_MOVES[PostingState.POSTED] == frozenset()
