"""What networks and states allow to be charged on top of a card payment, as of a date.

This is data with a date on it, not law: a new rule is a new constant, and fees.py computes from
whichever it is handed. Visa caps a surcharge at 3 % and Mastercard at 4 %, both at no more than
the merchant's own cost. Connecticut (Gen. Stat. 42-133ff) allows no surcharge for any way of
paying, Maine (9-A §8-509) none on cards, and Visa lists Massachusetts as prohibiting. Colorado
(C.R.S. 5-2-212) allows up to 2 %. New York (GBS 518) bounds it by the merchant's cost, which
holds everywhere here anyway.
"""

from datetime import date
from typing import Final

import msgspec


class SurchargeRules(msgspec.Struct, frozen=True, kw_only=True):
    """Caps in basis points by brand and by state, and the states that allow nothing."""

    as_of_on: date
    brand_caps_bps: dict[str, int]
    state_caps_bps: dict[str, int]
    banned_states: frozenset[str]


RULES: Final = SurchargeRules(
    as_of_on=date(2026, 9, 27),
    brand_caps_bps={"visa": 300, "mastercard": 400},
    state_caps_bps={"CO": 200},
    banned_states=frozenset({"CT", "ME", "MA"}),
)
