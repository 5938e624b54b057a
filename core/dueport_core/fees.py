"""What paying by card costs on top, and what paying by ACH saves.

A surcharge rounds down, always: half up, 3 % of 1,250.50 would be 3.0004 %, above the cap.
There is no convenience fee: the networks allow one only in cases that do not fit a dealer.
"""

from enum import StrEnum

import msgspec

from dueport_core.errors import Invalid
from dueport_core.money import BPS_PER_ONE, Rounding, divide, share_of
from dueport_core.surcharge_rules import RULES, SurchargeRules


class FeeMode(StrEnum):
    """The dealer's choice; an incentive is a discount and is allowed everywhere."""

    NONE = "none"
    SURCHARGE = "surcharge"
    ACH_INCENTIVE = "ach_incentive"


class Funding(StrEnum):
    """What stands behind a card. Only credit may be surcharged; unknown is not credit."""

    CREDIT = "credit"
    DEBIT = "debit"
    PREPAID = "prepaid"
    UNKNOWN = "unknown"


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the processor says about a card before it is charged."""

    brand: str = ""
    funding: Funding = Funding.UNKNOWN
    country: str = ""


class FeePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The dealer's fee settings.

    ``rate_bps`` is the configured surcharge, ``cost_bps`` what accepting cards costs the dealer
    (the merchant discount rate; at zero, as long as nobody has said, nothing is charged),
    ``dealer_state`` the two-letter state of the dealer, and ``accepted_brands`` all brands that
    are taken: one rate must satisfy every one of them.
    """

    mode: FeeMode = FeeMode.NONE
    rate_bps: int = 0
    cost_bps: int = 0
    dealer_state: str = ""
    accepted_brands: tuple[str, ...] = ("visa", "mastercard")
    ach_discount_bps: int = 0

    def __post_init__(self) -> None:
        for name in ("rate_bps", "cost_bps", "ach_discount_bps"):
            if not 0 <= getattr(self, name) < BPS_PER_ONE:
                raise Invalid(f"{name} must be at least 0 % and below 100 %.", {name: "range"})


def surcharge_rate_bps(
    policy: FeePolicy, customer_state: str, rules: SurchargeRules = RULES
) -> int:
    """Return the one rate for all credit cards of this customer, zero where none is allowed.

    The least of the configured rate, the cost of acceptance, the cap of every accepted brand and
    the caps of the dealer's and the customer's state. A brand without a known cap is held to the
    strictest known one.
    """
    states = {policy.dealer_state.upper(), customer_state.upper()}
    if policy.mode is not FeeMode.SURCHARGE or states & rules.banned_states:
        return 0
    strictest = min(rules.brand_caps_bps.values())
    caps = [rules.brand_caps_bps.get(brand, strictest) for brand in policy.accepted_brands]
    caps += [cap for state, cap in rules.state_caps_bps.items() if state in states]
    return min(policy.rate_bps, policy.cost_bps, *caps)


def surcharge_cents(
    base_cents: int,
    policy: FeePolicy,
    card: CardFacts,
    customer_state: str,
    rules: SurchargeRules = RULES,
) -> int:
    """Return the surcharge on an amount (after discounts), rounded down.

    Zero for debit, prepaid and unknown cards, and where a state forbids it.
    """
    if card.funding is not Funding.CREDIT:
        return 0
    return share_of(base_cents, surcharge_rate_bps(policy, customer_state, rules), Rounding.FLOOR)


def ach_incentive_cents(base_cents: int, policy: FeePolicy) -> int:
    """Return the discount for paying an amount by ACH; halves go up."""
    if policy.mode is not FeeMode.ACH_INCENTIVE:
        return 0
    return share_of(base_cents, policy.ach_discount_bps, Rounding.HALF_UP)


def surcharge_refund_cents(
    principal_cents: int, surcharge_cents: int, refunded_before_cents: int, refund_now_cents: int
) -> int:
    """Return how much of the surcharge goes back with a refund of so much principal.

    Computed on the running total, so that a hundred small refunds return exactly what one large
    one would, and a full refund returns all of it. ``Invalid`` when more than the principal would
    be refunded.
    """
    after = refunded_before_cents + refund_now_cents
    if not (0 <= refunded_before_cents <= after <= principal_cents and principal_cents > 0):
        raise Invalid("A refund must be positive and at most what is left of the payment.")

    def returned_by(refunded_cents: int) -> int:
        return divide(surcharge_cents * refunded_cents, principal_cents, Rounding.HALF_UP)

    return returned_by(after) - returned_by(refunded_before_cents)


def gross_up_fee_cents(net_cents: int, cost_bps: int, cost_fixed_cents: int) -> int:
    """Return what to add so that ``net_cents`` is left after a processor's percentage and fixed
    fee. It usually exceeds the networks' caps and is then no lawful surcharge."""
    if not 0 <= cost_bps < BPS_PER_ONE:
        raise Invalid("A cost must be at least 0 % and below 100 %.")
    total = divide(
        (net_cents + cost_fixed_cents) * BPS_PER_ONE, BPS_PER_ONE - cost_bps, Rounding.CEIL
    )
    return total - net_cents
