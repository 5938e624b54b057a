"""The proof of a payout, as people read it: what came in, what was kept, what arrived."""

from collections.abc import Iterable

import msgspec

from dueport_core.settlements import SettlementLine, SettlementLineCategory

_C = SettlementLineCategory
_REFUNDS = frozenset({_C.REFUND, _C.REFUND_FAILURE})
_DISPUTES = frozenset({_C.DISPUTE, _C.DISPUTE_REVERSAL})
_NAMED = _REFUNDS | _DISPUTES | {_C.PAYMENT, _C.RETURN, _C.FEE, _C.UNALLOCATED}


class SettlementProof(msgspec.Struct, frozen=True, kw_only=True):
    """Signed cents; ``payments - fees + refunds + returns + disputes + other + unexplained`` is
    the payout, because each line's net is its gross less its fee."""

    payments_cents: int
    fees_cents: int
    """What the processor kept, as a positive amount."""
    refunds_cents: int
    returns_cents: int
    disputes_cents: int
    other_cents: int
    unexplained_cents: int
    payout_cents: int

    @property
    def adds_up(self) -> bool:
        """Whether the payout follows from the lines with nothing left over."""
        return not self.unexplained_cents and self.payout_cents == (
            self.payments_cents
            - self.fees_cents
            + self.refunds_cents
            + self.returns_cents
            + self.disputes_cents
            + self.other_cents
        )


def settlement_proof(lines: Iterable[SettlementLine], payout_cents: int) -> SettlementProof:
    """Add a payout's lines up by what they are about."""
    found = tuple(lines)

    def gross(categories: Iterable[SettlementLineCategory]) -> int:
        wanted = frozenset(categories)
        return sum(line.gross_cents for line in found if line.category in wanted)

    return SettlementProof(
        payments_cents=gross({_C.PAYMENT}),
        fees_cents=sum(line.fee_cents for line in found) - gross({_C.FEE}),
        refunds_cents=gross(_REFUNDS),
        returns_cents=gross({_C.RETURN}),
        disputes_cents=gross(_DISPUTES),
        other_cents=gross(category for category in _C if category not in _NAMED),
        unexplained_cents=gross({_C.UNALLOCATED}),
        payout_cents=payout_cents,
    )
