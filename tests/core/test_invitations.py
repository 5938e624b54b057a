"""The ten moves of an invitation, and its expiry."""

from datetime import timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from dueport_core.errors import Conflict, Invalid
from dueport_core.invitations import (
    Invitation,
    InvitationState,
    expiry,
    transition,
)
from dueport_core.payments import Actor
from tests.core.builders import ACCOUNT, NOW

S = InvitationState
STATES: list[InvitationState | None] = [None, *InvitationState]
PAIRS = list(product(STATES, STATES))

LEGAL = {
    (None, S.PENDING): {Actor.OPERATOR, Actor.CUSTOMER},
    (S.PENDING, S.PENDING): {Actor.OPERATOR, Actor.CUSTOMER},
    (S.PENDING, S.ACCEPTED): {Actor.CUSTOMER},
    (S.PENDING, S.DECLINED): {Actor.CUSTOMER},
    (S.PENDING, S.EXPIRED): {Actor.SCHEDULER},
    (S.PENDING, S.REVOKED): {Actor.OPERATOR, Actor.SYSTEM},
    (S.EXPIRED, S.PENDING): {Actor.OPERATOR, Actor.CUSTOMER},
    (S.DECLINED, S.PENDING): {Actor.OPERATOR, Actor.CUSTOMER},
    (S.REVOKED, S.PENDING): {Actor.OPERATOR},
    (S.ACCEPTED, S.REVOKED): {Actor.OPERATOR},
}


def test_there_are_thirty_six_pairs_of_which_ten_are_legal() -> None:
    assert (len(PAIRS), len(LEGAL)) == (36, 10)


@pytest.mark.parametrize(("state", "to"), PAIRS, ids=str)
@pytest.mark.parametrize("actor", Actor)
def test_each_pair_passes_for_its_actors_alone(
    state: InvitationState | None, to: InvitationState | None, actor: Actor
) -> None:
    if to is not None and actor in LEGAL.get((state, to), set()):
        assert transition(state, to, actor, confirmed=True) is to
    else:
        with pytest.raises(Conflict):
            transition(state, to, actor, confirmed=True)


def test_inviting_again_after_a_refusal_needs_a_confirmation() -> None:
    with pytest.raises(Conflict, match="confirm"):
        transition(S.DECLINED, S.PENDING, Actor.OPERATOR)
    assert transition(S.EXPIRED, S.PENDING, Actor.OPERATOR) is S.PENDING


def test_a_customer_may_change_their_own_mind_about_declining() -> None:
    assert transition(S.DECLINED, S.PENDING, Actor.CUSTOMER) is S.PENDING


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (None, "not been invited"),
        (S.PENDING, "pending"),
        (S.ACCEPTED, "already has a login"),
        (S.DECLINED, "declined"),
        (S.EXPIRED, "expired"),
        (S.REVOKED, "revoked"),
    ],
)
def test_a_refusal_names_the_present_state(state: InvitationState | None, word: str) -> None:
    with pytest.raises(Conflict, match=word):
        transition(state, S.ACCEPTED, Actor.OPERATOR)


@pytest.mark.parametrize(
    ("state", "to", "actor", "sentence"),
    [
        (
            S.DECLINED,
            S.REVOKED,
            Actor.OPERATOR,
            "The customer has declined this invitation; its links are dead and there is nothing to "
            "revoke; invite again to send a new one.",
        ),
        (
            S.ACCEPTED,
            S.PENDING,
            Actor.OPERATOR,
            "This customer has accepted and already has a login; disable the portal access to take "
            "it away.",
        ),
        (
            S.REVOKED,
            S.PENDING,
            Actor.CUSTOMER,
            "This invitation has been revoked; only an operator can send a new one.",
        ),
        (
            S.EXPIRED,
            S.ACCEPTED,
            Actor.CUSTOMER,
            "This invitation has expired; ask for a new link.",
        ),
        (
            S.DECLINED,
            S.EXPIRED,
            Actor.SCHEDULER,
            "The customer has declined this invitation; only a pending one expires or is revoked by "
            "itself.",
        ),
    ],
)
def test_a_refusal_says_what_this_actor_can_do(
    state: InvitationState, to: InvitationState, actor: Actor, sentence: str
) -> None:
    with pytest.raises(Conflict) as refused:
        transition(state, to, actor)
    assert refused.value.message == sentence


def test_no_operator_is_told_that_only_an_operator_can_help() -> None:
    for state, to in PAIRS:
        if (state, to) not in LEGAL:
            with pytest.raises(Conflict) as refused:
                transition(state, to, Actor.OPERATOR)
            assert "operator" not in refused.value.message


def test_a_token_lives_until_its_expiry_and_only_while_pending() -> None:
    sent = Invitation(
        invitation_id="V1",
        account_no=ACCOUNT,
        email="ann@example.com",
        state=S.PENDING,
        delivery="invite_link",
        created_at=NOW,
        expires_at=expiry(NOW),
    )
    assert sent.expires_at == NOW + timedelta(days=7)
    assert sent.is_live(sent.expires_at - timedelta(seconds=1))
    assert not sent.is_live(sent.expires_at)
    assert not replace(sent, state=S.REVOKED).is_live(NOW)


def test_an_expiry_is_between_one_and_thirty_days() -> None:
    assert expiry(NOW, 30) == NOW + timedelta(days=30)
    for days in (0, 31):
        with pytest.raises(Invalid, match="1 to 30 days"):
            expiry(NOW, days)
