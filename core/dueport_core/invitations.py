"""Invitations: how a customer gets a login, and the ten moves that an invitation can make.

"No invitation yet" is None, as on the screens, where it has no badge.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from dueport_core.actors import Actor
from dueport_core.errors import Conflict, Invalid

DEFAULT_EXPIRY_DAYS: Final = 7
MAX_EXPIRY_DAYS: Final = 30


class InvitationState(StrEnum):
    """The badge on the Customers Dashboard."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    REVOKED = "revoked"


_S = InvitationState

LEGAL_MOVES: Final[dict[tuple[InvitationState | None, InvitationState], frozenset[Actor]]] = {
    # A customer invites itself by self sign-up or with an enrolment code, where the dealer allows it.
    (None, _S.PENDING): frozenset({Actor.OPERATOR, Actor.CUSTOMER}),
    # Resend: a new token, and the old ones are void.
    (_S.PENDING, _S.PENDING): frozenset({Actor.OPERATOR, Actor.CUSTOMER}),
    (_S.PENDING, _S.ACCEPTED): frozenset({Actor.CUSTOMER}),
    (_S.PENDING, _S.DECLINED): frozenset({Actor.CUSTOMER}),
    (_S.PENDING, _S.EXPIRED): frozenset({Actor.SCHEDULER}),
    # The system revokes when the ERP's e-mail address for the account has changed, or after too many
    # wrong answers to a second check.
    (_S.PENDING, _S.REVOKED): frozenset({Actor.OPERATOR, Actor.SYSTEM}),
    (_S.EXPIRED, _S.PENDING): frozenset({Actor.OPERATOR, Actor.CUSTOMER}),
    (_S.DECLINED, _S.PENDING): frozenset({Actor.OPERATOR, Actor.CUSTOMER}),
    (_S.REVOKED, _S.PENDING): frozenset({Actor.OPERATOR}),
    # Disabling a login; its sessions die with it.
    (_S.ACCEPTED, _S.REVOKED): frozenset({Actor.OPERATOR}),
}
"""Every legal move with those who may cause it; the other 26 of the 36 pairs are refused."""

_STANDING: Final[dict[InvitationState | None, str]] = {
    None: "This customer has not been invited yet",
    _S.PENDING: "This invitation is pending and waits for the customer",
    _S.ACCEPTED: "This customer has accepted and already has a login",
    _S.DECLINED: "The customer has declined this invitation",
    _S.EXPIRED: "This invitation has expired",
    _S.REVOKED: "This invitation has been revoked",
}
_DEAD: Final = "its links are dead and there is nothing to revoke; invite again to send a new one"
_POSSIBLE: Final[dict[Actor, dict[InvitationState | None, str]]] = {
    Actor.OPERATOR: {
        None: "invite first",
        _S.PENDING: "send it again, remind of it or revoke it",
        _S.ACCEPTED: "disable the portal access to take it away",
        _S.DECLINED: _DEAD,
        _S.EXPIRED: _DEAD,
        _S.REVOKED: _DEAD,
    },
    Actor.CUSTOMER: {
        None: "ask for an invitation",
        _S.PENDING: "register or decline with its link",
        _S.ACCEPTED: "sign in with it",
        _S.DECLINED: "ask for a new link to register nevertheless",
        _S.EXPIRED: "ask for a new link",
        _S.REVOKED: "only an operator can send a new one",
    },
}
_NOTHING_BY_ITSELF: Final = "only a pending one expires or is revoked by itself"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation to one address for one account.

    ``delivery`` names the plugin that carries it (a link, or generated credentials). The secret
    itself is never part of the value; storage keeps its SHA-256.
    """

    invitation_id: str
    account_no: str
    email: str
    state: InvitationState
    delivery: str
    created_at: datetime
    expires_at: datetime
    campaign_id: str | None = None
    answered_at: datetime | None = None
    resends: int = 0
    version: int = 1

    def is_live(self, now: datetime) -> bool:
        """Whether its token still opens the registration; the expiry instant itself is late."""
        return self.state is InvitationState.PENDING and now < self.expires_at


def transition(
    state: InvitationState | None,
    to: InvitationState | None,
    actor: Actor,
    *,
    confirmed: bool = False,
) -> InvitationState:
    """Return the new state, or raise ``Conflict`` that names the present one and what this actor
    can do about it.

    An operator who invites somebody who has declined needs ``confirmed``: they have seen the refusal
    and invite nevertheless. A customer may always change their own mind.
    """
    if to is None or actor not in LEGAL_MOVES.get((state, to), frozenset()):
        possible = _POSSIBLE.get(actor, {}).get(state, _NOTHING_BY_ITSELF)
        raise Conflict(f"{_STANDING[state]}; {possible}.")
    if state is InvitationState.DECLINED and actor is Actor.OPERATOR and not confirmed:
        raise Conflict("This customer has declined; confirm that you want to invite again.")
    return to


def expiry(now: datetime, days: int = DEFAULT_EXPIRY_DAYS) -> datetime:
    """Return when an invitation sent now expires; between 1 and 30 days later."""
    if not 1 <= days <= MAX_EXPIRY_DAYS:
        raise Invalid(f"An invitation lives for 1 to {MAX_EXPIRY_DAYS} days, not {days}.")
    return now + timedelta(days=days)
