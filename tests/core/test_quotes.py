"""The payment quote: what is previewed is what is charged."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dueport_core.errors import Conflict, Invalid
from dueport_core.fees import CardFacts, FeeMode, FeePolicy, Funding
from dueport_core.money import MAX_CENTS
from dueport_core.open_items import OpenItem, OpenItemKind
from dueport_core.payments import Payment, PaymentState, payment_from_quote
from dueport_core.quotes import PaymentMethodKind, PaymentQuote, build_quote
from dueport_core.statements import DiscountReason, StatementView
from tests.core.builders import (
    ACCOUNT,
    NOW,
    TODAY,
    cedar_items,
    cedar_statement,
    credit_use,
    item,
)

STATEMENT = ("I100", "I101", "I102", "D7", "F3", "C55")
SURCHARGE = FeePolicy(mode=FeeMode.SURCHARGE, rate_bps=300, cost_bps=310, dealer_state="OH")
INCENTIVE = FeePolicy(mode=FeeMode.ACH_INCENTIVE, ach_discount_bps=100)
CREDIT_CARD = CardFacts(brand="visa", funding=Funding.CREDIT, country="US")


def quote(*selected: str, **more: Any) -> PaymentQuote:
    arguments: dict[str, Any] = {
        "quote_id": "Q1",
        "account_no": ACCOUNT,
        "portal_user_id": "U1",
        "selected": selected,
        "items": cedar_items(),
        "statement": cedar_statement(),
        "view": StatementView.ALL,
        "today": TODAY,
        "now": NOW,
    }
    return build_quote(**(arguments | more))


def charged(priced: PaymentQuote, method: PaymentMethodKind) -> Payment:
    return payment_from_quote(priced, payment_id="P1", method=method, processor="p", now=NOW)


def adds_up(priced: PaymentQuote) -> bool:
    """Whether every sum of a quote is kept, per line and in total."""
    each = all(
        line.amount_cents == line.money_cents + line.credit_cents + line.discount_cents
        and min(line.money_cents, line.credit_cents, line.discount_cents) >= 0
        and 0 < line.amount_cents <= line.open_amount_cents
        for line in priced.lines
    )
    return (
        each
        and priced.total_cents == priced.money_cents + priced.fee_cents
        and priced.subtotal_cents == sum(line.amount_cents for line in priced.lines)
        and priced.subtotal_cents
        == priced.money_cents + priced.credits_cents + priced.discount_cents
        and priced.credits_cents == sum(use.amount_cents for use in priced.credits)
        and priced.discount_cents == priced.discount.discount_cents + priced.incentive_cents
    )


def test_a_selection_across_jobs_is_one_payment() -> None:
    priced = quote("I101", "I102", "D7", "C55")
    assert (priced.subtotal_cents, priced.credits_cents, priced.total_cents) == (
        77000,
        10025,
        66975,
    )
    assert priced.credits == (credit_use("C55", "I101", 10025),)
    assert priced.discount.reasons == (
        DiscountReason.NOT_STATEMENT_VIEW,
        DiscountReason.STATEMENT_NOT_WHOLE,
    )
    assert [line.document_ref for line in priced.lines] == ["I101", "I102", "D7"]
    assert adds_up(priced)


def test_the_whole_statement_earns_its_discount_and_the_card_fee_comes_after_it() -> None:
    priced = quote(
        *STATEMENT,
        view=StatementView.CURRENT_STATEMENT,
        method=PaymentMethodKind.CARD,
        card=CREDIT_CARD,
        fee_policy=SURCHARGE,
        customer_state="OH",
    )
    assert (priced.money_cents, priced.discount_cents) == (85965, 1310)
    assert priced.fee_cents == 2578
    assert priced.total_cents == 88543
    assert adds_up(priced)


def test_no_fee_is_computed_before_the_card_is_known_or_for_ach() -> None:
    for method, card in ((PaymentMethodKind.CARD, None), (PaymentMethodKind.ACH, CREDIT_CARD)):
        priced = quote("I101", method=method, card=card, fee_policy=SURCHARGE)
        assert (priced.fee_cents, priced.total_cents) == (0, 40000)


def test_paying_by_ach_can_be_rewarded() -> None:
    by_ach = quote("I101", "D7", method=PaymentMethodKind.ACH, fee_policy=INCENTIVE)
    by_card = quote("I101", "D7", method=PaymentMethodKind.CARD, fee_policy=INCENTIVE)
    assert (by_ach.incentive_cents, by_ach.total_cents) == (415, 41085)
    assert by_card.total_cents == 41500
    assert adds_up(by_ach)


def test_equal_credits_charge_nothing_and_are_still_applied() -> None:
    items = [item("I1", 5000), item("C1", -5000)]
    priced = quote("I1", "C1", items=items, statement=None)
    assert priced.is_credit_only
    assert (priced.total_cents, priced.credits_cents) == (0, 5000)
    assert adds_up(priced)


def test_credits_above_the_charges_are_refused() -> None:
    with pytest.raises(Invalid, match=r"credits of \$50\.00 are more than .* \$15\.00"):
        quote("D7", "C60")
    with pytest.raises(Invalid, match="more charges or fewer credits"):
        quote("C60")


def test_a_discount_leaves_room_for_the_credits_on_each_line() -> None:
    items = [item("I1", 10000), item("I2", 5000), item("C1", -10000)]
    priced = quote("I1", "I2", "C1", items=items, view=StatementView.CURRENT_STATEMENT)
    # 2 % of 50.00: 0.67 on the first invoice, where the credit therefore does not fit whole.
    assert priced.discount.parts == {"I1": 67, "I2": 33}
    assert [line.credit_cents for line in priced.lines] == [9933, 67]
    assert priced.total_cents == 4900
    assert adds_up(priced)


@pytest.mark.parametrize(
    ("selected", "why"),
    [
        ((), "select at least one"),
        (("I999",), "load the page again"),
        (("I101", "I101"), "selected twice"),
        (("hidden",), "load the page again"),
        (("elsewhere",), "load the page again"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(selected: tuple[str, ...], why: str) -> None:
    items = [
        *cedar_items(),
        item("hidden", 100, released=False),
        item("elsewhere", 100, account_no="A-999"),
    ]
    with pytest.raises(Invalid, match=why):
        quote(*selected, items=items)


def test_a_document_of_another_view_is_refused() -> None:
    with pytest.raises(Invalid, match="I110 is not among the open items of this view"):
        quote("I110", view=StatementView.CURRENT_STATEMENT)


def test_a_document_in_flight_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="I101 is already part of a payment in progress"):
        quote("I101", reserved={"I101": 40000})
    with pytest.raises(Conflict, match="in progress"):
        quote("I101", reserved={"I101": 1})
    with pytest.raises(Conflict, match="C55 is already"):
        quote("I101", "C55", reserved={"C55": 10025})


def test_what_has_settled_is_not_charged_again_while_the_erp_still_shows_it() -> None:
    with pytest.raises(Conflict, match="nothing left to pay"):
        quote("I101", settled_unposted={"I101": 40000})
    rest = [ref for ref in STATEMENT if ref != "I101"]
    priced = quote(*rest, view=StatementView.CURRENT_STATEMENT, settled_unposted={"I101": 40000})
    assert priced.discount.granted
    assert priced.subtotal_cents == 57300
    partly = quote("I101", settled_unposted={"I101": 15000})
    assert partly.total_cents == 25000


def test_a_part_is_refused_unless_the_dealer_allows_it() -> None:
    with pytest.raises(Invalid, match=r"I101 must be paid in full, which is \$400\.00"):
        quote("I101", amounts={"I101": 100})
    assert quote("I101", amounts={"I101": 40000}).total_cents == 40000
    part = quote("I101", amounts={"I101": 15000}, allow_partial=True)
    assert (part.total_cents, part.lines[0].open_amount_cents) == (15000, 40000)
    assert adds_up(part)
    cent = quote("I101", amounts={"I101": 1}, allow_partial=True, minimum_cents=1)
    assert cent.total_cents == 1


def test_what_another_payment_leaves_can_be_paid_where_parts_are_allowed() -> None:
    held = {"reserved": {"I101": 15000, "C55": 10000}, "allow_partial": True}
    priced = quote("I101", "C55", **held)
    assert (priced.subtotal_cents, priced.credits_cents) == (25000, 25)
    with pytest.raises(Invalid, match=r"between \$0\.01 and \$250\.00"):
        quote("I101", amounts={"I101": 25001}, **held)


def test_an_amount_below_a_cent_or_for_nothing_selected_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        quote("I101", amounts={"I101": 0, "I102": 5}, allow_partial=True)
    assert set(refused.value.fields) == {"I101", "I102"}


def test_a_part_of_the_statement_earns_no_discount() -> None:
    priced = quote(
        *STATEMENT,
        view=StatementView.CURRENT_STATEMENT,
        amounts={"I101": 39999},
        allow_partial=True,
    )
    assert priced.discount.reasons == (DiscountReason.STATEMENT_NOT_WHOLE,)


def test_less_than_the_processor_takes_is_refused() -> None:
    items = [item("I1", 49), item("I2", 50)]
    with pytest.raises(Invalid, match=r"comes to \$0\.49.*\$0\.50"):
        quote("I1", items=items)
    assert quote("I2", items=items).total_cents == 50
    assert quote("I1", items=items, minimum_cents=1).total_cents == 49


def test_a_quote_lives_for_fifteen_minutes() -> None:
    priced = quote("I101")
    assert not priced.is_expired(NOW + timedelta(minutes=14, seconds=59))
    assert priced.is_expired(NOW + timedelta(minutes=15))


def test_the_fingerprint_changes_with_the_money_and_with_nothing_else() -> None:
    first = quote("I101", "I102")
    again = quote(
        "I102", "I101", quote_id="Q2", now=NOW + timedelta(minutes=5), portal_user_id="U2"
    )
    assert first.fingerprint == again.fingerprint
    changed = [
        quote("I101"),
        quote("I101", "I102", view=StatementView.CURRENT_STATEMENT),
        quote("I101", "I102", method=PaymentMethodKind.ACH),
        quote("I101", "I102", settled_unposted={"I101": 1}),
        quote("I101", "I102", "C55"),
        quote(
            "I101",
            "I102",
            method=PaymentMethodKind.CARD,
            card=CREDIT_CARD,
            fee_policy=SURCHARGE,
            customer_state="OH",
        ),
    ]
    assert len({first.fingerprint, *(one.fingerprint for one in changed)}) == len(changed) + 1


def test_a_stored_quote_and_payment_come_back_as_they_were() -> None:
    priced = quote(*STATEMENT, view=StatementView.CURRENT_STATEMENT, method=PaymentMethodKind.ACH)
    paid = charged(priced, PaymentMethodKind.ACH)
    assert msgspec.json.decode(msgspec.json.encode(priced), type=PaymentQuote) == priced
    assert msgspec.json.decode(msgspec.json.encode(paid), type=Payment) == paid


def test_a_stored_amount_beyond_all_bounds_is_not_read_back() -> None:
    stored = msgspec.to_builtins(quote("I101")) | {"total_cents": MAX_CENTS + 1}
    with pytest.raises(msgspec.ValidationError, match="total_cents"):
        msgspec.convert(stored, PaymentQuote)


def test_a_payment_charges_what_was_quoted() -> None:
    priced = quote(*STATEMENT, view=StatementView.CURRENT_STATEMENT, method=PaymentMethodKind.ACH)
    paid = payment_from_quote(
        priced,
        payment_id="P1",
        method=PaymentMethodKind.ACH,
        processor="pay_ach_plaid",
        now=NOW,
    )
    assert paid.state is PaymentState.CREATED
    assert (paid.total_cents, paid.principal_cents, paid.fee_cents) == (85965, 85965, 0)
    assert (paid.discount_cents, paid.credits_cents) == (1310, 10025)
    assert sum(line.amount_cents for line in paid.lines) == priced.subtotal_cents


def test_a_quote_is_charged_by_the_method_it_was_priced_for() -> None:
    for method in (None, PaymentMethodKind.CARD):
        with pytest.raises(Conflict, match="not priced for paying by ach"):
            charged(quote("I101", method=method), PaymentMethodKind.ACH)
    covered = quote("I1", "C1", items=[item("I1", 50), item("C1", -50)])
    assert charged(covered, PaymentMethodKind.ACH).total_cents == 0


@st.composite
def accounts(draw: st.DrawFn) -> list[OpenItem]:
    kinds = st.sampled_from([OpenItemKind.INVOICE, OpenItemKind.DEBIT, OpenItemKind.FINANCE_CHARGE])
    debits = draw(
        st.lists(
            st.tuples(st.integers(1, 200_000), kinds, st.integers(-60, 60), st.booleans()),
            min_size=1,
            max_size=12,
        )
    )
    credit_sizes = draw(st.lists(st.integers(1, 60_000), max_size=5))
    items = [
        item(
            f"D{index:02}",
            cents,
            (TODAY + timedelta(days)).isoformat(),
            kind=kind,
            job_no="1" if own_job else "0",
        )
        for index, (cents, kind, days, own_job) in enumerate(debits)
    ]
    return [*items, *(item(f"C{index}", -cents) for index, cents in enumerate(credit_sizes))]


@given(
    accounts(),
    st.data(),
    st.sampled_from(StatementView),
    st.sampled_from([None, *PaymentMethodKind]),
    st.sampled_from([SURCHARGE, INCENTIVE, FeePolicy()]),
    st.integers(0, 10_000),
)
def test_every_sum_of_a_quote_is_kept(
    items: list[OpenItem],
    data: st.DataObject,
    view: StatementView,
    method: PaymentMethodKind | None,
    policy: FeePolicy,
    bps: int,
) -> None:
    refs = [one.document_ref for one in items]
    whole = data.draw(st.booleans())
    selected = refs if whole else data.draw(st.lists(st.sampled_from(refs), unique=True))
    amounts = {
        one.document_ref: data.draw(st.integers(1, abs(one.open_amount_cents)))
        for one in items
        if one.document_ref in selected and not whole and data.draw(st.booleans())
    }
    try:
        priced = quote(
            *selected,
            items=items,
            statement=cedar_statement(discount_bps=bps),
            view=view,
            method=method,
            card=CREDIT_CARD,
            fee_policy=policy,
            customer_state="OH",
            amounts=amounts,
            allow_partial=True,
            minimum_cents=1,
        )
    except Invalid:
        assume(False)
    assert adds_up(priced)
    used = {
        ref: amounts.get(ref, abs(one.open_amount_cents))
        for ref, one in zip(refs, items, strict=True)
    }
    assert priced.subtotal_cents == sum(used[ref] for ref in selected if ref.startswith("D"))
    assert priced.credits_cents == sum(used[ref] for ref in selected if ref.startswith("C"))
    if method is not None:
        # The payment's own sums hold too, or it could not be built.
        assert charged(priced, method).total_cents == priced.total_cents
