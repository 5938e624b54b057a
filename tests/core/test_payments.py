"""The eleven states of a payment, and what a payment must add up to."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dueport_core.errors import Conflict, Invalid
from dueport_core.payments import (
    STATE_RANK,
    Actor,
    Badge,
    PaymentState,
    Transition,
    badge,
    is_final,
    is_in_flight,
    observe,
    transition,
)
from tests.core.builders import credit_use, payment, vectors

LEGAL = {
    (PaymentState(state), PaymentState(to)): {Actor(actor) for actor in actors}
    for state, to, actors in vectors("payment_transitions")
}
PAIRS = list(product(PaymentState, PaymentState))
P = PaymentState


def test_the_states_and_the_legal_pairs_are_the_documented_ones() -> None:
    assert [state.value for state in PaymentState] == vectors("payment_states")
    assert (len(PAIRS), len(LEGAL)) == (121, 40)


@pytest.mark.parametrize(("state", "to"), PAIRS, ids=str)
@pytest.mark.parametrize("actor", Actor)
def test_each_pair_of_states_passes_for_its_actors_alone(
    state: PaymentState, to: PaymentState, actor: Actor
) -> None:
    allowed = LEGAL.get((state, to), set())
    if actor in allowed:
        moved = transition(state, to, actor)
        assert (moved.state, moved.changed) == (to, True)
    elif state is to and not allowed:
        assert transition(state, to, actor) == Transition(state=state, changed=False)
    else:
        with pytest.raises(Conflict, match=f"that is {state} cannot become {to}"):
            transition(state, to, actor)


def test_money_on_a_terminated_or_refunded_payment_asks_for_a_person() -> None:
    flagged = {
        (state, to)
        for (state, to), actors in LEGAL.items()
        if transition(state, to, min(actors)).anomaly
    }
    assert flagged == {
        (P.FAILED, P.SETTLED),
        (P.CANCELED, P.SETTLED),
        (P.REFUNDED, P.RETURNED),
        (P.REFUNDED, P.DISPUTED),
    }


def test_no_timer_can_end_a_payment_that_was_sent() -> None:
    for state in (P.PENDING, P.PROCESSING, P.SETTLED):
        for to in (P.FAILED, P.CANCELED):
            for actor in set(Actor) - {Actor.PROCESSOR}:
                with pytest.raises(Conflict):
                    transition(state, to, actor)


@pytest.mark.parametrize(("state", "seen"), PAIRS, ids=str)
def test_news_is_taken_in_ignored_as_late_or_put_into_quarantine(
    state: PaymentState, seen: PaymentState
) -> None:
    allowed = LEGAL.get((state, seen), set())
    if state is seen:
        assert observe(state, seen) == Transition(state=state, changed=False)
    elif Actor.PROCESSOR in allowed or (state, seen) == (P.CREATED, P.PENDING):
        assert observe(state, seen).state is seen
    elif not allowed and STATE_RANK[seen] <= STATE_RANK[state]:
        assert observe(state, seen) == Transition(state=state, changed=False)
    else:
        with pytest.raises(Conflict):
            observe(state, seen)


def test_late_news_never_regresses_a_settled_payment() -> None:
    assert observe(P.SETTLED, P.PROCESSING) == Transition(state=P.SETTLED, changed=False)
    assert observe(P.SETTLED, P.SETTLED) == Transition(state=P.SETTLED, changed=False)
    assert observe(P.SETTLED, P.FAILED).state is P.SETTLED
    assert observe(P.SETTLED, P.RETURNED).state is P.RETURNED
    assert observe(P.CREATED, P.PENDING).state is P.PENDING


@given(st.permutations([P.PENDING, P.PROCESSING, P.SETTLED]))
def test_a_charge_settles_in_whatever_order_its_news_arrives(order: list[PaymentState]) -> None:
    state = P.CREATED
    for seen in order:
        state = observe(state, seen).state
    assert state is P.SETTLED


def test_a_payment_holds_its_documents_until_it_is_decided() -> None:
    held = {state for state in PaymentState if is_in_flight(state)}
    assert held == {P.CREATED, P.REQUIRES_ACTION, P.PENDING, P.PROCESSING}
    assert {state for state in PaymentState if not is_final(state)} == held | {P.DISPUTED}


@pytest.mark.parametrize(
    ("state", "plain", "frozen", "posted"),
    [
        (P.CREATED, Badge.PENDING, Badge.FROZEN, Badge.PENDING),
        (P.REQUIRES_ACTION, Badge.PENDING, Badge.FROZEN, Badge.PENDING),
        (P.PENDING, Badge.PENDING, Badge.FROZEN, Badge.PENDING),
        (P.PROCESSING, Badge.PENDING, Badge.FROZEN, Badge.PENDING),
        (P.SETTLED, Badge.SETTLED, Badge.FROZEN, Badge.POSTED),
        (P.PARTIALLY_REFUNDED, Badge.SETTLED, Badge.FROZEN, Badge.POSTED),
        (P.REFUNDED, Badge.REFUNDED, Badge.REFUNDED, Badge.REFUNDED),
        (P.FAILED, Badge.TERMINATED, Badge.TERMINATED, Badge.TERMINATED),
        (P.CANCELED, Badge.TERMINATED, Badge.TERMINATED, Badge.TERMINATED),
        (P.RETURNED, Badge.RETURNED, Badge.RETURNED, Badge.RETURNED),
        (P.DISPUTED, Badge.DISPUTED, Badge.DISPUTED, Badge.DISPUTED),
    ],
)
def test_screens_show_one_word(
    state: PaymentState, plain: Badge, frozen: Badge, posted: Badge
) -> None:
    assert badge(state) is plain
    assert badge(state, frozen=True) is frozen
    assert badge(state, posted=True) is posted


def test_a_payment_whose_sums_disagree_cannot_exist() -> None:
    good = payment("P1", 5000, fee_cents=150, discount_cents=100)
    assert good.total_cents == 5150
    line = good.lines[0]
    for wrong in (
        {"total_cents": 5000},
        {"principal_cents": 4000, "total_cents": 4150},
        {"discount_cents": 99},
        {"credits": (credit_use("C1", line.document_ref, 5),)},
        {"lines": (replace(line, amount_cents=1),)},
    ):
        with pytest.raises(Invalid, match="Payment P1"):
            replace(good, **wrong)
    assert replace(good, lines=(), discount_cents=0).lines == ()
