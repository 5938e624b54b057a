"""What the dealer decides: the policies section of ``dealer.toml``, decoded and defaulted."""

import datetime
from typing import Literal

import msgspec

from dueport_apps.usecases.records import Language
from dueport_core.aging import OPERATOR_BOUNDS, AgingBounds
from dueport_core.credentials import SECRET_LIFETIME_S
from dueport_core.fees import FeePolicy
from dueport_core.statements import DiscountPolicy
from dueport_ports import SECOND_CHECKS, UsernameSource

Delivery = Literal["link", "credentials"]


class InvitePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    delivery: Delivery = "link"
    expires_in_days: int = 7
    username: UsernameSource = UsernameSource.EMAIL
    second_check: UsernameSource | None = None
    """What a customer must answer beside the link: ``phone`` or ``ship_to_zip``."""
    language: Language = "en"
    follow_up_after_days: int = 3
    """From when on a pending invitation is listed for a reminder; earlier than it expires."""
    remind_after_days: int = 0
    """When pending invitations are reminded by themselves, once; 0 leaves it to a person."""

    def __post_init__(self) -> None:
        if not 1 <= self.expires_in_days <= 30:
            raise ValueError("expires_in_days must lie between 1 and 30")
        if self.follow_up_after_days < 1:
            raise ValueError("follow_up_after_days must be at least 1")
        if self.remind_after_days < 0:
            raise ValueError("remind_after_days must be 0 or a number of days")
        if self.second_check is not None and self.second_check not in SECOND_CHECKS:
            choices = " or ".join(f'"{one.value}"' for one in SECOND_CHECKS)
            raise ValueError(
                f"second_check must be {choices}, which the invitation mail does not show; "
                "leave the line out to ask for nothing"
            )


class SignUpPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How customers may come in without being invited."""

    self_service: bool = False
    """With the e-mail address that the ERP holds."""
    enrolment_codes: bool = False
    """With the account number and the code printed on the statement."""


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
    signup: SignUpPolicy = SignUpPolicy()
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

    def lifetime_of(self, delivery: Delivery) -> datetime.timedelta:
        """How long an invitation is open; one with a mailed password no longer than the password
        works, so that badge, mail and sign-in never say different things."""
        if delivery == "credentials":
            return min(self.invitation_lifetime, datetime.timedelta(seconds=SECRET_LIFETIME_S))
        return self.invitation_lifetime
