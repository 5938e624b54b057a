"""What the dealer decides: the policies section of ``dealer.toml``, decoded and defaulted."""

import datetime
from typing import Literal

import msgspec

from dueport_core.aging import OPERATOR_BOUNDS, AgingBounds
from dueport_core.fees import FeePolicy
from dueport_core.statements import DiscountPolicy
from dueport_ports import UsernameSource


class InvitePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    delivery: Literal["link", "credentials"] = "link"
    expires_in_days: int = 7
    username: UsernameSource = UsernameSource.EMAIL

    def __post_init__(self) -> None:
        if not 1 <= self.expires_in_days <= 30:
            raise ValueError("expires_in_days must lie between 1 and 30")


class LoginPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    per_customer: Literal["one", "many"] = "many"
    password_min_length: int = 12
    operator_password_min_length: int = 12

    def __post_init__(self) -> None:
        if self.password_min_length < 12 or self.operator_password_min_length < 12:
            raise ValueError("a minimum password length below 12 is not allowed")


class PaymentPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    partial: bool = False
    fee: FeePolicy = FeePolicy()
    statement_discount: DiscountPolicy = DiscountPolicy()
    block_when_balances_older_than_h: int = 0
    """0 warns only; otherwise paying is refused once the last good sync is older."""
    warn_when_balances_older_than_h: int = 24


class PostingPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    automatic: bool = False
    """Post a settlement as soon as it is matched, without a person."""
    check_number: str = "{payment}"
    """``{payment}`` is the payment's short number; a constant such as ``Online`` is allowed."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: str = "1"
    text: str = (
        "By registering you agree to use this portal only for the accounts that you are "
        "authorized to manage, and to keep your password to yourself."
    )


class Policies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    invite: InvitePolicy = InvitePolicy()
    logins: LoginPolicy = LoginPolicy()
    payments: PaymentPolicy = PaymentPolicy()
    posting: PostingPolicy = PostingPolicy()
    terms: Terms = Terms()
    aging_bounds: tuple[int, ...] = OPERATOR_BOUNDS.lower
    """Days past due at which each bucket starts; both portals use the same."""

    @property
    def bounds(self) -> AgingBounds:
        return AgingBounds(self.aging_bounds)

    @property
    def invitation_lifetime(self) -> datetime.timedelta:
        return datetime.timedelta(days=self.invite.expires_in_days)
